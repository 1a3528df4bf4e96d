"""The example about guards runs as a user runs it, and each guard says its word."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "guards.py"


def test_each_guard_refuses_what_the_example_shows_and_lets_the_rest_pass() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=60, check=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "PermissionDeniedError",
        "PermissionDeniedError",
        "ArgumentError",
        "PayloadError",
        "done",
        "wait 20 s",
        "done",
        "ZoneError",
        "done",
    ]
    assert (
        "planner-2 may not call 'post' of web: it holds data of trusted, which may not go to untrusted." in done.stdout
    )
