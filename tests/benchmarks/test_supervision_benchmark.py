"""The benchmark of supervision runs: nothing is left; how fast it is, is stated there and not asserted here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("supervision.py")


@pytest.mark.promise("A27", "A70", "D38")
def test_killed_servers_and_killed_hosts_leave_no_orphan_and_the_host_of_many_servers_stays_as_it_was() -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    assert result["orphans"] == 0
    assert result["left_by_hosts"] > 0
    assert result["start_median_s"] > 0
    assert 0 < result["failover_median_s"] <= result["failover_p99_s"]
    assert 0 < result["host_rss_end_mb"] < result["host_rss_start_mb"] + 2
    assert result["descriptors_end"] < result["descriptors_start"] + 3  # a server has three
