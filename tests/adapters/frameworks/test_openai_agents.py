"""Agents of the OpenAI Agents SDK call the tools of a viable system."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vsm_mcp import ViableSystem

sdk = pytest.importorskip("agents", reason="allowed: needs vsm_mcp[openai-agents]")
from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage  # noqa: E402
from openai.types.responses import (  # noqa: E402
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from vsm_mcp.adapters.openai_agents import openai_agents_tools  # noqa: E402


class Scripted(Model):
    """Makes one call with ``written`` as its arguments, then says what came of it."""

    def __init__(self, written: str) -> None:
        self.written = written
        self.asked = 0

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **more: Any) -> ModelResponse:  # noqa: A002, ANN401
        self.asked += 1
        if self.asked == 1:
            call = ResponseFunctionToolCall(
                arguments=self.written, call_id="1", name="words__count_words", type="function_call"
            )
            return ModelResponse(output=[call], usage=Usage(), response_id=None)
        text = ResponseOutputText(text=str(input[-1]["output"]), annotations=[], type="output_text")
        said = ResponseOutputMessage(id="2", content=[text], role="assistant", status="completed", type="message")
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        raise NotImplementedError


async def answer(toolbox: ViableSystem, written: str) -> str:
    agent = Agent(name="counter", model=Scripted(written), tools=[*openai_agents_tools(toolbox)])
    run = await Runner.run(agent, "How many words?", run_config=RunConfig(tracing_disabled=True))
    return str(run.final_output)


@pytest.mark.anyio
async def test_an_agent_calls_a_tool_and_reads_its_text(toolbox: ViableSystem) -> None:
    assert await answer(toolbox, json.dumps({"text": "one two"})) == "2"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("written", "told"), [('{"txt": "one"}', "text"), ("{", "are no JSON"), ("[]", "are no JSON object")]
)
async def test_what_goes_wrong_is_told_to_the_model(toolbox: ViableSystem, written: str, told: str) -> None:
    assert told in await answer(toolbox, written)
