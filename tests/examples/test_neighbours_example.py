"""The example with two systems on one bus runs as a user runs it."""

from pathlib import Path

import pytest
from tests.examples.running import said_by


@pytest.mark.promise("C37")
def test_one_system_hears_what_its_neighbour_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_SANDBOX", "none")
    said = said_by("neighbours.py", cwd=tmp_path)
    assert "office hears workshop on horizontal: capability_adopted {'server': 'words'" in said
    assert "office hears workshop on commands: night.begins {'until': '06:00'}" in said
    assert "workshop hears" not in said
