"""The benchmark of the way out runs; how fast it must be is stated there, not asserted on a busy machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("egress.py")

pytestmark = pytest.mark.sandbox


def run(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


def test_the_way_out_is_compared_with_direct_connections() -> None:
    result: dict[str, float] = json.loads(run("--json"))
    assert result["connections"] == 40
    assert 0 < result["direct_median_ms"] < result["egress_median_ms"] <= result["egress_p99_ms"]
    assert result["egress_down_mb_s"] > 0
    assert result["egress_up_mb_s"] > 0
    assert "added median ms" in run("--backend", "trio")
