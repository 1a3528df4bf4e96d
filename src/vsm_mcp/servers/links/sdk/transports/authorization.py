"""Being let in by a server elsewhere (OAuth 2.1): the SDK's flow, between our bounds.

The flow of the SDK wants to send the request itself, under a lock. Here it never does: a stand-in goes through it, so
that a slow answer holds up nobody, and what it asks for is sent and bounded one by one.
"""

import math
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import anyio
import httpx2
from mcp.client.auth.utils import extract_field_from_www_auth
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER

from vsm_mcp.model.addresses import stays_between
from vsm_mcp.servers.links.sdk.transports.granting import Granting, explained
from vsm_mcp.servers.links.wire.events import FAILURES, Body
from vsm_mcp.servers.links.wire.http import NotLetInError, Send, method_of

FLOW_SECONDS = 30.0
LARGEST_ANSWER = 64 * 1024
MOST_REQUESTS = 20
MOST_TURNS = 5
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 3600.0
_TOKEN = "Authorization"  # noqa: S105 - the name of a header
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _BROKEN = 401, 403, 429, 500
_LISTING, _CALLING = "tools/list", "tools/call"
_OPENING = frozenset({"initialize", "server/discover", _LISTING})

Unhurried = Callable[[], AbstractContextManager[object]]
"""Gives what a human is waited for in: no deadline of a connection ends meanwhile."""

Told = Callable[[str], object]
"""Hears what must not be shown, before it is sent."""


