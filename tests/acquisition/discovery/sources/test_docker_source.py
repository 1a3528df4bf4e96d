"""Docker's catalogue: its words help to find the package of the same repository; hostile YAML is refused."""

import json
import os
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.acquisition.discovery.sources import docker
from vsm_mcp.acquisition.discovery.sources.docker import DockerCatalogSource, read_yaml
from vsm_mcp.acquisition.discovery.sources.files import FileSource
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.server import ToolSummary

pytestmark = pytest.mark.anyio

ZONES = """
name: zones
image: images.test/zones
type: server
meta:
  category: time
  tags: [zones, clock, 5]
about:
  title: Zones
  description: >-
    Converts moments between
    the zones of the world.
source:
  project: https://code.test/acme/zones
  directory: servers/zones
config:
  secrets:
    - name: zones.key
      env: ZONES_KEY
"""
REMOTE = (
    "name: far\ntype: remote\nabout: {title: Far, description: Runs elsewhere.}\nremote: {url: https://far.test/mcp}\n"
)
CATALOGUE = """
version: 3
name: a-catalogue
registry:
  zones:
    description: Converts moments.
    title: Zones
    type: server
    image: images.test/zones@sha256:abc
    source: https://code.test/acme/zones/tree/main
    upstream: https://code.test/acme/zones
    tools:
      - name: convert
    metadata:
      category: time
      tags:
        - zones
  empty: {}
"""


def checkout(root: Path, **entries: str) -> Path:
    for name, text in entries.items():
        folder = root / "servers" / name
        folder.mkdir(parents=True)
        (folder / "server.yaml").write_text(text)
    return root


async def test_a_checkout_gives_descriptions_with_tools_and_words(tmp_path: Path) -> None:
    checkout(tmp_path, zones=ZONES, far=REMOTE, torn="a: [", bare="name: bare\n")
    (tmp_path / "servers" / "zones" / "tools.json").write_text(
        json.dumps([{"name": "convert", "description": "Converts.", "arguments": [{"name": "moment"}]}])
    )
    (tmp_path / "servers" / "readme.md").write_text("no")
    listing = await DockerCatalogSource(tmp_path).listing(None)
    assert listing.candidates == ()
    assert listing.omitted == 2
    assert listing.descriptions == (
        Description(
            name="zones",
            source="docker",
            repository="https://code.test/acme/zones/tree/HEAD/servers/zones",
            title="Zones",
            summary="Converts moments between the zones of the world.",
            keywords=("time", "zones", "clock", "5"),
            tools=(ToolSummary(name="convert", description="Converts."),),
        ),
    )


