"""The benchmark of calls runs; how long a call may take is stated there, not asserted on a busy machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("calls.py")


def run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


@pytest.mark.promise("A55", "B72")
def test_a_call_through_a_link_is_compared_with_one_through_the_sdk() -> None:
    result: dict[str, float] = json.loads(run("--json"))
    assert result["rounds"] == 200
    assert 0 < result["link_median_us"] <= result["link_p99_us"]
    assert 0 < result["sdk_median_us"] <= result["sdk_p99_us"]
    assert result["ratio"] > 0
    assert "spawner median us" in run()