@dataclass(slots=True, kw_only=True)
class Entrance:
    """How this host is let in over one connection of several.

    A human is asked when the connection is opened or a tool is called, and by nothing that happens beside: no sign of
    life, no announcement and no goodbye. A connection that was not let in at first does not try again.

    Attributes:
        authorizer: What all connections to the server share.
        told: Hears each token before it is sent.
        unhurried: Gives what a human is waited for in.
    """

    authorizer: "Authorizer"
    told: Told
    unhurried: Unhurried = nullcontext
    _inside: bool = False
    _settled: bool = False
    _refused: NotLetInError | None = None
    _last: str = field(default="", repr=False)

    def for_one(self, unhurried: Unhurried) -> "Entrance":
        """Return the same for a connection with deadlines of its own."""
        return replace(self, unhurried=unhurried)

    async def sent(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        """Send a request with a token; return the beginning of its answer.

        Raises:
            NotLetInError: No token could be had.
        """
        if self._refused is not None and not self._inside:
            raise self._refused
        method = method_of(request)
        asks = method == _CALLING or (not self._settled and method in _OPENING)
        try:
            answer = await self.authorizer.sent(request, send, asks=asks, unhurried=self.unhurried, told=self._tell)
        except NotLetInError as error:
            self._refused = error
            raise
        self._inside = self._inside or answer.is_success
        self._settled = self._settled or (answer.is_success and method in {_LISTING, _CALLING})
        return answer

    def _tell(self, token: str) -> None:
        if token != self._last:
            self._last = token
            self.told(token)


class Authorizer:
    """Gets tokens for one server and puts them on requests; all connections to that server share it.

    Args:
        granting: The SDK's flow, and what it needs of this host.
    """

    def __init__(self, granting: Granting) -> None:
        """Keep the flow; nothing is asked for yet."""
        self._granting = granting
        self._context = granting.provider.context
        self._lock = anyio.Lock()
        self._begun = False
        self._here: list[Unhurried] = []
        self._asking = False
        self._budget = anyio.CancelScope()
        self._refusals = 0
        self._failed = 0
        self._refused: NotLetInError | None = None
        self._again = -math.inf
        granting.rests_in(self._resting)

    async def sent(
        self, request: httpx2.Request, send: Send, *, asks: bool, unhurried: Unhurried, told: Told
    ) -> httpx2.Response:
        """Send a request with the token that there is; return the beginning of its answer.

        A token that is too old, or not accepted, is renewed. If there is none, or it does not go far enough, one is
        asked for.

        Args:
            request: The request.
            send: Sends it, and all that has to be asked for.
            asks: Whether one may be asked for. If not, the server's refusal is the answer.
            unhurried: Gives what a human is waited for in.
            told: Hears each token before it is sent.

        Raises:
            NotLetInError: No token could be had.
        """
        flow = _Flow(self._granting, request, send, failed=self._failed)
        steps = iter((self._renew, self._ask) if asks else (self._renew,))
        if not (self._begun and (self._context.is_token_valid() or not self._context.can_refresh_token())):
            await self._in_turn(self._begin, flow, unhurried)
        for _ in range(MOST_TURNS):
            token = self._put_on(request, told)
            answer = await send(request)
            if not _wants_more(answer):
                return answer
            flow.refused, flow.token = answer, token
            while token == self._token() and (step := next(steps, None)) is not None:
                await self._in_turn(step, flow, unhurried)
            if token == self._token():
                return answer
            await answer.aclose()
        raise NotLetInError("its tokens are not accepted")

    def _put_on(self, request: httpx2.Request, told: Told) -> str:
        request.headers.pop(_TOKEN, None)
        token = self._token()
        if token:
            told(token)
            request.headers[_TOKEN] = f"Bearer {token}"
        return token

    def _token(self) -> str:
        tokens = self._context.current_tokens
        return "" if tokens is None else tokens.access_token

    async def _in_turn(self, step: "_Step", flow: "_Flow", unhurried: Unhurried) -> None:
        """Take a step alone, unless another connection got a token meanwhile, or was refused one."""
        self._here.append(unhurried)
        try:
            with unhurried() if self._asking else nullcontext():
                await self._lock.acquire()
            try:
                if self._refused is not None and self._failed != flow.failed:
                    raise self._refused
                if not self._begun or step == self._begin or flow.token == self._token():
                    await step(flow)
            finally:
                self._lock.release()
        finally:
            self._here.remove(unhurried)

    async def _begin(self, flow: "_Flow") -> None:
        """Read what is kept, and renew it if it is too old."""
        self._begun = True
        await self._within(flow.renewed())

    async def _renew(self, flow: "_Flow") -> None:
        """Renew a token that is not accepted, whatever it says of how long it is good."""
        if self._context.can_refresh_token() and flow.unauthorized:
            self._context.token_expiry_time = 1.0
            await self._within(flow.renewed())

    async def _ask(self, flow: "_Flow") -> None:
        """Ask for a token; what was known before stays as it was if none is granted."""
        wait = self._again - anyio.current_time()
        if self._refused is not None and wait > 0:
            raise NotLetInError(f"{self._refused}; it is not asked for again within the next {wait:.0f} seconds")
        before = self._granting.remembered()
        try:
            await self._within(flow.granted())
        except BaseException as error:
            self._granting.remember(before)
            if isinstance(error, NotLetInError):
                self._refuse(error)
            raise
        self._refusals, self._refused = 0, None

    def _refuse(self, error: NotLetInError) -> None:
        """Remember that none was granted: after the second time in a row nobody is asked for a while."""
        self._refusals += 1
        self._failed += 1
        self._refused = error
        pause = 0.0 if self._refusals == 1 else min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._refusals - 2))
        self._again = anyio.current_time() + pause

    async def _within(self, flow: Awaitable[None]) -> None:
        """Do the flow within its time; that of a human is not counted."""
        with anyio.CancelScope(deadline=anyio.current_time() + FLOW_SECONDS) as self._budget:
            await flow
        if self._budget.cancelled_caught:
            raise NotLetInError(f"its authorization server did not answer in {FLOW_SECONDS:g} seconds")

    @contextmanager
    def _resting(self) -> Generator[None]:
        """Give what a human is asked in: whoever waits for the answer is in no hurry."""
        began, self._asking = anyio.current_time(), True
        left, self._budget.deadline = self._budget.deadline - began, math.inf
        with ExitStack() as rests:
            for unhurried in tuple(self._here):
                rests.enter_context(unhurried())
            try:
                yield
            finally:
                self._asking = False
                self._budget.deadline = anyio.current_time() + left


