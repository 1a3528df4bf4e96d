"""The way in, joined: discovery, vetting, installation, proof, and what undoes them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import platformdirs

from vsm_mcp.acquisition.acquisition import Acquisition
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.acquisition.discovery.sources.files import FileSource
from vsm_mcp.acquisition.discovery.sources.learned import LearnedToolsSource
from vsm_mcp.acquisition.discovery.sources.registry import McpRegistrySource
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.acquisition.installation.budget import DiskBudget
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.generations.admission import Budget
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.lock.offline import LockedEcosystem, LockSource, trees_of
from vsm_mcp.acquisition.permissions import CallPermissions
from vsm_mcp.acquisition.trial import WayIn
from vsm_mcp.acquisition.upgrading.upgrade import Upgrade
from vsm_mcp.acquisition.verification import Verifier
from vsm_mcp.acquisition.vetting.advisories.advisory import Advisories
from vsm_mcp.acquisition.vetting.advisories.npm import NpmAdvisories
from vsm_mcp.acquisition.vetting.advisories.osv.database import OsvDatabase
from vsm_mcp.acquisition.vetting.advisories.pypi import PyPIAdvisories
from vsm_mcp.acquisition.vetting.advisories.recheck import HeldServers, Recheck
from vsm_mcp.acquisition.vetting.advisories.vulnerabilities import Vulnerabilities
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.checks import registry_checks, standard_checks
from vsm_mcp.acquisition.vetting.patterns import Subject, blocks
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.provenance.history import Histories, NpmHistories, PyPIHistories
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import VSMError
from vsm_mcp.events import EventSink, SourceFailed
from vsm_mcp.model.server import Candidate, Proven
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.behaviour import BehaviourRecorder
from vsm_mcp.servers.launcher import OnRecord
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.confining import terms_for
from vsm_mcp.wiring.machine import Registries, choose_python, ecosystems, program
from vsm_mcp.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """The parts of the way in, by name."""

    discovery: MCPDiscovery
    acquisition: Acquisition
    upgrade: Upgrade
    vetting: Vetting
    installer: Installer
    rollback: Rollback
    lock: Lockfile | None
    recheck: Recheck


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
    permissions: CallPermissions,
    recorder: BehaviourRecorder,
    on_record: OnRecord,
    emit: EventSink,
) -> Entrance:
    """Join the way in.

    Raises:
        SandboxError: No interpreter can be run by confined servers.
    """
    packages, lock = Registries.of(world), await _lock(settings, world)
    store = PackageStore(settings.state, world.files)
    rollback = Rollback(Journal(settings.state, world.files), world.files, emit)
    known = await ecosystems(settings, world, packages, sandbox=sandbox, emit=emit)
    if lock is not None:
        known = await _locked(settings, known, lock, sandbox=sandbox, store=store)
    installer = Installer(
        known,
        store=store,
        rollback=rollback,
        files=world.files,
        clock=world.clock,
        emit=emit,
        most_at_once=settings.installs_at_once,
        budget=DiskBudget(
            store_mb=settings.store_mb, package_mb=settings.package_mb, package_files=settings.package_files
        ),
        allowed=Budget(servers=policy.most_servers, acquisitions_per_day=policy.acquisitions_per_day),
    )
    database = None if settings.advisories is None else await open_database(settings.advisories)
    online = None if settings.offline else packages
    vetting = make_vetting(policy, world, online, database=database, checks=checks, emit=emit)
    learned = LearnedToolsSource(settings.state / "discovery" / "learned.json", world.files, world.clock)
    own: Sequence[Source] = (shelf, learned) if lock is None else (shelf, LockSource(lock), learned)
    discovery = MCPDiscovery(
        _sources(settings, world, own, given=sources, emit=emit),
        emit=emit,
        timeout=settings.discovery_timeout,
        resolvers=() if online is None else (online.npm, online.pypi),
        clock=world.clock,
        snapshots=Snapshots(world.files, settings.state / "discovery"),
        withholds=_blocked(policy),
        fresh=settings.discovery_cache_ttl,
        most_answers=settings.discovery_cache_size,
        embedder=await anyio.to_thread.run_sync(_mini_lm) if settings.semantic else None,
    )
    way = WayIn(
        vetting=vetting,
        installer=installer,
        rollback=rollback,
        spawner=spawner,
        verifier=Verifier(timeout=settings.call_timeout, objection=permissions.judge_installed),
        clock=world.clock,
        cool_down=policy.min_release_age,
        granted=terms_for(settings, policy, sandbox),
        objection=permissions.judge_installed,
        lock=lock,
        recorder=recorder,
        on_record=on_record,
        learn=_learning(learned, emit),
    )
    recheck = make_recheck(policy, world, online, database=database, held=installer.committed, emit=emit)
    return Entrance(
        discovery=discovery,
        acquisition=Acquisition(discovery=discovery, way=way, emit=emit),
        upgrade=Upgrade(way, emit=emit),
        vetting=vetting,
        installer=installer,
        rollback=rollback,
        lock=lock,
        recheck=recheck,
    )


async def open_database(path: Path) -> OsvDatabase:
    """Return an OSV database that is ready to be asked; its index is kept in the user's cache directory.

    Raises:
        ConfigurationError: There is none at ``path``, or it cannot be read.
    """
    database = OsvDatabase(path, cache=platformdirs.user_cache_path("vsm_mcp"))
    await database.prepare()
    return database


def make_vetting(
    policy: Policy,
    world: World,
    packages: Registries | None,
    *,
    database: OsvDatabase | None = None,
    checks: Sequence[Check] = (),
    emit: EventSink,
) -> Vetting:
    """Return what judges packages: the standard checks, those that ask, and ``checks``; without registries, offline."""
    histories: tuple[Histories, ...] = ()
    if packages is not None:
        histories = (NpmHistories(packages.npm), PyPIHistories(packages.pypi))
    asking = registry_checks(
        policy,
        clock=world.clock,
        advisories=_advisories(world, packages, database),
        histories=histories,
        refuse_direct_at=policy.refuse_advisories_at,
        refuse_transitive_at=policy.refuse_transitive_advisories_at,
    )
    standard = standard_checks(policy, clock=world.clock)
    return Vetting((*standard, *asking, *checks), policy=policy, clock=world.clock, emit=emit)


def make_recheck(
    policy: Policy,
    world: World,
    packages: Registries | None,
    *,
    database: OsvDatabase | None,
    held: HeldServers,
    emit: EventSink,
) -> Recheck:
    """Return what asks again what is known against the servers that are held."""
    known = Vulnerabilities(
        policy,
        sources=_advisories(world, packages, database),
        clock=world.clock,
        direct=policy.refuse_advisories_at,
        transitive=policy.refuse_transitive_advisories_at,
    )
    return Recheck(Vetting((known,), policy=policy, clock=world.clock), policy=policy, held=held, emit=emit)


def _advisories(world: World, packages: Registries | None, database: OsvDatabase | None) -> Sequence[Advisories]:
    known: Sequence[Advisories] = () if database is None else (database,)
    if packages is None:
        return known
    return (*known, NpmAdvisories(packages.npm, world.http), PyPIAdvisories(packages.pypi))


def _sources(
    settings: Settings,
    world: World,
    own: Sequence[Source],
    *,
    given: Sequence[Source] | None,
    emit: EventSink,
) -> Sequence[Source]:
    """Return who knows servers, those first whose word counts; what was learnt comes from this machine, last."""
    shelf, *rest = own
    if given is not None:
        return (*given, *rest)
    files = (FileSource(path, name=f"files:{path}") for path in settings.catalogues)
    if settings.offline:
        return (shelf, *files, *rest)
    registries = (
        McpRegistrySource(
            base,
            world.http,
            world.clock,
            headers=settings.registry_headers.get(base),
            secrets=world.secrets,
            fresh_for=settings.registry_kept_for,
            tries=settings.registry_tries,
            emit=emit,
            random=world.random,
        )
        for base in settings.registries
    )
    return (shelf, *files, *rest, CatalogueSource(), *registries)


def _mini_lm() -> Embedder:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - an extra

    return MiniLM()


def _learning(learned: LearnedToolsSource, emit: EventSink) -> Callable[[Proven], Awaitable[None]]:
    """Return what learns from a server and fails nobody: what was acquired does not depend on it."""

    async def learn(proven: Proven) -> None:
        try:
            await learned.learn(proven)
        except VSMError as error:
            emit(SourceFailed(source=learned.name, reason=error.message))

    return learn


def _blocked(policy: Policy) -> Callable[[Candidate], str | None]:
    """Return what says by which rule of the block list a server is never had."""

    def withholds(candidate: Candidate) -> str | None:
        rule = blocks(policy.block, Subject.of(candidate))
        return None if rule is None else f"It matches {rule!r} of the block list."

    return withholds


async def _lock(settings: Settings, world: World) -> Lockfile | None:
    """Return the lock that is in force; without a network there must be one."""
    if settings.lock is None or (not settings.offline and not await anyio.Path(settings.lock).exists()):
        return None
    return await Lockfile.load(settings.lock, world.files)


async def _locked(
    settings: Settings, known: Sequence[Ecosystem], lock: Lockfile, *, sandbox: Sandbox, store: PackageStore
) -> Sequence[Ecosystem]:
    python, node = await choose_python(settings, sandbox), program("node")
    programs = {python.name: python} if node is None else {python.name: python, "node": node}
    trees = trees_of(store)
    return tuple(
        LockedEcosystem(one, lock=lock, trees=trees, programs=programs, offline=settings.offline) for one in known
    )
