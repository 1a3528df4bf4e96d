"""Which tool of which server does what is asked: by name, by what it was acquired for, by words and arguments."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.errors import CapabilityMissingError, PayloadError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import LONGEST_NEED, Operation, kind_of
from vsm_mcp.servers.disabled import refusal
from vsm_mcp.servers.routing.fitting import misfit
from vsm_mcp.servers.routing.likeness import UNLIKE, Compared, Likeness, Matching, by_name_only
from vsm_mcp.servers.routing.names import qualified
from vsm_mcp.world.caching.figures import CacheFigures
from vsm_mcp.world.caching.table import Memo

LEAST_SHARE = 0.6
"""The share of the telling words of a need that a tool must have when it was not acquired for that need."""

MATCHES_FRESH = 600.0
MOST_MATCHES = 2000

_HELD_FOR, _LIKE, _FITS = 0.1, 0.4, 0.5
"""What a score is made of: its server was acquired for the need, how like it is to the best, its arguments fit."""

_LIKE_QUALIFIED = re.compile(r"[^_].*__.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A tool that can do an operation.

    Attributes:
        server: The server that has it.
        tool: Its own name there.
        score: 0 to 1; comparable among the routes of one operation only.
        reason: Why it was chosen, for people.
    """

    server: str
    tool: str
    score: float
    reason: str


def _no_time() -> float:
    """Tell no time: what is kept does not age by it."""
    return 0.0


