"""The bill of materials: the only file that knows all parts."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import uv

from vsm_mcp.acquisition.acquisition import Acquisition, WayIn
from vsm_mcp.acquisition.discovery.catalogue import CatalogueSource
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.pypi import PyPIIndex
from vsm_mcp.acquisition.discovery.registry import McpRegistrySource
from vsm_mcp.acquisition.discovery.shelf import Shelf
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.verification import Verifier
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.checks import standard_checks
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import SandboxError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.server import Installed
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.inspection import Inspection
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.lazy import LazyConnector
from vsm_mcp.servers.router import CapabilityRouter, Route
from vsm_mcp.servers.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.settings import Confinement, Settings
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.feedback import Feedback
from vsm_mcp.systems.intelligence.upkeep import Upkeep
from vsm_mcp.systems.operations.unit import UnitInspection
from vsm_mcp.systems.operations.ways import SafeToRepeat
from vsm_mcp.systems.regulation import Organs
from vsm_mcp.systems.system1 import System1
from vsm_mcp.systems.system2 import System2
from vsm_mcp.systems.system3 import Budget, System3
from vsm_mcp.systems.system4 import System4
from vsm_mcp.systems.system5 import Approver, System5
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.burn_rate import BurnRate
from vsm_mcp.systems.vitals.channels import Channels
from vsm_mcp.systems.vitals.vitals import Vitals
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.world.world import World

_WHERE_PYTHON_MAY_BE = ("/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python3.13", "/usr/bin/python3.12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All parts of a living system, by name."""

    system1: System1
    system2: System2
    system3: System3
    system4: System4
    system5: System5
    variety: VarietyCalculator
    vitals: Vitals
    organs: Organs
    discovery: MCPDiscovery
    acquisition: Acquisition
    vetting: Vetting
    installer: Installer
    rollback: Rollback
    sandbox: Sandbox
    spawner: DynamicSpawner
    router: CapabilityRouter
    workspace: Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """The package registries that the user's own clients are configured for."""

    npm: NpmRegistry
    pypi: PyPIIndex


def make_sandbox(settings: Settings, world: World) -> Sandbox:
    """Return the sandbox that the settings name."""
    match settings.sandbox:
        case Confinement.BUBBLEWRAP:
            return Sandbox.bubblewrap(world.processes, run_as=settings.run_as)
        case Confinement.NONE:
            return Sandbox.none(world.processes)


async def choose_python(settings: Settings, sandbox: Sandbox) -> Path:
    """Return the interpreter for PyPI servers: the first that a confined process can run.

    Raises:
        SandboxError: There is none.
    """
    places = (sys.executable, *_WHERE_PYTHON_MAY_BE) if settings.python is None else (settings.python,)
    for place in places:
        if await anyio.Path(place).exists() and await sandbox.can_run(Path(place)):
            return Path(place)
    raise SandboxError(
        f"No Python interpreter can be run by confined servers; tried {', '.join(str(p) for p in places)}.",
        remedies=(
            "Install a system-wide Python (such as /usr/bin/python3), readable by every user.",
            "Name one that is: VSM_MCP_PYTHON=/path/to/python3.",
        ),
    )


async def build(
    settings: Settings,
    *,
    world: World,
    shelf: Shelf,
    sources: Sequence[Source] | None = None,
    checks: Sequence[Check] = (),
    emit: EventSink = ignore,
    approve: Approver | None = None,
    charter: Charter | None = None,
) -> Parts:
    """Join all parts of a system.

    Raises:
        SandboxError: The confinement that the settings name cannot be enforced here.
        ConfigurationError: Something a part needs is missing.
    """
    sandbox = make_sandbox(settings, world)
    await sandbox.probe()
    workspace = Workspace(settings.work)
    charter = charter or Charter()
    variety = VarietyCalculator(
        half_life=settings.variety_half_life,
        thresholds=settings.thresholds,
        engineering=charter.engineering,
    )
    router = CapabilityRouter()
    spawner = _spawner(settings, world, sandbox, workspace=workspace, emit=emit)
    packages = Registries(npm=NpmRegistry(world.http, world.processes), pypi=PyPIIndex(world.http, world.processes))
    discovery = _discovery(settings, packages, sources=_sources(settings, world, shelf, given=sources), emit=emit)
    rollback = Rollback(Journal(settings.state, world.files), world.files, emit)
    ecosystems = await _ecosystems(settings, world, packages, sandbox=sandbox, emit=emit)
    installer = Installer(
        ecosystems,
        store=PackageStore(settings.state, world.files),
        rollback=rollback,
        files=world.files,
        clock=world.clock,
        emit=emit,
        most_at_once=settings.installs_at_once,
    )
    vetting = _vetting(settings, world, checks, emit=emit)
    way = WayIn(
        vetting=vetting,
        installer=installer,
        rollback=rollback,
        spawner=spawner,
        verifier=Verifier(timeout=settings.call_timeout),
        clock=world.clock,
        cool_down=settings.min_release_age,
    )
    acquisition = Acquisition(discovery=discovery, way=way, emit=emit)
    system2 = System2(
        clock=world.clock,
        random=world.random,
        timeout=settings.coordination_timeout,
        policy=charter.conflicts,
        weights=charter.shares,
        capacities=charter.capacities,
    )
    system3 = System3(
        budget=Budget(servers=settings.most_servers, acquisitions_per_day=settings.acquisitions_per_day),
        clock=world.clock,
        resources=charter.resources,
        random=world.random,
    )
    vitals, upkeep = _vitals(settings, world, charter, emit=emit), Upkeep()
    system1 = System1(
        router=router,
        caller=spawner,
        variety=variety,
        emit=Feedback(
            system3=system3,
            upkeep=upkeep,
            burn=vitals.burn,
            channels=vitals.channels,
            clock=world.clock,
            emit=emit,
        ),
        random=world.random,
        coordination=system2,
        most_at_once=settings.max_concurrent_operations,
        place_timeout=settings.coordination_timeout,
        safe_to_repeat=_safe_to_repeat(spawner),
        recursion_depth=settings.recursion_depth,
        half_life=settings.variety_half_life,
    )
    system3.inspect_with(
        UnitInspection(system1.units), Inspection(spawner, timeout=settings.call_timeout), timeout=settings.call_timeout
    )
    system5 = System5(
        autonomy=settings.autonomy,
        approve=approve,
        policy=charter.policy,
        identity=charter.identity,
        limits=charter.pressure,
        preferences=charter.preferences,
        priors=charter.priors,
        strategy=charter.strategy,
    )
    system4 = System4(
        discovery=discovery,
        acquisition=acquisition,
        installer=installer,
        router=router,
        spawner=spawner,
        variety=variety,
        system2=system2,
        system3=system3,
        system5=system5,
        clock=world.clock,
        patience=settings.retry_failed_after,
        tolerated_gap=1.0 - settings.thresholds.alert,
        random=world.random,
        upkeep=upkeep,
        learner=system1.learner,
        emit=emit,
    )
    organs = Organs(
        system2=system2,
        system3=system3,
        system4=system4,
        system5=system5,
        variety=variety,
        vitals=vitals,
        clock=world.clock,
        thresholds=settings.thresholds,
    )
    return Parts(
        system1=system1,
        system2=system2,
        system3=system3,
        system4=system4,
        system5=system5,
        variety=variety,
        vitals=vitals,
        organs=organs,
        discovery=discovery,
        acquisition=acquisition,
        vetting=vetting,
        installer=installer,
        rollback=rollback,
        sandbox=sandbox,
        spawner=spawner,
        router=router,
        workspace=workspace,
    )


