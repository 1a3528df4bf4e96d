"""The self-test: every attempt, each with its control first, in the sandbox of this machine, within a bounded time."""

import os
import platform
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.events import EventSink, SelfTestAdvanced, ignore
from vsm_mcp.model.enforcement import Enforcement, ExitReason
from vsm_mcp.sandbox.confiner import Confiner
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.selftest import lifetime
from vsm_mcp.sandbox.selftest.beforehand import refusals
from vsm_mcp.sandbox.selftest.canaries import Scene, canaries
from vsm_mcp.sandbox.selftest.judging import judged, judged_unconfined
from vsm_mcp.sandbox.selftest.probe import files, limits, tree, wayout
from vsm_mcp.sandbox.selftest.probe.attempt import Attempt
from vsm_mcp.sandbox.selftest.probing import Findings, Job, Prober, all_attempts
from vsm_mcp.sandbox.selftest.report import Attempted, HostFacts, Outcome, SelfTestReport
from vsm_mcp.sandbox.unconfined import Unconfined
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import LocalProcesses, Processes

PATIENCE = 45.0
"""Seconds after which what has no verdict counts as open."""

_SMALL = Limits(memory_mb=96, tmp_mb=64, work_mb=16, kept_mb=16, file_mb=16, processes=32, cpu_burst=0.2, cpu_cores=0.5)
_SHORT_LIFE = 0.5
_UNTOUCHED = "change what lies outside"
_ENDS: Mapping[str, ExitReason] = {
    tree.MEMORY: ExitReason.MEMORY,
    tree.SHARED: ExitReason.MEMORY,
    tree.TEMPORARY: ExitReason.MEMORY,
    tree.KEPT: ExitReason.DISK,
    tree.FOREVER: ExitReason.LIFETIME,
}
"""By which limit a sandbox may be ended for an attempt."""


async def self_test(
    sandbox: Confiner,
    *,
    python: Path,
    emit: EventSink = ignore,
    processes: Processes | None = None,
    patience: float = PATIENCE,
) -> SelfTestReport:
    """Try to break out of the sandbox of this machine, in every known way.

    Attempts that would do harm where nothing confines them are made inside a sandbox only.

    Args:
        sandbox: What confines.
        python: An interpreter (3.9 or later) that confined processes can run.
        emit: Hears of the progress.
        processes: Starts the controls outside of the sandbox; on this machine when ``None``.
        patience: Seconds after which what has no verdict counts as open.

    Raises:
        SandboxError: Nothing can be confined here.
    """
    begin = anyio.current_time()
    enforcement = await sandbox.enforces()
    local = LocalProcesses() if processes is None else processes
    async with canaries(local) as scene:
        test = _Test(sandbox, python, local, scene=scene, emit=emit, deadline=begin + patience)
        attempts = await test.run(confined=enforcement.confiner != "none")
        seen = test.enforcement or enforcement
    return SelfTestReport(
        attempts=attempts,
        enforcement=seen,
        host=_facts(python),
        seconds=anyio.current_time() - begin,
        warnings=(*seen.warnings, *_own_warnings(enforcement)),
    )


def _facts(python: Path) -> HostFacts:
    return HostFacts(
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        user=os.geteuid(),
        python=str(python),
    )


def _own_warnings(enforcement: Enforcement) -> tuple[str, ...]:
    general = (
        "Not covered by any of these: faults of the kernel itself, side channels, and what the output of a server "
        "makes its reader do."
    )
    if enforcement.confiner == "none":
        return ("Only what does no harm was tried, because nothing confines it.", general)
    return (general,)


def _by_theme(attempts: Sequence[Attempted]) -> tuple[Attempted, ...]:
    themes = list(dict.fromkeys(one.theme for one in attempts))
    return tuple(sorted(attempts, key=lambda one: themes.index(one.theme)))


async def _all_at_once(make: Callable[[Attempt], Coroutine[None, None, None]], attempts: Sequence[Attempt]) -> None:
    with first_error():
        async with anyio.create_task_group() as tasks:
            for one in attempts:
                tasks.start_soon(make, one)


