"""What every call passes, joined: the guards, what they know of the servers, and the record."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from vsm_mcp.acquisition.permissions import CallPermissions
from vsm_mcp.events import CapabilityAdopted, CapabilityReleased, EgressDecided, Event, EventSink
from vsm_mcp.guard.audit_log import AuditTrail, Undertaking
from vsm_mcp.guard.auditing.file import FileAudit
from vsm_mcp.guard.auditing.record import AuditKind
from vsm_mcp.guard.chain import GuardChain, Ports, time_of_this_loop
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.payloads import Bounds
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.server import Installed, Proven
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.settings.settings import Settings
from vsm_mcp.world.world import World

_REQUEST_BITS = 32
_CONCERNS = frozenset({CapabilityAdopted, CapabilityReleased, EgressDecided})


def make_trail(
    guards: Guards, directory: Path | None, world: World, *, emit: EventSink, node: str | None = None
) -> AuditTrail:
    """Return where calls, installations and starts are recorded: in memory, and in ``directory`` if there is one.

    The name of each begins with that of the ``node``, if it has one, and tells this run from others.
    """
    file = None if directory is None else FileAudit(directory, clock=world.clock, files=world.files, emit=emit)
    run = f"{world.random.getrandbits(_REQUEST_BITS):08x}-"
    return AuditTrail(guards.audit, file=file, clock=world.clock, requests=run if node is None else f"{node}-{run}")


def timed(guards: Guards, settings: Settings) -> Guards:
    """Return the guards with the ``call_timeout`` that was set, unless the deadline says how long one may be idle."""
    deadline = guards.deadline
    if deadline is None or "idle" in deadline.model_fields_set or "call_timeout" not in settings.model_fields_set:
        return guards
    return guards.model_copy(update={"deadline": deadline.model_copy(update={"idle": settings.call_timeout})})


def of_size(guards: Guards, settings: Settings) -> Guards:
    """Return the guards with the sizes of calls and answers that were set, where the host gave no bounds of its own."""
    payloads = guards.payloads
    if payloads is None:
        return guards
    update: dict[str, Bounds] = {}
    for side, name in (("arguments", "largest_request"), ("results", "largest_answer")):
        if name in settings.model_fields_set:
            bounds: Bounds = getattr(payloads, side)
            given = bounds.model_fields_set if side in payloads.model_fields_set else frozenset[str]()
            update[side] = bounds.model_copy(update=dict.fromkeys({"bytes", "text"} - given, getattr(settings, name)))
    return guards.model_copy(update={"payloads": payloads.model_copy(update=update)})


def make_chain(
    guards: Guards,
    spawner: DynamicSpawner,
    permissions: CallPermissions,
    *,
    secrets: GivenSecrets,
    trail: AuditTrail,
    emit: EventSink,
) -> GuardChain:
    """Put all guards before the servers."""
    known = _Known(spawner)
    ports = Ports(
        objection=permissions.objection,
        lookup=known.spec,
        digest_of=known.digest,
        secrets=secrets,
        trail=trail,
        emit=emit,
        now=time_of_this_loop(),
    )
    return GuardChain(spawner, guards, ports)


class Housekeeping:
    """Tells the guards what happens around them: which secrets a server is given, and who comes and goes.

    Args:
        secrets: Keeps the secrets, to hide them.
        trail: Keeps the records.
    """

    def __init__(self, *, secrets: GivenSecrets, trail: AuditTrail) -> None:
        """Look after nothing yet."""
        self._secrets = secrets
        self._trail = trail
        self._chain: GuardChain | None = None

    def look_after(self, chain: GuardChain) -> None:
        """Tell ``chain`` from now on."""
        self._chain = chain

    def given(self, server: str, secrets: Sequence[str]) -> None:
        """Remember the secrets that a server is given."""
        self._secrets.give(server, secrets)

    def start(self, installed: Installed) -> AbstractAsyncContextManager[None]:
        """Return what a start happens in: it fails when the record cannot be written."""
        return self._trail.on_record(
            Undertaking(kind=AuditKind.SPAWN, server=installed.candidate.name, artefact=installed.digest)
        )

    def install(self, installed: Installed) -> AbstractAsyncContextManager[None]:
        """Return what taking a server in happens in: it fails when the record cannot be written."""
        return self._trail.on_record(
            Undertaking(kind=AuditKind.INSTALL, server=installed.candidate.name, artefact=installed.digest)
        )

    def hear(self, event: Event, /) -> None:
        """Forget what was known of a server that went, and begin anew with one that came."""
        chain = self._chain
        if chain is None or type(event) not in _CONCERNS:
            return
        match event:
            case CapabilityReleased(server=server):
                self._secrets.forget(server)
                _begin_anew(chain, server)
            case CapabilityAdopted(server=server):
                _begin_anew(chain, server)
            case _:
                if chain.anomaly is not None:
                    chain.anomaly.hear(event)


def _begin_anew(chain: GuardChain, server: str) -> None:
    if chain.breaker is not None:
        chain.breaker.reset(server)


class _Known:
    """What is known of the servers that are held; read once per server as long as it stays the same."""

    def __init__(self, spawner: DynamicSpawner) -> None:
        self._spawner = spawner
        self._read: dict[str, tuple[Proven, dict[str, ToolSpec]]] = {}

    def spec(self, server: str, tool: str) -> ToolSpec | None:
        """Return what a server said of a tool when that was approved."""
        proven = self._spawner.proven(server)
        if proven is None:
            self._read.pop(server, None)
            return None
        read = self._read.get(server)
        if read is None or read[0] is not proven:
            read = self._read[server] = (proven, {spec.name: spec for spec in proven.tools})
        return read[1].get(tool)

    def digest(self, server: str) -> str | None:
        """Return the digest of what runs as a server."""
        proven = self._spawner.proven(server)
        return None if proven is None else proven.installed.digest
