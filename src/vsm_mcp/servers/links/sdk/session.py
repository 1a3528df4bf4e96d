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
    INVALID_PARAMS,
    CallToolRequest,
    CallToolRequestParams,
    InputRequiredResult,
    PaginatedRequestParams,
    Prompt,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from vsm_mcp.errors import CallTimeoutError, LinkError, PayloadError, ToolError, VSMError, printable
from vsm_mcp.model.call import PromptSpec, ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.arguments import sendable, size_of
from vsm_mcp.servers.links.link import Consent, Ending, ServerInfo
from vsm_mcp.servers.links.patience import CAP_SECONDS, Patience, no_answer
from vsm_mcp.servers.links.quoting import SHORTEST_LISTED, Blotter
from vsm_mcp.servers.links.sdk.answers import Answer, Direct, Run, never, result_of
from vsm_mcp.servers.links.sdk.consent import Send, answered
from vsm_mcp.servers.links.sdk.listing import LARGEST_LIST, Listing, prompt_of, spec_of, wire_form
from vsm_mcp.servers.links.sdk.transports.traffic import TOO_LARGE, UNREACHED, UNREADABLE, Carrier
from vsm_mcp.servers.links.wire.wire import Bounds

MOST_PAGES = 100
MOST_ENTRIES = 1000
LONGEST_SAID = 1000

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
        hide: Secrets that the server was given.
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
        hide: Sequence[str] = (),
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
        self._quotes = Blotter(hide)
        self._lists = Blotter(hide, shortest=SHORTEST_LISTED)
        self._closed = False
        self._asking: set[anyio.CancelScope] = set()
        self._calls = 0
        self._one_listing = anyio.Lock()
        self._answer: TypeAdapter[Answer] = TypeAdapter(Answer)
        listing.speak(lambda: session.protocol_version)
        if transport is not None:
            transport.traffic.wait_while(lambda: bool(self._asking))

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
        return None if said is None else self._lists.blot(said)

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
        return self._quotes.quoted(text, most=LONGEST_SAID)

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
            raise ToolError(
                f"{call.tool} of {self._name} asks its user for more input, which is not granted.",
                remedies=("Give everything it needs in the arguments.",),
            )
        return self._bounded(result_of(answer), what)

    @contextmanager
    def _following(
        self, patience: Patience, params: CallToolRequestParams
    ) -> Generator[tuple[anyio.CancelScope, Send]]:
        """Give the deadline of a call, which progress moves, and what sends it so that progress is heard."""
        scope = anyio.CancelScope(deadline=patience.deadline)

        def heard(done: float, total: float | None, message: str) -> None:
            scope.deadline = patience.heard(
                done, now=anyio.current_time(), total=total, message=self._quotes.blot(message)
            )

        async def told(progress: float, total: float | None, message: str | None) -> None:
            heard(progress, total, message or "")

        async def send(params: CallToolRequestParams) -> Answer:
            told_here = told if self._transport is None else None
            request = CallToolRequest(params=params)
            return await self._session.send_request(request, self._answer, progress_callback=told_here)

        if self._transport is None:
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
            raw = self._listing.raw if self._transport else wire_form(tools)
            specs = tuple(spec_of(tool, self._as_listed(tool.name, raw)) for tool in tools)
            for name in raw.keys() - {tool.name for tool in tools}:
                self._listing.dropped[name] = "its schema asks for headers that are not allowed"
            return specs

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
            raw = self._listing.prompts if self._transport else wire_form(prompts)
            return tuple(prompt_of(prompt, self._as_listed(prompt.name, raw)) for prompt in prompts)

    async def ping(self) -> None:
        """Find out whether the server still answers; an error is an answer, too."""
        try:
            await self._ask_within(self._greet, what="a sign of life")
        except ToolError:
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
        async def page(params: PaginatedRequestParams) -> tuple[Sequence[Tool], str | None]:
            answer = await self._session.list_tools(params=params)
            return answer.tools, answer.next_cursor

        return await self._pages("tools", page)

    async def _prompt_pages(self) -> Sequence[Prompt]:
        async def page(params: PaginatedRequestParams) -> tuple[Sequence[Prompt], str | None]:
            answer = await self._session.list_prompts(params=params)
            return answer.prompts, answer.next_cursor

        return await self._pages("prompts", page)

    async def _pages(
        self, what: str, page: Callable[[PaginatedRequestParams], Awaitable[tuple[Sequence[T], str | None]]]
    ) -> Sequence[T]:
        entries: list[T] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            more, following = await page(PaginatedRequestParams(cursor=cursor))
            entries.extend(more)
            if len(entries) + len(self._listing.dropped) > MOST_ENTRIES:
                raise self._unlisted(f"{self._name} lists more than {MOST_ENTRIES} {what}.")
            if self._listing.overfull:
                raise self._unlisted(f"The list of {what} of {self._name} has more than {LARGEST_LIST} bytes.")
            if following is None:
                return entries
            if following == cursor:
                break
            cursor = following
        raise self._unlisted(f"The list of {what} of {self._name} does not end.")

    def _as_listed(self, name: str, raw: Mapping[str, JsonObject]) -> JsonObject:
        """Return an entry as it came over the wire: one that nobody saw come cannot be pinned."""
        if name not in raw:
            raise self._unlisted(f"{self._name} lists {name!r} in an answer that nobody asked for.")
        return raw[name]

    def _unlisted(self, why: str) -> LinkError:
        return LinkError(why, remedies=("Use another server.", "Report it to the author of the server."))

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
    ) -> T:
        """Wait for an answer; every error of the SDK becomes one of ours here."""
        self._asking.add(scope)
        try:
            with scope:
                return await send()
        except MCPError as error:
            raise await self._refusal(error, what) from error
        except ValidationError as error:
            raise LinkError(
                f"{self._name} answered {what} against the protocol; it may have been executed.",
                remedies=("Look at what it did before you call it again.", "Report it to the author of the server."),
            ) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise await self._break(what) from error
        except VSMError:
            raise
        except Exception as error:  # the SDK at work on what a hostile server says may raise anything
            raise self._unread(what, type(error).__name__) from error
        finally:
            self._asking.discard(scope)
        if self._closed:
            raise await self._break(what)
        raise late(anyio.current_time())

    def _unread(self, what: str, why: str) -> LinkError:
        return LinkError(
            f"{self._name} answered {what} in a way that cannot be read: {why}.",
            remedies=("Use another server.", "Report it to the author of the server."),
        )

    async def _refusal(self, error: MCPError, what: str) -> VSMError:
        if error.code == CONNECTION_CLOSED and (
            self._closed or self._transport is None or self._transport.traffic.broken
        ):
            return await self._break(what)
        said = self.quoted(error.message)
        if error.data is TOO_LARGE:
            return _too_large(f"{self._name} answered {what}", said)
        if error.data is UNREADABLE:
            return self._unread(what, said)
        if error.data is UNREACHED:
            return LinkError(
                f"{self._name} was not reached by {what}, or lost it: {said}.",
                remedies=("Look at whether it happened, then call again.", "Make sure that the server runs."),
            )
        missing = None if error.code == INVALID_PARAMS else needs_configuration(self._name, (said,))
        return missing or ToolError(
            f"{self._name} refused {what}: {said} (code {error.code}).",
            remedies=("Check the name of the tool and its arguments against its description.",),
        )

    async def _break(self, what: str) -> LinkError:
        ending = Ending(reason="it was closed")
        if self._transport is not None and not self._closed:
            ending = await self._transport.ending()
        code = "" if ending.exit_code is None else f"; exit code {ending.exit_code}"
        said = printable("; ".join(ending.stderr[-3:])[-LONGEST_SAID:])
        return LinkError(
            f"The connection to {self._name} broke during {what}, which may have been executed: "
            f"{ending.reason}{code}{'; it said: ' + said if said else ''}.",
            remedies=("Look at what it did, then call again: the server is started anew.",),
        )

    def _bounded(self, result: ToolResult, what: str) -> ToolResult:
        """A transport bounds what it reads; the answer of a server in this process is measured here."""
        if self._transport is None:
            size = size_of(result.structured, *result.content)
            if size > self._bounds.response:
                said = f"{size} bytes are more than the {self._bounds.response} allowed"
                raise _too_large(f"{self._name} answered {what}", said)
        return result


def _too_large(who: str, said: str) -> PayloadError:
    return PayloadError(f"{who} with too much: {said}.", remedies=("Ask for less at once.",))
