"""Runs an example as a user runs it: as a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def said_by(script: str, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run an example to its good end and return what it printed.

    Args:
        script: Its file.
        words: Its arguments.
        cwd: The directory that it is run in.
        env: All of its environment; that of the tests unless given.
    """
    done = subprocess.run(
        [sys.executable, EXAMPLES / script, *words],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
    return done.stdout


def alone_in(state: Path) -> dict[str, str]:
    """Return an environment in which there is nothing but a state directory."""
    return {"VSM_MCP_STATE": str(state), "PATH": ""}