@dataclass(slots=True)
class _Flow:
    """The SDK's flow on behalf of one request, which it never sends.

    Attributes:
        refused: The answer that is not enough.
        token: The token that was not enough.
        failed: How often nothing was granted before the request began.
    """

    granting: Granting
    request: httpx2.Request
    send: Send
    refused: httpx2.Response | None = None
    token: str = ""
    failed: int = 0

    @property
    def unauthorized(self) -> bool:
        """Whether the token is not accepted; otherwise it does not go far enough."""
        return self.refused is not None and self.refused.status_code == _UNAUTHORIZED

    async def renewed(self) -> None:
        """Read what is kept, and renew a token that is too old; nobody is asked.

        Raises:
            NotLetInError: It cannot be renewed now.
        """
        await self._done(None)
        await self.granting.forget_refused()

    async def granted(self) -> None:
        """Have a token granted.

        Raises:
            NotLetInError: None was.
        """
        await self._done(self.refused)

    async def _done(self, refused: httpx2.Response | None) -> None:
        try:
            with self.granting.quiet():
                await self._stepped(refused)
        except NotLetInError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK at work on what others say, and the host's own code
            raise NotLetInError(explained(error, self.granting.last)) from None  # its cause may hold a secret

    async def _stepped(self, refused: httpx2.Response | None) -> None:
        version = self.request.headers.get(MCP_PROTOCOL_VERSION_HEADER)
        headers = {} if version is None else {MCP_PROTOCOL_VERSION_HEADER: version}
        stand_in = httpx2.Request("POST", self.request.url, headers=headers)
        async with aclosing(self.granting.provider.async_auth_flow(stand_in)) as flow:
            wanted = await anext(flow)
            for _ in range(MOST_REQUESTS):
                if wanted is not stand_in:
                    answer = await self._asked(wanted)
                elif refused is not None:
                    answer = httpx2.Response(refused.status_code, headers=refused.headers, request=stand_in)
                    refused = None
                else:
                    answer = httpx2.Response(200, request=stand_in)
                try:
                    wanted = await flow.asend(answer)
                except StopAsyncIteration:
                    return
        raise NotLetInError(f"{MOST_REQUESTS} requests did not lead to an authorization")

    async def _asked(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request of the flow, to wherever others said; return its whole answer.

        Raises:
            NotLetInError: It must not go there, it does not get there, or its answer is none.
        """
        host = request.url.host
        if not stays_between(str(request.url)):
            raise NotLetInError(f"it leads to {host}, which is not encrypted")
        self.granting.check(request)
        request.headers["accept-encoding"] = "identity"
        try:
            answer = await self.send(request)
            said = await Body.of(answer).read(LARGEST_ANSWER)
        except FAILURES as error:
            raise NotLetInError(f"{host} cannot be asked: {error or type(error).__name__}") from error
        if said is None:
            raise NotLetInError(f"{host} answered with more than {LARGEST_ANSWER} bytes")
        if answer.status_code >= _BROKEN or answer.status_code == _TOO_MANY:
            raise NotLetInError(f"{host} answered with status {answer.status_code}")
        self.granting.heard(host, answer.status_code, said)
        return _whole(answer, said, request)


_Step = Callable[[_Flow], Awaitable[None]]


def _whole(answer: httpx2.Response, said: bytes, request: httpx2.Request) -> httpx2.Response:
    """Return an answer that was read, and where it leads if it leads elsewhere."""
    kept = [(name, value) for name, value in answer.headers.items() if name != "content-encoding"]
    whole = httpx2.Response(answer.status_code, headers=kept, content=said, request=request)
    location = whole.headers.get("location")
    if whole.is_redirect and location and request.method == "GET":
        whole.next_request = httpx2.Request("GET", request.url.join(location), headers=request.headers)
    return whole


def _wants_more(answer: httpx2.Response) -> bool:
    """Tell whether a token is not accepted, or does not go far enough."""
    if answer.status_code == _UNAUTHORIZED:
        return True
    return answer.status_code == _FORBIDDEN and extract_field_from_www_auth(answer, "error") == "insufficient_scope"
