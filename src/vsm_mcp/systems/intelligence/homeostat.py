"""The homeostat of Systems 3 and 4: the inside and the now in balance with the outside and the then.

Each side proposes to the other and is owed an answer. System 5 watches the balance and enters only when it is lost:
when too much stays unanswered for too long, or one side has done nearly all of the talking for several periods
(Beer, Brain of the Firm, 2nd ed. 1981, ch. 13).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from pydantic import Field

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report

MOST_OPEN = 1000
_LONGEST_KEY = 200


class Side(StrEnum):
    """Who proposes."""

    CONTROL = "system3"
    INTELLIGENCE = "system4"


class Answer(StrEnum):
    """What the other side said."""

    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLimits:
    """When System 5 enters. The defaults are ours.

    Attributes:
        unanswered_share: More than this share of the proposals of the window is without an answer.
        oldest_s: A proposal waited longer than this many seconds.
        least_balance: The quieter side said less than this share of what the louder one said.
        least_messages: With fewer messages nothing is said about balance.
        periods: For so many reviews in a row the balance was lost.
    """

    unanswered_share: float = 0.5
    oldest_s: float = 3600.0
    least_balance: float = 0.2
    least_messages: int = 5
    periods: int = 3

    def __post_init__(self) -> None:
        """Refuse limits that could never or would always be passed."""
        shares_fit = 0 < self.unanswered_share <= 1 and 0 <= self.least_balance < 1
        if not (shares_fit and self.oldest_s > 0 and self.least_messages >= 1 and self.periods >= 1):
            raise ConfigurationError(
                f"{self} cannot be used.",
                remedies=("Give shares between 0 and 1, and positive numbers for the rest.",),
            )


class Balance(Report, frozen=True):
    """How Systems 3 and 4 keep each other in balance.

    Attributes:
        proposals: Proposals that were made, by side.
        answered_share: The share of them that got an answer; ``None`` before the first.
        open: How many wait for an answer.
        oldest_s: How long the oldest of them has waited.
        message_balance: Messages of the quieter side over those of the louder one, proposals and answers together;
            ``None`` while there are too few to tell.
        gain_per_cost: For each side the gap closed per unit of cost by what was accepted; ``None`` without any cost.
        lost_periods: For how many reviews in a row the balance was lost.
        enter_system5: Whether System 5 has to enter.
        why: Why, in words; empty when it has not.
    """

    proposals: Mapping[str, int]
    answered_share: float | None
    open: int = Field(ge=0)
    oldest_s: float | None
    message_balance: float | None
    gain_per_cost: Mapping[str, float | None]
    lost_periods: int = Field(ge=0)
    enter_system5: bool
    why: tuple[str, ...]


class Homeostat:
    """Keeps account of what Systems 3 and 4 propose to and answer each other.

    Args:
        limits: When System 5 enters.
        most_open: Proposals that are kept open; when more come, the oldest counts as unanswered for good.
    """

    def __init__(self, *, limits: BalanceLimits | None = None, most_open: int = MOST_OPEN) -> None:
        """Start without any proposal."""
        if most_open < 1:
            raise ConfigurationError(f"{most_open} open proposals are too few.", remedies=("Allow at least one.",))
        self._limits = limits or BalanceLimits()
        self._most_open = most_open
        self._open: OrderedDict[str, tuple[Side, float]] = OrderedDict()
        self._proposed = dict.fromkeys(Side, 0)
        self._said = dict.fromkeys(Side, 0)
        self._gains = dict.fromkeys(Side, 0.0)
        self._costs = dict.fromkeys(Side, 0.0)
        self._answered = 0
        self._lapsed = 0
        self._lost = 0

    def __repr__(self) -> str:
        """Show how many proposals wait."""
        return f"Homeostat(open={len(self._open)}, answered={self._answered})"

    def propose(self, key: str, *, by: Side, now: float) -> None:
        """Note that ``by`` proposes something to the other side; proposing it again changes nothing.

        Raises:
            PayloadError: ``key`` is empty or too long.
        """
        if not 0 < len(key) <= _LONGEST_KEY:
            raise PayloadError(f"The name of a proposal must have 1 to {_LONGEST_KEY} characters, not {len(key)}.")
        if key in self._open:
            return
        if len(self._open) >= self._most_open:
            self._open.popitem(last=False)
            self._lapsed += 1
        self._open[key] = (by, now)
        self._proposed[by] += 1
        self._said[by] += 1

    def answer(self, key: str, answer: Answer, *, gain: float = 0.0, cost: float = 0.0) -> bool:
        """Note the other side's answer, and what an accepted proposal brought; return whether it was waited for.

        Raises:
            PayloadError: ``gain`` or ``cost`` is not a finite number, or ``cost`` is negative.
        """
        if not (isfinite(gain) and isfinite(cost) and cost >= 0):
            raise PayloadError(f"A gain of {gain} at a cost of {cost} cannot be counted.")
        side, _ = self._open.pop(key, (None, 0.0))
        if side is None:
            return False
        self._answered += 1
        self._said[_other(side)] += 1
        if answer is Answer.ACCEPTED:
            self._gains[side] += gain
            self._costs[side] += cost
        return True

    def review(self, *, now: float) -> Balance:
        """End a period: say how the balance stands, and whether System 5 has to enter."""
        why = self._reasons(now)
        self._lost = self._lost + 1 if why else 0
        enter = self._lost >= self._limits.periods
        return self._balance(now, why=why if enter else (), enter=enter)

    def balance(self, *, now: float) -> Balance:
        """Say how the balance stands without ending a period."""
        enter = self._lost >= self._limits.periods
        return self._balance(now, why=self._reasons(now) if enter else (), enter=enter)

    def _balance(self, now: float, *, why: tuple[str, ...], enter: bool) -> Balance:
        return Balance(
            proposals={side.value: count for side, count in self._proposed.items()},
            answered_share=self._answered / made if (made := sum(self._proposed.values())) else None,
            open=len(self._open),
            oldest_s=self._oldest(now),
            message_balance=self._message_balance(),
            gain_per_cost={
                side.value: self._gains[side] / self._costs[side] if self._costs[side] else None for side in Side
            },
            lost_periods=self._lost,
            enter_system5=enter,
            why=why,
        )

    def _reasons(self, now: float) -> tuple[str, ...]:
        limits, reasons = self._limits, list[str]()
        made = sum(self._proposed.values())
        unanswered = (len(self._open) + self._lapsed) / made if made else 0.0
        if made >= limits.least_messages and unanswered > limits.unanswered_share:
            reasons.append(f"{unanswered:.0%} of {made} proposals have no answer.")
        oldest = self._oldest(now)
        if oldest is not None and oldest > limits.oldest_s:
            reasons.append(f"A proposal has waited {oldest:.0f} s for an answer.")
        balance = self._message_balance()
        if balance is not None and balance < limits.least_balance:
            louder = max(Side, key=lambda side: self._said[side])
            reasons.append(f"{louder} does nearly all of the talking (balance {balance:.2f}).")
        return tuple(reasons)

    def _oldest(self, now: float) -> float | None:
        """Return the age of the oldest open proposal; a clock that was set back makes nothing younger than new."""
        return max((max(now - since, 0.0) for _, since in self._open.values()), default=None)

    def _message_balance(self) -> float | None:
        said = self._said.values()
        if sum(said) < self._limits.least_messages:
            return None
        return min(said) / max(said)


def _other(side: Side) -> Side:
    return Side.INTELLIGENCE if side is Side.CONTROL else Side.CONTROL
