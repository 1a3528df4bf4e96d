"""What a decision is about: the issue, what is known, what must hold, what is wanted, and what could be done."""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nextafter
from typing import Protocol

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.policy.reading import LARGEST, entries, items, number, numbers, only, shown, text
from vsm_mcp.systems.policy.rules import Bound
from vsm_mcp.systems.policy.venture import Venture

LONGEST_TEXT = 1000
LONGEST_NAME = 400
MOST_OPTIONS = 100
MOST_FIGURES = 50
MOST_STATEMENTS = 50
MOST_FACTORS = 200

OWN_FIGURES = frozenset({"cost", "risk"})
"""The figures that every option has; attributes and effects have other names."""

_ROUNDING = 1e-9
_BOUND = re.compile(r"([^<>=≤≥]*[^<>=≤≥\s])\s*(<=|>=|≤|≥|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something that could be done.

    Attributes:
        name: What it is called.
        attributes: How well it serves each objective if it succeeds, 0 (not at all) to 1 (completely).
        effects: Other expected figures, in their own units, for rules and for the essential variables of the identity.
        cost: What it costs in any case, in the unit of utility: 1 is worth everything that could be achieved.
        risk: How uncertain its success is beyond what the evidence says, as a standard deviation, 0 to 0.5.
        successes: How often the like of it succeeded, as far as the caller knows.
        failures: How often it failed.
        prior: Probability of success that is assumed without evidence; ``None`` for the prior of the situation.
        prior_weight: How many outcomes that assumption is worth.
        system: Who does it.
        tags: What else is true of it, for rules.

    Raises:
        PayloadError: A figure cannot be, or there are too many.
    """

    name: str
    attributes: Mapping[str, float] = field(default_factory=dict[str, float])
    effects: Mapping[str, float] = field(default_factory=dict[str, float])
    cost: float = 0.0
    risk: float = 0.0
    successes: float = 0.0
    failures: float = 0.0
    prior: float | None = None
    prior_weight: float = 2.0
    system: SystemId = SystemId.SYSTEM1
    tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        text("The name of an option", self.name, longest=LONGEST_NAME)
        try:
            self._check()
        except PayloadError as error:
            raise PayloadError(f"Option {shown(self.name)}: {error.message}", remedies=error.remedies) from error

    def figures(self) -> dict[str, float]:
        """Return everything that is known of it in numbers."""
        return {**self.attributes, **self.effects, "cost": self.cost, "risk": self.risk}

    def _check(self) -> None:
        numbers("Attribute", self.attributes, most=MOST_FIGURES, low=0.0, high=1.0)
        numbers("Effect", self.effects, most=MOST_FIGURES)
        clash = [name for name in (*self.effects, *OWN_FIGURES) if name in self.attributes]
        if clash or not OWN_FIGURES.isdisjoint(self.effects):
            raise PayloadError(
                f"{', '.join(sorted(clash)) or 'cost or risk'} is given twice.",
                remedies=("Give each figure one name; cost and risk are fields of their own.",),
            )
        number("The cost", self.cost, low=0.0, high=LARGEST)
        number("The risk", self.risk, low=0.0, high=0.5)
        number("The successes", self.successes, low=0.0, high=LARGEST)
        number("The failures", self.failures, low=0.0, high=LARGEST)
        number("The prior weight", self.prior_weight, low=1e-6, high=LARGEST)
        if self.prior is not None:
            number("The prior", self.prior, low=0.0, high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionContext:
    """What a decision is about.

    Attributes:
        issue: What is to be decided. Decisions with the same issue, in the same words, are similar to each other.
        environment: Levels by name, as numbers from 0 to 1 or words such as ``high``; may be nested.
        constraints: What must hold. ``"cost <= 0.3"`` is held against each option; the name of a rule is already held;
            anything else is listed as not assessed, never taken as fulfilled.
        objectives: What is wanted: names of attributes. None that is known means: all attributes count.
        weights: How much each attribute counts; empty for equally much.
        options: What could be done; ``None`` to have options generated.
        funnel: Share of demand that ended at each stage, to generate options from.
        gains: Share of demand that each capability which could be acquired is expected to absorb.
        venture: The stakes of a venture, if it is one and they are known.
        burn_rate: How fast the error budget is used up; 1 is just in time.

    Raises:
        PayloadError: A figure cannot be, something is too long, or the list of options is empty.
    """

    issue: str
    environment: Mapping[str, object] = field(default_factory=dict[str, object])
    constraints: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    options: tuple[Option, ...] | None = None
    funnel: Mapping[Stage, float] = field(default_factory=dict[Stage, float])
    gains: Mapping[str, float] = field(default_factory=dict[str, float])
    venture: Venture | None = None
    burn_rate: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        text("The issue", self.issue, longest=LONGEST_TEXT)
        for name, statements in (("constraint", self.constraints), ("objective", self.objectives)):
            for statement in items(f"The {name}s", statements, most=MOST_STATEMENTS):
                text(f"A {name}", statement, longest=LONGEST_TEXT)
        entries("The environment", self.environment, most=MOST_FACTORS)
        numbers("Weight", self.weights, most=MOST_FIGURES, low=0.0)
        _funnel(self.funnel)
        numbers("Gain", self.gains, most=MOST_OPTIONS, low=0.0, high=1.0)
        if self.burn_rate is not None:
            number("burn_rate", self.burn_rate, low=0.0, high=LARGEST)
        if self.options is not None:
            distinct(self.options)

    @property
    def kind(self) -> str:
        """What makes decisions similar: the issue, in lower case, with white space folded."""
        return " ".join(self.issue.casefold().split())


class DecisionStrategy(Protocol):
    """Thinks of options."""

    def propose(self, context: DecisionContext, /) -> Sequence[Option] | Awaitable[Sequence[Option]]:
        """Return what could be done about ``context``, or something to await that does."""
        ...


class FunnelStrategy:
    """Reads the options off the funnel: the stage where demand is lost names what can be done about it."""

    def propose(self, context: DecisionContext, /) -> Sequence[Option]:
        """Return one option per way to regain what is lost; none if the context has neither funnel nor gains."""
        lost = {Stage(stage): share for stage, share in context.funnel.items() if share > 0}
        options = [
            regaining(name, lost[stage], system)
            for stage, name, system in _WAYS
            if stage in lost and not (stage is Stage.UNKNOWN and context.gains)
        ]
        options += [regaining(f"acquire({name})", gain, SystemId.SYSTEM4) for name, gain in context.gains.items()]
        return options[:MOST_OPTIONS]


def regaining(name: str, share: float, system: SystemId) -> Option:
    """Return an option that regains ``share`` of all demand if it succeeds."""
    return Option(name=name, attributes={"regained_share": min(share, 1.0)}, system=system)


_WAYS = (
    (Stage.UNKNOWN, "acquire", SystemId.SYSTEM4),
    (Stage.STARVED, "expand_capacity", SystemId.SYSTEM3),
    (Stage.STARVED, "shed_load", SystemId.SYSTEM3),
    (Stage.CONTENDED, "reroute", SystemId.SYSTEM2),
    (Stage.FAILED, "repair", SystemId.SYSTEM1),
    (Stage.REFUSED, "escalate", SystemId.SYSTEM5),
)


def read_context(context: DecisionContext | Mapping[str, object]) -> DecisionContext:
    """Return ``context`` as something that can be decided on.

    Raises:
        PayloadError: It has an unknown key, lacks the issue, or holds what cannot be.
    """
    if isinstance(context, DecisionContext):
        return context
    given = entries("The context", context, most=2 * len(_CONTEXT))
    only("The context", given, allowed=_CONTEXT)
    options, venture, burn_rate = given.get("options"), given.get("venture"), given.get("burn_rate")
    return DecisionContext(
        issue=text("The issue", given.get("issue"), longest=LONGEST_TEXT),
        environment=entries("The environment", given.get("environment", {}), most=MOST_FACTORS),
        constraints=_statements("constraints", given),
        objectives=_statements("objectives", given),
        weights=numbers("Weight", given.get("weights", {}), most=MOST_FIGURES),
        options=None if options is None else _options(options),
        funnel=_funnel(given.get("funnel", {})),
        gains=numbers("Gain", given.get("gains", {}), most=MOST_OPTIONS),
        venture=None if venture is None else _venture(venture),
        burn_rate=None if burn_rate is None else number("burn_rate", burn_rate),
    )


def distinct(options: Sequence[Option]) -> None:
    """Refuse options that cannot be chosen from.

    Raises:
        PayloadError: There are none or too many, or two have one name.
    """
    if not 0 < len(options) <= MOST_OPTIONS:
        raise PayloadError(
            f"There are {len(options)} options, and 1 to {MOST_OPTIONS} can be weighed.",
            remedies=("Name what could be done, or leave options out to have them generated.",),
        )
    for option in options:
        if not isinstance(option, Option):  # pyright: ignore[reportUnnecessaryIsInstance] - they come from outside
            raise PayloadError(
                f"{shown(option)} is no option.", remedies=("Give options: Option(name=..., attributes=...).",)
            )
    names = {option.name for option in options}
    if len(names) < len(options):
        raise PayloadError(
            f"{len(options)} options have {len(names)} names.", remedies=("Give each option its own name.",)
        )


def bound_of(constraint: str) -> Bound | None:
    """Return the limits that ``constraint`` states, such as ``cost <= 0.3``; ``None`` if it is in free words."""
    found = _BOUND.fullmatch(constraint.strip())
    if found is None:
        return None
    limit = number(f"The limit in {constraint!r}", float(found[3]), low=-LARGEST, high=LARGEST)
    match found[2]:
        case "<=" | "≤":
            return Bound(figure=found[1], high=limit)
        case ">=" | "≥":
            return Bound(figure=found[1], low=limit)
        case "<":
            return Bound(figure=found[1], high=nextafter(limit, -inf))
        case _:
            return Bound(figure=found[1], low=nextafter(limit, inf))


_CONTEXT = frozenset(DecisionContext.__dataclass_fields__)
_OPTION = frozenset(Option.__dataclass_fields__)
_VENTURE = frozenset(Venture.__dataclass_fields__)


def _statements(name: str, given: Mapping[str, object]) -> tuple[str, ...]:
    statements = items(f"The {name}", given.get(name, ()), most=MOST_STATEMENTS)
    return tuple(text(f"One of the {name}", statement, longest=LONGEST_TEXT) for statement in statements)


def _options(given: object) -> tuple[Option, ...]:
    return tuple(
        option if isinstance(option, Option) else _option(option)
        for option in items("The options", given, most=MOST_OPTIONS)
    )


def _option(given: object) -> Option:
    known = entries("An option", given, most=2 * len(_OPTION))
    only("An option", known, allowed=_OPTION)
    prior, tags = known.get("prior"), items("The tags", known.get("tags", ()), most=MOST_FIGURES)
    return Option(
        name=text("The name of an option", known.get("name"), longest=LONGEST_NAME),
        attributes=numbers("Attribute", known.get("attributes", {}), most=MOST_FIGURES),
        effects=numbers("Effect", known.get("effects", {}), most=MOST_FIGURES),
        cost=number("The cost", known.get("cost", 0.0)),
        risk=number("The risk", known.get("risk", 0.0)),
        successes=number("The successes", known.get("successes", 0.0)),
        failures=number("The failures", known.get("failures", 0.0)),
        prior=None if prior is None else number("The prior", prior),
        prior_weight=number("The prior weight", known.get("prior_weight", 2.0)),
        system=_system(known.get("system", SystemId.SYSTEM1)),
        tags=frozenset(text("A tag", tag, longest=LONGEST_NAME) for tag in tags),
    )


def _system(word: object) -> SystemId:
    try:
        return SystemId(word)
    except ValueError as error:
        raise PayloadError(
            f"{shown(word)} is none of the systems.", remedies=(f"Say one of {', '.join(SystemId)}.",)
        ) from error


def _funnel(given: object) -> Mapping[Stage, float]:
    shares = numbers("The funnel share at", given, most=len(Stage), low=0.0, high=1.0)
    only("The funnel", shares, allowed=frozenset(Stage))
    if sum(shares.values()) > 1.0 + _ROUNDING:
        raise PayloadError(
            f"The shares of the funnel sum to {sum(shares.values()):g}.", remedies=("Give shares of all demand.",)
        )
    return {Stage(stage): share for stage, share in shares.items()}


def _venture(given: object) -> Venture:
    if isinstance(given, Venture):
        return given
    stakes = numbers("Venture", given, most=2 * len(_VENTURE))
    only("The venture", stakes, allowed=_VENTURE)
    missing = sorted({"probability", "value", "cost"} - stakes.keys())
    if missing:
        raise PayloadError(f"The venture lacks {', '.join(missing)}.", remedies=("Give probability, value and cost.",))
    return Venture(**stakes)
