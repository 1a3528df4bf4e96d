"""What to do under pressure: a complete table from gap, load and pressure to one action, decided without a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.model.system import Priority
from vsm_mcp.systems.policy.reading import LARGEST, entries, number, only, shown


class Pressure(StrEnum):
    """How strongly the environment presses."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class PolicyAction(StrEnum):
    """What System 5 lets the others do; ``HOLD`` when nothing calls for anything."""

    EXPAND_CAPACITY = "expand_capacity"
    ACQUIRE_TOOLS = "acquire_tools"
    SHED_LOAD = "shed_load"
    HOLD = "hold"


class Gap(StrEnum):
    """How much variety is not absorbed."""

    NONE = "no"
    SMALL = "small"
    LARGE = "large"


class Load(StrEnum):
    """How much of the capacity is in use."""

    SPARE = "spare"
    HIGH = "high"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureContext:
    """What is known when there is no time for more.

    Attributes:
        variety_gap: Kinds of demand that no capability absorbs.
        system_load: Share of the capacity that is in use; more than 1 when more is asked for than there is.
        external_pressure: ``low``, ``medium`` or ``high``.

    Raises:
        PayloadError: A figure is no finite number or negative, or the pressure is none of the three words.
    """

    variety_gap: float
    system_load: float
    external_pressure: str

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        number("variety_gap", self.variety_gap, low=0.0, high=LARGEST)
        number("system_load", self.system_load, low=0.0, high=LARGEST)
        object.__setattr__(self, "external_pressure", _pressure(self.external_pressure))


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureLimits:
    """From which figure on a gap is large, a load is high, and a capacity is full (nothing to spare).

    These are declared preferences, not measurements. A gap of 100 kinds is a tenth of a repertoire of a thousand.

    Raises:
        ConfigurationError: They are not in the order ``0 < high_load <= full_load``, or ``large_gap`` is not positive.
    """

    large_gap: float = 100.0
    high_load: float = 0.8
    full_load: float = 0.95

    def __post_init__(self) -> None:
        """Refuse limits that tell nothing apart."""
        number("large_gap", self.large_gap, low=0.0, high=LARGEST, error=ConfigurationError)
        number("full_load", self.full_load, low=0.0, high=LARGEST, error=ConfigurationError)
        number("high_load", self.high_load, low=0.0, high=self.full_load, error=ConfigurationError)
        if not self.large_gap or not self.high_load:
            raise ConfigurationError(
                "With a limit of 0, everything is large or high.",
                remedies=("Give large_gap and high_load greater than 0.",),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureRule:
    """One row of the table: where it holds, and what is done there."""

    name: str
    gaps: frozenset[Gap]
    loads: frozenset[Load]
    pressures: frozenset[Pressure]
    action: PolicyAction
    because: str


_ANY_GAP, _ANY_PRESSURE = frozenset(Gap), frozenset(Pressure)

PRESSURE_TABLE: tuple[PressureRule, ...] = (
    PressureRule(
        name="full under high pressure: shed",
        gaps=_ANY_GAP,
        loads=frozenset({Load.FULL}),
        pressures=frozenset({Pressure.HIGH}),
        action=PolicyAction.SHED_LOAD,
        because="there is nothing to spare, and the environment does not wait until capacity has grown",
    ),
    PressureRule(
        name="full without high pressure: expand",
        gaps=_ANY_GAP,
        loads=frozenset({Load.FULL}),
        pressures=_ANY_PRESSURE - {Pressure.HIGH},
        action=PolicyAction.EXPAND_CAPACITY,
        because="there is nothing to spare, and there is time for capacity to grow",
    ),
    PressureRule(
        name="high load: expand",
        gaps=_ANY_GAP,
        loads=frozenset({Load.HIGH}),
        pressures=_ANY_PRESSURE,
        action=PolicyAction.EXPAND_CAPACITY,
        because="more tools would only add load to a capacity that is nearly used up",
    ),
    PressureRule(
        name="gap and room: acquire",
        gaps=_ANY_GAP - {Gap.NONE},
        loads=frozenset({Load.SPARE}),
        pressures=_ANY_PRESSURE,
        action=PolicyAction.ACQUIRE_TOOLS,
        because="there is room, and demand that no tool absorbs",
    ),
    PressureRule(
        name="no gap and room: hold",
        gaps=frozenset({Gap.NONE}),
        loads=frozenset({Load.SPARE}),
        pressures=_ANY_PRESSURE,
        action=PolicyAction.HOLD,
        because="all demand is absorbed with room to spare",
    ),
)
"""Every cell of gap, load and pressure belongs to exactly one row."""

_URGENCY = (Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.CRITICAL)


class PolicyDecision(Report, frozen=True):
    """What to do under pressure.

    Attributes:
        action: What is to be done.
        priority: One step up from ``low`` for each of: the gap is large, the load is high, the pressure is high; and
            ``critical`` whenever the capacity is full under high pressure.
        rule: The row of the table that decided.
        rationale: Why, with the figures.
    """

    action: PolicyAction
    priority: Priority
    rule: str
    rationale: str


def read_pressure(context: PressureContext | Mapping[str, object]) -> PressureContext:
    """Return ``context`` as figures that make sense.

    Raises:
        PayloadError: A figure is missing, unknown, or cannot be.
    """
    if isinstance(context, PressureContext):
        return context
    given = entries("The context", context, most=len(_FIELDS) + 5)
    only("The context", given, allowed=_FIELDS)
    missing = sorted(_FIELDS - given.keys())
    if missing:
        raise PayloadError(f"The context lacks {', '.join(missing)}.", remedies=("Give all three figures.",))
    return PressureContext(
        variety_gap=number("variety_gap", given["variety_gap"]),
        system_load=number("system_load", given["system_load"]),
        external_pressure=_pressure(given["external_pressure"]),
    )


def decide_under_pressure(context: PressureContext, limits: PressureLimits) -> PolicyDecision:
    """Return the action that the table has for ``context``."""
    pressure = Pressure(context.external_pressure)
    gap, load = _gap(context.variety_gap, limits), _load(context.system_load, limits)
    row = next(row for row in PRESSURE_TABLE if gap in row.gaps and load in row.loads and pressure in row.pressures)
    strained = (gap is Gap.LARGE) + (load is not Load.SPARE) + (pressure is Pressure.HIGH)
    overrun = load is Load.FULL and pressure is Pressure.HIGH
    return PolicyDecision(
        action=row.action,
        priority=Priority.CRITICAL if overrun else _URGENCY[strained],
        rule=row.name,
        rationale=(
            f"{row.action}: {row.because}. Gap {context.variety_gap:g} ({gap}; large from {limits.large_gap:g}), "
            f"load {context.system_load:g} ({load}; high from {limits.high_load:g}, full from {limits.full_load:g}), "
            f"pressure {pressure}."
        ),
    )


_FIELDS = frozenset({"variety_gap", "system_load", "external_pressure"})


def _pressure(word: object) -> Pressure:
    if isinstance(word, str):
        folded = word.strip().casefold()
        for pressure in Pressure:
            if folded == pressure:
                return pressure
    raise PayloadError(
        f"external_pressure is {shown(word)}, and must be low, medium or high.",
        remedies=("Say low, medium or high.",),
    )


def _gap(figure: float, limits: PressureLimits) -> Gap:
    if figure >= limits.large_gap:
        return Gap.LARGE
    return Gap.SMALL if figure > 0 else Gap.NONE


def _load(figure: float, limits: PressureLimits) -> Load:
    if figure >= limits.full_load:
        return Load.FULL
    return Load.HIGH if figure >= limits.high_load else Load.SPARE
