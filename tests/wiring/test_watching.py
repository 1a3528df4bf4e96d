"""Servers that nothing confines are watched, so that none outlives this host; the others are not."""

from pathlib import Path

import pytest

from vsm_mcp.events import ignore
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.wiring.serving import Care, make_serving
from vsm_mcp.world.processes import Command
from vsm_mcp.world.world import World

pytestmark = pytest.mark.anyio


def watching(records: Path) -> int:
    """Count the processes that wait for the end of a host: by where that writes down what it starts."""
    found = 0
    for path in Path("/proc").iterdir():
        try:
            words = (path / "cmdline").read_bytes().split(b"\0") if path.name.isdigit() else []
        except OSError:
            continue
        found += words[:1] == [b"/bin/sh"] and str(records).encode() in words
    return found


@pytest.mark.parametrize(
    ("confinement", "expected"),
    [(Confinement.NONE, 1), pytest.param(Confinement.BUBBLEWRAP, 0, marks=pytest.mark.sandbox)],
)
async def test_a_system_watches_what_it_starts_without_confinement_and_only_that(
    tmp_path: Path, confinement: Confinement, expected: int
) -> None:
    settings, records = Settings(state=tmp_path, sandbox=confinement), tmp_path / "processes"
    serving = await make_serving(settings, settings.policy(), World(), care=Care(), emit=ignore)
    assert watching(records) == 0
    command = Command(argv=("/bin/sleep", "1000"))
    async with serving.sandbox.open(command, SandboxPolicy()):
        assert watching(records) == expected
    assert watching(records) == 0
