"""Limits by control groups of version 2, made directly below a directory where this user may make them."""

import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio.to_thread

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Held
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.cgroups import groups
from vsm_mcp.sandbox.resources.cgroups.grouped import (
    OWN_PROCESSES,
    PERIOD_MICROSECONDS,
    Applied,
    GroupHold,
    apply,
    differs,
    plan,
    quota,
)
from vsm_mcp.sandbox.resources.controller import MIB, Hold, Tree
from vsm_mcp.sandbox.resources.family import PROC, Family

MECHANISM = "cgroup v2"

_NEEDED = frozenset({"memory", "cpu", "pids"})
_MICRO = 1_000_000


class CgroupV2:
    """Limits trees by groups beside the one that this process is in, or beside one above it.

    A group that holds processes cannot have groups with controllers in it, so never below the own one.

    Args:
        proc: Where the kernel shows processes and mounts.
        make: Makes the directory of a group.
        remove: Removes it.
    """

    name = MECHANISM

    def __init__(
        self,
        proc: Path = PROC,
        *,
        make: Callable[[Path], object] = Path.mkdir,
        remove: Callable[[Path], object] = Path.rmdir,
    ) -> None:
        """Keep where to look; nothing is tried yet."""
        self._proc = proc
        self._make = make
        self._remove = remove
        self._parent: Path | None = None

    async def unavailable(self) -> str | None:
        """Look for a place, by making a group there, limiting it and removing it; also remove what was left behind."""
        why = "none was found"
        try:
            for parent in self._places():
                why = await self._try(parent)
                if not why:
                    self._parent = parent
                    return None
        except (OSError, ValueError) as error:
            why = str(error)
        return f"Control groups of version 2 cannot be made here: {why}."

    def plan(self, limits: Limits, /) -> Mapping[Aspect, Held]:
        """Say that the kernel holds memory and CPU."""
        return plan(limits, mechanism=MECHANISM)

    @asynccontextmanager
    async def attach(self, tree: Tree, limits: Limits, /) -> AsyncGenerator[Hold]:
        """Put a parked tree under limits."""
        parent = self._parent
        if parent is None:
            raise SandboxError("No place for control groups was looked for.", remedies=("Await unavailable() first.",))
        group = Group2(parent / groups.new_name(self._proc))
        try:
            await anyio.to_thread.run_sync(self._make, group.path)
            applied = await apply(group, tree, limits)
            held = plan(limits, mechanism=MECHANISM, applied=applied)
            yield GroupHold(group, limits=limits, held=held, family=Family(tree.first, self._proc))
        finally:
            await groups.remove(group.paths, self._remove)

    def _places(self) -> Iterator[Path]:
        """Return the directories to try: those above the own group, the nearest first."""
        mounted = next((one for one in groups.hierarchies(self._proc) if one.version == 2), None)  # noqa: PLR2004 - it is called so
        own = groups.own_groups(self._proc).get("")
        place = None if mounted is None or own is None else groups.directory(mounted, own)
        if mounted is None or place is None:
            raise OSError("version 2 is not mounted")
        yield from (path for path in place.parents if path.is_relative_to(mounted.path))
        if place == mounted.path:
            yield place

    async def _try(self, parent: Path) -> str:
        """Return why groups cannot be made in ``parent``; nothing when they can."""
        group = Group2(parent / groups.new_name(self._proc))
        try:
            await anyio.to_thread.run_sync(_prepare, parent, self._proc)
            try:
                await anyio.to_thread.run_sync(self._make, group.path)
                await anyio.to_thread.run_sync(group.limit, Limits())
            finally:
                await groups.remove(group.paths, self._remove)
        except OSError as error:
            return str(error)
        return ""


def _prepare(parent: Path, proc: Path) -> None:
    """See that groups in ``parent`` get the controllers, and that processes may be put there.

    Raises:
        OSError: They do not, or may not.
    """
    there = frozenset(groups.read(parent / "cgroup.controllers").split())
    if not there >= _NEEDED:
        raise OSError(f"{parent} lacks the controllers {', '.join(sorted(_NEEDED - there))}")
    if not os.access(parent / "cgroup.procs", os.W_OK):
        raise OSError(f"{parent} does not belong to this user")
    groups.sweep(parent, proc)
    given = frozenset(groups.read(parent / "cgroup.subtree_control").split())
    if not given >= _NEEDED:
        groups.write(parent / "cgroup.subtree_control", " ".join(f"+{name}" for name in sorted(_NEEDED)))


class Group2:
    """One group of version 2 that exists.

    Args:
        path: Its directory.
        kept: Whether somebody else removes it.
    """

    def __init__(self, path: Path, *, kept: bool = False) -> None:
        """Keep where it is."""
        self.path = path
        self.paths: tuple[Path, ...] = () if kept else (path,)

    def limit(self, limits: Limits) -> None:
        """Write all limits; memory that ran out ends the whole tree."""
        groups.write(self.path / "memory.max", limits.memory_mb * MIB)
        with suppress(FileNotFoundError):
            groups.write(self.path / "memory.swap.max", 0)
        groups.write(self.path / "memory.oom.group", 1)
        groups.write(self.path / "pids.max", limits.processes + OWN_PROCESSES)
        self.limit_cpu(limits.cpu_cores)

    def enter(self, pids: Sequence[int]) -> None:
        """Put processes into it."""
        for pid in pids:
            groups.write(self.path / "cgroup.procs", pid)

    def applied(self, limits: Limits, pids: Sequence[int]) -> Applied:
        """Read back what holds."""
        inside = groups.pids(self.path)
        if not set(pids) <= set(inside):
            raise differs(f"{self.path}/cgroup.procs", wanted=sorted(pids), found=sorted(inside))
        memory = groups.read_number(self.path / "memory.max")
        if memory is None or memory > limits.memory_mb * MIB:
            raise differs("memory.max", wanted=limits.memory_mb * MIB, found=memory)
        cpu = groups.read(self.path / "cpu.max")
        if cpu != _cpu_max(limits.cpu_cores):
            raise differs("cpu.max", wanted=_cpu_max(limits.cpu_cores), found=cpu)
        swap = groups.read_number(self.path / "memory.swap.max")
        return Applied(
            memory=f"memory.max {memory}, memory.swap.max {'not known' if swap is None else swap}",
            cpu=f"cpu.max {cpu} after start-up",
        )

    def memory(self) -> int | None:
        """Return the bytes in use."""
        return groups.read_number(self.path / "memory.current")

    def peak(self) -> int | None:
        """Return the most bytes that were in use; older kernels do not tell."""
        return groups.read_number(self.path / "memory.peak")

    def cpu_seconds(self) -> float | None:
        """Return the CPU time used."""
        used = groups.read_table(self.path / "cpu.stat").get("usage_usec")
        return None if used is None else used / _MICRO

    def killed(self) -> int:
        """Return how many processes were killed because memory ran out."""
        return groups.read_table(self.path / "memory.events").get("oom_kill", 0)

    def limit_cpu(self, cores: float | None) -> None:
        """Limit the CPU, or take the limit away."""
        groups.write(self.path / "cpu.max", _cpu_max(cores))


def _cpu_max(cores: float | None) -> str:
    return f"{'max' if cores is None else quota(cores)} {PERIOD_MICROSECONDS}"
