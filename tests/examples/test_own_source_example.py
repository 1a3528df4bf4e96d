"""The example of a source of one's own runs without a network."""

from pathlib import Path

import pytest
from tests.examples.running import said_by


@pytest.mark.promise("C14")
def test_three_sources_are_asked_and_the_one_without_its_token_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXAMPLE_REGISTRY_TOKEN", raising=False)
    lines = said_by("own_source.py", cwd=tmp_path).splitlines()
    assert lines[0] == "2 servers for 'convert time zones'"
    assert [line.split()[1] for line in lines[2:4]] == ["org.example/zones", "team-clock"]
    assert "the header Authorization by env:EXAMPLE_REGISTRY_TOKEN" in lines[4]
    assert [line.split(", ")[0] for line in lines[5:]] == [
        "source team: fresh",
        "source files:mirror: fresh",
        "source registry:mcp.example: failed",
    ]
    assert list(tmp_path.iterdir()) == []
