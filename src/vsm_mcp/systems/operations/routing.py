"""Routing by what was learnt: among tools that fit alike, the one that has worked best is called most."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.servers.routing.router import Route
from vsm_mcp.variety.coverage import DEFAULT_DISCOUNT

DEFAULT_MARGIN = 0.1
DEFAULT_MOST_KINDS = 1000
MOST_TOOLS = 64
"""Tools that are told apart for one kind; beyond them, the one with the least evidence is forgotten."""

MOST_TRIALS = 10_000

_LARGEST_WEIGHT = 1e120
_ROUNDING = 1e-9
_FADING = 0.1
"""How fast evidence fades when another tool is called, compared with an outcome of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteBelief:
    """What is believed of one tool for one kind of demand, and from what.

    Attributes:
        server: The server that has it.
        tool: Its own name there.
        mean: Probability that it absorbs the next demand: the mean of ``Beta(1 + successes, 1 + failures)``.
        successes: Weight of its successes; older ones weigh less.
        failures: Weight of its failures.
        trials: Verification trials it comes from, unweighted.
        outcomes: Outcomes of real demand it comes from, unweighted.
    """

    server: str
    tool: str
    mean: float
    successes: float
    failures: float
    trials: int
    outcomes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """What the choices for one kind have cost so far, as believed when they were made.

    Attributes:
        demands: How many demands more would have been absorbed by the tool that was believed best each time.
        n: Over how many outcomes.
    """

    demands: float
    n: int


