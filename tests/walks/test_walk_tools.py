"""The tools of all servers, listed and called by name."""

from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.abc import Toolbox
from vsm_mcp.errors import CapabilityMissingError, ToolError
from vsm_mcp.testing.servers import memory_server


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def fail() -> int:
    """Fail."""
    raise ValueError("no")


def a_system(state: Path, *, block: tuple[str, ...] = ()) -> ViableSystem:
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count_words": count_words, "fail": fail}), summary="Counts words.")
    policy = Policy(allow=("memory:*",), block=block)
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=policy)


@pytest.mark.anyio
@pytest.mark.promise("C76", "C94", "D71")
async def test_tools_are_listed_with_their_schemas_and_called_by_name(tmp_path: Path) -> None:
    async with a_system(tmp_path) as vsm:
        box: Toolbox = vsm
        assert box.tools() == ()
        await vsm.acquire_capability("count words", "words")
        counts, fails = box.tools()
        assert (counts.name, counts.server, counts.tool) == ("words__count_words", "words", "count_words")
        assert counts.description == "Count the words of a text."
        assert counts.input_schema["required"] == ["text"]
        outcome = await box.call_tool("words__count_words", {"text": "one two"})
        assert (outcome.value, outcome.structured) == ({"result": 2}, {"result": 2})
        assert [block["text"] for block in outcome.content] == ["2"]
        with pytest.raises(ToolError):
            await box.call_tool(fails.name)
        with pytest.raises(CapabilityMissingError, match="words__count"):
            await box.call_tool("words__count")


@pytest.mark.anyio
async def test_a_tool_that_may_not_be_called_is_not_listed(tmp_path: Path) -> None:
    async with a_system(tmp_path, block=("tool:fail",)) as vsm:
        await vsm.acquire_capability("count words", "words")
        assert [tool.tool for tool in vsm.tools()] == ["count_words"]
