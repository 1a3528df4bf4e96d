"""With everything as it comes, the report of a system that holds a server says: confined, allowed by name, isolated."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vsm_mcp import Aspect, Autonomy, Level, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.errors import AcquisitionError

pytestmark = [pytest.mark.security, pytest.mark.sandbox]

REPEATER = Path(__file__).with_name("repeater.py")
ECHO = Probe(tool="echo", arguments={"text": "hello"}, accepts=lambda result: "hello" in result.text)


@pytest.fixture
def anyio_backend() -> str:
    """What is shown here was shown on both back ends one floor below; here the user's door counts."""
    return "asyncio"


@pytest.fixture
def state() -> Generator[Path]:
    """A directory that confined servers can reach under another user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.anyio
@pytest.mark.promise("A75", "A76", "A77", "B5", "B6", "B11", "B71", "B75", "C141")
async def test_by_default_servers_are_confined_isolated_and_let_in_by_name(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSM_SECURITY_ENABLED", "true")
    monkeypatch.setenv("VSM_SANDBOX_ENABLED", "true")
    shelf = Shelf()
    shelf.offer_file(REPEATER, name="repeater", summary="Says what it hears.")
    shelf.offer_file(Path(__file__), name="stranger", summary="Says what it hears.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, allow=(f"file:{REPEATER}",))
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        with pytest.raises(AcquisitionError, match="allowed"):
            await vsm.acquire_capability("echo", "stranger")
        await vsm.acquire_capability("echo", "repeater", probe=ECHO)
        report = await vsm.security_report()
    assert report.sandbox_enabled
    assert report.allow_list_enforced
    assert report.network_isolated
    (server,) = report.servers
    assert (server.server, server.intact, server.refused, server.egress) == ("repeater", True, "", ())
    levels = {held.aspect: held.level for held in server.enforcement.held}
    for aspect in (Aspect.ISOLATION, Aspect.FILES, Aspect.NETWORK, Aspect.SYSTEM_CALLS, Aspect.PROCESSES):
        assert levels[aspect] == Level.KERNEL
    for aspect in (Aspect.MEMORY, Aspect.CPU):
        assert levels[aspect] in {Level.KERNEL, Level.SUPERVISED}
    assert not [weakness for weakness in report.weaknesses if weakness.severity in {"high", "critical"}]
