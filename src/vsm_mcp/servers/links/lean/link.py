"""A live connection on the raw path: our calls out as bytes, our values and our errors back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from vsm_mcp.errors import CallTimeoutError, ToolError, VSMError
from vsm_mcp.model.call import PromptSpec, ToolCall, ToolResult, ToolSpec
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.lean import messages
from vsm_mcp.servers.links.lean.dispatcher import Dispatcher, Heard
from vsm_mcp.servers.links.lean.lists import Lists
from vsm_mcp.servers.links.lean.messages import MODERN, quick_result
from vsm_mcp.servers.links.lean.outcomes import (
    Answered,
    Gone,
    Late,
    Oversized,
    Refused,
    Spoiled,
    Trouble,
    Unreadable,
)
from vsm_mcp.servers.links.link import Ending, ServerInfo
from vsm_mcp.servers.links.patience import Patience, no_answer
from vsm_mcp.servers.links.quoting import SHORTEST_LISTED, Blotter
from vsm_mcp.servers.links.troubles import LONGEST_SAID, broken, refused, too_large, unreadable, wants_input
from vsm_mcp.servers.links.wire.wire import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What both sides agreed on in the greeting.

    Attributes:
        version: The version of the protocol.
        info: Who the server says it is.
        instructions: What it tells its users.
        prompts: Whether it offers any.
        announces: Whether it has to be asked to announce that its lists changed, and says that it can.
        meta: What every request carries: the inside of a JSON object.
    """

    version: str
    info: ServerInfo | None = None
    instructions: str | None = None
    prompts: bool = False
    announces: bool = False
    meta: bytes = b""


