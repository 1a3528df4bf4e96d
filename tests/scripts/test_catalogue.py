"""What makes the catalogue, without installing anything: its list, its output and what it concludes."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from vsm_mcp.errors import InstallationError
from vsm_mcp.model.server import Candidate, PackageRef, Readiness

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
ONE = """
[[server]]
package = "pypi:example-server"
title = "Example"
summary = "Does what an example does."
category = ["example"]
publisher = "Example"
"""


ABSENT = """
environment = [{ name = "EXAMPLE_KEY", required = true, secret = true }, { name = "EXAMPLE_ZONE" }]
[server.untried]
name = "io.github.example/example-server"
version = "1.0"
repository = "https://github.com/example/example-server"
tools = ["do"]
"""


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    return importlib.import_module("catalogue")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    return importlib.import_module("catalogue_bench")


def test_the_list_of_this_library_can_be_read(catalogue: ModuleType) -> None:
    assert len(catalogue.read_list((SCRIPTS / "catalogue.toml").read_text())) >= 40


@pytest.mark.parametrize(
    "text",
    [
        ONE + ONE,
        "[[servers]]\n" + ONE,
        ONE.replace("pypi:example-server", "example-server"),
        ONE.replace("pypi:example-server", "pypi:example-server@1.0"),
        ONE.replace('publisher = "Example"', ""),
        ONE + 'price = "free"\n',
        ONE.replace("does.", "does"),
    ],
    ids=["listed twice", "unknown table", "no ecosystem", "a version", "no publisher", "unknown key", "no full stop"],
)
def test_a_wrong_list_is_refused(catalogue: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        catalogue.read_list(text)


def test_what_is_written_is_sorted_has_one_server_a_line_and_no_example_values(catalogue: ModuleType) -> None:
    (listed,) = catalogue.read_list(ONE)
    setting = catalogue.Setting(name="EXAMPLE_KEY", required=True, secret=True, example="value of the example")
    entry = catalogue.Entry.model_validate(
        {
            **listed.model_dump(exclude={"untried"}),
            "name": "example-server",
            "version": "1.0",
            "tools": ("do",),
            "environment": (setting,),
            "repository": "",
            "readiness": "proven",
            "ownership": False,
            "note": "",
        }
    )
    other = entry.model_copy(update={"package": "npm:example-server"})

    text = catalogue.written(catalogue.Catalogue(generated="2026-01-02", servers=(entry, other)))

    first, *lines, last = text.splitlines()
    assert (first, last) == ('{"generated": "2026-01-02", "servers": [', "]}")
    assert ["npm:" in line for line in lines] == [True, False]
    assert "value of the example" not in text
    assert [one.package for one in catalogue.Catalogue.model_validate_json(text).servers] == [
        "npm:example-server",
        "pypi:example-server",
    ]


def test_what_a_server_lacks_is_required_and_guessed_to_be_secret_only_when_the_list_does_not_say(
    catalogue: ModuleType,
) -> None:
    listed = (catalogue.Setting(name="URL"), catalogue.Setting(name="USER_NAME"))

    merged = catalogue.merged(listed, ("URL", "API_KEY"))

    assert [(one.name, one.required, one.secret) for one in merged] == [
        ("URL", True, False),
        ("USER_NAME", False, False),
        ("API_KEY", True, True),
    ]
    known = (catalogue.Setting(name="TOKEN", required=True),)
    assert catalogue.merged(known, ("API_KEY",)) == known


class Registry:
    """Stands where servers are tried: none can be installed, and one may be published all the same."""

    def __init__(self, *, published: bool) -> None:
        self.published = published

    async def examine(self, candidate: Candidate, *, examples: Mapping[str, str]) -> object:
        raise InstallationError(f"{candidate.package} cannot be installed with {sorted(examples)}.", stage="install")

    async def is_published(self, package: PackageRef) -> bool:
        assert package.ecosystem == "pypi"
        return self.published


@pytest.mark.anyio
async def test_a_server_that_cannot_be_had_is_told_as_untried_with_the_variables_that_it_needs(
    catalogue: ModuleType, tmp_path: Path
) -> None:
    output = tmp_path / "catalogue.json"
    (listed,) = catalogue.read_list(ONE + ABSENT)
    making = catalogue.Making(output, (listed,), today="2026-01-02")
    await making.examine(Registry(published=False), listed)

    (entry,) = catalogue.Catalogue.model_validate_json(output.read_text()).servers
    assert (entry.name, entry.readiness, entry.tools) == (
        "io.github.example/example-server",
        Readiness.NEEDS_CONFIGURATION,
        ("do",),
    )
    assert [one.name for one in entry.environment if one.required] == ["EXAMPLE_KEY"]
    assert entry.note.startswith("untried")
    assert not making.left_out

    reworded = listed.model_copy(update={"environment": (listed.environment[0],)})
    assert catalogue.retold(entry, reworded).environment == (listed.environment[0],)


@pytest.mark.anyio
async def test_a_server_that_can_be_had_and_does_not_work_is_left_out_whatever_its_publisher_says(
    catalogue: ModuleType, tmp_path: Path
) -> None:
    output = tmp_path / "catalogue.json"
    (listed,) = catalogue.read_list(ONE + ABSENT)
    making = catalogue.Making(output, (listed,), today="2026-01-02")
    await making.examine(Registry(published=True), listed)

    assert not catalogue.Catalogue.model_validate_json(output.read_text()).servers
    assert "cannot be installed" in making.left_out["pypi:example-server"]


def test_a_server_that_needs_no_settings_cannot_be_told_untried(catalogue: ModuleType) -> None:
    (listed,) = catalogue.read_list(ONE + ABSENT.replace("required = true, ", ""))
    with pytest.raises(ValueError, match="requires no variable"):
        catalogue.told(listed, listed.untried)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("git+https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("git+ssh://git@github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://gitlab.com/owner/name/-/tree/main", "https://gitlab.com/owner/name"),
        ("github:owner/name", "https://github.com/owner/name"),
        ("owner/name", "https://github.com/owner/name"),
        ("https://example.com/owner/name", ""),
        ("https://github.com/owner", ""),
        ("", ""),
    ],
)
def test_only_repositories_on_public_code_hosts_are_told(bench: ModuleType, address: str, page: str) -> None:
    assert bench.code_host(address) == page


def test_a_title_must_be_given(catalogue: ModuleType) -> None:
    with pytest.raises(ValidationError, match="title"):
        catalogue.Listed(package="pypi:example", summary="Does what an example does.", category=("x",), publisher="x")
