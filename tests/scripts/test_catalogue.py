"""What makes the catalogue, without installing anything: its list, its output and what it concludes."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

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
            **listed.model_dump(),
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
