"""The policies as hard constraints: what no advantage can buy, and which rule says so."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import inf
from sys import float_info
from typing import NamedTuple

from vsm_mcp.errors import ConfigurationError, PolicyError
from vsm_mcp.systems.policy.reading import items, shown, text

MOST_RULES = 256
MOST_PATTERNS = 10_000
LONGEST_NAME = 200
_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Something that may be done, as far as a rule can see it.

    Attributes:
        name: What it is called, such as ``acquire(convert time zones)``.
        figures: What is known of it in numbers, such as its cost.
        tags: What else is true of it, in words.
    """

    name: str
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    tags: frozenset[str] = frozenset()


Predicate = Callable[[Proposal], bool]
"""True of what is forbidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Limits of a figure; both belong to what is allowed.

    Raises:
        ConfigurationError: It limits nothing, or nothing can be inside.
    """

    figure: str
    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        """Refuse limits without meaning."""
        text("A figure", self.figure, longest=LONGEST_NAME, error=ConfigurationError)
        limits = (self.low, self.high)
        unlimited = self.low == -inf and self.high == inf
        numbers = all(abs(limit) <= float_info.max or abs(limit) == inf for limit in limits)
        if unlimited or not numbers or not self.low <= self.high:
            raise ConfigurationError(
                f"The limits {shown(self.low)} and {shown(self.high)} of {self.figure} allow everything or nothing.",
                remedies=("Give low, high, or both with low <= high.",),
            )

    def breach(self, figures: Mapping[str, float]) -> str | None:
        """Return why ``figures`` are not allowed, or ``None``; a figure that is not known is not allowed."""
        value = figures.get(self.figure)
        if value is None:
            return f"{self.figure} is not known"
        if value < self.low:
            return f"{self.figure} is {_brief(value)}, and at least {self.low:g} is required"
        if not value <= self.high:
            return f"{self.figure} is {_brief(value)}, and at most {self.high:g} is allowed"
        return None


def _brief(value: float) -> str:
    return f"{value:g}" if abs(value) <= float_info.max else shown(value)


class Refusal(NamedTuple):
    """Which rule refuses, and why."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy.

    Attributes:
        name: What it is called in every refusal.
        because: Why there is such a rule.
        forbids: Names and tags that are forbidden; ``*`` and ``?`` stand for any text and any character.
        requires: Tags that everything which is done must have, exactly.
        bounds: Limits of figures.
        forbids_if: What else is forbidden; if it fails, what it judged is refused.

    Raises:
        ConfigurationError: It has no name, or forbids and requires nothing.
    """

    name: str
    because: str = ""
    forbids: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    forbids_if: Predicate | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that says nothing."""
        text("The name of a rule", self.name, longest=LONGEST_NAME, error=ConfigurationError)
        for name in ("forbids", "requires", "bounds"):  # of a text, each letter would be a pattern
            items(f"{name} of rule {self.name!r}", getattr(self, name), most=MOST_PATTERNS, error=ConfigurationError)
        if not (self.forbids or self.requires or self.bounds or self.forbids_if):
            raise ConfigurationError(
                f"Rule {self.name!r} forbids and requires nothing.",
                remedies=("Give forbids, requires, bounds or forbids_if.",),
            )

    def objections(self, proposal: Proposal) -> Iterator[str]:
        """Yield every reason against ``proposal``."""
        features = (proposal.name, *sorted(proposal.tags))
        for pattern in self.forbids:
            yield from (f"{feature} is forbidden" for feature in features if fnmatchcase(feature, pattern))
        yield from (f"{tag} is required" for tag in self.requires if tag not in features)
        for bound in self.bounds:
            if breach := bound.breach(proposal.figures):
                yield breach
        if objection := self._judged(proposal):
            yield objection

    def _judged(self, proposal: Proposal) -> str | None:
        if self.forbids_if is None:
            return None
        try:
            forbidden = self.forbids_if(proposal)
        except Exception as error:  # noqa: BLE001 - a predicate is foreign code: if it fails, the rule refuses
            return f"it could not be judged ({type(error).__name__})"
        return "it is forbidden" if forbidden else None


class PolicySet:
    """The rules that hold together.

    Args:
        rules: The rules, in the order in which their refusals are listed.

    Raises:
        ConfigurationError: There are too many, two have one name, or one requires what another forbids.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Keep the rules, if they can all be kept."""
        self._rules = tuple(rules)
        if len(self._rules) > MOST_RULES:
            raise ConfigurationError(
                f"There are {len(self._rules)} rules, and at most {MOST_RULES} are taken.",
                remedies=("Join rules: one can have many bounds and patterns.",),
            )
        _refuse_double_names(self._rules)
        _refuse_features_at_odds(self._rules)
        _refuse_bounds_at_odds(self._rules)

    def __repr__(self) -> str:
        """Show how many rules hold."""
        return f"PolicySet(active={self.active})"

    @property
    def active(self) -> int:
        """How many rules hold."""
        return len(self._rules)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rules."""
        return tuple(rule.name for rule in self._rules)

    def refusals(self, proposal: Proposal) -> tuple[Refusal, ...]:
        """Return every objection to ``proposal``, with the rule that has it."""
        return tuple(Refusal(rule.name, reason) for rule in self._rules for reason in rule.objections(proposal))

    def permit(self, proposal: Proposal) -> None:
        """Let ``proposal`` pass.

        Raises:
            PolicyError: A rule refuses it; the message names the rule.
        """
        raise_refused(proposal.name, self.refusals(proposal))

    def permit_name(self, name: str) -> None:
        """Let something pass of which only the name is known: only patterns of forbidden names can refuse it.

        Raises:
            PolicyError: A rule refuses it; the message names the rule.
        """
        refusals = (
            Refusal(rule.name, f"{name} is forbidden")
            for rule in self._rules
            if any(fnmatchcase(name, pattern) for pattern in rule.forbids)
        )
        raise_refused(name, tuple(refusals))


