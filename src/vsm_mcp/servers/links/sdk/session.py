"""A live connection through the SDK's session: our calls in, our values and our errors out."""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import anyio
from mcp import MCPError
from mcp.client import ClientSession
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolRequest,
    CallToolRequestParams,
    InputRequiredResult,
    PaginatedRequestParams,
    Prompt,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from vsm_mcp.errors import CallTimeoutError, LinkError, NeedsConfigurationError, ToolError, VSMError
from vsm_mcp.model.call import PromptSpec, ToolCall, ToolResult, ToolSpec
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.arguments import sendable, size_of
from vsm_mcp.servers.links.link import Consent, Ending, ServerInfo
from vsm_mcp.servers.links.listing import Listing, wire_form
from vsm_mcp.servers.links.patience import CAP_SECONDS, Patience, PutOff, no_answer, nothing_put_off
from vsm_mcp.servers.links.quoting import Discretion
from vsm_mcp.servers.links.results import ANSWERS, Answer, result_of
from vsm_mcp.servers.links.sdk.answers import Direct, Run, never
from vsm_mcp.servers.links.sdk.consent import Send, answered
from vsm_mcp.servers.links.sdk.transports.traffic import NOT_LET_IN, TOO_LARGE, UNREACHED, UNREADABLE, Carrier
from vsm_mcp.servers.links.troubles import (
    LONGEST_SAID,
    against_protocol,
    broken,
    not_let_in,
    refused,
    too_large,
    unreached,
    unreadable,
    wants_input,
)
from vsm_mcp.servers.links.wire.wire import Bounds

T = TypeVar("T")


