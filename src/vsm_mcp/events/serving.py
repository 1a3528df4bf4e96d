"""Facts about servers that are held, and the calls to them."""

from dataclasses import dataclass

from vsm_mcp.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityAdopted(Event):
    """The tools of a proven server are reachable from now on."""

    server: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityReleased(Event):
    """A server was let go: its tools are gone and its process ended."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused(Event):
    """A call was not sent because the policy does not allow it."""

    server: str
    tool: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarted(Event):
    """A server came up, spoke the protocol and listed its tools after ``elapsed`` seconds."""

    server: str
    pid: int | None
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStopped(Event):
    """A server ended; ``reason`` tells whether it was asked to."""

    server: str
    reason: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsQuarantined(Event):
    """A server lists other tools than when it was proven; those that were added or changed are not callable."""

    server: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsChanged(Event):
    """A server gives other ``instructions`` than when it was proven, or has other ``prompts``: a signal, no gate."""

    server: str
    instructions: bool
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourDeviated(Event):
    """A server does what it was not seen to do when it was proven; ``what`` says it in words. A signal, no gate."""

    server: str
    what: tuple[str, ...]
