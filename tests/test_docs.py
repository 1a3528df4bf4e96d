"""The documentation agrees with the code: what it shows runs, what it names exists."""

import doctest
import importlib
import pkgutil
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import vsm_mcp
import vsm_mcp.abc
from vsm_mcp.errors import ExtraMissingError

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(vsm_mcp.__path__, "vsm_mcp.")
    if not module.name.endswith("__main__")
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.promise("B17")
def test_the_program_of_the_readme_is_the_example_that_the_tests_run() -> None:
    assert blocks((ROOT / "README.md").read_text(), "python") == [(ROOT / "examples" / "embed.py").read_text()]


@pytest.mark.promise("B17", "B19")
def test_the_readme_has_two_commands_and_the_second_ends_with_the_tests() -> None:
    demo, tests = blocks((ROOT / "README.md").read_text(), "bash")
    assert demo.strip().endswith("examples/autonomous_powerpoint.py")
    assert tests.strip().endswith(".venv/bin/python -m pytest -n 3 --dist loadfile")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_program_in_the_documentation_is_included_from_the_examples(page: Path) -> None:
    for block in blocks(page.read_text(), "python"):
        included = re.fullmatch(r'--8<-- "(examples/\w+\.py)"\n', block)
        assert included, block
        assert (ROOT / included[1]).is_file()


WITH_SESSIONS = [page for page in PAGES if "```pycon" in page.read_text()]


@pytest.mark.parametrize("page", WITH_SESSIONS, ids=lambda page: page.name)
def test_every_session_in_the_documentation_prints_what_it_shows(page: Path) -> None:
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for number, block in enumerate(blocks(page.read_text(), "pycon"), 1):
        session = doctest.DocTestParser().get_doctest(block, names, f"{page.name} {number}", str(page), 0)
        runner.run(session, clear_globs=False)
        names = session.globs
    assert runner.summarize(verbose=False).failed == 0


def test_there_are_sessions_to_run() -> None:
    assert len(WITH_SESSIONS) >= 5


def test_every_page_is_in_the_navigation() -> None:
    named = set(re.findall(r"[\w/-]+\.md$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    assert named == {str(page.relative_to(ROOT / "docs")) for page in PAGES}


@pytest.mark.parametrize(
    ("page", "prefix", "names"),
    [("use.md", "vsm_mcp", vsm_mcp.__all__), ("extend.md", "vsm_mcp.abc", vsm_mcp.abc.__all__)],
)
def test_every_public_name_has_its_place_in_the_reference(page: str, prefix: str, names: list[str]) -> None:
    shown = re.findall(rf"^::: {re.escape(prefix)}\.(\w+)$", (ROOT / "docs/api" / page).read_text(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(names)


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([\w./-]+\.md)", page.read_text()):
            assert (page.parent / target).is_file(), f"{page.name} -> {target}"


def test_the_newest_version_in_the_changelog_is_this_one_or_unreleased() -> None:
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert versions[0] in {"Unreleased", version("vsm_mcp")}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ExtraMissingError as missing:
        pytest.skip(f"allowed: {missing.message} It is tested together with its framework.")
    result = doctest.testmod(module)
    assert result.failed == 0