def raise_refused(name: str, refusals: tuple[Refusal, ...]) -> None:
    """Refuse ``name`` if there is a refusal.

    Raises:
        PolicyError: There is one; the message names the rules.
    """
    if not refusals:
        return
    said = "; ".join(f"rule {refusal.rule!r}: {refusal.reason}" for refusal in refusals[:_NAMED_AT_MOST])
    more = f"; and {len(refusals) - _NAMED_AT_MOST} more" if len(refusals) > _NAMED_AT_MOST else ""
    raise PolicyError(
        f"Policy refuses {name}: {said}{more}.",
        remedies=("Choose something that the rules allow, or have a person change the rule.",),
    )


def _refuse_double_names(rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise ConfigurationError(
                f"Two rules have the name {rule.name!r}.", remedies=("Give each rule its own name.",)
            )
        seen.add(rule.name)


def _refuse_features_at_odds(rules: tuple[Rule, ...]) -> None:
    patterns = [(pattern, rule.name) for rule in rules for pattern in rule.forbids]
    for rule in rules:
        for tag in rule.requires:
            for pattern, forbidder in patterns:
                if fnmatchcase(tag, pattern):
                    raise _at_odds(rule.name, forbidder, f"the first requires {tag}, the second forbids it")


def _refuse_bounds_at_odds(rules: tuple[Rule, ...]) -> None:
    lows: dict[str, tuple[float, str]] = {}
    highs: dict[str, tuple[float, str]] = {}
    for rule in rules:
        for bound in rule.bounds:
            lows[bound.figure] = max(lows.get(bound.figure, (-inf, "")), (bound.low, rule.name))
            highs[bound.figure] = min(highs.get(bound.figure, (inf, "")), (bound.high, rule.name))
    for figure, (low, requirer) in lows.items():
        high, forbidder = highs[figure]
        if low > high:
            limits = f"{figure} must be at least {low:g} for the first and at most {high:g} for the second"
            raise _at_odds(requirer, forbidder, limits)


def _at_odds(one: str, other: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Rules {one!r} and {other!r} contradict each other: {why}.",
        remedies=("Change one of them: nothing could ever be allowed.",),
    )
