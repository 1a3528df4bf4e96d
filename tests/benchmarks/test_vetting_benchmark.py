"""The benchmark of vetting runs, and reading stays well below what is promised, with room for a busy machine."""

import json
import math
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("vetting.py")


def run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


def test_a_thousand_files_take_less_than_ten_seconds_and_a_tool_less_than_a_millisecond() -> None:
    limits = {"short_files_s": 10, "long_files_s": 10, "modules_s": 10, "bundle_s_per_mb": 10, "tool_median_us": 1000}
    best = dict.fromkeys(limits, math.inf)
    for _ in range(3):  # a busy machine is slower for a while, and never quicker than it is
        result: dict[str, float] = json.loads(run("--json"))
        assert result["tools"] > 1000
        assert result["tool_median_us"] <= result["tool_p99_us"]
        best = {name: min(taken, result[name]) for name, taken in best.items()}
        if all(best[name] < limit for name, limit in limits.items()):
            break
    assert all(0 < best[name] < limit for name, limit in limits.items()), best
