"""The benchmark of System 3 runs, and what it measures is far below what was promised."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("control.py")


def run(*words: str) -> str:
    command = [sys.executable, SCRIPT, "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


def test_an_observation_takes_less_than_120_microseconds_and_an_audit_is_drawn_in_less_than_50() -> None:
    result: dict[str, float] = json.loads(run("--json"))
    assert 0 < result["cyberfilter_us"] < 120
    assert 0 < result["audit_draw_us"] < 50
    assert result["audit_draw_among_16_times_as_many_us"] < 4 * result["audit_draw_us"]
    assert 0 < result["interval_us"] < 200


def test_for_people_it_prints_a_line_per_figure() -> None:
    assert "audit draw us" in run()
