"""Security alarms: events that say a held server is not what it was become pain, until somebody saw to it."""

from collections import deque

from vsm_mcp.events import (
    BehaviourDeviated,
    CallRefused,
    CapabilityAdopted,
    CapabilityReleased,
    Event,
    ResourceExceeded,
    ServerReviewed,
    ToolsQuarantined,
)
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.world.clock import Clock, SteadyTime

REFUSALS = 5
"""Refused calls within ``REFUSALS_WITHIN`` seconds that are an alarm."""

REFUSALS_WITHIN = 900.0
REFUSED = "refused calls"
"""The key of the pain about calls that the policy refused."""

_SECURITY = frozenset(
    {
        BehaviourDeviated,
        CallRefused,
        CapabilityAdopted,
        CapabilityReleased,
        ResourceExceeded,
        ServerReviewed,
        ToolsQuarantined,
    }
)
_SHOWN = 3


class SecurityAlarms:
    """Hears every event, and raises pain on the algedonic channel for those that concern security.

    The pain about a server ends when the server is adopted anew, which an approval and a new proof do as well, or when
    it is let go; what became known against it hurts until it is asked for again and over. Only servers that are held
    hurt: what a stranger does on trial is refused and gone. The pain about refused calls ends when there were few of
    them for a while.

    Args:
        algedonic: Where pain is felt.
        clock: Says when calls were refused.
    """

    def __init__(self, algedonic: AlgedonicChannel, clock: Clock) -> None:
        """Begin without any server."""
        self._algedonic = algedonic
        self._clock = clock
        self._time = SteadyTime()
        self._servers: set[str] = set()
        self._refused: deque[float] = deque(maxlen=REFUSALS)

    def __repr__(self) -> str:
        """Show how many servers are looked after."""
        return f"SecurityAlarms(servers={len(self._servers)})"

    def event(self, event: Event, /) -> None:
        """Take note of an event; one that does not concern security costs one look into a set."""
        if type(event) not in _SECURITY:
            return
        match event:
            case CapabilityAdopted(server=server):
                self._servers.add(server)
                self._algedonic.relieve(security_of(server))
            case CapabilityReleased(server=server):
                self._servers.discard(server)
                self._algedonic.relieve(security_of(server))
                self._algedonic.relieve(advisories_of(server))
            case CallRefused(guard="" | "agents" | "zones" | "redaction"):  # the others say: later, or otherwise
                self._refuse(event.server, event.tool)
            case CallRefused():
                return
            case _:
                self._hurt(event)

    def ease(self) -> None:
        """End the pain about refused calls when there were few of them lately."""
        if len(self._refused) < REFUSALS or self._now() - self._refused[0] > REFUSALS_WITHIN:
            self._algedonic.relieve(REFUSED)

    def _refuse(self, server: str, tool: str) -> None:
        now = self._now()
        self._refused.append(now)
        if len(self._refused) == REFUSALS and now - self._refused[0] <= REFUSALS_WITHIN:
            reason = (
                f"{REFUSALS} calls were refused within {REFUSALS_WITHIN / 60:g} minutes, last {tool!r} of {server}."
            )
            self._algedonic.signal(REFUSED, pain=True, level=Level.POLICY, reason=reason)

    def _hurt(self, event: Event) -> None:
        match event:
            case ServerReviewed(server=server, reasons=reasons):
                self._review(advisories_of(server) if event.door == "advisories" else security_of(server), reasons)
            case ToolsQuarantined(server=server) if server in self._servers:
                changed = (*event.added, *event.changed, *event.removed)
                self._signal(server, f"It lists other tools than were approved: {_some(changed)}.", level=Level.POLICY)
            case BehaviourDeviated(server=server) if server in self._servers:
                self._signal(server, f"It does what it was not seen to do: {_some(event.what)}.", level=Level.CONTROL)
            case ResourceExceeded(subject=server) if server in self._servers:
                self._signal(server, f"It was killed for {event.aspect}: {event.detail}", level=Level.CONTROL)
            case _:
                return

    def _review(self, key: str, reasons: tuple[str, ...] | None) -> None:
        """What is known hurts until it is known to be over: that nobody could tell is no relief."""
        if reasons:
            self._algedonic.signal(key, pain=True, level=Level.POLICY, reason=" ".join(reasons[:_SHOWN]))
        elif reasons is not None:
            self._algedonic.relieve(key)

    def _signal(self, server: str, reason: str, *, level: Level) -> None:
        self._algedonic.signal(security_of(server), pain=True, level=level, reason=reason)

    def _now(self) -> float:
        return self._time.read(self._clock.now().timestamp())


def security_of(server: str) -> str:
    """Return the key of the pain about the security of a server."""
    return f"security of {server}"


def advisories_of(server: str) -> str:
    """Return the key of the pain about what became known against a server."""
    return f"advisories of {server}"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
