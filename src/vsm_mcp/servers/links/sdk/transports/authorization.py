"""Being let in by a server elsewhere (OAuth 2.1): the SDK's flow, between our bounds.

The SDK holds a lock from before a request until its answer begins, and a tool may take minutes for that. So a request
goes through its flow only when there is no token yet, or it is too old, or not accepted; all others just take it along.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, replace

import anyio
import httpcore2
import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.utils import extract_field_from_www_auth

from vsm_mcp.errors import VSMError, printable
from vsm_mcp.model.addresses import is_here
from vsm_mcp.servers.links.wire.events import FAILURES, Body
from vsm_mcp.servers.links.wire.http import NotLetInError, Send

ANSWER_SECONDS = 30.0
LARGEST_ANSWER = 64 * 1024
MOST_REQUESTS = 20
_LONGEST_REASON = 500
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_TOKEN = "Authorization"  # noqa: S105 - the name of a header

Unhurried = Callable[[], AbstractContextManager[object]]
"""Gives what somebody else is waited for in: no deadline of the server's ends meanwhile."""

Told = Callable[[str], object]
"""Hears what must not be shown, before it is sent."""


class Authorizer:
    """Gets tokens for one server and puts them on requests; all connections to that server share it.

    Args:
        provider: The SDK's flow.
    """

    def __init__(self, provider: OAuthClientProvider) -> None:
        """Keep the flow; nothing is asked for yet."""
        self._provider = provider
        self._begun = False

    async def sent(self, request: httpx2.Request, send: Send, *, unhurried: Unhurried, told: Told) -> httpx2.Response:
        """Send a request with a token, which is got first when there is none; return the beginning of its answer.

        Raises:
            NotLetInError: No token could be had.
        """

        async def tell_and_send(request: httpx2.Request) -> httpx2.Response:
            told(request.headers.get(_TOKEN, "").removeprefix("Bearer "))
            return await send(request)

        context = self._provider.context
        if not (self._begun and context.is_token_valid() and context.current_tokens):
            return await self._authorized(request, _Sending(send, tell_and_send, unhurried))
        request.headers[_TOKEN] = f"Bearer {context.current_tokens.access_token}"
        answer = await tell_and_send(request)
        if not _wants_more(answer):
            return answer
        await Body.of(answer).aclose()
        return await self._authorized(request, _Sending(send, tell_and_send, unhurried), refused=answer)

    async def _authorized(
        self, request: httpx2.Request, sending: "_Sending", *, refused: httpx2.Response | None = None
    ) -> httpx2.Response:
        try:
            return await self._flowed(request, sending, refused)
        except (*FAILURES, NotLetInError):
            raise
        except VSMError as error:
            raise NotLetInError(error.message.removesuffix(".")) from error
        except Exception as error:  # the SDK at work on what others say, and the host's own code, may raise anything
            raise NotLetInError(printable(str(error) or type(error).__name__)[:_LONGEST_REASON]) from error

    async def _flowed(
        self, request: httpx2.Request, sending: "_Sending", refused: httpx2.Response | None
    ) -> httpx2.Response:
        """Do what the flow wants, up to the answer to ``request``; one that was ``refused`` is not sent as it was."""
        token = request.headers.get(_TOKEN)
        async with aclosing(self._provider.async_auth_flow(request)) as flow:
            with sending.unhurried():  # another one may be under way
                wanted = await anext(flow)
            self._begun = True
            for _ in range(MOST_REQUESTS):
                if wanted is not request:
                    answer = await sending.asked(wanted)
                elif refused is not None and request.headers.get(_TOKEN) == token:
                    answer = refused
                else:
                    answer = await sending.taken(request)
                refused = None
                try:
                    with sending.unhurried():
                        wanted = await flow.asend(answer)
                except StopAsyncIteration:
                    return answer
                if answer.request is request:
                    await answer.aclose()
        raise NotLetInError(f"{MOST_REQUESTS} requests did not lead to an authorization")


@dataclass(slots=True, kw_only=True)
class Entrance:
    """How this host is let in over one connection of several.

    A connection that was not let in at first does not try again: nobody is asked twice for one greeting.

    Attributes:
        authorizer: What all of them share.
        told: Hears each token before it is sent.
        unhurried: Gives what somebody else than the server is waited for in.
    """

    authorizer: Authorizer
    told: Told
    unhurried: Unhurried = nullcontext
    _inside: bool = False
    _refused: NotLetInError | None = None

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
        try:
            answer = await self.authorizer.sent(request, send, unhurried=self.unhurried, told=self.told)
        except NotLetInError as error:
            self._refused = error
            raise
        self._inside = True
        return answer


@dataclass(frozen=True, slots=True)
class _Sending:
    """How requests go out: those of the flow, and the one that they are for."""

    send: Send
    taken: Send
    unhurried: Unhurried

    async def asked(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request of the flow, to wherever others said; return its whole answer.

        Raises:
            NotLetInError: It would go unencrypted, or its answer is too large.
        """
        if request.url.scheme != "https" and not is_here(request.url.host):
            raise NotLetInError(f"it leads to {request.url.host}, which is not encrypted")
        request.headers["accept-encoding"] = "identity"
        try:
            with self.unhurried(), anyio.fail_after(ANSWER_SECONDS):
                answer = await self.send(request)
                said = await Body.of(answer).read(LARGEST_ANSWER)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout(f"{request.url.host} did not answer in {ANSWER_SECONDS:g} seconds") from error
        except FAILURES as error:
            raise httpcore2.ConnectError(
                f"{request.url.host} cannot be asked: {error or type(error).__name__}"
            ) from error
        if said is None:
            raise NotLetInError(f"{request.url.host} answered with more than {LARGEST_ANSWER} bytes")
        kept = [(name, value) for name, value in answer.headers.items() if name != "content-encoding"]
        return httpx2.Response(answer.status_code, headers=kept, content=said, request=request)


def _wants_more(answer: httpx2.Response) -> bool:
    """Tell whether a token is not accepted, or does not go far enough."""
    if answer.status_code == _UNAUTHORIZED:
        return True
    scope = extract_field_from_www_auth(answer, "error") == "insufficient_scope"
    return scope and answer.status_code == _FORBIDDEN