class CapabilityRouter:
    """Knows every tool that is held. Pure: it neither waits nor calls.

    Which tools are like a need is kept for the next operation with that need, until a server comes or goes.

    Args:
        matching: Compares the words of tools with those of needs, asked anew when a server came or went. Without it a
            tool is found by its name or by what its server was acquired for, and its arguments choose.
        fresh: Seconds for which that is kept at most.
        most: For how many needs it is kept.
        now: Tells the time in seconds; without it what is kept does not age.

    Raises:
        ConfigurationError: Nothing could be kept.
    """

    def __init__(
        self,
        *,
        matching: Matching = by_name_only,
        fresh: float = MATCHES_FRESH,
        most: int = MOST_MATCHES,
        now: Callable[[], float] = _no_time,
    ) -> None:
        """Start with nothing."""
        self._kept: Memo[tuple[str, str | None], _Matches] = Memo(most=most, fresh=fresh, now=now)
        self._servers: dict[str, _Server] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._matching = matching
        self._compared: Compared | None = None
        self._disabled: CapabilityRouter | None = None
        self._in_vain: set[str] = set()

    def __repr__(self) -> str:
        """Show how much is known."""
        return f"CapabilityRouter(servers={len(self._servers)}, tools={len(self._names)})"

    def adopt(self, server: str, tools: Sequence[ToolSpec], *, needs: Sequence[str] = ()) -> None:
        """Make the tools of a server reachable, for ``needs`` (kinds of demand) above all.

        A server that is known already gets the new tools instead of its old ones, and the new needs besides the old;
        one that was disabled is not any more.

        Raises:
            PayloadError: A tool's name is taken by another tool; nothing was changed.
        """
        names = {qualified(server, tool.name): (server, tool.name) for tool in tools}
        disabled = self._disabled
        taken = self._names if disabled is None else {**disabled.names(), **self._names}
        for name, pair in names.items():
            if taken.get(name, pair) != pair:
                raise PayloadError(f"The name {name} is taken by {taken[name]}.")
        all_needs = frozenset([*needs, *self.needs_of(server)])
        self.release(server)
        self._servers[server] = _Server(all_needs, {tool.name: tool for tool in tools})
        self._names.update(names)
        self._forget()

    def release(self, server: str) -> None:
        """Forget a server and its tools. Unknown names are fine."""
        if self._servers.pop(server, None) is not None:
            self._names = {name: pair for name, pair in self._names.items() if pair[0] != server}
            self._forget()
        if self._disabled is not None and any(name == server for name, _ in self._disabled.names().values()):
            self._disabled.release(server)
            self._in_vain.clear()

    def disable(self, server: str) -> None:
        """Lead nobody to a server any more, and say so to who asks for what it does; `adopt` ends it."""
        known = self._servers.get(server)
        if known is None:
            return
        self.release(server)
        self._disabled = self._disabled or CapabilityRouter(matching=self._matching)
        self._disabled.adopt(server, tuple(known.tools.values()), needs=tuple(known.needs))

    def needs_of(self, server: str) -> frozenset[str]:
        """Return the kinds of demand that a server serves, disabled or not; none for one that is not known."""
        known = self._servers.get(server)
        if known is not None:
            return known.needs
        return frozenset() if self._disabled is None else self._disabled.needs_of(server)

    def disabled_for(self, operation: Operation) -> Route | None:
        """Return what could do ``operation`` best if it were not disabled; ``None`` when nothing that is could."""
        if self._disabled is None or not self._disabled.can(operation):
            return None
        return self._disabled.route(operation)[0]

    def is_disabled(self, kind: str) -> bool:
        """Return whether a kind of demand is what a disabled server would serve, as was seen or as its words say."""
        return kind in self._in_vain or self.disabled_for(Operation(needs=kind)) is not None

    def can(self, operation: Operation) -> bool:
        """Return whether there is anything that can do ``operation``."""
        return bool(self._matches(operation.needs, operation.tool).routes(operation))

    def route(self, operation: Operation) -> tuple[Route, ...]:
        """Return what can do ``operation``, best first.

        An operation that names a tool gets that tool only. Otherwise tools that were acquired for this kind of demand
        come first; those of other servers count when they have most of its telling words and the arguments fit them.

        Raises:
            CapabilityMissingError: There is nothing; `DisabledError` when a server that is disabled could do it.
        """
        found = self._matches(operation.needs, operation.tool).routes(operation)
        if not found:
            raise self._missing(operation)
        return tuple(sorted(found, key=lambda route: (-route.score, route.server, route.tool)))

    def figures(self) -> CacheFigures:
        """Return how often the tools for a need were known already."""
        return self._kept.figures()

    def name_of(self, server: str, tool: str) -> str:
        """Return a name of at most 64 of ``A-Z a-z 0-9 _ -`` that stands for this tool of this server only."""
        return qualified(server, tool)

    def resolve(self, name: str) -> tuple[str, str]:
        """Return server and tool behind a name made by `name_of`.

        Raises:
            CapabilityMissingError: No held tool has this name; `DisabledError` when a server that is disabled has it.
        """
        if self._disabled is not None and name in self._disabled.names():
            raise refusal(*self._disabled.resolve(name))
        if name not in self._names:
            raise CapabilityMissingError(
                f"No tool is known as {name[:100]!r}.",
                remedies=_nearest(name, self._names),
            )
        return self._names[name]

    def names(self) -> Mapping[str, tuple[str, str]]:
        """Return all names with the server and the tool behind each."""
        return dict(self._names)

    def offered(self) -> tuple[OfferedTool, ...]:
        """Return all tools as they are offered to others, sorted by name."""
        return tuple(sorted((_offer(*tool) for tool in self._tools()), key=lambda offered: offered.name))

    def _tools(self) -> Iterable[tuple[str, ToolSpec]]:
        return ((name, tool) for name, server in self._servers.items() for tool in server.tools.values())

    def _matches(self, needs: str, tool: str | None) -> "_Matches":
        if len(needs) > LONGEST_NEED or len(tool or "") > LONGEST_NEED:
            return self._matched(needs, tool)
        return self._kept.get((needs, tool), lambda: self._matched(needs, tool))

    def _matched(self, needs: str, tool: str | None) -> "_Matches":
        if tool is not None:
            return self._named(tool, needs)
        return self._acquired(needs) or self._similar(needs)

    def _named(self, name: str, needs: str) -> "_Matches":
        why = f"the operation names {name}"
        if name in self._names:
            server, tool = self._names[name]
            return _Matches(exactly=Route(server=server, tool=tool, score=1.0, reason=why))
        if _LIKE_QUALIFIED.fullmatch(name):  # a server must not get the calls of another one by naming a tool like it
            return _Matches()
        tools = [tool for tool in self._tools() if tool[1].name == name]
        return _Matches(self._compared_with(needs, tools, why=why))

    def _acquired(self, needs: str) -> "_Matches | None":
        """Return tools of servers acquired for this need: those whose arguments fit, or all when none fits."""
        kind = kind_of(needs)
        tools = [tool for tool in self._tools() if kind in self._servers[tool[0]].needs]
        why = f"its server was acquired for {kind!r}"
        return _Matches(self._compared_with(needs, tools, why=why), rather_fit=True) if tools else None

    def _similar(self, needs: str) -> "_Matches":
        why = "its words are those of the need"
        return _Matches(
            (
                _Match(server, self._servers[server].tools[tool], like=like, held_for=False, why=why)
                for (server, tool), like in self._likeness(needs).items()
                if like.share >= LEAST_SHARE
            ),
            must_fit=True,
        )

    def _compared_with(self, needs: str, tools: Sequence[tuple[str, ToolSpec]], *, why: str) -> Iterable["_Match"]:
        if not tools:
            return
        kind, likeness = kind_of(needs), self._likeness(needs)
        for server, tool in tools:
            like = likeness.get((server, tool.name), UNLIKE)
            yield _Match(server, tool, like=like, held_for=kind in self._servers[server].needs, why=why)

    def _likeness(self, needs: str) -> Mapping[tuple[str, str], Likeness]:
        if self._compared is None:
            self._compared = self._matching(self._tools())
        return self._compared(needs)

    def _forget(self) -> None:
        self._compared = None
        self._kept.clear()

    def _missing(self, operation: Operation) -> CapabilityMissingError:
        disabled = self.disabled_for(operation)
        if disabled is not None:
            if len(self._in_vain) < MOST_MATCHES:
                self._in_vain.add(operation.kind)
            return refusal(disabled.server, disabled.tool)
        if operation.tool is None:
            return CapabilityMissingError(
                f"No tool that is held can do {operation.needs!r} with the arguments {sorted(operation.arguments)}.",
                remedies=("Acquire a server for it.", "Name the tool: Operation(tool=...)."),
            )
        known = {tool.name: server for server, tool in self._tools()}
        return CapabilityMissingError(
            f"No server that is held has a tool named {operation.tool[:100]!r}.",
            remedies=(*_nearest(operation.tool, known), "Acquire a server that has it."),
        )


