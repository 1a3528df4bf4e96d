"""Limits by watching: works for every user on every Linux, and is late by a moment, so it says ``supervised``.

The limits of each process are the kernel's. What the tree takes together is measured again and again: too much memory
ends it, too much CPU stops it for a while.
"""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import anyio

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Held, Level, Usage
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.bucket import Bucket
from vsm_mcp.sandbox.resources.controller import MIB, Exceeded, Hold, Tree, cpu_words, memory_words, too_much_memory
from vsm_mcp.sandbox.resources.family import MOST_PROGRAMS, PROC, Family, Member

BUSY_SECONDS = 0.025
IDLE_SECONDS = 0.1

_IDLE_CPU = 0.02
_NEARLY = 0.6
_LARGEST_SHARE = 20.0
"""A look may take one in this many parts of the time."""

_LATEST = 0.25
"""A look that was slow, as on a machine that is busy, must not put off the next one for longer."""


class Watchdog:
    """Limits trees by measuring them.

    Args:
        proc: Where the kernel shows processes.
    """

    name = "watchdog"

    def __init__(self, proc: Path = PROC) -> None:
        """Keep where to look."""
        self._proc = proc

    async def unavailable(self) -> str | None:
        """Find out whether the kernel tells which processes come from which."""
        children = self._proc / f"self/task/{os.getpid()}/children"
        return None if children.exists() else f"The kernel does not show {children}."

    def plan(self, limits: Limits, /) -> Mapping[Aspect, Held]:
        """Say what is supervised."""
        cpu = Held(requested=cpu_words(limits), level=Level.NONE)
        if limits.cpu_cores is not None:
            cpu = Held(
                requested=cpu_words(limits), level=Level.SUPERVISED, mechanism="watchdog that stops the whole tree"
            )
        memory = Held(
            requested=memory_words(limits),
            level=Level.SUPERVISED,
            mechanism="watchdog that kills the whole tree, RLIMIT_DATA for each process",
        )
        return {Aspect.MEMORY: memory, Aspect.CPU: cpu}

    @asynccontextmanager
    async def attach(self, tree: Tree, limits: Limits, /) -> AsyncGenerator[Hold]:
        """Measure a parked tree once; its hold does the rest."""
        with ExitStack() as stack:
            try:
                scratch = [_directory(stack, self._proc / str(tree.parked) / "root", path) for path in tree.scratch]
                held = _Watched(Family(tree.first, self._proc), limits, plan=self.plan(limits), scratch=scratch)
            except OSError as error:
                raise SandboxError(
                    f"The processes of the sandbox cannot be watched: {error}.",
                    remedies=("Check that /proc is mounted without hidepid.",),
                ) from error
            yield held


def _directory(stack: ExitStack, root: Path, path: str) -> int:
    descriptor = os.open(f"{root}{path}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    return descriptor


class _Watched:
    def __init__(self, family: Family, limits: Limits, *, plan: Mapping[Aspect, Held], scratch: Sequence[int]) -> None:
        self._family = family
        self._limits = limits
        self._most = limits.memory_mb * MIB
        self._scratch = scratch
        rate = limits.cpu_cores
        self._bucket = None if rate is None else Bucket(rate=rate, burst=limits.cpu_burst)
        self._exceeded: Exceeded | None = None
        self._programs: dict[str, None] = {}
        self._peak = 0
        self._used = 0.0
        self._spent = 0.0
        self._usage = Usage()
        self._seen: dict[tuple[int, int], Member] = {}
        self._stopped = False
        self._looked_at = anyio.current_time()
        members = self._family.members()
        self._measure(members)
        evidence = f"{len(members)} processes, {self._peak // MIB} MiB, {self._used:.2f} s of CPU measured"
        self.held: Mapping[Aspect, Held] = {
            aspect: Held(requested=held.requested, level=held.level, mechanism=held.mechanism, evidence=evidence)
            for aspect, held in plan.items()
        }

    def settle(self) -> None:
        if self._bucket is not None:
            self._bucket.settle()

    def usage(self) -> Usage:
        members = self._family.members()
        if members:
            self._measure(members)
        return self._usage

    def exceeded(self) -> Exceeded | None:
        return self._exceeded

    async def watch(self) -> None:
        pause = BUSY_SECONDS
        while self._exceeded is None:
            await anyio.sleep(pause)
            pause = self._look()

    def _look(self) -> float:
        """Measure once, act, and return after how many seconds to look again."""
        before = anyio.current_time()
        members = self._family.members()
        used = self._account(members, elapsed=before - self._looked_at)
        self._looked_at = before
        memory = self._measure(members)
        for program in self._family.programs(members[1:]):
            if len(self._programs) < MOST_PROGRAMS:
                self._programs[program] = None
        pause = self._throttle()
        if pause:
            return min(pause, _LATEST)
        busy = used > _IDLE_CPU * IDLE_SECONDS or memory > _NEARLY * self._most
        cost = anyio.current_time() - before
        return max(BUSY_SECONDS if busy else IDLE_SECONDS, min(cost * _LARGEST_SHARE, _LATEST))

    def _account(self, members: Sequence[Member], *, elapsed: float) -> float:
        """Return the seconds of CPU that were used since the last look.

        The sum over the living, with those they waited for, misses children that nobody waits for. So the same is
        asked of each living process alone; and a running one that is new stands for all that came and went unseen.
        """
        total = sum(member.own + member.waited for member in members)
        alone = 0.0
        fresh = 0
        for member in members:
            earlier = self._seen.get(member.key)
            alone += member.own - (0.0 if earlier is None else earlier.own)
            fresh += earlier is None and member.state == "R"
        unseen = min(fresh, os.cpu_count() or 1) * elapsed
        used = max(total - self._used, alone, unseen, 0.0)
        self._used = total
        self._spent += used
        self._seen = {member.key: member for member in members}
        if self._bucket is not None:
            self._bucket.spend(used, elapsed=elapsed)
        return used

    def _measure(self, members: Sequence[Member]) -> int:
        """Take note of what the tree uses, and return its memory."""
        memory = self._family.resident(members) + self._in_scratch()
        if memory > self._most:
            memory = self._measure_exactly()
        self._peak = max(memory, self._peak)
        self._usage = Usage(
            memory_bytes=memory,
            memory_peak_bytes=self._peak,
            cpu_seconds=self._spent,
            processes=len(members) - 1,
            programs=tuple(sorted(self._programs)),
        )
        return memory

    def _measure_exactly(self) -> int:
        """Measure with the tree standing still, and what is shared counted once: is it really too much?"""
        self._family.stop()
        memory = self._family.shares(self._family.members()) + self._in_scratch()
        if memory > self._most:
            self._exceeded = too_much_memory(self._limits, peak=memory)
        elif not self._stopped:
            self._family.resume()
        return memory

    def _throttle(self) -> float:
        pause = 0.0 if self._bucket is None else self._bucket.pause
        if pause:
            self._family.stop()
        elif not pause and self._stopped:
            self._family.resume()
        self._stopped = pause > 0
        return pause

    def _in_scratch(self) -> int:
        systems = [os.fstatvfs(descriptor) for descriptor in self._scratch]
        return sum((system.f_blocks - system.f_bfree) * system.f_frsize for system in systems)
