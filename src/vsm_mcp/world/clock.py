"""Wall time. Sleeping and deadlines go through anyio; only dates need a port."""

from datetime import UTC, datetime
from math import inf
from typing import Protocol

from vsm_mcp.errors import PayloadError

_LATE_NEWS = 1.0
_LATEST = 1e15


class Clock(Protocol):
    """Knows what time it is."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


class SteadyTime:
    """Makes seconds that never run back from a clock that may.

    A step back of up to one second is late news: time stands still for it. A larger one is a clock that was set back:
    time goes on from where it was, so that no deadline is put off.
    """

    __slots__ = ("_latest", "_shift")

    def __init__(self) -> None:
        """Start without having seen the clock."""
        self._latest = -inf
        self._shift = 0.0

    def read(self, now: float) -> float:
        """Return the moment that belongs to ``now``, never earlier than one that was returned before.

        Raises:
            PayloadError: ``now`` is not a finite number of seconds.
        """
        if not -_LATEST <= now <= _LATEST:
            raise PayloadError(f"{now} is not a moment in time.", remedies=("Give finite seconds.",))
        moment = now + self._shift
        latest = self._latest
        if moment >= latest:
            self._latest = moment
            return moment
        if latest - moment > _LATE_NEWS:
            self._shift += latest - moment
        return latest
