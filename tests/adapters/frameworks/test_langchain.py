"""LangChain calls the tools of a viable system."""

import pytest

from vsm_mcp import ViableSystem
from vsm_mcp.model.operation import Outcome

tools = pytest.importorskip("langchain_core.tools", reason="allowed: needs vsm_mcp[langchain]")
from vsm_mcp.adapters.langchain import langchain_tools  # noqa: E402


@pytest.mark.anyio
async def test_a_tool_call_of_a_model_becomes_a_message_with_the_outcome(toolbox: ViableSystem) -> None:
    (counts,) = langchain_tools(toolbox)
    assert set(counts.args) == {"text", "least"}
    call = {"name": counts.name, "args": {"text": "one two", "least": 3}, "id": "1", "type": "tool_call"}
    message = await counts.ainvoke(call)
    assert (message.content, message.status) == ("2", "success")
    assert isinstance(message.artifact, Outcome)


@pytest.mark.anyio
async def test_what_goes_wrong_is_told_to_the_model(toolbox: ViableSystem) -> None:
    (counts,) = langchain_tools(toolbox)
    message = await counts.ainvoke({"name": counts.name, "args": {"txt": "one"}, "id": "1", "type": "tool_call"})
    assert message.status == "error"
    assert "text" in message.content
