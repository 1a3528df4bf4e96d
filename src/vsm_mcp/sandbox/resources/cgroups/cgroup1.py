"""Limits by control groups of version 1: one directory for each controller. Only root may make them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio.to_thread

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

MECHANISM = "cgroup v1"

_NEEDED = ("memory", "cpu", "cpuacct", "pids")
_NANO = 1_000_000_000


class CgroupV1:
    """Limits trees by groups below those that this process is in.

    Args:
        proc: Where the kernel shows processes and mounts.
    """

    name = MECHANISM

    def __init__(self, proc: Path = PROC) -> None:
        """Keep where to look."""
        self._proc = proc

    async def unavailable(self) -> str | None:
        """Make groups, limit them and remove them again; also remove what was left behind."""
        try:
            await anyio.to_thread.run_sync(self._sweep)
            group = self._group()
            try:
                await anyio.to_thread.run_sync(group.limit, Limits())
            finally:
                await groups.remove(group.paths)
        except (OSError, ValueError) as error:
            return f"Control groups of version 1 cannot be made here: {error}."
        return None

    def plan(self, limits: Limits, /) -> Mapping[Aspect, Held]:
        """Say that the kernel holds memory and CPU."""
        return plan(limits, mechanism=MECHANISM)

    @asynccontextmanager
    async def attach(self, tree: Tree, limits: Limits, /) -> AsyncGenerator[Hold]:
        """Put a parked tree under limits."""
        group = self._group()
        try:
            applied = await apply(group, tree, limits)
            held = plan(limits, mechanism=MECHANISM, applied=applied)
            yield GroupHold(group, limits=limits, held=held, family=Family(tree.first, self._proc))
        finally:
            await groups.remove(group.paths)

    def _group(self) -> "_Group":
        name = groups.new_name(self._proc)
        return _Group({controller: parent / name for controller, parent in self._parents().items()})

    def _sweep(self) -> None:
        mounts = {mounted.path for mounted in groups.hierarchies(self._proc)}
        for parent in set(self._parents().values()):
            groups.sweep(parent, self._proc)
            if parent not in mounts:
                groups.sweep_beside(parent, self._proc)

    def _parents(self) -> Mapping[str, Path]:
        mounted = [found for found in groups.hierarchies(self._proc) if found.version == 1]
        own = groups.own_groups(self._proc)
        found: dict[str, Path] = {}
        for controller in _NEEDED:
            place = next((one for one in mounted if controller in one.controllers), None)
            path = None if place is None else groups.directory(place, own.get(controller, "/"))
            if path is None:
                raise OSError(f"the controller {controller} is not mounted")
            found[controller] = path
        return found


class _Group:
    """One directory for each controller, made when limits are written; some may be the same."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = places
        self.paths: tuple[Path, ...] = tuple(dict.fromkeys(places.values()))

    def limit(self, limits: Limits) -> None:
        for path in self.paths:
            path.mkdir()
        memory = self._places["memory"]
        groups.write(memory / "memory.limit_in_bytes", limits.memory_mb * MIB)
        with suppress(FileNotFoundError):  # a kernel that does not count swap has no such file
            groups.write(memory / "memory.memsw.limit_in_bytes", limits.memory_mb * MIB)
        groups.write(self._places["pids"] / "pids.max", limits.processes + OWN_PROCESSES)
        groups.write(self._places["cpu"] / "cpu.cfs_period_us", PERIOD_MICROSECONDS)
        self.limit_cpu(limits.cpu_cores)

    def enter(self, pids: Sequence[int]) -> None:
        for path in self.paths:
            for pid in pids:
                groups.write(path / "cgroup.procs", pid)

    def applied(self, limits: Limits, pids: Sequence[int]) -> Applied:
        for path in self.paths:
            if not set(pids) <= set(groups.pids(path)):
                raise differs(f"{path}/cgroup.procs", wanted=sorted(pids), found=sorted(groups.pids(path)))
        memory = self._number("memory", "memory.limit_in_bytes")
        if memory is None or memory > limits.memory_mb * MIB:
            raise differs("memory.limit_in_bytes", wanted=limits.memory_mb * MIB, found=memory)
        cpu = self._number("cpu", "cpu.cfs_quota_us")
        wanted = None if limits.cpu_cores is None else quota(limits.cpu_cores)
        if cpu != wanted:
            raise differs("cpu.cfs_quota_us", wanted=wanted, found=cpu)
        swap = self._number("memory", "memory.memsw.limit_in_bytes")
        with_swap = "swap not limited by it" if swap is None else f"with swap {swap}"
        return Applied(
            memory=f"memory.limit_in_bytes {memory}, {with_swap}",
            cpu=f"cpu.cfs_quota_us {cpu} of {PERIOD_MICROSECONDS} after start-up",
        )

    def memory(self) -> int | None:
        return self._number("memory", "memory.usage_in_bytes")

    def peak(self) -> int | None:
        return self._number("memory", "memory.max_usage_in_bytes")

    def cpu_seconds(self) -> float | None:
        used = self._number("cpuacct", "cpuacct.usage")
        return None if used is None else used / _NANO

    def killed(self) -> int:
        return groups.read_table(self._places["memory"] / "memory.oom_control").get("oom_kill", 0)

    def limit_cpu(self, cores: float | None) -> None:
        groups.write(self._places["cpu"] / "cpu.cfs_quota_us", -1 if cores is None else quota(cores))

    def _number(self, controller: str, name: str) -> int | None:
        return groups.read_number(self._places[controller] / name)
