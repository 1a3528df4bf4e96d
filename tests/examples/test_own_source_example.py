"""The example of a source of one's own runs without a network."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_source.py"


@pytest.mark.promise("C14")
def test_three_sources_are_asked_and_the_one_without_its_token_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXAMPLE_REGISTRY_TOKEN", raising=False)
    done = subprocess.run(
        [sys.executable, EXAMPLE], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "2 servers for 'convert time zones'"
    assert [line.split()[1] for line in lines[2:4]] == ["org.example/zones", "team-clock"]
    assert "the header Authorization by env:EXAMPLE_REGISTRY_TOKEN" in lines[4]
    assert [line.split(", ")[0] for line in lines[5:]] == [
        "source team: fresh",
        "source files:mirror: fresh",
        "source registry:mcp.example: failed",
    ]
    assert list(tmp_path.iterdir()) == []
