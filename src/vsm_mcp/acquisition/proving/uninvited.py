"""Which tools of a server on trial may be called although nobody asked to: none that could do lasting harm."""

from collections.abc import Mapping
from dataclasses import dataclass

from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.model.server import InProcessLaunch, Running

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninvited:
    """What may be called without having been asked for.

    A confined throw-away instance without secrets, without a network and without anything of the host's to read can
    harm nothing, so anything may be. What has more, be it a directory, in which a socket may lie, is called only for
    what it says of itself that it only reads. A server of the host's own process was offered by the host: there
    everything may be called that does not state that it writes.

    Attributes:
        reach: Why the instance could do lasting harm; ``None`` when it could not.
        offered: Whether it is an object of the host's own process.
    """

    reach: str | None
    offered: bool = False

    @classmethod
    def of(cls, running: Running, terms: Terms | None) -> "Uninvited":
        """Return what may be called of a running server.

        Args:
            running: The throw-away instance.
            terms: What it got; ``None`` when that is not known, which is taken for too much.
        """
        if isinstance(running.installed.launch, InProcessLaunch):
            return cls(reach="it is a part of the host's own process", offered=True)
        if isinstance(running.installed.launch, RemoteLaunch):
            return cls(reach="it runs elsewhere, where nothing here confines it")
        return cls(reach=_reach(running, terms))

    def may_call(self, tool: ToolSpec) -> bool:
        """Return whether ``tool`` may be called although nobody asked to."""
        if self.reach is None:
            return True
        if _states(tool, "destructiveHint") is True:
            return False
        return tool.read_only or (self.offered and _states(tool, "readOnlyHint") is not False)


def _states(tool: ToolSpec, hint: str) -> JsonValue:
    """Return what a tool says about itself; a hint that it does not give is neither true nor false."""
    hints = tool.raw.get("annotations")
    return hints.get(hint) if isinstance(hints, Mapping) else None


def _reach(running: Running, terms: Terms | None) -> str | None:
    held = running.enforcement
    if held.confiner == "none" or Level.NONE in {held.level(Aspect.FILES), held.level(Aspect.NETWORK)}:
        return "nothing confines it"
    if terms is None:
        return "what it was given is not known"
    if terms.secrets:
        return f"it was given {_named(terms.secrets)}"
    if terms.read_only:  # a socket in there can be written to, however it is mounted
        return f"it can reach what is in {_named(tuple(str(place) for place in terms.read_only))}"
    return f"it may connect to {_named(terms.egress.allow)}" if terms.egress.allow else None


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
