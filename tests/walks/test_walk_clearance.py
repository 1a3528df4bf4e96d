"""Before an automation spends anything it learns whether what it needs is there; a reviewer learns what is held."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.clearance import Go
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.events import Event, ServerStarted
from vsm_mcp.settings import Confinement
from vsm_mcp.testing.servers import memory_server

COUNT = Operation(needs="count words", arguments={"text": "what a system does"})


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def erase_words(text: str) -> str:
    """Erase the words of a text."""
    return f"erased {text}"


def system(state: Path, *, block: Sequence[str] = (), heard: list[Event] | None = None) -> ViableSystem:
    offered = Shelf()
    tools = {"count_words": count_words, "erase_words": erase_words}
    offered.offer("text", lambda: memory_server(tools), summary="Counts the words of a text.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    policy = Policy(allow=("memory:*",), block=tuple(block))
    kept = [] if heard is None else heard
    return ViableSystem(settings, shelf=offered, sources=(offered,), policy=policy, emit=kept.append)


@pytest.mark.anyio
async def test_needs_are_cleared_by_name_and_by_phrase_without_a_start(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with system(tmp_path, heard=heard) as vsm:
        report = await vsm.acquire_capability("count words")
        starts = sum(isinstance(event, ServerStarted) for event in heard)
        clearance = await vsm.preflight(["text.count_words", f"{report.server}.count_words", "count words"])
        assert clearance.go is Go.GO
        assert clearance.exit_code == 0
        assert {cleared.tool for cleared in clearance.needs} == {"count_words"}
        assert sum(isinstance(event, ServerStarted) for event in heard) == starts


@pytest.mark.anyio
async def test_the_worst_need_decides(tmp_path: Path) -> None:
    async with system(tmp_path, block=("tool:erase_*",)) as vsm:
        await vsm.acquire_capability("count words")
        clearance = await vsm.preflight(["text.count_words", "text.erase_words"])
        assert [cleared.go for cleared in clearance.needs] == [Go.GO, Go.OPERATOR]
        assert clearance.exit_code == 11
        assert "the policy forbids it" in str(clearance)
        unknown = await vsm.preflight(["text.count_words", "paint a picture", "text.fly"])
        assert [cleared.go for cleared in unknown.needs] == [Go.GO, Go.UNKNOWN, Go.UNKNOWN]
        assert unknown.exit_code == 12
        assert (await vsm.preflight([])).exit_code == 12


@pytest.mark.anyio
async def test_too_many_needs_are_an_error(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        with pytest.raises(ConfigurationError, match="1001 needs"):
            await vsm.preflight(["x"] * 1001)


@pytest.mark.anyio
@pytest.mark.promise("B71", "B75", "A75", "A76", "A77")
async def test_a_reviewer_sees_what_is_held_and_what_nothing_holds(tmp_path: Path) -> None:
    async with system(tmp_path, block=("tool:erase_*",)) as vsm:
        report = await vsm.acquire_capability("count words")
        security = await vsm.security_report()
    assert not security.sandbox_enabled
    assert not security.network_isolated
    assert security.allow_list_enforced
    (server,) = security.servers
    assert server.server == report.server
    assert server.intact
    assert not server.refused
    worst = security.weaknesses[0]
    assert (worst.subject, worst.severity) == ("sandbox", "critical")
    assert security.exit_code == 1
    assert "NOT CONFINED" in str(security)
    assert any("lets nearly everybody in" not in weakness.message for weakness in security.weaknesses)


@pytest.mark.anyio
async def test_a_policy_that_lets_everybody_in_is_a_weakness(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, allow=("*",), sandbox=Confinement.NONE)
    async with ViableSystem(settings, sources=()) as vsm:
        security = await vsm.security_report()
    assert any("lets nearly everybody in" in weakness.message for weakness in security.weaknesses)
