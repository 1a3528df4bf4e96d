"""How circumstances, in words and levels, become a prior: declared and overridable, never taken for a measurement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.reading import entries, number, numbers, shown
from vsm_mcp.systems.policy.utility import Prior
from vsm_mcp.systems.policy.venture import Venture

MOST_FACTORS = 200
DEEPEST = 4
_NAMED_AT_MOST = 8

LEVELS: Mapping[str, float] = MappingProxyType(
    {
        "none": 0.0,
        "absent": 0.0,
        "very_low": 0.1,
        "minimal": 0.1,
        "low": 0.2,
        "weak": 0.2,
        "mild": 0.2,
        "calm": 0.2,
        "stable": 0.2,
        "scarce": 0.2,
        "moderate": 0.5,
        "medium": 0.5,
        "normal": 0.5,
        "average": 0.5,
        "elevated": 0.7,
        "high": 0.8,
        "strong": 0.8,
        "abundant": 0.8,
        "severe": 0.9,
        "intense": 0.9,
        "very_high": 0.9,
        "extreme": 1.0,
    }
)
"""Which level a word stands for: our declaration, not a measurement."""

ADVERSE: frozenset[str] = frozenset(
    {
        "volatility",
        "competition",
        "uncertainty",
        "risk",
        "risks",
        "threat",
        "threats",
        "pressure",
        "turbulence",
        "instability",
        "debt",
        "hostility",
        "scarcity",
        "complexity",
    }
)
"""Words in the name of a circumstance that say that more of it is worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """How circumstances in words become the prior of a venture: declared, to be overridden, never a measurement.

    Each circumstance counts as one outcome seen in part: a favourable one at level x as x of a success and 1 - x of a
    failure, an adverse one the other way round, on top of a uniform Beta(1, 1).

    Attributes:
        levels: Which level, 0 to 1, each word stands for.
        adverse: Words in the name of a circumstance that say that more of it is worse.
        value: The value of a venture whose stakes are not given.
        cost: Its cost.
        pilot_share: The part of its cost that a pilot spends.
        accuracy: How often the pilot tells right.

    Raises:
        ConfigurationError: A figure cannot be.
    """

    levels: Mapping[str, float] = field(default_factory=lambda: LEVELS)
    adverse: frozenset[str] = ADVERSE
    value: float = 10.0
    cost: float = 5.0
    pilot_share: float = 0.2
    accuracy: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        numbers("Level", self.levels, most=MOST_FACTORS, low=0.0, high=1.0, error=ConfigurationError)
        try:
            self.venture(0.5)
        except PayloadError as error:
            raise ConfigurationError(error.message, remedies=error.remedies) from error

    def venture(self, probability: float) -> Venture:
        """Return the venture whose stakes are not given."""
        return Venture(
            probability=probability,
            value=self.value,
            cost=self.cost,
            pilot_share=self.pilot_share,
            accuracy=self.accuracy,
        )

    def read(self, environment: Mapping[str, object]) -> "Outlook":
        """Return what the circumstances say.

        Raises:
            PayloadError: A level is outside 0 to 1 or no number, or there are too many or too deeply nested ones.
        """
        factors: list[Factor] = []
        unread: list[str] = []
        for name, given in _flat(environment, path=(), left=MOST_FACTORS):
            level = self._level(name, given)
            if level is None:
                unread.append(f"{name}: {shown(given)}")
                continue
            adverse = bool(self.adverse & set(name.casefold().replace(".", "_").split("_")))
            factors.append(Factor(name, level, 1.0 - level if adverse else level))
        return Outlook(tuple(factors), tuple(unread))

    def _level(self, name: str, given: object) -> float | None:
        if isinstance(given, str):
            return self.levels.get("_".join(given.casefold().replace("-", " ").replace("_", " ").split()))
        return number(f"The level of {name}", given, low=0.0, high=1.0)


class Factor(NamedTuple):
    """One circumstance: its level, and how far that speaks for success."""

    name: str
    level: float
    favours: float


class Outlook(NamedTuple):
    """The circumstances that could be read, and those that could not."""

    factors: tuple[Factor, ...]
    unread: tuple[str, ...]

    @property
    def prior(self) -> Prior:
        """The mean of Beta(1 + favourable, 1 + adverse), worth two outcomes more than there are circumstances."""
        weight = 2.0 + len(self.factors)
        return Prior((1.0 + sum(factor.favours for factor in self.factors)) / weight, weight)

    def said(self) -> str:
        """Return in words where the prior comes from."""
        levels = ", ".join(f"{factor.name} {factor.level:g}" for factor in self.factors[:_NAMED_AT_MOST])
        more = f" and {len(self.factors) - _NAMED_AT_MOST} more" if len(self.factors) > _NAMED_AT_MOST else ""
        return f"The prior of {self.prior.mean:.3g} is declared, from circumstances: {levels or 'none known'}{more}."


def _flat(given: object, *, path: tuple[str, ...], left: int) -> list[tuple[str, object]]:
    """Return what is nested as pairs of a dotted name and a value."""
    found: list[tuple[str, object]] = []
    for name, value in entries(".".join(path) or "The environment", given, most=MOST_FACTORS).items():
        deeper = (*path, name)
        if isinstance(value, Mapping):
            if len(deeper) >= DEEPEST:
                raise PayloadError(
                    f"{'.'.join(deeper)} is nested too deeply.", remedies=(f"Nest at most {DEEPEST} levels.",)
                )
            found += _flat(value, path=deeper, left=left - len(found))  # pyright: ignore[reportUnknownArgumentType]
        else:
            found.append((".".join(deeper), value))
        if len(found) > left:
            raise PayloadError(
                f"The environment has more than {MOST_FACTORS} levels.",
                remedies=("Leave out what does not matter here.",),
            )
    return found
