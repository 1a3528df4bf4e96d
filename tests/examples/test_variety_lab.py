"""The variety lab runs as a reader runs it, and what its text and the page on variety say is true."""

import dataclasses
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.analysis import VarietyAnalysis
from vsm_mcp.variety.gap import VarietyGap
from vsm_mcp.variety.statistics.channels import ChannelReport

ROOT = Path(__file__).parents[2]
LAB = ROOT / "examples" / "variety_lab.ipynb"
PAGE = ROOT / "docs" / "variety.md"
LONGEST_CELL = 25
RUN = "from nbclient.cli import main; main()"

pytestmark = pytest.mark.timeout(150)


class Output(BaseModel):
    """What a cell has shown."""

    output_type: str
    name: str = ""
    text: str | list[str] = ""
    data: dict[str, object] = {}


class Cell(BaseModel):
    id: str
    cell_type: str
    source: list[str]
    execution_count: int | None = None
    outputs: list[Output] = []

    @property
    def program(self) -> str:
        return "".join(self.source)

    @property
    def said(self) -> str:
        return "".join("".join(output.text) for output in self.outputs if output.name == "stdout")

    def shows(self, kind: str) -> int:
        return sum(kind in output.data for output in self.outputs)


class Kernel(BaseModel):
    name: str


class Metadata(BaseModel):
    kernelspec: Kernel


class Notebook(BaseModel):
    nbformat: int
    nbformat_minor: int
    metadata: Metadata
    cells: list[Cell]

    @property
    def programs(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.cell_type == "code"]


def read(path: Path) -> Notebook:
    return Notebook.model_validate_json(path.read_text())


def execute(notebook: Path, *, home: Path) -> subprocess.CompletedProcess[str]:
    """Run all cells in place, with this interpreter and nobody's settings."""
    kernel = home / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    own = {name: str(home) for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    unwanted = {"MPLBACKEND", "PYTHONWARNINGS"}  # a back end without pictures; other people's warnings as errors
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return subprocess.run(
        [sys.executable, "-c", RUN, "--inplace", "--timeout=90", str(notebook)],
        env={**kept, **own}, cwd=home, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    home = tmp_path_factory.mktemp("lab")
    notebook = Path(shutil.copy(LAB, home))
    ended = execute(notebook, home=home)
    assert ended.returncode == 0, ended.stderr
    return read(notebook)


def test_every_cell_runs_in_order_and_none_fails_or_complains(executed: Notebook) -> None:
    assert [cell.execution_count for cell in executed.programs] == list(range(1, len(executed.programs) + 1))
    outputs = [output for cell in executed.programs for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"stream", "display_data", "execute_result"}
    assert not [output.text for output in outputs if output.name == "stderr"]


def test_every_claim_of_the_lab_is_made_and_holds(executed: Notebook) -> None:
    for cell in executed.programs:
        claims = set(re.findall(r'^ *claim\("([^"]+)"', cell.program, flags=re.MULTILINE))
        assert set(re.findall(r"^holds: (.+)$", cell.said, flags=re.MULTILINE)) == claims, cell.id


def test_every_section_makes_a_claim() -> None:
    sections = "\n".join(cell.program for cell in read(LAB).cells).split("\n## ")
    assert len([section for section in sections if "claim(" in section]) >= 10


def test_every_figure_is_drawn_and_reports_are_shown_as_tables(executed: Notebook) -> None:
    drawing = [cell for cell in executed.programs if "plt.subplots(" in cell.program]
    assert [cell.shows("image/png") for cell in drawing] == [1] * 6
    assert {cell.id for cell in executed.programs if cell.shows("text/html")} == {
        "stuck",
        "plot-funnel",
        "triple",
        "ledger",
    }


def test_the_lab_shows_the_gap_before_and_after_a_capability(executed: Notebook) -> None:
    said = next(cell.said for cell in executed.programs if cell.id == "run")
    before, after = (float(share) for share in re.findall(r"^\w+: +([\d.]+)% of demand", said, flags=re.MULTILINE))
    assert before > after > 0


def test_a_claim_that_does_not_hold_stops_the_lab(tmp_path: Path) -> None:
    text = LAB.read_text()
    wrong = text.replace("math.ceil(4 / answers)", "math.ceil(3 / answers)")
    assert wrong != text
    notebook = tmp_path / "wrong.ipynb"
    notebook.write_text(wrong)
    ended = execute(notebook, home=tmp_path)
    assert ended.returncode == 1
    plain = re.sub(r"\x1b\[[\d;]*m", "", ended.stderr)
    assert "AssertionError: the best strategy reaches the bound of the law" in plain


def test_the_lab_is_kept_without_results_and_in_a_stable_form() -> None:
    lab = read(LAB)
    assert (lab.nbformat, lab.nbformat_minor, lab.metadata.kernelspec.name) == (4, 5, "python3")
    assert not [cell.id for cell in lab.cells if cell.outputs or cell.execution_count is not None]
    ids = [cell.id for cell in lab.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]{1,64}", name) for name in ids)
    text = LAB.read_text()
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_the_lab_is_a_valid_notebook(tmp_path: Path) -> None:
    program = f"import nbformat; nbformat.validate(nbformat.read({str(LAB)!r}, as_version=4))"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_every_cell_is_short() -> None:
    assert not {cell.id: len(cell.source) for cell in read(LAB).programs if len(cell.source) > LONGEST_CELL}


@pytest.mark.parametrize("words", [("check", "--no-cache"), ("format", "--check", "--no-cache")])
def test_the_lab_has_the_style_of_the_code(words: Sequence[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ruff", *words, str(LAB)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


def test_every_module_and_figure_that_the_page_on_variety_names_exists() -> None:
    text = PAGE.read_text()
    for module in set(re.findall(r"`(vsm_mcp(?:\.[a-z0-9_]+)+)`", text)):
        importlib.import_module(module)
    models = (VarietyAnalysis, ChannelReport)
    known = {field for model in models for field in model.model_fields} | {stage.value for stage in Stage}
    known |= {field.name for field in dataclasses.fields(VarietyGap)} | {"half_life"}
    assert set(re.findall(r"`([a-z0-9]{2,}(?:_[a-z0-9]+)+)`", text)) <= known
