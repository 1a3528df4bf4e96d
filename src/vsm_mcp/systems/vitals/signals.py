"""What is said on the algedonic channel: the levels and the reports."""

from enum import IntEnum

from vsm_mcp.model.report import Report


class Level(IntEnum):
    """Who has to recover, lowest first."""

    UNIT = 1
    """The unit of System 1 that feels it."""
    CONTROL = 2
    """Systems 2 and 3."""
    INTELLIGENCE = 3
    """System 4."""
    POLICY = 4
    """System 5."""
    HOST = 5
    """Whoever the whole belongs to; there is nobody above."""


class Signal(Report, frozen=True):
    """One open signal.

    Attributes:
        key: What it is about.
        level: Who has to recover.
        pain: Pain, or pleasure.
        intensity: The strongest it was felt, 0 to 1.
        reason: Why, as it was said when it last became stronger or went higher.
        age_s: Seconds since it was felt first.
        due_in_s: Seconds until it climbs (pain) or fades (pleasure); ``None`` when it cannot climb further.
        times: How often it was signalled.
        acknowledged_by: Who is at it; ``None`` when nobody said so.
    """

    key: str
    level: Level
    pain: bool
    intensity: float
    reason: str
    age_s: float
    due_in_s: float | None
    times: int
    acknowledged_by: str | None


class AlgedonicReport(Report, frozen=True):
    """How much pain there is.

    Attributes:
        open: The open signals, worst first.
        pains: How many of them are pain.
        oldest_s: Seconds since the oldest open pain was felt first; ``None`` without any.
        next_escalation_s: Seconds until the next one climbs; ``None`` when none will.
        at_host: Open pain that nobody inside could end.
        raised: Pains that were raised since the beginning.
        escalated: Climbs since the beginning, one per level.
        relieved: Pains that were relieved since the beginning.
        recovered: Those of them that never climbed: the first level that had them recovered in time.
        unlisted: Signals that found the list full; such pain is open as one signal, ``OVERFLOW``.
        raised_in_10_min: Pains that were raised within the last ten minutes.
        flood: True when these are more than one person can attend to.
    """

    open: tuple[Signal, ...]
    pains: int
    oldest_s: float | None
    next_escalation_s: float | None
    at_host: int
    raised: int
    escalated: int
    relieved: int
    recovered: int
    unlisted: int
    raised_in_10_min: int
    flood: bool
