"""What a server asks in the place of its answer goes to the host that allows it, of whatever kind the question is."""

from contextlib import nullcontext

import anyio
import pytest
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
)

from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.link import Consent
from vsm_mcp.servers.links.sdk.consent import MOST_QUESTIONS, Answer, answered

pytestmark = pytest.mark.anyio

DONE = CallToolResult(content=[])
SAMPLE = CreateMessageRequest(params=CreateMessageRequestParams(messages=[], max_tokens=1))
ROOTS = ListRootsRequest()


async def asked(questions: dict[str, InputRequest], consent: Consent) -> tuple[Answer, list[CallToolRequestParams]]:
    sent: list[CallToolRequestParams] = []

    async def send(params: CallToolRequestParams) -> Answer:
        await anyio.lowlevel.checkpoint()
        sent.append(params)
        return DONE if len(sent) > 1 else InputRequiredResult(input_requests=questions, request_state="s")

    params = CallToolRequestParams(name="ask")
    return await answered(send, params, consent=consent, server="s", unhurried=nullcontext), sent


async def sample(_server: str, _params: JsonObject) -> JsonObject | None:
    await anyio.lowlevel.checkpoint()
    return {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"}


async def roots(_server: str, _params: JsonObject) -> JsonObject | None:
    await anyio.lowlevel.checkpoint()
    return {"roots": [{"uri": "file:///work"}]}


async def test_questions_to_a_model_and_for_directories_are_answered_together() -> None:
    answer, sent = await asked({"a": SAMPLE, "b": ROOTS}, Consent(sample=sample, roots=roots))
    assert answer is DONE
    assert sent[1].request_state == "s"
    assert (sent[1].input_responses or {}).keys() == {"a", "b"}


@pytest.mark.parametrize("questions", [{}, {str(number): ROOTS for number in range(MOST_QUESTIONS + 1)}])
async def test_no_question_and_too_many_are_not_answered(questions: dict[str, InputRequest]) -> None:
    answer, sent = await asked(questions, Consent(roots=roots))
    assert isinstance(answer, InputRequiredResult)
    assert len(sent) == 1


async def test_one_question_that_is_not_allowed_refuses_all() -> None:
    answer, sent = await asked({"a": ROOTS, "b": SAMPLE}, Consent(roots=roots))
    assert isinstance(answer, InputRequiredResult)
    assert len(sent) == 1
