"""The example that serves a system runs as a user runs it, and ends by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "serve.py"


@pytest.mark.promise("B24")
def test_a_system_is_served_to_a_client_that_may_not_do_everything(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        cwd=tmp_path,
        env={"VSM_MCP_STATE": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "acquired from words",
        "4 words",
        "metrics are application/json",
        "There is no tool 'vsm_release' that you may use.",
        "others would connect to 127.0.0.1",
    ]
