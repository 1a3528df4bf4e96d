"""The bundled catalogue as data: enough servers, all readable, and the same as the list they were tried from."""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from pydantic import BaseModel

from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.model.server import Candidate, PackageRef, Readiness

ROOT = Path(__file__).resolve().parents[4]
LISTED = ROOT / "scripts" / "catalogue.toml"
FILE = ROOT / "src" / "vsm_mcp" / "acquisition" / "discovery" / "sources" / "catalogue.json"
LARGEST = 200 * 1024
NEEDED_BY_EXAMPLES = (
    "pypi:office-powerpoint-mcp-server",
    "pypi:mcp-server-time",
    "npm:@modelcontextprotocol/server-memory",
)


class Listed(BaseModel, frozen=True):
    """What is compared of an entry of the list."""

    package: str
    title: str
    summary: str
    publisher: str
    category: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()


class List(BaseModel, frozen=True):
    server: tuple[Listed, ...]


class Written(BaseModel, frozen=True):
    servers: tuple[Listed, ...]


@pytest.fixture
async def servers() -> tuple[Candidate, ...]:
    return (await CatalogueSource().listing(None)).candidates


@pytest.mark.anyio
async def test_there_are_at_least_forty_servers_and_thirty_of_them_are_proven(servers: tuple[Candidate, ...]) -> None:
    readiness = Counter(server.readiness for server in servers)

    assert len(servers) >= 40
    assert readiness[Readiness.PROVEN] >= 30
    assert set(readiness) <= {Readiness.PROVEN, Readiness.NEEDS_CONFIGURATION}


@pytest.mark.anyio
@pytest.mark.parametrize("package", NEEDED_BY_EXAMPLES)
async def test_the_servers_of_the_examples_are_proven(servers: tuple[Candidate, ...], package: str) -> None:
    (found,) = [server for server in servers if server.package == PackageRef.parse(package)]

    assert found.readiness is Readiness.PROVEN
    assert found.tools


@pytest.mark.anyio
async def test_no_name_and_no_package_comes_twice(servers: tuple[Candidate, ...]) -> None:
    for counted in (Counter(server.name for server in servers), Counter(str(server.package) for server in servers)):
        assert max(counted.values()) == 1


@pytest.mark.anyio
async def test_a_server_that_started_has_tools_and_one_that_did_not_names_what_it_lacks(
    servers: tuple[Candidate, ...],
) -> None:
    for server in servers:
        if server.readiness is Readiness.PROVEN:
            assert server.tools, server.name
        else:
            assert any(variable.required for variable in server.environment), server.name


@pytest.mark.anyio
async def test_every_server_is_an_exact_version_of_a_package_of_npm_or_pypi(servers: tuple[Candidate, ...]) -> None:
    for server in servers:
        exact = PackageRef(ecosystem=server.package.ecosystem, name=server.package.name, version=server.version)

        assert exact.ecosystem in {"npm", "pypi"}
        assert exact.version


@pytest.mark.anyio
async def test_every_server_has_a_summary_that_can_be_read_and_searched(servers: tuple[Candidate, ...]) -> None:
    for server in servers:
        assert 20 <= len(server.summary) <= 300, server.name
        assert server.summary.endswith("."), server.name
        assert server.title, server.name
        assert server.publisher, server.name


def test_the_file_is_small_sorted_and_has_one_server_a_line() -> None:
    text = FILE.read_text()
    first, *lines, last = text.splitlines()
    packages = [json.loads(line.rstrip(","))["package"] for line in lines]

    assert len(text.encode()) <= LARGEST
    assert re.fullmatch(r'\{"generated": "\d{4}-\d{2}-\d{2}", "servers": \[', first)
    assert last == "]}"
    assert packages == sorted(packages)


def test_the_file_names_no_package_registry_and_no_place_of_a_machine() -> None:
    text = FILE.read_text()

    assert not re.search(r"\b(npmjs|pypi|pythonhosted)\.[a-z]", text)
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


def test_the_file_says_what_the_list_that_it_was_made_from_says() -> None:
    listed = List.model_validate(tomllib.loads(LISTED.read_text())).server
    written = Written.model_validate_json(FILE.read_bytes()).servers

    assert set(written) == set(listed)
