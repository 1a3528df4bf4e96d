"""Programs within reach: left where they are when every user may run them, else copied whole."""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.clients.reach import within_reach
from vsm_mcp.errors import ConfigurationError


@pytest.fixture
def place() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="vsm-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_a_program_that_all_may_run_stays_where_it_is(place: Path) -> None:
    assert within_reach(Path("/bin/true"), place / "tools") == Path("/bin/true").resolve()
    assert not (place / "tools").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root confines under other users")
def test_a_program_of_roots_own_is_copied_once(place: Path) -> None:
    (place / "closed").mkdir(0o700)
    program = place / "closed" / "tool"
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o755)
    copy = within_reach(program, place / "tools")
    assert copy.parent == place / "tools"
    assert copy.read_bytes() == program.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o755
    number = copy.stat().st_ino
    assert within_reach(program, place / "tools").stat().st_ino == number
    assert list((place / "tools").iterdir()) == [copy]


def test_a_program_that_is_missing_is_an_error(place: Path) -> None:
    if os.geteuid() != 0:
        assert within_reach(place / "missing", place) == place / "missing"
        return
    with pytest.raises(ConfigurationError, match="cannot be copied"):
        within_reach(place / "missing", place / "tools")
