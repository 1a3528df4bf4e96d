"""The example that is watched over HTTP runs as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "monitoring.py"


@pytest.mark.promise("B41", "B69")
def test_a_host_is_watched_while_it_works(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        cwd=tmp_path,
        env={"VSM_MCP_STATE": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "ready: True"
    assert "'servers': {'running': 1}" in lines[1]
    assert 'vsm_operations_total{stage="absorbed"} 1.0' in lines
