"""The benchmark of units runs, and units at work take no more memory than is promised; times are only stated."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("units.py")


def run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


@pytest.mark.promise("C136")
def test_ten_thousand_units_are_at_work_at_once_and_take_at_most_20_kib_each() -> None:
    result: dict[str, float] = json.loads(run("--json"))
    assert result["units"] == result["live"] == 10_000
    assert 0 < result["kib_per_unit"] <= 20


def test_choosing_is_measured_beside_taking_the_best_mean() -> None:
    result: dict[str, float] = json.loads(run("--json", "--quick"))
    assert 0 < result["pick_median_us"] <= result["pick_p99_us"]
    assert result["greedy_median_us"] > 0
    assert "kib per unit" in run("--quick")