class RouteLearner:
    """Chooses among the routes of an operation by Thompson sampling (Thompson 1933; Chapelle & Li 2011).

    For each kind of demand and each tool it keeps a Beta belief that starts from ``Beta(1, 1)`` and the tool's
    verification trials. Each outcome of a tool multiplies its older evidence by ``discount`` (discounted Thompson
    sampling, Raj & Kalyani 2017): with 0.995 evidence weighs half after about 140 of its outcomes, so a tool that
    breaks is left soon. The evidence of the others fades too, ten times slower: one that was left is tried again in
    time, and found when it was repaired. To choose, one number is drawn from each belief; the largest goes first.

    What was learnt never leads to a tool that does not fit. Which routes may be chosen is the router's word:

    - Of each server only the route that the router puts first: what one server offers besides does something else.
    - Only routes whose score is at most ``margin`` below the best. The router gives 0.5 for arguments that fit, 0.1 for
      a server that was acquired for the need, and up to 0.4 for likeness in words, the name above all. So with 0.1 a
      tool that cannot take the arguments never stands beside one that can.

    Args:
        random: Where numbers are drawn from: it seeds a fast generator of the learner's own.
        discount: What older evidence on a tool is multiplied by at each of its outcomes; 1 forgets nothing.
        margin: How far below the best score a route may be.
        most_kinds: Kinds that are learnt of; beyond them, the one that was not heard of for longest is forgotten.

    Attributes:
        outcomes: How many outcomes were learnt from.
        regretted: How many of them would have been done in addition with the tool that was believed best each time.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        random: Random,
        discount: float = DEFAULT_DISCOUNT,
        margin: float = DEFAULT_MARGIN,
        most_kinds: int = DEFAULT_MOST_KINDS,
    ) -> None:
        """Start without any evidence."""
        if not 0.0 < discount <= 1.0:
            raise ConfigurationError(
                f"A discount of {discount} cannot be used.", remedies=("Give a number above 0 and at most 1.",)
            )
        if not 0.0 <= margin <= 1.0:
            raise ConfigurationError(f"A margin of {margin} cannot be used.", remedies=("Give a number from 0 to 1.",))
        if most_kinds < 1:
            raise ConfigurationError(f"{most_kinds} kinds are too few.", remedies=("Allow at least one kind.",))
        self.outcomes: int = 0
        self.regretted: float = 0.0
        self._random = Random(random.getrandbits(64))  # noqa: S311 - choosing a tool is no secret
        fading = 1.0 - (1.0 - discount) * _FADING
        self._growth = 1.0 / fading
        self._own = discount / fading
        self._margin = margin
        self._most_kinds = most_kinds
        self._kinds: OrderedDict[str, _Kind] = OrderedDict()

    def __repr__(self) -> str:
        """Show of how many kinds it has learnt."""
        return f"RouteLearner(kinds={len(self._kinds)})"

    def pick(self, kind: str, routes: Sequence[Route]) -> tuple[Route, ...]:
        """Return those of ``routes`` (best score first) that may be chosen, in the order in which to try them."""
        eligible = self._eligible(routes)
        if len(eligible) < 2:  # noqa: PLR2004 - nothing to choose
            return eligible
        known = self._kinds.get(kind)
        draw = self._random.betavariate
        tools = known.tools if known is not None else {}
        weight = known.weight if known is not None else 1.0
        drawn: list[tuple[float, int]] = []
        for place, route in enumerate(eligible):
            tool = tools.get((route.server, route.tool))
            chance = draw(1.0, 1.0) if tool is None else draw(1.0 + tool.won / weight, 1.0 + tool.lost / weight)
            drawn.append((-chance, place))
        drawn.sort()
        return tuple(eligible[place] for _, place in drawn)

    def note(self, kind: str, server: str, tool: str, *, successes: int, trials: int) -> None:
        """Take note that ``tool`` passed ``successes`` of its verification trials for ``kind``; noting again adds.

        Raises:
            PayloadError: There cannot be that many successes or trials.
        """
        if not 0 <= successes <= trials <= MOST_TRIALS:
            raise PayloadError(
                f"{successes} successes in {trials} trials cannot be noted; at most {MOST_TRIALS} trials."
            )
        known = self._known(kind)
        belief = known.tool(server, tool)
        belief.won += successes * known.weight
        belief.lost += (trials - successes) * known.weight
        belief.trials += trials

    def learn(self, kind: str, server: str, tool: str, *, success: bool) -> None:
        """Learn from one outcome of real demand."""
        known = self._known(kind)
        belief = known.tool(server, tool)
        self.outcomes += 1
        if len(known.tools) > 1:
            regret = known.best() - known.mean(belief)
            known.regret += regret
            self.regretted += regret
        known.outcomes += 1
        known.weight *= self._growth
        belief.won = belief.won * self._own + (known.weight if success else 0.0)
        belief.lost = belief.lost * self._own + (0.0 if success else known.weight)
        belief.outcomes += 1
        if known.weight > _LARGEST_WEIGHT:
            known.rescale()

    def forget(self, server: str) -> None:
        """Forget all evidence about the tools of ``server``; fine if there is none."""
        for known in self._kinds.values():
            for key in [key for key in known.tools if key[0] == server]:
                del known.tools[key]
        for kind in [kind for kind, known in self._kinds.items() if not known.tools]:
            del self._kinds[kind]

    def beliefs(self, kind: str) -> tuple[RouteBelief, ...]:
        """Return what is believed of each tool for ``kind``, the most likely to absorb it first."""
        known = self._kinds.get(kind)
        if known is None:
            return ()
        beliefs = (known.belief(*key) for key in known.tools)
        return tuple(sorted(beliefs, key=lambda belief: (-belief.mean, belief.server, belief.tool)))

    def regret(self, kind: str) -> Regret | None:
        """Return what the choices for ``kind`` have cost so far; ``None`` before its first outcome."""
        known = self._kinds.get(kind)
        return Regret(demands=known.regret, n=known.outcomes) if known is not None and known.outcomes else None

    def _eligible(self, routes: Sequence[Route]) -> tuple[Route, ...]:
        if len(routes) < 2:  # noqa: PLR2004 - nothing to choose
            return tuple(routes)
        least = routes[0].score - self._margin - _ROUNDING
        firsts: dict[str, Route] = {}
        for route in routes:
            if route.score >= least and route.server not in firsts:
                firsts[route.server] = route
        return tuple(firsts.values())

    def _known(self, kind: str) -> "_Kind":
        known = self._kinds.get(kind)
        if known is not None:
            self._kinds.move_to_end(kind)
            return known
        if len(self._kinds) >= self._most_kinds:
            self._kinds.popitem(last=False)
        known = self._kinds[kind] = _Kind()
        return known


class _Tool:
    __slots__ = ("lost", "outcomes", "trials", "won")

    def __init__(self) -> None:
        self.won = 0.0
        self.lost = 0.0
        self.trials = 0
        self.outcomes = 0


class _Kind:
    """The tools tried for one kind. Evidence is kept with growing weights, so that discounting touches nothing old."""

    __slots__ = ("outcomes", "regret", "tools", "weight")

    def __init__(self) -> None:
        self.tools: dict[tuple[str, str], _Tool] = {}
        self.weight = 1.0
        self.regret = 0.0
        self.outcomes = 0

    def tool(self, server: str, name: str) -> _Tool:
        tool = self.tools.get((server, name))
        if tool is None:
            if len(self.tools) >= MOST_TOOLS:
                del self.tools[min(self.tools, key=lambda key: self.tools[key].won + self.tools[key].lost)]
            tool = self.tools[server, name] = _Tool()
        return tool

    def mean(self, tool: _Tool) -> float:
        won, lost = tool.won / self.weight, tool.lost / self.weight
        return (1.0 + won) / (2.0 + won + lost)

    def best(self) -> float:
        return max(self.mean(tool) for tool in self.tools.values())

    def belief(self, server: str, name: str) -> RouteBelief:
        tool = self.tools[server, name]
        return RouteBelief(
            server=server,
            tool=name,
            mean=self.mean(tool),
            successes=tool.won / self.weight,
            failures=tool.lost / self.weight,
            trials=tool.trials,
            outcomes=tool.outcomes,
        )

    def rescale(self) -> None:
        for tool in self.tools.values():
            tool.won /= self.weight
            tool.lost /= self.weight
        self.weight = 1.0
