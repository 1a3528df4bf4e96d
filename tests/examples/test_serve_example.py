"""The example that serves a system runs as a user runs it, and ends by itself."""

from pathlib import Path

import pytest
from tests.examples.running import alone_in, said_by


@pytest.mark.promise("B24")
def test_a_system_is_served_to_a_client_that_may_not_do_everything(tmp_path: Path) -> None:
    assert said_by("serve.py", cwd=tmp_path, env=alone_in(tmp_path)).splitlines() == [
        "acquired from words",
        "4 words",
        "metrics are application/json",
        "There is no tool 'vsm_release' that you may use.",
        "others would connect to 127.0.0.1",
    ]
