"""A host that answers what servers ask does so with either engine; one that does not is not asked by either."""

import sys
from functools import partial
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import ToolError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Connector, Consent
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.testing.peer import STATELESS
from vsm_mcp.world.processes import Command, LocalProcesses

pytestmark = pytest.mark.anyio

PEER = Path(__file__).with_name("peer.py")
ASK = ToolCall(server="s", tool="ask", arguments={})
ENGINES = pytest.mark.parametrize("engine", [LeanConnector, LazyConnector])


async def called(connector: Connector) -> str:
    start = partial(LocalProcesses().open, Command(argv=(sys.executable, str(PEER), STATELESS)))
    with anyio.fail_after(20):
        async with connector.stdio(start, name="s", digest="d") as link:
            return (await link.call(ASK)).text


async def elicit(_server: str, _asked: JsonObject) -> JsonObject | None:
    await anyio.lowlevel.checkpoint()
    return {"action": "accept", "content": {"name": "Ann"}}


@ENGINES
async def test_a_question_is_answered_whichever_engine_speaks(engine: type[LeanConnector | LazyConnector]) -> None:
    assert await called(engine(eras={}, consent=Consent(elicit=elicit))) == "s1: Ann"


@ENGINES
async def test_without_consent_a_question_is_an_error(engine: type[LeanConnector | LazyConnector]) -> None:
    with pytest.raises(ToolError, match="asks its user for more input"):
        await called(engine(eras={}))
