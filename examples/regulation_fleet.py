"""What `regulation_demo.py` regulates: a fleet of real in-process MCP servers, and a week of demand that shifts.

Everything is made from small word tables and one seed: the same seed gives the same fleet and the same week.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from vsm_mcp import Operation, Shelf
from vsm_mcp.model.server import ToolSummary
from vsm_mcp.testing.servers import memory_server

ACTIONS = ("convert", "summarise", "translate", "compare", "archive", "validate", "sketch", "schedule")
SUBJECTS = (
    "invoices", "contracts", "photographs", "recipes", "flights", "currencies",
    "sensors", "patents", "podcasts", "timesheets", "molecules", "parcels",
)  # fmt: skip
IDLE_TALK = ("jokes", "horoscopes", "riddles", "limericks", "memes")
ADJECTIVES = ("amber", "brisk", "cobalt", "deft", "early", "frosty", "gentle", "hollow", "indigo")
NOUNS = ("falcon", "harbour", "juniper", "kettle", "lantern", "meadow")
ACTIONS_EACH = 5
GENERALISTS, POPULAR_BUT_USELESS, BROKEN, SPECIALISTS = 4, 5, 7, 26
SHIFTED = 12
"""How many of the kinds in demand change places at a shift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """A server somebody offers.

    Attributes:
        name: Its name; it says nothing.
        kinds: What its tools are for.
        popularity: How many others have it; it says nothing about this host's demand.
        works: Whether its tools do what they say.
        source: Who offers it.
    """

    name: str
    kinds: tuple[str, ...]
    popularity: int
    works: bool = True
    source: str = "shelf"

    def make(self) -> MCPServer[None]:
        """Return a fresh server."""
        return memory_server({_tool_name(kind): _work(kind, works=self.works) for kind in self.kinds}, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All that is on offer."""

    kinds: tuple[str, ...]
    offerings: tuple[Offering, ...]

    def sources(self) -> tuple[Shelf, ...]:
        """Return the places where the servers are found: by their words, like any other."""
        shelves = {name: Shelf() for name in dict.fromkeys(one.source for one in self.offerings)}
        for name, shelf in shelves.items():
            shelf.name = name
        for one in self.offerings:
            shelves[one.source].offer(
                one.name,
                one.make,
                summary=" ".join(f"{_says(kind)}." for kind in one.kinds),
                tools=[ToolSummary(name=_tool_name(kind), description=_says(kind)) for kind in one.kinds],
            )
        return tuple(shelves.values())

    def served(self) -> frozenset[str]:
        """Return the kinds that somebody on offer really does."""
        return frozenset(kind for one in self.offerings if one.works for kind in one.kinds)


class ScriptedClock:
    """A clock that goes on only when it is told to: so a week takes seconds."""

    def __init__(self) -> None:
        """Begin on a Monday at midnight."""
        self._now = datetime(2026, 3, 2, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the scripted moment."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Go on."""
        self._now += by


def make_fleet(random: Random) -> Fleet:
    """Return the fleet: generalists, specialists, some that are broken, and popular ones that nobody here needs."""
    subjects = random.sample(SUBJECTS, len(SUBJECTS))
    by_subject = {subject: [f"{one} {subject}" for one in random.sample(ACTIONS, ACTIONS_EACH)] for subject in subjects}
    kinds = [kind for of_subject in by_subject.values() for kind in of_subject]
    names = [f"{adjective}-{noun}" for adjective in ADJECTIVES for noun in NOUNS]
    random.shuffle(names)
    offerings = [
        *_useless(names, random),
        *(_offering(names, random, kinds=by_subject[subject], fame=3) for subject in subjects[:GENERALISTS]),
        *_specialists(names, random, kinds=kinds[GENERALISTS * ACTIONS_EACH :]),
        *(
            _offering(names, random, kinds=random.sample(kinds, 2), fame=3, works=False, source="bazaar")
            for _ in range(BROKEN)
        ),
    ]
    random.shuffle(offerings)
    return Fleet(kinds=tuple(kinds), offerings=tuple(offerings))


def make_demand(kinds: Sequence[str], random: Random, *, count: int) -> tuple[Operation, ...]:
    """Return ``count`` operations in order: some kinds are asked for often and most seldom; it shifts twice."""
    order = random.sample(kinds, len(kinds))
    operations: list[Operation] = []
    for regime in range(3):
        if regime:
            _shift(order, random)
        until = count * (regime + 1) // 3
        heights = list(accumulate(1 / (place + 1) for place in range(len(order))))
        asked = random.choices(order, cum_weights=heights, k=until - len(operations))
        operations += (Operation(needs=kind, arguments={"what": kind}) for kind in asked)
    return tuple(operations)


def _shift(order: list[str], random: Random) -> None:
    """Let the kinds that are asked for most change places with others."""
    others = random.sample(range(SHIFTED, len(order)), SHIFTED)
    for place, other in enumerate(others):
        order[place], order[other] = order[other], order[place]


def _useless(names: list[str], random: Random) -> list[Offering]:
    talks = [f"tell {talk}" for talk in IDLE_TALK]
    return [_offering(names, random, kinds=[talk], fame=30) for talk in talks[:POPULAR_BUT_USELESS]]


def _specialists(names: list[str], random: Random, *, kinds: Sequence[str]) -> list[Offering]:
    """Return servers for one or two kinds each; those of the bazaar are as good as any."""
    left = random.sample(kinds, len(kinds))
    made: list[Offering] = []
    for place in range(SPECIALISTS):
        mine = [left.pop() for _ in range(min(1 + place % 2, len(left)))]
        made.append(_offering(names, random, kinds=mine, fame=1, source="bazaar" if place % 6 == 0 else "shelf"))
    return made


def _offering(
    names: list[str], random: Random, *, kinds: Sequence[str], fame: float, works: bool = True, source: str = "shelf"
) -> Offering:
    popularity = int(fame * 100 * random.paretovariate(1.2))
    return Offering(name=names.pop(), kinds=tuple(kinds), popularity=popularity, works=works, source=source)


def _tool_name(kind: str) -> str:
    return kind.replace(" ", "_")


def _says(kind: str) -> str:
    action, _, subject = kind.partition(" ")
    return f"{action.capitalize()}s {subject}"


def _work(kind: str, *, works: bool) -> Callable[[str], str]:
    """Return a tool that does ``kind`` and nothing else, or nothing at all."""

    def work(what: str = kind) -> str:
        if not works:
            raise ToolError("This is out of order.")
        if what != kind:
            raise ToolError(f"This can {kind}, not {what}.")
        return f"done: {what}"

    work.__doc__ = f"{_says(kind)}."
    return work
