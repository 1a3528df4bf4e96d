"""The record of decisions: what became of them, so that the next forecast rests on it, and how good forecasts were."""

from collections import OrderedDict
from collections.abc import Mapping

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.policy.reading import shown, text
from vsm_mcp.variety.statistics.calibration import Calibration, CalibrationReport

DEFAULT_MOST = 10_000
LONGEST_NOTE = 1000

# Kind, decision, forecast, and whether the outcome was told. A plain tuple, which the garbage collector passes over:
# thousands of objects would make every decision wait for it.
_Decided = tuple[str, str, float | None, bool]


class RecordedOutcome(Report, frozen=True):
    """What became of one decision.

    Attributes:
        decision_id: Which one.
        decision: What had been decided.
        success: Whether it succeeded.
        forecast: The probability of success it was decided with; ``None`` when there was none.
        note: What the caller had to say.
        successes: How often this decision on this issue has succeeded, this time included.
        failures: How often it failed.
    """

    decision_id: str
    decision: str
    success: bool
    forecast: float | None
    note: str
    successes: int
    failures: int


class DecisionRecord:
    """Remembers decisions until their outcome is told, and how often each succeeded.

    Similar are decisions for the same option on the same issue. Memory is bounded: the oldest decisions, and the
    issues that were not heard of for longest, are forgotten first.

    Args:
        most: How many decisions are remembered, and how many pairs of issue and option.
        calibration: Compares forecasts with outcomes.

    Raises:
        ConfigurationError: ``most`` is less than 1.
    """

    def __init__(self, *, most: int = DEFAULT_MOST, calibration: Calibration | None = None) -> None:
        """Start without any decision."""
        if most < 1:
            raise ConfigurationError(f"{most} decisions cannot be remembered.", remedies=("Give at least 1.",))
        self._most = most
        self._calibration = calibration or Calibration()
        self._decided = 0
        self._decisions: OrderedDict[str, _Decided] = OrderedDict()
        self._outcomes: OrderedDict[str, dict[str, tuple[int, int]]] = OrderedDict()
        self._pairs = 0

    def __repr__(self) -> str:
        """Show how much is remembered."""
        return f"DecisionRecord(decided={self._decided}, remembered={len(self._decisions)}, outcomes={self._pairs})"

    @property
    def decided(self) -> int:
        """How many decisions were made."""
        return self._decided

    def similar(self, kind: str) -> Mapping[str, tuple[int, int]]:
        """Return the successes and failures on the same issue, by what was decided."""
        return self._outcomes.get(kind, _NOTHING)

    def note(self, kind: str, decision: str, forecast: float | None) -> str:
        """Remember a decision and return the name it has from now on."""
        self._decided += 1
        decision_id = f"decision-{self._decided}"
        self._decisions[decision_id] = (kind, decision, forecast, False)
        if len(self._decisions) > self._most:
            self._decisions.popitem(last=False)
        return decision_id

    def outcome(self, decision_id: str, *, success: bool, note: str = "") -> RecordedOutcome:
        """Record what became of a decision.

        Raises:
            PayloadError: No such decision is remembered, its outcome was told already, or the note is too long.
        """
        if not isinstance(success, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - comes from outside
            raise PayloadError(
                f"Success is {shown(success)}, and must be True or False.", remedies=("Say True or False.",)
            )
        decided = self._decisions.get(decision_id)
        if decided is None:
            raise PayloadError(
                f"No decision {shown(decision_id)} is remembered.",
                remedies=(f"Use the id of one of the last {self._most} decisions.",),
            )
        kind, decision, forecast, told = decided
        if told:
            raise PayloadError(f"The outcome of {decision_id} was told already.", remedies=("Tell each outcome once.",))
        note = text("The note", note, longest=LONGEST_NOTE) if note else ""
        self._decisions[decision_id] = (kind, decision, forecast, True)
        if forecast is not None:
            self._calibration.observe(forecast, happened=success)
        good, bad = self._count(kind, decision, success=success)
        return RecordedOutcome(
            decision_id=decision_id,
            decision=decision,
            success=success,
            forecast=forecast,
            note=note,
            successes=good,
            failures=bad,
        )

    def calibration(self) -> CalibrationReport:
        """Return how good the forecasts were whose outcome was told."""
        return self._calibration.report()

    def _count(self, kind: str, decision: str, *, success: bool) -> tuple[int, int]:
        counts = self._outcomes.setdefault(kind, {})
        self._outcomes.move_to_end(kind)
        good, bad = counts.get(decision, (0, 0))
        self._pairs += decision not in counts
        counts[decision] = good, bad = good + success, bad + (not success)
        if self._pairs > self._most:
            self._forget_one()
        return good, bad

    def _forget_one(self) -> None:
        kind, oldest = next(iter(self._outcomes.items()))
        del oldest[next(iter(oldest))]
        self._pairs -= 1
        if not oldest:
            del self._outcomes[kind]


_NOTHING: Mapping[str, tuple[int, int]] = {}
