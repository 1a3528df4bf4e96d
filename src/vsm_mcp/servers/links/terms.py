"""What holds for every link of a connector: how long is waited, how much is read, what is allowed."""

from dataclasses import dataclass
from typing import Self, TypedDict, Unpack

from vsm_mcp.servers.links.link import Consent
from vsm_mcp.servers.links.patience import CAP_SECONDS, IDLE_SECONDS
from vsm_mcp.servers.links.wire.wire import Bounds

PROBE_SECONDS = 5.0
START_SECONDS = 30.0


class Seconds(TypedDict, total=False):
    """The deadlines of `Terms` that are said when a connector is made; the others are as they are there."""

    probe: float
    start: float
    call: float
    cap: float


class Given(Seconds, total=False):
    """What is said of `Terms` when a connector is made; ``None`` is as if it were not said."""

    bounds: Bounds | None
    consent: Consent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for every link of a connector.

    Attributes:
        probe: Seconds the first greeting may take.
        start: Seconds all greetings may take together.
        call: Seconds a call may take without progress that names no time of its own.
        cap: Seconds such a call may take altogether.
        bounds: How large messages may be.
        consent: What servers may ask of the host; nothing, unless this allows it.
    """

    probe: float = PROBE_SECONDS
    start: float = START_SECONDS
    call: float = IDLE_SECONDS
    cap: float = CAP_SECONDS
    bounds: Bounds
    consent: Consent

    @classmethod
    def of(cls, *, bounds: Bounds | None = None, consent: Consent | None = None, **seconds: Unpack[Seconds]) -> Self:
        """Return what is given as terms: it is a `Given`."""
        return cls(bounds=bounds or Bounds(), consent=consent or Consent(), **seconds)

    def __str__(self) -> str:
        """Show the deadlines."""
        return f"probe={self.probe}, start={self.start}, call={self.call}"
