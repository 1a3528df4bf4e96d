"""The servers that are held, joined: what confines them, what keeps them alive, and what every call to them passes."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import anyio

from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.permissions import CallPermissions
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.events import EventSink
from vsm_mcp.guard.chain import GuardChain
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.model.server import Installed
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.disabled import DisabledServers
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.kept_eras import KeptEras
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Connector, Consent
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.servers.supervision.records import ProcessRecords, RecordedProcesses
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.supervision.supervision import Supervision
from vsm_mcp.servers.supervision.warden import Warden
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.settings.settings import Confinement, Engine, Settings
from vsm_mcp.wiring.confining import confinement
from vsm_mcp.wiring.guarding import Housekeeping, make_chain, make_trail, of_size, timed
from vsm_mcp.wiring.machine import make_sandbox
from vsm_mcp.world.world import World

HOST = "host"
"""As whom the host itself calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What serves, by name."""

    sandbox: Sandbox
    workspace: Workspace
    spawner: DynamicSpawner
    disabled: DisabledServers
    permissions: CallPermissions
    guarded: GuardChain
    housekeeping: Housekeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How the host wants its servers treated.

    Attributes:
        guards: What every call must pass.
        supervision: How servers are kept alive.
        consent: What they may ask of the host.
        private: Hosts of servers elsewhere that may have a private address.
    """

    guards: Guards = field(default_factory=Guards)
    supervision: Supervision = field(default_factory=Supervision)
    consent: Consent = field(default_factory=Consent)
    private: Collection[str] = ()


async def make_serving(settings: Settings, policy: Policy, world: World, *, care: Care, emit: EventSink) -> Serving:
    """Join what serves.

    Raises:
        SandboxError: The confinement that the settings name cannot be enforced here.
        ConfigurationError: It cannot be read which servers are disabled.
    """
    disabled = DisabledServers(settings.state / "disabled", world.files)
    await disabled.load()
    secrets = GivenSecrets(care.guards.redaction)
    trail = make_trail(care.guards, settings.audit, world, emit=emit, node=settings.node_id)
    records = ProcessRecords(settings.state / "processes", random=world.random)
    sandbox = make_sandbox(settings, _recorded(settings, world, records, emit=emit), emit)
    await sandbox.probe()
    workspace = Workspace(settings.work)
    housekeeping = Housekeeping(secrets=secrets, trail=trail)
    connector = await _connector(settings, world, care.consent)
    spawner = DynamicSpawner(
        _launcher(
            settings,
            policy,
            world,
            sandbox=sandbox,
            housekeeping=housekeeping,
            connector=connector,
            private=care.private,
        ),
        workspace,
        emit=emit,
        supervision=care.supervision,
        records=records,
        random=world.random,
        disabled=disabled,
        objection=lambda server, tool: _objection(guarded, server, tool),
    )
    permissions = CallPermissions(policy, spawner.proven)
    guarded = make_chain(
        of_size(timed(care.guards, settings), settings), spawner, permissions, secrets=secrets, trail=trail, emit=emit
    )
    housekeeping.look_after(guarded)
    return Serving(
        sandbox=sandbox,
        workspace=workspace,
        spawner=spawner,
        disabled=disabled,
        permissions=permissions,
        guarded=guarded,
        housekeeping=housekeeping,
    )


def _objection(guarded: GuardChain, server: str, tool: str) -> str | None:
    """Return why the host itself may not call a tool, not even to check whether its server works."""
    stopped = () if guarded.anomaly is None else guarded.anomaly.quarantined()
    if any(who in {"", HOST} and name == server and which in {"", tool} for who, name, which in stopped):
        return "its calls are stopped because of an anomaly"
    return guarded.objection(HOST, server, tool)


def _recorded(settings: Settings, world: World, records: ProcessRecords, *, emit: EventSink) -> World:
    """Return the ports with every process written down and watched that nothing else would end with this one."""
    if settings.sandbox is not Confinement.NONE:
        return world
    warden = Warden(world.processes, records, emit=emit)
    return replace(world, processes=RecordedProcesses(world.processes, records, watching=warden.watching))


def _launcher(
    settings: Settings,
    policy: Policy,
    world: World,
    *,
    sandbox: Sandbox,
    housekeeping: Housekeeping,
    connector: Connector,
    private: Collection[str],
) -> Launcher:
    """Return what starts servers, each confined as settings and policy say, and only while its files are intact."""
    store = PackageStore(settings.state, world.files)

    async def verify(installed: Installed) -> None:
        """What is only staged was sealed a moment ago, and has no place in the store yet."""
        if installed.path == store.tree(installed.digest):
            await store.verify(installed.digest)

    return Launcher(
        sandbox,
        connector,
        policy_for=confinement(settings, policy),
        secrets=world.secrets,
        references=settings.references,
        verify=verify,
        private=private,
        given=housekeeping.given,
        on_record=housekeeping.start,
        tokens=world.tokens,
        http_connections=settings.http_connections,
    )


async def _connector(settings: Settings, world: World, consent: Consent) -> Connector:
    """Return what speaks with servers, and knows from earlier processes how they want to be greeted."""
    store = PackageStore(settings.state, world.files)

    async def stays(digest: str) -> bool:
        """What is only tried is not in the store."""
        return await anyio.Path(store.tree(digest)).is_dir()

    eras = KeptEras(settings.state / "eras.json", world.files, stays=stays)
    await eras.load()
    made = LazyConnector if settings.engine is Engine.SDK else LeanConnector
    bounds = Bounds(request=settings.largest_request, response=settings.largest_answer)
    return made(eras=eras, start=settings.start_timeout, call=settings.call_timeout, bounds=bounds, consent=consent)
