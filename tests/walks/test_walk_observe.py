"""Who only observes acquires nothing; a trial that a human asks for by name runs all the same, and keeps nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Operation, PlannedServer, Policy, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.errors import CapabilityMissingError, PolicyError

REPEATER = Path(__file__).parents[1] / "security" / "repeater.py"
ECHO = Probe(tool="echo", arguments={"text": "hello"}, accepts=lambda result: "hello" in result.text)


def system(state: Path, *allow: str) -> ViableSystem:
    shelf = Shelf()
    shelf.offer_file(REPEATER, name="repeater", summary="Says what it hears.")
    settings = Settings(state=state, autonomy=Autonomy.OBSERVE, sandbox=Confinement.NONE)
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=Policy(allow=allow))


def kept(state: Path) -> Mapping[str, bytes]:
    """Return all files but the journal and its lock: it notes what was begun."""
    files = [path for path in state.rglob("*") if path.is_file() and path.stem != "journal"]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.anyio
@pytest.mark.promise("B43")
async def test_a_trial_that_is_asked_for_by_name_runs_and_keeps_nothing(tmp_path: Path) -> None:
    async with system(tmp_path, "file:*") as vsm:
        before = kept(tmp_path)
        report = await vsm.test_server("repeater", probe=ECHO)
        assert report.works, report
        assert kept(tmp_path) == before
        assert not vsm.status().servers
        with pytest.raises(CapabilityMissingError):
            await vsm.execute(Operation(needs="echo", arguments={"text": "hello"}))
        with pytest.raises(PolicyError):
            await vsm.acquire_capability("echo", "repeater", probe=ECHO)
        assert kept(tmp_path) == before


@pytest.mark.anyio
async def test_it_obeys_the_policy_and_who_is_to_be_asked(tmp_path: Path) -> None:
    asked: list[PlannedServer] = []

    async def refuse(plan: PlannedServer) -> bool:
        asked.append(plan)
        return False

    async with system(tmp_path / "closed") as vsm:
        assert not (await vsm.test_server("repeater", probe=ECHO)).works
    async with system(tmp_path / "asking", "file:*") as vsm:
        report = await vsm.test_server("repeater", probe=ECHO, approve=refuse)
    assert (report.works, [plan.name for plan in asked]) == (False, ["repeater"])
