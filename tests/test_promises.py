"""Promises: every mark names a promise, and the page that lists them is up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "promises.py"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=30, check=False)


def write(folder: Path, text: str) -> tuple[str | Path, ...]:
    tests = folder / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text(text)
    return "--tests", tests, "--page", folder / "page.md"


def test_every_mark_names_a_promise_and_the_page_is_up_to_date() -> None:
    completed = run("--check")
    assert (completed.returncode, completed.stderr) == (0, "")


def test_marks_on_tests_classes_and_modules_are_listed_in_order(tmp_path: Path) -> None:
    options = write(
        tmp_path,
        "import pytest\n"
        "pytestmark = [pytest.mark.anyio, pytest.mark.promise('E84')]\n"
        "@pytest.mark.promise('A10', 'A9')\n"
        "def test_one(): ...\n"
        "@pytest.mark.promise('B1')\n"
        "class TestTwo:\n"
        "    @pytest.mark.promise('A9')\n"
        "    async def test_three(self): ...\n",
    )
    assert run(*options).returncode == 0
    assert run(*options, "--check").returncode == 0
    page = (tmp_path / "page.md").read_text()
    assert "4 of 496 promises" in page
    assert page.endswith(
        "| A9 | `tests/test_it.py::test_one`<br>`tests/test_it.py::TestTwo::test_three` |\n"
        "| A10 | `tests/test_it.py::test_one` |\n"
        "| B1 | `tests/test_it.py::TestTwo` |\n"
        "| E84 | `tests/test_it.py` |\n"
    )


def test_a_page_that_is_missing_or_old_fails_the_check(tmp_path: Path) -> None:
    options = write(tmp_path, "import pytest\n@pytest.mark.promise('A1')\ndef test_one(): ...\n")
    assert run(*options, "--check").returncode == 1
    run(*options)
    write_again = tmp_path / "tests" / "test_it.py"
    write_again.write_text(write_again.read_text().replace("A1", "A2"))
    completed = run(*options, "--check")
    assert completed.returncode == 1
    assert "run python scripts/promises.py" in completed.stderr


@pytest.mark.parametrize(
    "mark",
    [
        "'A0'",
        "'A100'",
        "'B83'",
        "'C161'",
        "'D72'",
        "'E85'",
        "'F1'",
        "'A01'",
        "'a1'",
        "'A1 '",
        "''",
        "1",
        "name",
        "",
        "x='A1'",
    ],
)
def test_a_mark_that_names_no_promise_is_refused(tmp_path: Path, mark: str) -> None:
    options = write(tmp_path, f"import pytest\n@pytest.mark.promise({mark})\ndef test_one(): ...\n")
    completed = run(*options)
    assert completed.returncode == 2
    assert "test_it.py:2" in completed.stderr


@pytest.mark.parametrize(
    "text", ["x = pytest.mark.promise('A1')", "def f():\n    return pytest.param(1, marks=pytest.mark.promise('A1'))"]
)
def test_a_mark_where_it_would_not_be_read_is_refused(tmp_path: Path, text: str) -> None:
    completed = run(*write(tmp_path, f"import pytest\n{text}\n"))
    assert completed.returncode == 2
    assert "1 marks are neither" in completed.stderr


@pytest.mark.promise("D66")
def test_all_that_the_plan_for_tools_in_code_asks_for_is_proven() -> None:
    asked = {*range(1, 31), *range(36, 66), 67, 71}  # 31 to 35 are kinds of tests, 68 to 70 are about people and boards
    proven = re.findall(r"^\| D([0-9]+) \|", (ROOT / "docs/promises.md").read_text(), flags=re.MULTILINE)
    assert sorted(asked - set(map(int, proven))) == []
