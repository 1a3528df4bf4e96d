"""The benchmark of calls runs and prints what it promises; how quick calls are is stated there.

Asserted here is only what has room to spare on a busy machine, too.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("calls.py")
PRINTED = {
    "lean_per_s", "lean_p99_ms", "lean_vs_sdk", "lean_vs_floor", "guard_us", "inprocess_per_s", "sdk_overhead",
    "failover_s", "orphans", "lean_full_per_s", "lean_full_p99_ms", "lean_full_vs_floor", "seconds",
}  # fmt: skip
MOST_LEFT_KIB = 2048
"""Several times what was ever seen; a fifth of a kilobyte per call, which is less than a result that stays behind."""


@pytest.mark.timeout(120)
@pytest.mark.promise("A55", "B72", "C132", "D36", "D38", "E24", "E30", "E31")
def test_every_way_to_call_is_compared_in_one_run_and_nothing_is_left_behind() -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=110, check=True).stdout
    result = json.loads(printed)
    assert result.keys() >= PRINTED
    assert result["ways"].keys() >= {"lean", "lean_full", "raw", "sdk", "client", "floor", "least"}
    for way in result["ways"].values():
        assert way.keys() == {"1", "10", "100"}
        assert all(0 < one["p50_ms"] <= one["p99_ms"] and one["cpu_us"] > 0 for one in way.values())
    assert result["lean_vs_sdk"] > 1
    assert result["inprocess_per_s"] > 10_000
    assert result["lean_p99_ms"] < 10
    assert result["lean_full_per_s"] == result["ways"]["lean_full"]["10"]["per_s"] > 0
    assert result["lean_full_vs_floor"] > 0
    assert result["lives"]["servers"] == 50
    assert result["seconds"] < 50
    assert result["orphans"] == 0
    assert result["leaks"]["calls"] == 10_000
    assert result["leaks"]["rss_kib"] < MOST_LEFT_KIB
    assert (result["leaks"]["descriptors"], result["leaks"]["threads"], result["leaks"]["processes"]) == (0, 0, 0)
