"""Pydantic AI's agents call the tools of a viable system."""

import pytest

from vsm_mcp import ViableSystem

ai = pytest.importorskip("pydantic_ai", reason="allowed: needs vsm_mcp[pydantic-ai]")
from pydantic_ai import Agent  # noqa: E402
from pydantic_ai.messages import (  # noqa: E402
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel  # noqa: E402

from vsm_mcp.adapters.pydantic_ai import pydantic_ai_tools  # noqa: E402


def calling(*calls: dict[str, object]) -> FunctionModel:
    """Return a model that makes these calls one after the other, then says what the last one returned."""
    left = list(calls)

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if left:
            return ModelResponse(parts=[ToolCallPart(info.function_tools[0].name, left.pop(0))])
        parts = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        return ModelResponse(parts=[TextPart(str(parts[0].content))])

    return FunctionModel(answer)


@pytest.mark.anyio
async def test_an_agent_calls_a_tool_and_gets_its_structured_value(toolbox: ViableSystem) -> None:
    agent = Agent[object, str](calling({"text": "one two"}), tools=[*pydantic_ai_tools(toolbox)])
    assert (await agent.run("How many words?")).output == "{'result': 2}"


@pytest.mark.anyio
async def test_a_wrong_call_is_given_back_for_another_try(toolbox: ViableSystem) -> None:
    agent = Agent[object, str](calling({"txt": "one"}, {"text": "one"}), tools=[*pydantic_ai_tools(toolbox)])
    run = await agent.run("How many words?")
    returns = [part for message in run.all_messages() for part in message.parts if isinstance(part, ToolReturnPart)]
    assert [part.outcome for part in returns] == ["retried", "success"]
    assert "text" in str(returns[0].content)
    assert run.output == "{'result': 1}"
