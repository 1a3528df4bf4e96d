"""The benchmark of vetting runs, and reading stays well below what is promised, with room for a busy machine."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("vetting.py")


def run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


def test_a_thousand_files_take_less_than_ten_seconds_and_a_tool_less_than_a_millisecond() -> None:
    result: dict[str, float] = json.loads(run("--json"))
    for package in ("short_files_s", "long_files_s", "modules_s"):
        assert 0 < result[package] < 10
    assert 0 < result["bundle_s_per_mb"] < 10
    assert result["tools"] > 1000
    assert 0 < result["tool_median_us"] < 1000
    assert result["tool_median_us"] <= result["tool_p99_us"]
