"""The policy is in force at every door: on the way in, when a store is opened again, and at every call."""

from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, PermissionDeniedError
from vsm_mcp.events import CallRefused, Event, ignore
from vsm_mcp.model.call import ToolCall
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.testing.servers import memory_server

COUNT = Operation(needs="count words", arguments={"text": "what a system does"})
ERASE = Operation(needs="count words", tool="erase_words", arguments={"text": "all"})


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def erase_words(text: str) -> str:
    """Erase the words of a text."""
    return f"erased {text}"


def shelf() -> Shelf:
    offered = Shelf()
    tools = {"count_words": count_words, "erase_words": erase_words}
    offered.offer("text", lambda: memory_server(tools), summary="Counts the words of a text.")
    return offered


def system(state: Path, policy: Policy | None, heard: list[Event] | None = None) -> ViableSystem:
    offered = shelf()
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    return ViableSystem(
        settings,
        shelf=offered,
        sources=(offered,),
        policy=policy,
        emit=ignore if heard is None else heard.append,
    )


@pytest.mark.anyio
@pytest.mark.promise("A7", "A59", "C139")
async def test_a_tool_that_the_policy_blocks_is_neither_offered_nor_called(tmp_path: Path) -> None:
    heard: list[Event] = []
    policy = Policy(allow=("memory:text",), block=("tool:erase_*",))
    async with system(tmp_path, policy, heard) as vsm:
        outcome = await vsm.execute(COUNT)
        assert outcome.tool == "count_words"
        with pytest.raises(CapabilityMissingError):
            vsm.parts.router.route(ERASE)
        call = ToolCall(server=outcome.server or "", tool="erase_words", arguments={"text": "all"})
        with pytest.raises(PermissionDeniedError, match="tool:erase_"):
            await vsm.parts.guarded.call(call)
    assert [event.tool for event in heard if isinstance(event, CallRefused)] == ["erase_words"]


@pytest.mark.anyio
async def test_what_is_let_in_is_said_once(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, allow=("memory:*",))
    with pytest.raises(ConfigurationError, match="said twice: by the policy, and by the settings allow"):
        ViableSystem(settings, policy=Policy())
