"""The examples run as a user runs them."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from pptx import Presentation
from tests.examples.running import said_by


def slides_of(deck: Path) -> list[str]:
    slides = Presentation(str(deck)).slides
    return ["\n".join(str(getattr(shape, "text", "")) for shape in slide.shapes) for slide in slides]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """A state directory of its own, which confined servers can reach under another user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setenv("VSM_MCP_STATE", directory)
        yield


def assert_figures_agree(said: str, slides: list[str]) -> None:
    """The figures in the deck are those of the report that was printed."""
    figures = [line.split(": ", 1)[1] for line in slides[1].splitlines() if line.startswith(("Before", "After"))]
    assert len(figures) == 2
    for figure in figures:
        assert figure.endswith("observations)")
        assert "".join(figure.split()) in "".join(said.replace("│", "").replace("┃", "").split())


@pytest.mark.promise("B17")
def test_the_readme_example_runs_in_process(tmp_path: Path) -> None:
    assert "words, counted by" in said_by("embed.py", cwd=tmp_path)


def test_a_unit_a_tool_and_a_system_within_the_system_do_the_work(tmp_path: Path) -> None:
    said = said_by("units.py", cwd=tmp_path)
    assert "greet a visitor: Good morning, Ada., by greeter" in said
    assert "count words: 4, by words" in said
    assert "add numbers: 42, by sums" in said
    assert "unit accounts: viable True, absorbed 1 of 1" in said


def test_decisions_are_made_from_a_table_from_worth_and_from_outcomes(tmp_path: Path) -> None:
    said = said_by("decide.py", cwd=tmp_path)
    assert said.startswith("expand_capacity critical\n")
    assert "phased_entry: prior 0.38, seen None" in said
    assert "phased_entry: seen 0.58 from 1 of recorded_outcomes" in said


@pytest.mark.sandbox
def test_the_main_job_runs_offline_and_leaves_a_deck_with_its_own_figures(tmp_path: Path) -> None:
    said = said_by("autonomous_powerpoint.py", "--offline", "--deck", "deck.pptx", cwd=tmp_path)
    slides = slides_of(tmp_path / "deck.pptx")
    assert len(slides) >= 3
    assert_figures_agree(said, slides)


@pytest.mark.live
@pytest.mark.sandbox
def test_the_main_job_runs_with_a_server_of_pypi(tmp_path: Path) -> None:
    said = said_by("autonomous_powerpoint.py", "--deck", "deck.pptx", cwd=tmp_path)
    slides = slides_of(tmp_path / "deck.pptx")
    assert len(slides) >= 3
    assert "office-powerpoint-mcp-server" in said
    assert_figures_agree(said, slides)


@pytest.mark.live
@pytest.mark.sandbox
def test_time_zones_are_converted(tmp_path: Path) -> None:
    assert "Asia/Tokyo" in said_by("time_zones.py", cwd=tmp_path)


@pytest.mark.live
@pytest.mark.sandbox
@pytest.mark.node
def test_a_memory_graph_is_kept(tmp_path: Path) -> None:
    assert "Brain of the Firm" in said_by("memory_graph.py", cwd=tmp_path)
