"""Installing from the lock: exactly what it pins, and without the network from the trees that are in the store."""

import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import anyio.to_thread

from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.lock.entries import LockedServer
from vsm_mcp.acquisition.lock.launches import insist_on_entry
from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.lock.own import own_files
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Launch,
    PackageRef,
    Resolution,
    Rung,
    StdioLaunch,
    Vetted,
)

LOCAL = frozenset({"file", "memory", "remote"})
"""Ecosystems that no registry is asked for."""

TreeOf = Callable[[str], Awaitable[Path | None]]
"""Gives the place of an installed tree by its digest, every byte of it checked; ``None`` when there is none."""


class LockSource:
    """Knows the servers of a lock, as their sources gave them, and asks nobody.

    Args:
        lock: The lock.
    """

    name = "lock"
    fresh_for = AT_ONCE

    def __init__(self, lock: Lockfile) -> None:
        """Keep the lock."""
        servers = lock.servers.values()
        self._listing = Listing(candidates=tuple(locked.candidate for locked in servers if locked.launch is not None))
        self._lock = lock

    def __repr__(self) -> str:
        """Show how much is known."""
        return f"LockSource({len(self._lock.servers)} servers)"

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return the locked servers that a machine can install, in the order of their names."""
        return self._listing


class LockedEcosystem:
    """An ecosystem that resolves from a lock and, offline, installs from trees that are on this machine.

    Args:
        inner: The ecosystem itself; offline, only those of this machine are ever asked.
        lock: What is pinned.
        trees: Finds installed trees.
        programs: Where this machine has the programs that servers are started with, by name, such as ``node``.
        offline: Never ask ``inner`` for anything that is not on this machine.
    """

    def __init__(
        self,
        inner: Ecosystem,
        *,
        lock: Lockfile,
        trees: TreeOf,
        programs: Mapping[str, Path],
        offline: bool,
    ) -> None:
        """Join the parts."""
        self._inner = inner
        self._lock = lock
        self._trees = trees
        self._programs = programs
        self._from_trees = offline and inner.name not in LOCAL

    @property
    def name(self) -> str:
        """The name of the ecosystem."""
        return self._inner.name

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Return what the lock pins for a package.

        Raises:
            InstallationError: The lock does not pin it, or not with these constraints.
            IntegrityError: A file of this machine is not the one that was locked.
        """
        locked = self._lock.package(package)
        if locked is None:
            raise InstallationError(
                f"{package} is not in the lock.",
                stage="plan",
                remedies=("Choose a server that is in the lock.", "Acquire it without the lock, then lock it."),
            )
        resolution = locked.package.resolution()
        if rung.constraints and rung.constraints != resolution.rung.constraints:
            raise InstallationError(
                f"{package} is locked and not resolved anew with {', '.join(rung.constraints)}.",
                stage="plan",
                remedies=("Acquire it without the lock, then lock it anew.",),
            )
        if self.name in LOCAL:
            await self._unchanged(resolution)
        return resolution

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Put the package's own files in ``into``; offline, those of the installed tree.

        Raises:
            IntegrityError: They are not what is locked, or the lock would start something else than the package.
            InstallationError: There is no tree of it on this machine.
        """
        if not self._from_trees:
            return await self._inner.fetch(candidate, resolution, into=into)
        locked = self._lock.server(candidate)
        tree = await self._tree(locked)
        await anyio.to_thread.run_sync(own_files, tree, resolution.package, into)
        launch = await self._launch(locked, tree)
        return Artefact(candidate=candidate, resolution=resolution, root=into, launch=launch)

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Put the package and all it needs in ``into``; offline, a copy of the installed tree.

        Raises:
            IntegrityError: Something is not what is locked.
            InstallationError: There is no tree of it on this machine.
        """
        if not self._from_trees:
            return await self._inner.install(vetted, into=into)
        locked = self._lock.server(vetted.candidate)
        tree = await self._tree(locked)
        await anyio.to_thread.run_sync(_copy, tree, into)
        return await self._launch(locked, tree)

    async def _unchanged(self, resolution: Resolution) -> None:
        package = resolution.package
        found = await self._inner.resolve(PackageRef(ecosystem=package.ecosystem, name=package.name), rung=Rung())
        if found.integrity != resolution.integrity:
            raise IntegrityError(
                f"{package} is not the one that was locked.",
                stage="plan",
                remedies=("Find out why it changed, then acquire it without the lock and lock it anew.",),
            )

    async def _tree(self, locked: LockedServer) -> Path:
        tree = await self._trees(locked.tree)
        if tree is None:
            raise InstallationError(
                f"{locked.package.package} is locked, and its files ({locked.tree[:12]}) are not on this machine.",
                stage="fetch",
                remedies=("Install it once with the network.", "Copy the store of a machine that has it."),
            )
        return tree

    async def _launch(self, locked: LockedServer, tree: Path) -> StdioLaunch:
        launch = await anyio.to_thread.run_sync(insist_on_entry, locked, tree)
        program = self._programs.get(launch.program)
        if program is None:
            raise ConfigurationError(
                f"{locked.candidate.name} is started with {launch.program}, which this machine does not have.",
                remedies=(f"Install it; known are {', '.join(sorted(self._programs)) or 'none'}.",),
            )
        return StdioLaunch(argv=(str(program), *launch.arguments))


def trees_of(store: PackageStore) -> TreeOf:
    """Return what finds trees in a store, every byte of them checked.

    Raises (when called):
        IntegrityError: A tree is there and was changed.
    """

    async def find(digest: str) -> Path | None:
        place = store.tree(digest)
        if not await anyio.Path(place).is_dir():
            return None
        await store.verify(digest, full=True)
        return place

    return find


def _copy(tree: Path, into: Path) -> None:
    shutil.copytree(tree, into, symlinks=True, dirs_exist_ok=True)