class _Match:
    """A tool with what its words say about a need, whatever the arguments."""

    __slots__ = ("_held_for", "_server", "_tool", "_why", "like")

    def __init__(self, server: str, tool: ToolSpec, *, like: Likeness, held_for: bool, why: str) -> None:
        self.like: Likeness = like
        self._server = server
        self._tool = tool
        self._held_for = held_for
        words = f"; common words: {', '.join(like.words)}" if like.words else ""
        self._why = f"{why}{words}"

    def wrong(self, arguments: JsonObject) -> str | None:
        """Return why the arguments do not fit it, or ``None``."""
        return misfit(self._tool.input_schema, arguments)

    def route(self, wrong: str | None, *, best: float) -> Route:
        """Return the way to the tool, beside others of which the one most like the need has the score ``best``."""
        like = self.like.score / best if best else 0.0
        score = round(_HELD_FOR * self._held_for + _LIKE * like + _FITS * (wrong is None), 6)
        fits = "; the arguments fit" if wrong is None else f"; the arguments do not fit: {wrong}"
        return Route(server=self._server, tool=self._tool.name, score=score, reason=f"{self._why}{fits}")


class _Matches:
    """The tools for a need, as far as words tell.

    Args:
        found: Those whose arguments are still to be looked at.
        exactly: The one that there is, whatever the arguments.
        must_fit: Leave out those that the arguments do not fit.
        rather_fit: Leave them out only when there are others.
    """

    __slots__ = ("_exactly", "_found", "_must_fit", "_rather_fit")

    def __init__(
        self,
        found: Iterable[_Match] = (),
        *,
        exactly: Route | None = None,
        must_fit: bool = False,
        rather_fit: bool = False,
    ) -> None:
        self._found = tuple(found)
        self._exactly = exactly
        self._must_fit = must_fit
        self._rather_fit = rather_fit

    def routes(self, operation: Operation) -> Sequence[Route]:
        """Return the ways to do an operation, in no order."""
        if self._exactly is not None:
            return (self._exactly,)
        found = [(match, match.wrong(operation.arguments)) for match in self._found]
        fitting = [(match, wrong) for match, wrong in found if wrong is None]
        if self._must_fit or (self._rather_fit and fitting):
            found = fitting
        best = max((match.like.score for match, _ in found), default=0.0)
        return [match.route(wrong, best=best) for match, wrong in found]


@dataclass(frozen=True, slots=True)
class _Server:
    needs: frozenset[str]
    tools: Mapping[str, ToolSpec]


def _offer(server: str, spec: ToolSpec) -> OfferedTool:
    """Return the tool as it is offered to others."""
    return OfferedTool(
        name=qualified(server, spec.name),
        description=spec.description,
        input_schema=spec.input_schema,
        output_schema=spec.output_schema,
        read_only=spec.read_only,
        idempotent=spec.idempotent,
        server=server,
        tool=spec.name,
    )


def _nearest(name: str, known: Mapping[str, object]) -> tuple[str, ...]:
    near = difflib.get_close_matches(name[:100], list(known), n=3)
    return (f"Did you mean {', '.join(near)}?",) if near else ()