def _vitals(settings: Settings, world: World, charter: Charter, *, emit: EventSink) -> Vitals:
    """Return what tells how the whole fares."""
    return Vitals(
        algedonic=AlgedonicChannel(clock=world.clock, emit=emit),
        burn=BurnRate(slo=settings.variety_objective),
        channels=Channels(now=world.clock.now().timestamp(), capacity=charter.channels),
    )


def _safe_to_repeat(spawner: DynamicSpawner) -> SafeToRepeat:
    """Return who knows whether a tool says of itself that it only reads.

    That it may be called twice with the same effect would not do: the second call goes to another server.
    """

    def safe(route: Route) -> bool:
        proven = spawner.proven(route.server)
        tools = proven.tools if proven is not None else ()
        return any(tool.name == route.tool and tool.read_only for tool in tools)

    return safe


def _spawner(
    settings: Settings, world: World, sandbox: Sandbox, *, workspace: Workspace, emit: EventSink
) -> DynamicSpawner:
    def policy_for(installed: Installed, work: Path | None) -> SandboxPolicy:
        return SandboxPolicy(limits=settings.limits, package=installed.path, work=work, run_as=settings.run_as)

    launcher = Launcher(
        sandbox,
        LazyConnector(eras={}, start=settings.start_timeout, call=settings.call_timeout),
        policy_for=policy_for,
        secrets=world.secrets,
        references=settings.secrets,
    )
    return DynamicSpawner(launcher, workspace=workspace, emit=emit)


def _sources(settings: Settings, world: World, shelf: Shelf, *, given: Sequence[Source] | None) -> Sequence[Source]:
    if given is not None:
        return given
    registries = (McpRegistrySource(base, world.http, world.clock) for base in settings.registries)
    return (shelf, CatalogueSource(), *registries)


def _discovery(settings: Settings, packages: Registries, *, sources: Sequence[Source], emit: EventSink) -> MCPDiscovery:
    resolvers = (packages.npm, packages.pypi)
    return MCPDiscovery(sources, emit=emit, timeout=settings.discovery_timeout, resolvers=resolvers)


async def _ecosystems(
    settings: Settings, world: World, packages: Registries, *, sandbox: Sandbox, emit: EventSink
) -> Sequence[Ecosystem]:
    python = await choose_python(settings, sandbox)
    node, npm = _program("node"), _program("npm")
    return (
        PyPIEcosystem(
            world.processes,
            world.files,
            uv=Path(uv.find_uv_bin()),
            python=python,
            indexes=packages.pypi.indexes,
            timeout=settings.install_timeout,
            emit=emit,
        ),
        NpmEcosystem(
            world.processes,
            world.files,
            node=node,
            npm=npm,
            metadata=packages.npm.metadata,
            timeout=settings.install_timeout,
            emit=emit,
        ),
        FileEcosystem(world.files, python=python, node=node),
        MemoryEcosystem(),
    )


def _program(name: str) -> Path | None:
    found = shutil.which(name)
    return None if found is None else Path(found)


def _vetting(settings: Settings, world: World, checks: Sequence[Check], *, emit: EventSink) -> Vetting:
    policy = Policy(
        allow=settings.allow,
        block=settings.block,
        min_release_age=settings.min_release_age,
        require_ownership=settings.require_ownership,
    )
    standard = standard_checks(policy, clock=world.clock)
    return Vetting((*standard, *checks), policy=policy, clock=world.clock, emit=emit)
