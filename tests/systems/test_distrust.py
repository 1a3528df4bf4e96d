"""What is in the store and is not trusted is not used, hurts, and can be let go."""

from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.errors import CapabilityMissingError
from vsm_mcp.events import EventSink, ServerReviewed, ignore
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.testing.servers import HOSTILE
from vsm_mcp.testing.world import RecordingSink

ECHO = Probe(tool="echo", arguments={"text": "hello"})


def with_a_file(state: Path, *, lock: Path | None = None, heard: EventSink = ignore) -> ViableSystem:
    offers = Shelf()
    offers.offer_file(HOSTILE, name="echoing", summary="Says it again.", arguments=("good",))
    settings = Settings(state=state, autonomy=Autonomy.AUTO, allow=("file:*",), sandbox=Confinement.NONE, lock=lock)
    return ViableSystem(settings, shelf=offers, sources=(offers,), emit=heard)


def pains(vsm: ViableSystem) -> dict[str, str]:
    return {signal.key: signal.reason for signal in vsm.parts.vitals.algedonic.open() if signal.pain}


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("B47")
async def test_going_back_to_what_the_lock_in_force_does_not_pin_brings_nothing_into_use_and_hurts(
    tmp_path: Path,
) -> None:
    lock, heard = tmp_path / "vsm.lock", RecordingSink()
    async with with_a_file(tmp_path / "state") as vsm:
        await vsm.acquire_capability("say it again", server="echoing", probe=ECHO)
        await vsm.release_capability("echoing")
        await vsm.save_lock(lock)
    async with with_a_file(tmp_path / "state", lock=lock, heard=heard) as vsm:
        await vsm.rollback_to(1)
        assert [record.name for record in await vsm.parts.installer.records()] == ["echoing"]
        assert vsm.parts.spawner.states() == {}
        (withheld,) = heard.of(ServerReviewed)
        assert (withheld.server, withheld.reasons) == ("echoing", ("echoing is not in the lock in force.",))
        assert pains(vsm) == {"security of echoing": "echoing is not in the lock in force."}
        await vsm.release_capability("echoing")
        assert pains(vsm) == {}


@pytest.mark.anyio
@pytest.mark.security
async def test_a_server_that_is_replaced_by_what_was_tampered_with_is_let_go(tmp_path: Path) -> None:
    async with with_a_file(tmp_path) as vsm:
        await vsm.acquire_capability("say it again", server="echoing", probe=ECHO)
        (record,) = await vsm.parts.installer.records()
        tree = record.proven.installed.path
        assert tree is not None
        tree.chmod(0o755)
        (tree / "more.py").write_text("print('more')\n")
        await vsm.parts.system4.replace(gone={}, come=(record,))
        assert vsm.parts.spawner.states() == {}
        assert "security of echoing" in pains(vsm)
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.system1.execute(Operation(needs="say it again", arguments={"text": "hello"}))
    async with with_a_file(tmp_path) as vsm:
        assert "security of echoing" in pains(vsm)
        await vsm.release_capability("echoing")
        await vsm.acquire_capability("say it again", server="echoing", probe=ECHO)
        assert pains(vsm) == {}


@pytest.mark.anyio
@pytest.mark.security
async def test_a_server_whose_record_was_damaged_hurts_and_can_be_let_go(tmp_path: Path) -> None:
    async with with_a_file(tmp_path) as vsm:
        await vsm.acquire_capability("say it again", server="echoing", probe=ECHO)
    next((tmp_path / "servers").glob("*.json")).write_bytes(b"nonsense")
    async with with_a_file(tmp_path) as vsm:
        assert "security of echoing" in pains(vsm)
        await vsm.release_capability("echoing")
        assert pains(vsm) == {}
        assert [one.change for one in await vsm.generations()][-1] == "release"
        await vsm.acquire_capability("say it again", server="echoing", probe=ECHO)
