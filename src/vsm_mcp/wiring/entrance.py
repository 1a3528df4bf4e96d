"""The way in, joined: discovery, vetting, installation, proof, and what undoes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsm_mcp.acquisition.acquisition import Acquisition, WayIn
from vsm_mcp.acquisition.discovery.catalogue import CatalogueSource
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.registry import McpRegistrySource
from vsm_mcp.acquisition.discovery.shelf import Shelf
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.verification import Verifier
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.checks import standard_checks
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.events import EventSink
from vsm_mcp.model.server import Installed
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.lazy import LazyConnector
from vsm_mcp.servers.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.settings import Settings
from vsm_mcp.wiring.machine import Registries, ecosystems
from vsm_mcp.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """The parts of the way in, by name."""

    discovery: MCPDiscovery
    acquisition: Acquisition
    vetting: Vetting
    installer: Installer
    rollback: Rollback


async def make_entrance(
    settings: Settings,
    policy: Policy,
    world: World,
    *,
    sandbox: Sandbox,
    spawner: DynamicSpawner,
    shelf: Shelf,
    sources: Sequence[Source] | None,
    checks: Sequence[Check],
    emit: EventSink,
) -> Entrance:
    """Join the way in.

    Raises:
        SandboxError: No interpreter can be run by confined servers.
    """
    packages = Registries.of(world)
    discovery = _discovery(settings, packages, sources=_sources(settings, world, shelf, given=sources), emit=emit)
    rollback = Rollback(Journal(settings.state, world.files), world.files, emit)
    installer = Installer(
        await ecosystems(settings, world, packages, sandbox=sandbox, emit=emit),
        store=PackageStore(settings.state, world.files),
        rollback=rollback,
        files=world.files,
        clock=world.clock,
        emit=emit,
        most_at_once=settings.installs_at_once,
    )
    standard = standard_checks(policy, clock=world.clock)
    vetting = Vetting((*standard, *checks), policy=policy, clock=world.clock, emit=emit)
    way = WayIn(
        vetting=vetting,
        installer=installer,
        rollback=rollback,
        spawner=spawner,
        verifier=Verifier(timeout=settings.call_timeout),
        clock=world.clock,
        cool_down=policy.min_release_age,
    )
    acquisition = Acquisition(discovery=discovery, way=way, emit=emit)
    return Entrance(
        discovery=discovery, acquisition=acquisition, vetting=vetting, installer=installer, rollback=rollback
    )


def make_spawner(
    settings: Settings, world: World, sandbox: Sandbox, *, workspace: Workspace, emit: EventSink
) -> DynamicSpawner:
    """Return what starts servers, each confined as the settings say."""

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
