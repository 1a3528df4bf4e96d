"""The decision in writing: what was decided and why, who does what, what it rests on, and what could not be judged."""

from collections.abc import Mapping
from enum import StrEnum

from vsm_mcp.model.report import Report
from vsm_mcp.model.system import Priority, SystemId

WAIT = "wait"
ESCALATE = "escalate"
FULL_ENTRY = "full_entry"
PHASED_ENTRY = "phased_entry"


class Basis(StrEnum):
    """What a probability of success rests on."""

    RECORDED = "recorded_outcomes"
    GIVEN = "given_outcomes"
    PRIOR_ONLY = "prior_only"


class Action(Report, frozen=True):
    """What one of the systems is to do, and how urgent it is."""

    system: SystemId
    action: str
    priority: Priority


class ScoredOption(Report, frozen=True):
    """What one option is worth.

    Attributes:
        name: The option.
        value: ``max(probability - risk aversion * spread, 0) * utility - cost``; the plans of a venture are worth what
            ``appraise`` says at the cautious probability; waiting is worth 0.
        utility: What success brings.
        probability: Of success, as believed: with the prior. ``None`` for waiting, which can neither succeed nor fail.
        spread: Standard deviation of that probability.
        cost: What it costs, on average.
        outcomes: How many outcomes the probability rests on; 0 means that it is the prior alone.
    """

    name: str
    value: float
    utility: float
    probability: float | None
    spread: float | None
    cost: float
    outcomes: float


class Veto(Report, frozen=True):
    """Which rule refuses which option, and why."""

    rule: str
    option: str
    reason: str


class Decision(Report, frozen=True):
    """A decision of System 5.

    Attributes:
        id: Its name, for ``record_outcome``.
        issue: What was to be decided.
        decision: What was decided; ``wait`` when nothing is worth more than doing nothing, ``escalate`` when the rules
            refuse every option.
        rationale: Why, with the figures.
        actions: Who does what, in order.
        alternatives: What was weighed, the best first.
        vetoes: What the rules refuse.
        success_probability: Of what was decided, from outcomes of similar decisions; ``None`` without any.
        prior_probability: The same as assumed before any outcome; ``None`` when nothing can succeed or fail.
        basis: What the probability rests on.
        n: How many outcomes that are.
        runner_up: The next best.
        margin: How much more the decision is worth than that.
        break_even_probability: From which probability of success on the decision is the best, all else equal; for a
            venture that of the venture itself, when waiting is best that from which it no longer is.
        evpi: What it would be worth to know beforehand what succeeds (expected value of perfect information).
        pilot_information: What the answer of a pilot would be worth if it were free.
        look_first: Whether looking is worth more than it costs.
        contributions: What each attribute adds to the utility of the decision.
        not_assessed: What was said but could not be held against the options.
        assumptions: What the figures take for granted.
    """

    id: str
    issue: str
    decision: str
    rationale: str
    actions: tuple[Action, ...]
    alternatives: tuple[ScoredOption, ...]
    vetoes: tuple[Veto, ...]
    success_probability: float | None
    prior_probability: float | None
    basis: Basis | None
    n: float
    runner_up: str | None
    margin: float | None
    break_even_probability: float | None
    evpi: float | None
    pilot_information: float | None
    look_first: bool
    contributions: Mapping[str, float]
    not_assessed: tuple[str, ...]
    assumptions: tuple[str, ...]