class LeanLink:
    """Speaks with one server.

    Args:
        dispatcher: Gives each answer to its request.
        agreement: What the greeting came to.
        lists: Asks for its tools and prompts.
        name: The server's name, for messages.
        seconds: How long a call may take without progress that names no time of its own, and everything else.
        cap: How long a call may take altogether that names no timeout.
        bounds: How large messages may be.
        ending: Waits for the last words of the server, and tells them.
        stderr: Tells the last lines of its error output.
        hide: Secrets that the server was given.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        agreement: Agreement,
        *,
        lists: Lists,
        name: str,
        seconds: float,
        cap: float,
        bounds: Bounds,
        ending: Callable[[], Awaitable[Ending]],
        stderr: Callable[[], Sequence[str]],
        hide: Sequence[str] = (),
    ) -> None:
        """Join all of it."""
        self._dispatcher = dispatcher
        self._agreement = agreement
        self._lists = lists
        self._name = name
        self._seconds = seconds
        self._cap = max(cap, seconds)
        self._most = bounds.request
        self._ending = ending
        self._stderr = stderr
        self._modern = agreement.version == MODERN
        self._stamp = messages.stamp(agreement.meta)
        self._quotes = Blotter(hide)
        self._listed = Blotter(hide, shortest=SHORTEST_LISTED)
        self._one_listing = anyio.Lock()

    @property
    def protocol_version(self) -> str:
        """The version of the protocol both sides agreed on."""
        return self._agreement.version

    @property
    def server_info(self) -> ServerInfo | None:
        """Who the server says it is."""
        return self._agreement.info

    @property
    def instructions(self) -> str | None:
        """What the server tells its users; untrusted."""
        said = self._agreement.instructions
        return None if said is None else self._listed.blot(said)

    @property
    def dropped(self) -> Mapping[str, str]:
        """Tools that the last listing left out, each with the reason."""
        return dict(self._lists.listing.dropped)

    @property
    def changes(self) -> int:
        """How often the server said that its lists changed."""
        return self._lists.listing.changes

    @property
    def alive(self) -> bool:
        """False as soon as the connection is known to be broken or closed."""
        return not self._dispatcher.closed and self._dispatcher.broken is None

    def quoted(self, text: str) -> str:
        """Return what the server said as it may be shown and kept: short, on one line, and without its secrets."""
        return self._quotes.quoted(text, most=LONGEST_SAID)

    def close(self) -> None:
        """Declare the connection closed on purpose, and break off what still waits for an answer."""
        self._dispatcher.close()

    async def ended(self) -> Ending:
        """Wait until the connection breaks by itself and say why."""
        await self._dispatcher.down()
        return await self._ending()

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Call a tool, within the deadline from the first byte written to the last byte read."""
        dispatcher = self._dispatcher
        number = dispatcher.next()
        patience = Patience(call, now=dispatcher.now(), idle=self._seconds, cap=self._cap)
        heard, meta = None, self._stamp
        if patience.heeds_progress:
            heard, meta = self._hearing(patience), messages.stamp(self._agreement.meta, token=number)
        line = messages.call(number, call.tool, call.arguments, meta=meta, most=self._most)
        outcome = await dispatcher.ask(number, line, until=patience.deadline, heard=heard)
        if isinstance(outcome, Answered):
            result = quick_result(outcome.result, modern=self._modern)
            return self._looked_at(outcome, call.tool) if result is None else result
        what = f"the call of {call.tool}"
        raise await self._error(outcome, what, late=lambda: patience.expired(self._name, now=dispatcher.now()))

    async def tools(self) -> tuple[ToolSpec, ...]:
        """Ask the server for its tools."""
        async with self._one_listing:
            try:
                return await self._lists.tools(self._page_by("the request for its tools"))
            except ToolError as error:
                missing = needs_configuration(self._name, self._stderr())
                if missing is None:
                    raise
                raise missing from error

    async def prompts(self) -> tuple[PromptSpec, ...]:
        """Ask the server for its prompts, if it offers any; one that refuses to name them has none."""
        if not self._agreement.prompts:
            return ()
        async with self._one_listing:
            try:
                return await self._lists.prompts(self._page_by("the request for its prompts"))
            except ToolError:
                return ()

    async def ping(self) -> None:
        """Find out whether the server still answers; an error is an answer, too."""
        method = "server/discover" if self._modern else "ping"
        until = self._dispatcher.now() + self._seconds
        try:
            await self._asked(method, b"", what="a sign of life", until=until)
        except ToolError:
            return

    async def announcements(self, *, task_status: TaskStatus[None]) -> None:
        """Hear what the server announces until there is nothing more; what was missed then is not known.

        It is started when the server is about to be asked for that, before anything else is asked of it.
        """
        task_status.started()
        if not self._agreement.announces:
            return
        number = self._dispatcher.next()
        wanted = b'"notifications":{"toolsListChanged":true,"promptsListChanged":true}'
        params = b"{" + wanted + messages.stamp(self._agreement.meta) + b"}"
        await self._dispatcher.stand(number, messages.request(number, "subscriptions/listen", params))
        self._lists.listing.heard("notifications/tools/list_changed")

    def _hearing(self, patience: Patience) -> Heard:
        def heard(done: float, total: float | None, said: str) -> float:
            return patience.heard(done, now=self._dispatcher.now(), total=total, message=self._quotes.blot(said))

        return heard

    def _looked_at(self, answer: Answered, tool: str) -> ToolResult:
        result = self._lists.result(answer.result, f"the call of {tool}")
        if result is None:
            raise wants_input(self._name, tool)
        return result

    def _page_by(self, what: str) -> Callable[[str, bytes], Awaitable[Answered]]:
        """Return what asks for one page after the other, all within one deadline."""
        until = self._dispatcher.now() + self._seconds

        async def page(method: str, params: bytes) -> Answered:
            return await self._asked(method, params, what=what, until=until)

        return page

    async def _asked(self, method: str, params: bytes, *, what: str, until: float) -> Answered:
        """Wait for an answer; whatever else comes of it is an error."""
        number = self._dispatcher.next()
        stamp = messages.stamp(self._agreement.meta)
        inside = params + stamp if params else stamp.removeprefix(b",")
        line = messages.request(number, method, b"{" + inside + b"}")
        outcome = await self._dispatcher.ask(number, line, until=until)
        if isinstance(outcome, Answered):
            return outcome
        raise await self._error(outcome, what, late=lambda: no_answer(self._name, what, self._seconds))

    async def _error(
        self, outcome: Trouble, what: str, *, late: Callable[[], CallTimeoutError]
    ) -> VSMError | Exception:
        match outcome:
            case Gone():
                closed = self._dispatcher.closed
                return broken(self._name, Ending(reason="it was closed") if closed else await self._ending(), what)
            case Late():
                return late()
            case Spoiled():
                return outcome.error
            case _:
                return self._unusable(outcome, what)

    def _unusable(self, outcome: Refused | Oversized | Unreadable, what: str) -> VSMError:
        match outcome:
            case Refused(code=code, message=message):
                return refused(self._name, what, said=self.quoted(message), code=code)
            case Oversized(said=said):
                return too_large(self._name, what, said)
            case Unreadable():
                return unreadable(self._name, what, "no message")
