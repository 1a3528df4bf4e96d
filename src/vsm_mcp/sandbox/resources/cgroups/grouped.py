"""What both versions of control groups have in common: a tree that the kernel limits, watched for what it reports."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Held, Level, Usage
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.controller import Exceeded, Tree, cpu_words, memory_words, too_much_memory
from vsm_mcp.sandbox.resources.family import MOST_PROGRAMS, Family

OWN_PROCESSES = 2
"""Processes that confine, and count where the limit on processes counts all."""

PERIOD_MICROSECONDS = 100_000
STARTING_SECONDS = 0.1
SETTLED_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was read back from a group after its limits were written."""

    memory: str
    cpu: str


class Group(Protocol):
    """A group of some version, that limits the processes in it and tells what they use."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The directories to remove when its processes have ended."""
        ...

    def limit(self, limits: Limits) -> None:
        """Write all limits.

        Raises:
            OSError: The kernel refused.
        """
        ...

    def enter(self, pids: Sequence[int]) -> None:
        """Put processes into it.

        Raises:
            OSError: The kernel refused.
        """
        ...

    def applied(self, limits: Limits, pids: Sequence[int]) -> Applied:
        """Read back what holds.

        Raises:
            OSError: It is not what was asked for.
        """
        ...

    def memory(self) -> int | None:
        """Return the bytes in use."""
        ...

    def peak(self) -> int | None:
        """Return the most bytes that were in use."""
        ...

    def cpu_seconds(self) -> float | None:
        """Return the CPU time used."""
        ...

    def killed(self) -> int:
        """Return how many processes the kernel has killed because memory ran out."""
        ...

    def limit_cpu(self, cores: float | None) -> None:
        """Limit the CPU; ``None`` takes the limit away.

        Raises:
            OSError: The kernel refused.
        """
        ...


def plan(limits: Limits, *, mechanism: str, applied: Applied | None = None) -> Mapping[Aspect, Held]:
    """Say that the kernel holds memory and CPU, and what shows it."""
    cpu = Held(requested=cpu_words(limits), level=Level.NONE)
    if limits.cpu_cores is not None:
        evidence = "" if applied is None else applied.cpu
        cpu = Held(requested=cpu_words(limits), level=Level.KERNEL, mechanism=mechanism, evidence=evidence)
    memory = Held(
        requested=memory_words(limits),
        level=Level.KERNEL,
        mechanism=f"{mechanism}, RLIMIT_DATA for each process",
        evidence="" if applied is None else applied.memory,
    )
    return {Aspect.MEMORY: memory, Aspect.CPU: cpu}


def quota(cores: float) -> int:
    """Return microseconds of CPU per period; the kernel allows no fewer than 1000."""
    return max(1000, round(cores * PERIOD_MICROSECONDS))


class GroupHold:
    """Limits of one tree that the kernel holds.

    Args:
        group: Holds them.
        limits: What they may use.
        held: Who holds what.
        family: Finds the processes.
    """

    def __init__(self, group: Group, *, limits: Limits, held: Mapping[Aspect, Held], family: Family) -> None:
        """Keep what to read; start-up begins."""
        self.held: Mapping[Aspect, Held] = held
        self._group = group
        self._limits = limits
        self._family = family
        self._settled = limits.cpu_cores is None
        self._programs: dict[str, None] = {}
        self._usage = Usage()
        self._exceeded: Exceeded | None = None

    def settle(self) -> None:
        """Apply the limit on CPU from now on."""
        if not self._settled and self._limits.cpu_cores is not None:
            self._group.limit_cpu(self._limits.cpu_cores)
            self._settled = True

    def usage(self) -> Usage:
        """Measure."""
        with suppress(OSError):
            self._measure()
        return self._usage

    def exceeded(self) -> Exceeded | None:
        """Return whether the kernel has killed for memory."""
        with suppress(FileNotFoundError, ProcessLookupError):
            if self._exceeded is None and self._group.killed():
                self._exceeded = too_much_memory(self._limits, peak=self._group.peak())
        return self._exceeded

    async def watch(self) -> None:
        """Look for what the kernel reports; end start-up when its burst of CPU is used up."""
        while self.exceeded() is None:
            await anyio.sleep(SETTLED_SECONDS if self._settled else STARTING_SECONDS)
            self._measure()
            if not self._settled and (self._usage.cpu_seconds or 0.0) >= self._limits.cpu_burst:
                self.settle()

    def _measure(self) -> None:
        members = self._family.members()
        for program in self._family.programs(members[1:]):
            if len(self._programs) < MOST_PROGRAMS:
                self._programs[program] = None
        self._usage = Usage(
            memory_bytes=self._group.memory(),
            memory_peak_bytes=self._group.peak(),
            cpu_seconds=self._group.cpu_seconds(),
            processes=max(0, len(members) - 1),
            programs=tuple(sorted(self._programs)),
        )


async def apply(group: Group, tree: Tree, limits: Limits) -> Applied:
    """Limit a group, put a parked tree into it, and read back what holds.

    The limit on CPU is applied and read back as well, before start-up is set free of it.

    Raises:
        SandboxError: The kernel refused, or does not show the limits.
    """
    try:
        return await anyio.to_thread.run_sync(_apply, group, tree, limits)
    except (OSError, ValueError) as error:
        raise SandboxError(
            f"The memory and CPU of the sandbox could not be limited: {error}.",
            remedies=(
                "Try again.",
                "Require only supervised memory and CPU, and leave out control groups when making the sandbox.",
            ),
        ) from error


def _apply(group: Group, tree: Tree, limits: Limits) -> Applied:
    pids = (tree.monitor, tree.first, tree.parked)
    group.limit(limits)
    group.enter(pids)
    applied = group.applied(limits, pids)
    if limits.cpu_cores is not None and limits.cpu_burst > 0:
        group.limit_cpu(None)
    return applied


def differs(what: str, *, wanted: object, found: object) -> OSError:
    """Return the error for a limit that does not show as it was written."""
    return OSError(f"{what} is {found} instead of {wanted}")
