"""Which tool of which server does what is asked: by name, by what it was acquired for, by words and arguments."""

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs]

from vsm_mcp.errors import CapabilityMissingError, PayloadError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import LONGEST_NEED, Operation, kind_of
from vsm_mcp.servers.routing.fitting import misfit
from vsm_mcp.servers.routing.names import qualified
from vsm_mcp.world.caching.figures import CacheFigures
from vsm_mcp.world.caching.table import Memo

LEAST_SHARE = 0.6
"""The share of the telling words of a need that a tool must have when it was not acquired for that need."""

MATCHES_FRESH = 600.0
MOST_MATCHES = 2000

_LONGEST_TEXT = 2000
_LIKE_QUALIFIED = re.compile(r"[^_].*__.+")
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COMMON = frozenset({
    "a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "for", "from", "get", "give", "go", "had",
    "has", "have", "how", "in", "into", "is", "it", "its", "list", "make", "me", "my", "new", "of", "on", "one", "or",
    "our", "please", "run", "set", "show", "some", "tell", "that", "the", "their", "them", "then", "this", "to", "up",
    "use", "used", "using", "want", "was", "what", "when", "which", "will", "with", "you", "your",
})  # fmt: skip


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

    Which tools have the words of a need is kept for the next operation with that need, until a server comes or goes.

    Args:
        fresh: Seconds for which that is kept at most.
        most: For how many needs it is kept.
        now: Tells the time in seconds; without it what is kept does not age.

    Raises:
        ConfigurationError: Nothing could be kept.
    """

    def __init__(
        self, *, fresh: float = MATCHES_FRESH, most: int = MOST_MATCHES, now: Callable[[], float] = _no_time
    ) -> None:
        """Start with nothing."""
        self._kept: Memo[tuple[str, str | None], _Matches] = Memo(most=most, fresh=fresh, now=now)
        self._servers: dict[str, _Server] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._tools: tuple[_Tool, ...] = ()
        self._frequency: Counter[str] = Counter()
        self._stem = _Stemmer()

    def __repr__(self) -> str:
        """Show how much is known."""
        return f"CapabilityRouter(servers={len(self._servers)}, tools={len(self._names)})"

    def adopt(self, server: str, tools: Sequence[ToolSpec], *, needs: Sequence[str] = ()) -> None:
        """Make the tools of a server reachable, for ``needs`` (kinds of demand) above all.

        A server that is known already gets the new tools instead of its old ones, and the new needs besides the old.

        Raises:
            PayloadError: A tool's name is taken by another tool; nothing was changed.
        """
        names = {qualified(server, tool.name): (server, tool.name) for tool in tools}
        for name, pair in names.items():
            if self._names.get(name, pair) != pair:
                raise PayloadError(f"The name {name} is taken by {self._names[name]}.")
        known = self._servers.get(server)
        self.release(server)
        all_needs = frozenset([*needs, *(known.needs if known else ())])
        self._servers[server] = _Server(all_needs, tuple(_Tool(server, tool, self._stem) for tool in tools))
        self._names.update(names)
        self._count()

    def release(self, server: str) -> None:
        """Forget a server and its tools. Unknown names are fine."""
        if self._servers.pop(server, None) is not None:
            self._names = {name: pair for name, pair in self._names.items() if pair[0] != server}
            self._count()

    def route(self, operation: Operation) -> tuple[Route, ...]:
        """Return what can do ``operation``, best first.

        An operation that names a tool gets that tool only. Otherwise tools that were acquired for this kind of demand
        come first; those of other servers count when they have most of its telling words and the arguments fit them.

        Raises:
            CapabilityMissingError: There is nothing.
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
            CapabilityMissingError: No held tool has this name.
        """
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
        return tuple(sorted((tool.offer() for tool in self._tools), key=lambda offered: offered.name))

    def _matches(self, needs: str, tool: str | None) -> "_Matches":
        if len(needs) > LONGEST_NEED or len(tool or "") > LONGEST_NEED:
            return self._matched(needs, tool)
        return self._kept.get((needs, tool), lambda: self._matched(needs, tool))

    def _matched(self, needs: str, tool: str | None) -> "_Matches":
        weights = self._weights(self._stem.words(needs))
        if tool is not None:
            return self._named(tool, needs, weights)
        return self._acquired(needs, weights) or self._similar(needs, weights)

    def _named(self, name: str, needs: str, weights: Mapping[str, float]) -> "_Matches":
        why = f"the operation names {name}"
        if name in self._names:
            server, tool = self._names[name]
            return _Matches(exactly=Route(server=server, tool=tool, score=1.0, reason=why))
        if _LIKE_QUALIFIED.fullmatch(name):  # a server must not get the calls of another one by naming a tool like it
            return _Matches()
        tools = [tool for tool in self._tools if tool.spec.name == name]
        return _Matches(self._match(tool, needs, weights, why=why) for tool in tools)

    def _acquired(self, needs: str, weights: Mapping[str, float]) -> "_Matches | None":
        """Return tools of servers acquired for this need: those whose arguments fit, or all when none fits."""
        kind = kind_of(needs)
        tools = [tool for tool in self._tools if kind in self._servers[tool.server].needs]
        why = f"its server was acquired for {kind!r}"
        return (
            _Matches((self._match(tool, needs, weights, why=why) for tool in tools), rather_fit=True) if tools else None
        )

    def _similar(self, needs: str, weights: Mapping[str, float]) -> "_Matches":
        tools = [tool for tool in self._tools if tool.share(weights) >= LEAST_SHARE]
        why = "its words are those of the need"
        return _Matches((self._match(tool, needs, weights, why=why) for tool in tools), must_fit=True)

    def _match(self, tool: "_Tool", needs: str, weights: Mapping[str, float], *, why: str) -> "_Match":
        held_for = kind_of(needs) in self._servers[tool.server].needs
        common = sorted(tool.words.keys() & weights.keys())
        words = f"; common words: {', '.join(common)}" if common else ""
        return _Match(tool, score=0.1 * held_for + 0.4 * tool.likeness(weights), reason=f"{why}{words}")

    def _weights(self, words: Sequence[str]) -> dict[str, float]:
        """Return how telling each word is: rare ones among all tools more than frequent ones."""
        count = len(self._tools) + 1
        return {word: math.log(1 + count / (self._frequency[word] + 0.5)) for word in words}

    def _count(self) -> None:
        self._tools = tuple(tool for server in self._servers.values() for tool in server.tools)
        self._frequency = Counter(word for tool in self._tools for word in tool.words)
        self._kept.clear()

    def _missing(self, operation: Operation) -> CapabilityMissingError:
        if operation.tool is None:
            return CapabilityMissingError(
                f"No tool that is held can do {operation.needs!r} with the arguments {sorted(operation.arguments)}.",
                remedies=("Acquire a server for it.", "Name the tool: Operation(tool=...)."),
            )
        known = {tool.spec.name: tool.server for tool in self._tools}
        return CapabilityMissingError(
            f"No server that is held has a tool named {operation.tool[:100]!r}.",
            remedies=(*_nearest(operation.tool, known), "Acquire a server that has it."),
        )


class _Stemmer:
    """Cuts a text into the stems of its words."""

    def __init__(self) -> None:
        self._stem: Callable[[str], str] = snowballstemmer.stemmer("english").stemWord  # pyright: ignore[reportUnknownMemberType]

    def words(self, text: str) -> tuple[str, ...]:
        """Return the stems of the telling words, each once; of all words when none is telling."""
        parts = [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", text[:_LONGEST_TEXT]))]
        telling = [word for word in parts if word not in _COMMON] or parts
        return tuple(dict.fromkeys(self._stem(word) for word in telling))


class _Tool:
    """A tool with the stems of its name (counted twice) and of its description."""

    def __init__(self, server: str, spec: ToolSpec, stem: _Stemmer) -> None:
        self.server = server
        self.spec = spec
        named = dict.fromkeys(stem.words(spec.name), 2)
        self.words: Mapping[str, int] = {**dict.fromkeys(stem.words(spec.description), 1), **named}

    def offer(self) -> OfferedTool:
        """Return the tool as it is offered to others."""
        spec = self.spec
        return OfferedTool(
            name=qualified(self.server, spec.name),
            description=spec.description,
            input_schema=spec.input_schema,
            output_schema=spec.output_schema,
            read_only=spec.read_only,
            idempotent=spec.idempotent,
            server=self.server,
            tool=spec.name,
        )

    def share(self, weights: Mapping[str, float]) -> float:
        """Return the weighted share of the words that it has, 0 to 1."""
        total = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word in self.words) / total if total else 0.0

    def likeness(self, weights: Mapping[str, float]) -> float:
        """Return the same, with words of its name counted twice, 0 to 1."""
        total = 2 * sum(weights.values())
        return sum(weight * self.words.get(word, 0) for word, weight in weights.items()) / total if total else 0.0


class _Match:
    """A tool with what its words say about a need, whatever the arguments."""

    __slots__ = ("_reason", "_score", "_tool")

    def __init__(self, tool: _Tool, *, score: float, reason: str) -> None:
        self._tool = tool
        self._score = score
        self._reason = reason

    def rated(self, arguments: JsonObject) -> tuple[Route, bool]:
        """Return the way to the tool with these arguments, and whether they fit it."""
        spec = self._tool.spec
        wrong = misfit(spec.input_schema, arguments)
        fits = "; the arguments fit" if wrong is None else f"; the arguments do not fit: {wrong}"
        score = round(self._score + 0.5 * (wrong is None), 6)
        route = Route(server=self._tool.server, tool=spec.name, score=score, reason=f"{self._reason}{fits}")
        return route, wrong is None


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
        rated = [match.rated(operation.arguments) for match in self._found]
        fitting = [route for route, fits in rated if fits]
        if self._must_fit or (self._rather_fit and fitting):
            return fitting
        return [route for route, _ in rated]


@dataclass(frozen=True, slots=True)
class _Server:
    needs: frozenset[str]
    tools: tuple[_Tool, ...]


def _nearest(name: str, known: Mapping[str, object]) -> tuple[str, ...]:
    near = difflib.get_close_matches(name[:100], list(known), n=3)
    return (f"Did you mean {', '.join(near)}?",) if near else ()
