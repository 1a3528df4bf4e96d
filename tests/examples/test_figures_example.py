"""The example on figures and log runs as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "figures_and_log.py"


@pytest.mark.promise("B42", "C51")
def test_a_host_gets_lines_of_json_and_figures_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("VSM_MCP_SANDBOX", "none")
    done = subprocess.run(
        [sys.executable, EXAMPLE], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    lines = done.stdout.splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    started = next(each for each in told if each["event"] == "ServerStarted")
    assert (started["level"], started["node"], started["server"]) == ("INFO", "example-1", "words")
    assert started["at"].split(".")[0] == "held"
    assert "operations.n = 6" in lines
    assert {line.split(" = ")[0] for line in lines if " = " in line} == {
        "operations.n",
        "operations.response.p99",
        "operations.fallback_share",
        "batches.parallel_efficiency",
    }
