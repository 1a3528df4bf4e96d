"""The example that is watched over HTTP runs as a user runs it."""

from pathlib import Path

import pytest
from tests.examples.running import alone_in, said_by


@pytest.mark.promise("B41", "B69")
def test_a_host_is_watched_while_it_works(tmp_path: Path) -> None:
    lines = said_by("monitoring.py", cwd=tmp_path, env=alone_in(tmp_path)).splitlines()
    assert lines[0] == "ready: True"
    assert "'servers': {'running': 1}" in lines[1]
    assert 'vsm_operations_total{stage="absorbed"} 1.0' in lines
