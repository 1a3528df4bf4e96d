"""Server alarms: a held server that was given up hurts until it comes up again or is let go."""

from vsm_mcp.events import CapabilityReleased, Event, ServerGivenUp, ServerStarted
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.signals import Level

_CONCERNS = frozenset({ServerGivenUp, ServerStarted, CapabilityReleased})


class ServerAlarms:
    """Hears every event, and raises pain on the algedonic channel for servers that are left alone.

    Args:
        algedonic: Where pain is felt.
    """

    def __init__(self, algedonic: AlgedonicChannel) -> None:
        """Begin without any server in pain."""
        self._algedonic = algedonic
        self._given_up: set[str] = set()

    def __repr__(self) -> str:
        """Show how many servers are given up."""
        return f"ServerAlarms(given_up={len(self._given_up)})"

    def event(self, event: Event, /) -> None:
        """Take note of an event; one that does not concern supervision costs one look into a set."""
        if type(event) not in _CONCERNS:
            return
        match event:
            case ServerGivenUp(server=server, failures=failures, rest=rest, reason=reason):
                self._given_up.add(server)
                why = f"It failed {failures} times and is left alone for {rest:.0f} seconds: {reason}"
                self._algedonic.signal(supervision_of(server), pain=True, level=Level.CONTROL, reason=why)
            case ServerStarted(server=server) | CapabilityReleased(server=server) if server in self._given_up:
                self._given_up.discard(server)
                self._algedonic.relieve(supervision_of(server))
            case _:
                return


def supervision_of(server: str) -> str:
    """Return the key of the pain about a server that does not stay up."""
    return f"supervision of {server}"
