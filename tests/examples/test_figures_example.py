"""The example on figures and log runs as a user runs it."""

import json
from pathlib import Path

import pytest
from tests.examples.running import said_by


@pytest.mark.promise("B42", "C51")
def test_a_host_gets_lines_of_json_and_figures_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("VSM_MCP_SANDBOX", "none")
    lines = said_by("figures_and_log.py", cwd=tmp_path).splitlines()
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