class SdkLink:
    """Speaks with one server.

    Args:
        session: The SDK's session, past its greeting.
        name: The server's name, for messages.
        listing: What hears of its lists of tools.
        seconds: How long a call may take without progress that names no time of its own, and everything else.
        cap: How long a call may take altogether that names no timeout.
        transport: What carries the messages; ``None`` for a server of this process.
        discretion: What is blotted out of what the server says.
        bounds: How large messages may be.
        direct: Calls tools of this process without a message, where that makes no difference.
        consent: What the server may ask of the host.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        name: str,
        listing: Listing,
        seconds: float,
        transport: Carrier | None,
        cap: float = CAP_SECONDS,
        discretion: Discretion | None = None,
        bounds: Bounds | None = None,
        direct: Direct = never,
        consent: Consent | None = None,
    ) -> None:
        """Join session and transport."""
        self._session = session
        self._name = name
        self._listing = listing
        self._seconds = seconds
        self._cap = max(cap, seconds)
        self._transport = transport
        self._bounds = bounds or Bounds()
        self._direct = direct
        self._consent = consent or Consent()
        self._discretion = discretion or Discretion()
        self._closed = False
        self._asking: dict[anyio.CancelScope, PutOff] = {} if transport is None else transport.traffic.asking
        self._calls = 0
        self._one_listing = anyio.Lock()
        listing.speak(lambda: session.protocol_version)

    @property
    def protocol_version(self) -> str:
        """The version of the protocol both sides agreed on."""
        return self._session.protocol_version or "unknown"

    @property
    def server_info(self) -> ServerInfo | None:
        """Who the server says it is."""
        info = self._session.server_info
        return None if info is None else ServerInfo(name=info.name, version=info.version)

    @property
    def instructions(self) -> str | None:
        """What the server tells its users; untrusted."""
        said = self._session.instructions
        return None if said is None else self._discretion.lists.blot(said)

    @property
    def dropped(self) -> Mapping[str, str]:
        """Tools that the last listing left out, each with the reason."""
        return dict(self._listing.dropped)

    @property
    def changes(self) -> int:
        """How often the server said that its lists changed."""
        return self._listing.changes

    @property
    def alive(self) -> bool:
        """False as soon as the connection is known to be broken or closed."""
        return not self._closed and (self._transport is None or self._transport.traffic.broken is None)

    def quoted(self, text: str) -> str:
        """Return what the server said as it may be shown and kept: short, on one line, and without its secrets."""
        return self._discretion.quotes.quoted(text, most=LONGEST_SAID)

    def close(self) -> None:
        """Declare the connection closed on purpose, and break off what still waits for an answer."""
        self._closed = True
        for scope in self._asking:
            scope.cancel()

    async def ended(self) -> Ending:
        """Wait until the connection breaks by itself and say why."""
        if self._transport is not None:
            await self._transport.traffic.down()
            return await self._transport.ending()
        await anyio.sleep_forever()
        return Ending(reason="it was closed")

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Call a tool, within its deadlines from the first byte written to the last byte read."""
        what = f"the call of {call.tool}"
        if (run := self._direct(call.tool)) is not None:
            return await self._at_once(call, run, what)
        arguments = sendable(call.arguments, what, most=self._bounds.request)
        patience = Patience(call, now=anyio.current_time(), idle=self._seconds, cap=self._cap)
        params = CallToolRequestParams(name=call.tool, arguments=arguments)
        with self._following(patience, params) as (scope, send):
            thinking = partial(patience.paused, scope)
            answer = await self._ask(
                lambda: answered(send, params, consent=self._consent, server=self._name, unhurried=thinking),
                what=what,
                scope=scope,
                late=partial(patience.expired, self._name),
                put_off=patience.put_off,
            )
        return self._answered(call, answer, what)

    async def _at_once(self, call: ToolCall, run: Run, what: str) -> ToolResult:
        """Call a tool of this process directly."""
        if self._closed:
            raise await self._break(what)
        arguments = sendable(call.arguments, what, most=self._bounds.request)
        patience = Patience(call, now=anyio.current_time(), idle=self._seconds, cap=self._cap)
        answer = await self._ask(
            partial(run, arguments),
            what=what,
            scope=anyio.CancelScope(deadline=patience.deadline),
            late=partial(patience.expired, self._name),
        )
        return self._answered(call, answer, what)

    def _answered(self, call: ToolCall, answer: Answer, what: str) -> ToolResult:
        if isinstance(answer, InputRequiredResult):
            raise wants_input(self._name, call.tool)
        return self._bounded(result_of(answer), what)

    @contextmanager
    def _following(
        self, patience: Patience, params: CallToolRequestParams
    ) -> Generator[tuple[anyio.CancelScope, Send]]:
        """Give the deadline of a call, which progress moves, and what sends it so that progress is heard."""
        scope = anyio.CancelScope(deadline=patience.deadline)

        def heard(done: float, total: float | None, message: str) -> None:
            scope.deadline = patience.heard(
                done, now=anyio.current_time(), total=total, message=self._discretion.quotes.blot(message)
            )

        async def told(progress: float, total: float | None, message: str | None) -> None:
            heard(progress, total, message or "")

        async def send(params: CallToolRequestParams) -> Answer:
            told_here = told if self._transport is None else None
            request = CallToolRequest(params=params)
            return await self._session.send_request(request, ANSWERS, progress_callback=told_here)

        if self._transport is None or not patience.heeds_progress:
            yield scope, send
            return
        self._calls += 1
        token = f"call-{self._calls}"
        params.meta = {"progress_token": token}
        self._transport.traffic.follow(token, heard)
        try:
            yield scope, send
        finally:
            self._transport.traffic.forget(token)

    async def tools(self) -> tuple[ToolSpec, ...]:
        """Ask the server for its tools."""
        async with self._one_listing:
            self._listing.begin()
            tools = await self._asked_for_tools()
            if self._transport is None:
                self._listing.raw.update(wire_form(tools))
            return self._listing.tools_of(tools, server=self._name)

    async def prompts(self) -> tuple[PromptSpec, ...]:
        """Ask the server for its prompts, if it offers any; one that refuses to name them has none."""
        offered = self._session.server_capabilities
        if offered is None or offered.prompts is None:
            return ()
        async with self._one_listing:
            self._listing.begin_prompts()
            try:
                prompts = await self._ask_within(self._prompt_pages, what="the request for its prompts")
            except ToolError:
                return ()
            if self._transport is None:
                self._listing.prompts.update(wire_form(prompts))
            return self._listing.prompts_of(prompts, server=self._name)

    async def ping(self) -> None:
        """Find out whether the server still answers; an error, or the wish to know who asks, is an answer, too."""
        try:
            await self._ask_within(self._greet, what="a sign of life")
        except (ToolError, NeedsConfigurationError):
            return

    async def _greet(self) -> None:
        if self.protocol_version in MODERN_PROTOCOL_VERSIONS:
            await self._session.send_discover(self.protocol_version)
        else:
            await self._session.send_ping()

    async def _asked_for_tools(self) -> Sequence[Tool]:
        try:
            return await self._ask_within(self._tool_pages, what="the request for its tools")
        except ToolError as error:
            missing = needs_configuration(self._name, () if self._transport is None else self._transport.said)
            if missing is None:
                raise
            raise missing from error

    async def _tool_pages(self) -> Sequence[Tool]:
        async def page(cursor: str | None) -> tuple[Sequence[Tool], str | None]:
            answer = await self._session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            return answer.tools, answer.next_cursor

        return await self._listing.paged(page, server=self._name, what="tools")

    async def _prompt_pages(self) -> Sequence[Prompt]:
        async def page(cursor: str | None) -> tuple[Sequence[Prompt], str | None]:
            answer = await self._session.list_prompts(params=PaginatedRequestParams(cursor=cursor))
            return answer.prompts, answer.next_cursor

        return await self._listing.paged(page, server=self._name, what="prompts")

    async def _ask_within(self, send: Callable[[], Awaitable[T]], *, what: str) -> T:
        """Wait for an answer for as long as everything but a call may take."""
        return await self._ask(
            send,
            what=what,
            scope=anyio.CancelScope(deadline=anyio.current_time() + self._seconds),
            late=lambda _: no_answer(self._name, what, self._seconds),
        )

    async def _ask(
        self,
        send: Callable[[], Awaitable[T]],
        *,
        what: str,
        scope: anyio.CancelScope,
        late: Callable[[float], CallTimeoutError],
        put_off: PutOff = nothing_put_off,
    ) -> T:
        """Wait for an answer; every error of the SDK becomes one of ours here."""
        self._asking[scope] = put_off
        try:
            with scope:
                return await send()
        except MCPError as error:
            raise await self._refusal(error, what) from error
        except ValidationError as error:
            raise against_protocol(self._name, what) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise await self._break(what) from error
        except VSMError:
            raise
        except Exception as error:  # the SDK at work on what a hostile server says may raise anything
            raise unreadable(self._name, what, type(error).__name__) from error
        finally:
            self._asking.pop(scope, None)
        if self._closed:
            raise await self._break(what)
        raise late(anyio.current_time())

    async def _refusal(self, error: MCPError, what: str) -> VSMError:
        if error.code == CONNECTION_CLOSED and (
            self._closed or self._transport is None or self._transport.traffic.broken
        ):
            return await self._break(what)
        said = self.quoted(error.message)
        if error.data is NOT_LET_IN:
            return not_let_in(self._name, said)
        if error.data is UNREACHED:
            return unreached(self._name, what, said)
        if error.data is TOO_LARGE:
            return too_large(self._name, what, said)
        unread = error.data is UNREADABLE
        return unreadable(self._name, what, said) if unread else refused(self._name, what, said=said, code=error.code)

    async def _break(self, what: str) -> LinkError:
        ending = Ending(reason="it was closed")
        if self._transport is not None and not self._closed:
            ending = await self._transport.ending()
        return broken(self._name, ending, what)

    def _bounded(self, result: ToolResult, what: str) -> ToolResult:
        """A transport bounds what it reads; the answer of a server in this process is measured here."""
        if self._transport is None:
            size = size_of(result.structured, *result.content)
            if size > self._bounds.response:
                said = f"{size} bytes are more than the {self._bounds.response} allowed"
                raise too_large(self._name, what, said)
        return result
