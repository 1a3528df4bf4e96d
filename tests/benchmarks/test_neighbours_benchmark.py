"""The benchmark of neighbours runs: what a healthy server loses is stated there; here only that it is served."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("neighbours.py")


def test_a_healthy_server_is_served_while_another_misbehaves() -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    assert 0 < result["neighbour_median"] < 5
    assert result["neighbour_median"] <= result["neighbour_worst"]
