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
    """The tools of a server are gone and its process ended: it was let go, or disabled."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDisabled(Event):
    """The host disabled a server: it is held and not used, also by later hosts of this store."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEnabled(Event):
    """The host enabled a server that was disabled; when its tools are there again `CapabilityAdopted` says so."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused(Event):
    """A call of ``agent`` did not pass because ``guard`` does not allow it; no name is the policy of permissions."""

    server: str
    tool: str
    reason: str
    guard: str = ""
    agent: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerGivenUp(Event):
    """A server failed too often and is left alone for ``rest`` seconds; ``reason`` is why it failed last."""

    server: str
    failures: int
    rest: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanEnded(Event):
    """A process was ended that an earlier host had started and, being killed itself, left behind."""

    pid: int
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUnwatched(Event):
    """Servers run unconfined and nothing watches this host: if it is killed they live until the next one begins."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalySeen(Event):
    """A call differs from what was learned; ``what`` names in what, such as ``arguments are large``.

    ``observed`` and ``typical`` are figures of one unit and ``limit`` is what would still have been fine; all three are
    ``None`` when there is no figure. ``score`` says how far beyond the limit it is (1 is at the limit); ``basis``
    counts the observations behind it; ``untold`` counts like ones since the last event that were not told singly.
    """

    agent: str
    server: str
    tool: str
    what: str
    score: float
    observed: float | None
    typical: float | None
    limit: float | None
    basis: int
    quarantined: bool
    untold: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitOpened(Event):
    """``failures`` of ``calls`` calls failed, so none pass for ``seconds``.

    An empty ``tool`` is the whole server, an empty ``agent`` are all agents.
    """

    server: str
    tool: str
    calls: int
    failures: int
    seconds: float
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitClosed(Event):
    """A trial call went well, so calls pass again; an empty ``tool`` is the whole server, an empty ``agent`` all."""

    server: str
    tool: str
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFailed(Event):
    """Records could not be written down; ``lost`` counts those that are in no file, ``reason`` says why."""

    reason: str
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRepaired(Event):
    """The audit log did not end as it should have when it was opened; ``detail`` says what was found and noted."""

    file: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultMisshaped(Event):
    """A result does not fit the schema that its tool declares, or cannot be held against it; ``why`` says which."""

    server: str
    tool: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFailed(Event):
    """A client of our own MCP server asked for something, and a fault of ours was the answer."""

    agent: str
    request: str
    reason: str