@pytest.mark.parametrize("ending", ["yaml", "json"])
async def test_a_catalogue_file_gives_descriptions(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"catalogue.{ending}"
    path.write_text(CATALOGUE if ending == "yaml" else json.dumps(read_yaml(CATALOGUE.encode(), what="it")))
    source = DockerCatalogSource(path, name="company")
    listing = await source.listing(None)
    (description,) = listing.descriptions
    assert (description.name, description.source) == ("zones", "company")
    assert (description.repository, description.keywords) == ("https://code.test/acme/zones", ("time", "zones"))
    assert (description.tools, listing.omitted) == ((ToolSummary(name="convert"),), 1)
    assert repr(source) == f"DockerCatalogSource({str(path)!r})"


async def test_what_it_says_finds_the_package_of_the_same_repository(tmp_path: Path) -> None:
    (tmp_path / "catalogue.yaml").write_text(CATALOGUE)
    package = {"registryType": "npm", "identifier": "acme-7", "version": "1.0.0"}
    entry = {
        "name": "org.test/acme-7",
        "packages": [package],
        "repository": {"url": "https://code.test/acme/zones.git"},
    }
    (tmp_path / "server.json").write_text(json.dumps(entry))
    known = FileSource(tmp_path / "server.json")
    assert not await MCPDiscovery((known,)).find("convert moments")
    found = await MCPDiscovery((known, DockerCatalogSource(tmp_path / "catalogue.yaml"))).find("convert moments")
    assert [one.candidate.name for one in found] == ["org.test/acme-7"]


async def test_it_is_read_again_only_when_something_changed(tmp_path: Path) -> None:
    source = DockerCatalogSource(checkout(tmp_path, zones=ZONES))
    known = await source.listing(None)
    assert await source.listing(known) is known
    checkout(tmp_path, other=ZONES.replace("zones", "other"))
    assert len((await source.listing(known)).descriptions) == 2
    assert len((await source.listing(Listing(mark="of something else"))).descriptions) == 2


async def test_what_is_no_catalogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await DockerCatalogSource(tmp_path / "missing").listing(None)
    with pytest.raises(PayloadError, match="holds no catalogue"):
        await DockerCatalogSource(tmp_path).listing(None)
    for text in ("", "a: b", "registry: [a]", "registry: {a: {}}", "5"):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(PayloadError, match="holds no catalogue"):
            await DockerCatalogSource(tmp_path / "c.yaml").listing(None)
    (tmp_path / "c.yaml").write_text("a: [")
    with pytest.raises(PayloadError, match="not readable YAML"):
        await DockerCatalogSource(tmp_path / "c.yaml").listing(None)


@pytest.mark.security
async def test_bad_tools_or_too_large_entries_cost_only_themselves(tmp_path: Path) -> None:
    checkout(tmp_path, good=ZONES, large=ZONES + "#" * docker.LARGEST_ENTRY, odd=ZONES, linked=ZONES)
    (tmp_path / "servers" / "odd" / "tools.json").write_text("{")
    (tmp_path / "servers" / "linked" / "server.yaml").unlink()
    (tmp_path / "servers" / "linked" / "server.yaml").symlink_to("/etc/passwd")
    listing = await DockerCatalogSource(tmp_path).listing(None)
    assert ([one.name for one in listing.descriptions], listing.omitted) == (["zones"], 2)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.security
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB, "uses aliases"),
        ("a: &a {k: v}\nb: {<<: *a}", "uses aliases"),
        ("[" * 100_000, "nested too deeply"),
        ("- " * 50 + "x", "nested too deeply"),
        ("a: b: c", "ScannerError"),
        ("--- a\n--- b", "ComposerError"),
        ("? [a]\n: b", "ConstructorError"),
        ("\x00", "ReaderError"),
    ],
)
def test_hostile_yaml_is_refused_at_once(data: str, said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        read_yaml(data.encode(), what="it")


@pytest.mark.security
def test_no_tag_makes_anything_but_texts_lists_and_mappings() -> None:
    made = read_yaml(b"a: !!python/object/apply:os.getcwd []\nb: !!int '5'\nc: 1_0:30\nd: 2001-01-01", what="it")
    assert made == {"a": [], "b": "5", "c": "1_0:30", "d": "2001-01-01"}


@pytest.mark.security
def test_very_many_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "MOST_EVENTS", 1000)
    assert read_yaml(b"[" + b"a," * 900 + b"]", what="it") == ["a"] * 900
    with pytest.raises(PayloadError, match="too large"):
        read_yaml(b"[" + b"a," * 1100 + b"]", what="it")


@pytest.mark.security
@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!?|> \n'\"#%@,", max_size=60).map(str.encode))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        made = read_yaml(data, what="it")
    except PayloadError:
        return
    assert made is None or isinstance(made, str | list | dict)


@pytest.mark.security
async def test_a_pipe_in_the_place_of_the_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.yaml")
    with anyio.fail_after(5), pytest.raises(PayloadError, match="regular file"):
        await DockerCatalogSource(tmp_path / "c.yaml").listing(None)


async def test_a_listing_of_another_catalogue_is_not_taken_for_its_own(tmp_path: Path) -> None:
    for name, text in (("one", ZONES), ("two", ZONES.replace("Zones", "Hours"))):
        checkout(tmp_path / name, zones=text)
        os.utime(tmp_path / name / "servers" / "zones" / "server.yaml", ns=(1, 1))
    one, two = (DockerCatalogSource(tmp_path / name) for name in ("one", "two"))
    assert one.identity != two.identity
    known = await one.listing(None)
    assert await one.listing(known) is known
    assert [found.title for found in (await two.listing(known)).descriptions] == ["Hours"]


@pytest.mark.security
async def test_a_catalogue_whose_servers_have_too_many_tools_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    assert await DockerCatalogSource(path).listing(None)
    monkeypatch.setattr(docker, "MOST_TOOLS_IN_ALL", 0)
    with pytest.raises(PayloadError, match="tools in all"):
        await DockerCatalogSource(path).listing(None)
