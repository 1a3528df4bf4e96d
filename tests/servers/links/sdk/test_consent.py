"""What a server asks of the host is denied unless the host allows it, and the host's answer is checked."""

from functools import partial
from typing import cast

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitResult, ErrorData, ListRootsResult

from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.link import Consent
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.servers.links.sdk.consent import callbacks
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON
from vsm_mcp.world.processes import Command, LocalProcesses

pytestmark = pytest.mark.anyio

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})
CONTEXT = cast("ClientRequestContext", None)
PARAMS = ElicitRequestFormParams(message="Name?", requested_schema={"type": "object", "properties": {}})


async def test_a_question_reaches_the_host_that_allows_questions() -> None:
    asked: list[tuple[str, JsonObject]] = []
    heard = anyio.Event()

    async def elicit(server: str, params: JsonObject) -> JsonObject | None:
        asked.append((server, params))
        heard.set()
        await anyio.lowlevel.checkpoint()
        return {"action": "decline"}

    start = partial(LocalProcesses().open, Command(argv=(SYSTEM_PYTHON, str(HOSTILE), "elicits")))
    connector = SdkConnector(eras={}, consent=Consent(elicit=elicit))
    with anyio.fail_after(20):
        async with connector.stdio(start, name="s", digest="d") as link:
            assert (await link.call(HELLO)).text == "hello"
            await heard.wait()
    assert asked[0][0] == "s"
    assert asked[0][1]["message"] == "Your password?"


def test_what_the_host_does_not_allow_is_not_offered() -> None:
    assert callbacks(Consent(), "s") == {}


@pytest.mark.parametrize(
    ("answer", "said"),
    [(None, "refused"), ({"action": "shout"}, "something else"), (RuntimeError("why"), "could not answer")],
)
async def test_an_answer_that_is_none_refuses_and_says_nothing_of_the_host(
    answer: JsonObject | Exception | None, said: str
) -> None:
    async def ask(_server: str, _params: JsonObject) -> JsonObject | None:
        await anyio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        return answer

    given = callbacks(Consent(elicit=ask, sample=ask, roots=ask), "s")
    assert given.keys() == {"elicitation_callback", "sampling_callback", "list_roots_callback"}
    elicited, rooted = given.get("elicitation_callback"), given.get("list_roots_callback")
    assert elicited is not None
    assert rooted is not None
    for result in (await elicited(CONTEXT, PARAMS), await rooted(CONTEXT)):
        assert isinstance(result, ErrorData)
        assert said in result.message
        assert "why" not in result.message


async def test_an_answer_of_the_right_form_is_passed_on() -> None:
    async def name(_server: str, _params: JsonObject) -> JsonObject | None:
        await anyio.lowlevel.checkpoint()
        return {"action": "accept", "content": {"name": "Ada"}}

    async def roots(_server: str, _params: JsonObject) -> JsonObject | None:
        await anyio.lowlevel.checkpoint()
        return {"roots": [{"uri": "file:///work"}]}

    given = callbacks(Consent(elicit=name, roots=roots), "s")
    elicited, rooted = given.get("elicitation_callback"), given.get("list_roots_callback")
    assert elicited is not None
    assert rooted is not None
    result = await elicited(CONTEXT, PARAMS)
    assert isinstance(result, ElicitResult)
    assert result.content == {"name": "Ada"}
    assert isinstance(await rooted(CONTEXT), ListRootsResult)
