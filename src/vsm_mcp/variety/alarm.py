"""The alarm on the absorbed share, with hysteresis: it does not flicker while the share wavers around a threshold."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from vsm_mcp.errors import ConfigurationError


class AlarmLevel(StrEnum):
    """How the absorbed share stands."""

    UNKNOWN = "unknown"
    CLEAR = "clear"
    ALERT = "alert"
    CRITICAL = "critical"

    @property
    def raised(self) -> bool:
        """Whether there is an alarm: it stays raised until the level is clear again."""
        return self in {AlarmLevel.ALERT, AlarmLevel.CRITICAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Limits of the absorbed share: critical below one, alert below the next, clear again only from the last on.

    Raises:
        ConfigurationError: They are not in the order ``0 <= critical <= alert <= clear <= 1``.
    """

    critical: float = 0.6
    alert: float = 0.8
    clear: float = 0.85

    def __post_init__(self) -> None:
        """Refuse thresholds in another order."""
        if not 0.0 <= self.critical <= self.alert <= self.clear <= 1.0:
            raise ConfigurationError(
                f"The thresholds {self.critical}, {self.alert} and {self.clear} are not in order.",
                remedies=("Give 0 <= critical <= alert <= clear <= 1.",),
            )

    def next_level(self, level: AlarmLevel, absorbed_share: float) -> AlarmLevel:
        """Return the level that follows ``level`` when ``absorbed_share`` of demand is absorbed."""
        if absorbed_share < self.critical:
            return AlarmLevel.CRITICAL
        if absorbed_share < (self.clear if level.raised else self.alert):
            return AlarmLevel.ALERT
        return AlarmLevel.CLEAR

    def band(self, level: AlarmLevel) -> tuple[float, float]:
        """Return the absorbed shares, from the first up to below the second, between which ``level`` stays as it is."""
        match level:
            case AlarmLevel.CRITICAL:
                return -inf, self.critical
            case AlarmLevel.ALERT:
                return self.critical, self.clear
            case AlarmLevel.CLEAR:
                return self.alert, inf
            case AlarmLevel.UNKNOWN:
                return inf, -inf
