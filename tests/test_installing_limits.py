"""How many packages are installed at once and how long one may take: as documented, and what the clients are told."""

from pathlib import Path

import pytest

from vsm_mcp import Confinement, Settings, vet
from vsm_mcp.errors import CallTimeoutError, InstallationError
from vsm_mcp.testing.world import ScriptedHttp, fake_world
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses


class Slow(LocalProcesses):
    """No package client ever ends; it is noted how long each may take."""

    def __init__(self) -> None:
        self.allowed: list[float] = []

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        if Path(command.argv[0]).name != "uv":
            return await super().run(command, timeout=timeout, stdin=stdin, limit=limit)
        self.allowed.append(timeout)
        raise CallTimeoutError(f"{command.argv[0]} did not end within {timeout:g} seconds and was killed.")


@pytest.mark.promise("A78", "B53", "B33")
def test_five_packages_are_installed_at_once_unless_more_or_fewer_are_asked_for() -> None:
    assert Settings().installs_at_once == 5
    assert Settings.production().installs_at_once == 5
    assert Settings.production(installs_at_once=10).installs_at_once == 10


@pytest.mark.anyio
@pytest.mark.promise("B50")
async def test_a_package_client_may_take_five_minutes_unless_told_otherwise(tmp_path: Path) -> None:
    for options, seconds in (({}, 300.0), ({"install_timeout": 7.0}, 7.0)):
        slow = Slow()
        settings = Settings(state=tmp_path, sandbox=Confinement.NONE).model_copy(update=options)
        world = fake_world(http=ScriptedHttp(), processes=slow)
        with pytest.raises(InstallationError) as caught:
            await vet("pypi:mcp-server-time@2026.1.1", settings=settings, world=world)
        assert caught.value.remedies
        assert slow.allowed
        assert max(slow.allowed) == seconds
