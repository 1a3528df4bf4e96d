"""The page on what is enforced was made by its script from reports, and has a line for everything that is confined."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vsm_mcp.model.enforcement import Aspect, Enforcement, Held, Level
from vsm_mcp.sandbox.selftest.report import Attempted, HostFacts, Outcome, SelfTestReport

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "enforcement.py"
PAGE = ROOT / "docs" / "security" / "enforcement.md"


def report(user: int, *, level: Level = Level.KERNEL, outcome: Outcome = Outcome.HELD) -> str:
    held = {aspect: Held(requested="so much", level=level, mechanism="a | b") for aspect in Aspect}
    return SelfTestReport(
        attempts=(Attempted(name="a way", theme="files", gain="all", outcome=outcome),),
        enforcement=Enforcement(confiner="bubblewrap", profile="full", held=held),
        host=HostFacts(system="Linux 6.1.0-secret-name", machine="x86_64", user=user, python="/usr/bin/python3"),
        seconds=1.0,
    ).model_dump_json()


def write(tmp_path: Path, *reports: str) -> str:
    files: list[Path] = []
    for number, text in enumerate(reports):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(text)
    page = tmp_path / "page.md"
    subprocess.run([sys.executable, SCRIPT, *files, "--page", page], check=True, timeout=60)
    return page.read_text()


def rows(page: str, table: int) -> list[list[str]]:
    """The cells of a table of a page."""
    blocks = [block for block in page.split("\n\n") if block.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in blocks[table].splitlines()]


def test_the_page_has_a_column_for_each_user_and_a_line_for_each_aspect() -> None:
    headline, _, *aspects = rows(PAGE.read_text(), 0)
    assert [cell.rpartition(", ")[2] for cell in headline[1:]] == ["root", "an ordinary user"]
    assert [cells[0].partition(":")[0] for cells in aspects] == [str(aspect) for aspect in Aspect]
    levels = {cell.partition(":")[0].strip("*") for cells in aspects for cell in cells[1:]}
    assert levels <= {str(level) for level in Level}


def test_the_page_says_that_nothing_is_open_and_what_is_not_measured() -> None:
    headline, _, *attempts = rows(PAGE.read_text(), 1)
    assert headline[1:] == ["held", "refused", "open", "not shown", "not applicable"]
    totals = [cells for cells in attempts if cells[0].startswith("**all")]
    assert [cells[3] for cells in totals] == ["0", "0"]
    assert PAGE.read_text().count("not measured") >= 4


def test_what_a_report_says_is_on_the_page_without_the_name_of_the_machine(tmp_path: Path) -> None:
    page = write(tmp_path, report(0), report(1000, level=Level.NONE, outcome=Outcome.OPEN))
    headline, _, first, *_ = rows(page, 0)
    assert headline == ["What is confined", "Linux 6.1 on x86_64, root", "Linux 6.1 on x86_64, an ordinary user"]
    assert first == ["isolation: so much", "kernel: a / b", "**none**: a / b"]
    assert rows(page, 1)[-1] == ["**all, an ordinary user**", "0", "0", "1", "0", "0"]
    assert "secret-name" not in page


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"attempts": []}), "x" * 4_000_001])
def test_what_is_no_report_makes_no_page(tmp_path: Path, text: str) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text)
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, SCRIPT, wrong, "--page", page], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "wrong.json" in done.stderr
    assert not page.exists()