class _Test:
    """One self-test under way."""

    def __init__(
        self, sandbox: Confiner, python: Path, processes: Processes, *, scene: Scene, emit: EventSink, deadline: float
    ) -> None:
        self._sandbox = sandbox
        self._python = python
        self._processes = processes
        self._scene = scene
        self._emit = emit
        self._deadline = deadline
        self._attempts = tuple(one for one in all_attempts() if one.theme != wayout.THEME)
        self._controls = Findings()
        self._done = 0
        self.enforcement: Enforcement | None = None

    async def run(self, *, confined: bool) -> tuple[Attempted, ...]:
        """Run the controls, then everything else; what is refused beforehand comes first in the report."""
        outside = Unconfined(self._processes)
        controls = tuple(one.name for one in self._attempts if one.control)
        self._controls = await self._probe(outside, Job(names=controls, policy=SandboxPolicy()), "controls")
        before = refusals(self._sandbox)
        found = await (self._inside() if confined else self._unconfined())
        return _by_theme((*before, *found, await self._untouched()))

    async def _inside(self) -> tuple[Attempted, ...]:
        host = lifetime.Host(self._sandbox, self._python, self._processes, self._scene.canary["marker"])
        return (
            *await self._group(tuple(one for one in self._attempts if one.theme not in {limits.THEME, tree.THEME})),
            *await self._group(tuple(one for one in self._attempts if one.theme == limits.THEME)),
            *await self._trees(),
            *await lifetime.outliving(host, partial(self._advance, lifetime.THEME)),
        )

    async def _group(self, attempts: Sequence[Attempt]) -> tuple[Attempted, ...]:
        job = Job(names=tuple(one.name for one in attempts), policy=SandboxPolicy())
        findings = await self._probe(self._sandbox, job, attempts[0].theme)
        self.enforcement = self.enforcement or findings.enforcement
        return tuple(judged(one, findings, self._controls) for one in attempts)

    async def _trees(self) -> tuple[Attempted, ...]:
        """Make each attempt of a whole tree in a small sandbox of its own: that may be killed for it.

        Those that compute come last, no more at once than there are processors: it is the limit that must hold them,
        and not each other.
        """
        found: dict[str, Attempted] = {}
        processors = anyio.CapacityLimiter(len(os.sched_getaffinity(0)))

        async def make(one: Attempt) -> None:
            findings = await self._probe(self._sandbox, Job(names=(one.name,), policy=self._policy(one)), one.theme)
            found[one.name] = judged(one, findings, self._controls, end=_ENDS.get(one.name))

        async def compute(one: Attempt) -> None:
            async with processors:
                await make(one)

        attempts = tuple(one for one in self._attempts if one.theme == tree.THEME)
        await _all_at_once(make, [one for one in attempts if one.name in _ENDS])
        await _all_at_once(compute, [one for one in attempts if one.name not in _ENDS])
        return tuple(found[one.name] for one in attempts)

    def _policy(self, attempt: Attempt) -> SandboxPolicy:
        if attempt.name == tree.KEPT:
            return SandboxPolicy(limits=_SMALL, work=self._scene.kept)
        if attempt.name == tree.FOREVER:
            return SandboxPolicy(limits=_SMALL.model_copy(update={"lifetime": _SHORT_LIFE}))
        return SandboxPolicy(limits=_SMALL)

    async def _unconfined(self) -> tuple[Attempted, ...]:
        """Make only the harmless attempts: nothing would stop the others from doing harm."""
        names = tuple(one.name for one in self._attempts if one.harmless)
        job = Job(names=names, policy=SandboxPolicy())
        findings = await self._probe(self._sandbox, job, "harmless attempts")
        self.enforcement = findings.enforcement
        return tuple(
            judged(one, findings, self._controls) if one.harmless else judged_unconfined(one) for one in self._attempts
        )

    async def _untouched(self) -> Attempted:
        same = await anyio.to_thread.run_sync(self._scene.untouched)
        return Attempted(
            name=_UNTOUCHED,
            theme=files.THEME,
            gain="code of its own that others run",
            outcome=Outcome.HELD if same else Outcome.OPEN,
            detail="the files outside are as they were" if same else "a file outside was changed",
        )

    async def _probe(self, sandbox: Confiner, job: Job, step: str) -> Findings:
        left = max(0.0, self._deadline - anyio.current_time())
        prober = Prober(sandbox=sandbox, python=self._python, scene=self._scene)
        return await prober.run(
            replace(job, heard=partial(self._advance, step), patience=left, settled=step == tree.THEME)
        )

    def _advance(self, step: str, _: str) -> None:
        self._done += 1
        total = len(self._attempts) + sum(one.control for one in self._attempts) + len(lifetime.NAMES)
        self._emit(SelfTestAdvanced(step=step, done=self._done, total=total))
