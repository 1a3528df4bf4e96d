"""The benchmark of decisions runs, and what it measures is far above what was promised."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("decisions.py")


def run(*words: str) -> str:
    command = [sys.executable, SCRIPT, "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


@pytest.mark.promise("C134")
def test_more_than_5_000_decisions_a_second_are_made_and_99_of_100_in_less_than_20_milliseconds() -> None:
    result: dict[str, float] = json.loads(run("--json"))
    assert result["decisions_per_second"] > 5_000
    assert 0 < result["median_ms"] <= result["p99_ms"] < 20
    assert result["weighings_per_second"] > result["naive_weighings_per_second"]


def test_for_people_it_prints_a_line_per_figure_of_decisions() -> None:
    assert "p99 ms" in run()
