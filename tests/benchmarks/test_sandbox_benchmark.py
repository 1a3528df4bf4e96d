"""The benchmark of the sandbox runs; how long a start may take is stated there, not asserted on a busy machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("sandbox.py")

pytestmark = pytest.mark.sandbox


def run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


@pytest.mark.promise("A55", "B72")
def test_a_confined_start_is_compared_with_a_plain_one() -> None:
    result = json.loads(run("--json"))
    assert result["rounds"] == 20
    assert 0 < result["plain_median_ms"] < result["confined_median_ms"] <= result["confined_p99_ms"]
    watched = result["trees"]["watchdog"]
    assert watched["attach_ms"] >= 0
    assert watched["overshoot_mb"] > -256
    assert 0 < watched["cpu_share"]["2"] < 1
    assert 0 < watched["watching_percent"] < 50
