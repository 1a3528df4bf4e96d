"""An authorization server that is slow: all that it is asked has one time together, and whoever waits ends with it."""

import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import anyio
import httpcore2
import httpx2
import pytest
from tests.servers.links.door import METADATA, RESOURCE, Human
from tests.servers.links.ways import dial

from vsm_mcp.model.authorization import AuthorizationCode
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.link import Authorize, Remote
from vsm_mcp.servers.links.sdk.transports.authorization import FLOW_SECONDS, Authorizer
from vsm_mcp.servers.links.sdk.transports.granting import Granting
from vsm_mcp.servers.links.wire.events import Body
from vsm_mcp.servers.links.wire.http import NotLetInError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

BASE = "https://far.example"
STEPS = [RESOURCE, METADATA, "/register", "/grants/token"]
"""What is asked for until a token is granted, in this order."""


@dataclass
class Slow:
    """A server that lets in who has a token, and an authorization server that takes its time for each answer.

    Attributes:
        seconds: How long each takes.
        asked: What it was asked for.
    """

    seconds: float
    asked: list[str] = field(default_factory=list[str])

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Answer at once for the server, and late for the authorization server."""
        path = request.url.path
        if path == "/mcp" and "authorization" in request.headers:
            return answer(request, 200, "hello")
        if path == "/mcp":
            how = f'Bearer resource_metadata="{BASE}{RESOURCE}"'
            return answer(request, 401, "", www_authenticate=how)
        self.asked.append(path)
        await anyio.sleep(self.seconds)
        return answer(request, 201 if path == "/register" else 200, self.said(request))

    def said(self, request: httpx2.Request) -> object:
        match request.url.path:
            case "/register":
                return {**json.loads(request.content), "client_id": "guest", "token_endpoint_auth_method": "none"}
            case "/grants/token":
                return {"access_token": "token-under-test", "token_type": "Bearer", "expires_in": 3600}
            case path if path == RESOURCE:
                return {"resource": f"{BASE}/mcp", "authorization_servers": [BASE]}
            case _:
                return {
                    "issuer": BASE,
                    "authorization_endpoint": f"{BASE}/authorize",
                    "token_endpoint": f"{BASE}/grants/token",
                    "registration_endpoint": f"{BASE}/register",
                    "code_challenge_methods_supported": ["S256"],
                }


def answer(request: httpx2.Request, status: int, said: object, **headers: str) -> httpx2.Response:
    body = Body(httpcore2.Response(status, content=json.dumps(said).encode()))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers=named, stream=body, request=request)


def thinking(seconds: float) -> Authorize:
    """Return a human who takes a while."""

    async def asked(server: str, address: str) -> str | None:
        await anyio.sleep(seconds)
        return await Human()(server, address)

    return asked


def asking(slow: Slow, human: Authorize) -> Callable[[], Awaitable[int]]:
    """Return what calls the server, as a connection does, and says with which status it answered."""
    terms = AuthorizationCode()
    launch = HttpLaunch(url=f"{BASE}/mcp", authorization=terms)
    authorizer = Authorizer(Granting("s", launch, terms, remote=Remote(dial=dial), ask=human))

    async def ask() -> int:
        request = httpx2.Request("POST", launch.url, json={"method": "initialize"})
        sent = await authorizer.sent(request, slow.send, asks=True, unhurried=nullcontext, told=list[str]().append)
        return sent.status_code

    return ask


async def test_steps_that_are_each_slow_and_together_in_time_lead_to_a_token() -> None:
    slow = Slow(seconds=FLOW_SECONDS / len(STEPS) - 0.1)
    assert await asking(slow, thinking(0.0))() == 200
    assert slow.asked == STEPS


async def test_steps_that_are_each_in_time_and_together_too_slow_end_when_all_have_taken_too_long() -> None:
    slow, began = Slow(seconds=FLOW_SECONDS / len(STEPS) + 0.1), anyio.current_time()
    with pytest.raises(NotLetInError, match="its authorization server did not answer in 30 seconds"):
        await asking(slow, thinking(0.0))()
    assert anyio.current_time() - began == pytest.approx(FLOW_SECONDS)
    assert slow.asked == STEPS


async def test_the_time_of_a_human_is_not_counted_and_gives_an_authorization_server_no_more() -> None:
    soon, late, thought = FLOW_SECONDS / len(STEPS) - 0.1, FLOW_SECONDS / len(STEPS) + 0.1, 10 * FLOW_SECONDS
    assert await asking(Slow(seconds=soon), thinking(thought))() == 200
    began = anyio.current_time()
    with pytest.raises(NotLetInError, match="did not answer in 30 seconds"):
        await asking(Slow(seconds=late), thinking(thought))()
    assert anyio.current_time() - began == pytest.approx(FLOW_SECONDS + thought)


async def test_connections_that_wait_for_the_same_token_end_with_it_and_ask_no_more() -> None:
    slow, began = Slow(seconds=FLOW_SECONDS - 1.0), anyio.current_time()
    ask = asking(slow, thinking(0.0))

    async def refused() -> None:
        with pytest.raises(NotLetInError, match="did not answer in 30 seconds"):
            await ask()

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(refused)
    assert anyio.current_time() - began == pytest.approx(FLOW_SECONDS)
    assert slow.asked == STEPS[:2]
