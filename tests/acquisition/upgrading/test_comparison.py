"""Comparison: which version is later, what differs in code, and when an answer is worse."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.upgrading import comparison
from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.server import Dependency, PackageRef, Resolution


def package(version: str | None, ecosystem: str = "npm") -> PackageRef:
    return PackageRef(ecosystem=ecosystem, name="/x.py" if ecosystem == "file" else "x", version=version)


@pytest.mark.parametrize(
    ("ecosystem", "old", "new", "is_newer"),
    [
        ("npm", "1.0.0", "1.0.1", True),
        ("npm", "1.10.0", "1.9.0", False),
        ("npm", "1.0.0", "1.0.0", False),
        ("npm", "1.0.0-beta.2", "1.0.0-beta.10", True),
        ("npm", "1.0.0-beta", "1.0.0", True),
        ("npm", "1.0.0", "1.0.0-rc.1", False),
        ("npm", "1.0.0-1", "1.0.0-alpha", True),
        ("npm", "1.0.0+a", "1.0.0+b", False),
        ("npm", "1.0", "1.0.1", None),
        ("npm", None, "1.0.1", None),
        ("pypi", "1.9", "1.10", True),
        ("pypi", "2024.1", "1.10", False),
        ("pypi", "1.0rc1", "1.0", True),
        ("pypi", "odd", "1.0", None),
        ("file", "a", "b", True),
        ("file", "b", "a", True),
    ],
)
def test_versions_are_compared_as_their_ecosystem_does(
    ecosystem: str, old: str | None, *, new: str, is_newer: bool | None
) -> None:
    assert comparison.newer(package(new, ecosystem), package(old, ecosystem)) is is_newer


_VERSIONS = st.from_regex(r"[0-9]{1,2}\.[0-9]\.[0-9](-[a-z0-9]{1,3}(\.[0-9])?)?", fullmatch=True)


@given(_VERSIONS, _VERSIONS)
def test_of_two_versions_at_most_one_is_newer(first: str, second: str) -> None:
    assert not (comparison.newer(package(first), package(second)) and comparison.newer(package(second), package(first)))


def test_dependencies_that_come_and_go_are_named() -> None:
    def resolution(**versions: str) -> Resolution:
        found = tuple(Dependency(name=name, version=version) for name, version in versions.items())
        return Resolution(package=package("1.0.0"), integrity="", lock="", dependencies=found)

    old = resolution(a="1", b="1", **{f"n{number}": "1" for number in range(10)})
    assert list(comparison.dependencies(resolution(a="1", b="1"), resolution(a="2", b="1"))) == [
        "- dependency a 1",
        "+ dependency a 2",
    ]
    assert comparison.dependencies(old, resolution())[-1] == "- dependency and 4 more"


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("place", ["node_modules/x", "site", "."])
def test_code_is_compared_file_by_file_wherever_the_ecosystem_puts_it(tmp_path: Path, place: str) -> None:
    write(tmp_path / "old" / place, lib__a_js="1", lib__b_js="1", lib__c_pyc="1", other__d_js="1", main_js="1")
    new = write(tmp_path / "new", lib__a_js="2", lib__e_js="1", main_js="1")
    (new / "link").symlink_to("main.js")
    assert comparison.code(tmp_path / "old", "x", new) == [
        "~ 1 file(s) changed: lib/a.js",
        "~ 1 file(s) added: lib/e.js",
        "~ 1 file(s) removed: lib/b.js",
    ]
    assert comparison.code(tmp_path / "old", "x", write(tmp_path / "same", main_js="1")) == []


def test_only_so_many_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MOST_FILES", 2)
    new = write(tmp_path / "new", a_js="1", b_js="1", c_js="1")
    (said,) = comparison.code(tmp_path / "old", "x", new)
    assert said.startswith("~ 2 file(s) added")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (ToolResult(text="1"), ToolResult(text="2"), None),
        (ToolResult(text="", structured={"a": 1}), ToolResult(text="", structured={"a": 2, "b": 1}), None),
        (ToolResult(text="", structured={"a": 1}), ToolResult(text="", structured={"b": 1}), "another kind"),
        (ToolResult(text="fine"), ToolResult(text="Error: no", is_error=True), "Error: no"),
        (ToolResult(text="no", is_error=True), ToolResult(text="no", is_error=True), None),
    ],
)
def test_an_answer_is_worse_when_it_is_of_another_kind_or_a_complaint(
    old: ToolResult, new: ToolResult, said: str | None
) -> None:
    found = comparison.worse(old, new)
    assert (found is None) if said is None else (found is not None and said in found)
