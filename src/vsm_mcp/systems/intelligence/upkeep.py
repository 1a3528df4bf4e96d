"""Upkeep: which of the servers that are held no longer earn their keep.

The use of a server is the decayed weight of the demand it absorbed; its share is that over the weight of all demand.
"""

from collections.abc import Mapping

from pydantic import Field

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.report import Report

MOST_SERVERS = 10_000
_LARGEST = 1e120
_SMALLEST_SHARE = 1e-12


class Idle(Report, frozen=True):
    """A server that no longer earns its keep.

    Attributes:
        server: Its name.
        used_share: The share of demand that it absorbed of late.
        held_s: For how many seconds it has been held.
        n: How many demands that share comes from, whatever they weigh now.
    """

    server: str
    used_share: float
    held_s: float
    n: int = Field(ge=0)


class Upkeep:
    """Keeps account of what each server absorbs.

    Args:
        half_life: Demands after which one weighs half.
        least_share: A server that absorbs less than this share of demand does not earn its keep.
        grace: Seconds that a server is left alone after it was acquired.
        least_demands: With fewer demands since the account began nothing is said.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        half_life: float = 1000.0,
        least_share: float = 0.002,
        grace: float = 86_400.0,
        least_demands: int = 1000,
    ) -> None:
        """Start without any demand."""
        if not (half_life >= 1 and 0 <= least_share < 1 and grace >= 0 and least_demands >= 1):
            raise ConfigurationError(
                f"A half-life of {half_life}, a share of {least_share}, a grace of {grace} s and {least_demands} "
                "demands cannot be used.",
                remedies=("Give a half-life of at least 1, a share from 0 to below 1, and a grace of at least 0 s.",),
            )
        self._growth = 2.0 ** (1.0 / half_life)
        self._least_share = least_share
        self._grace = grace
        self._least_demands = least_demands
        self._used: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._total = 0.0
        self._weight = 1.0
        self._n = 0

    def __repr__(self) -> str:
        """Show what was recorded."""
        return f"Upkeep(n={self._n}, servers={len(self._used)})"

    def note(self, server: str | None) -> None:
        """Take note of one demand; ``server`` absorbed it, or nobody did."""
        weight = self._weight
        self._n += 1
        self._total += weight
        if server is not None and (server in self._used or len(self._used) < MOST_SERVERS):
            self._used[server] = self._used.get(server, 0.0) + weight
        self._weight = weight * self._growth
        if self._weight > _LARGEST:
            self._rescale()

    def begin_anew(self, server: str, *, now: float) -> None:
        """Leave a server alone as if it were acquired now: so far nobody could use it."""
        self._since[server] = now

    def forget(self, server: str) -> None:
        """Forget the use of a server that was let go."""
        self._used.pop(server, None)
        self._since.pop(server, None)

    def used_share(self, server: str) -> float | None:
        """Return the share of demand that ``server`` absorbed of late; ``None`` before the first demand."""
        return self._used.get(server, 0.0) / self._total if self._n else None

    def idle(self, held: Mapping[str, float], *, now: float) -> tuple[Idle, ...]:
        """Return the servers that no longer earn their keep, the least used first.

        Args:
            held: When each server that is held was acquired, in seconds.
            now: What time it is, in seconds.
        """
        if self._n < self._least_demands:
            return ()
        held = {server: max(since, self._since.get(server, since)) for server, since in held.items()}
        idle = (
            Idle(server=server, used_share=self._used.get(server, 0.0) / self._total, held_s=now - since, n=self._n)
            for server, since in held.items()
            if now - since >= self._grace
        )
        return tuple(
            sorted(
                (entry for entry in idle if entry.used_share < self._least_share),
                key=lambda entry: (entry.used_share, entry.server),
            )
        )

    def _rescale(self) -> None:
        total = self._total
        self._used = {name: used / total for name, used in self._used.items() if used > total * _SMALLEST_SHARE}
        self._weight /= total
        self._total = 1.0
