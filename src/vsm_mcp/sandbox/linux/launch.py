"""One start: nothing of the program runs before the kernel has shown that it is confined.

Bubblewrap sets the sandbox up and runs a shell in it that sets the limits, says that it is parked, and waits. Then the
kernel is asked what holds that shell. Only when all of it is as planned is the shell released, and becomes the program.
Whatever goes wrong, the first process of the sandbox is killed, and the kernel takes all others down with it. The same
happens at the end.
"""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from vsm_mcp.errors import SandboxError
from vsm_mcp.events import EventSink
from vsm_mcp.model.enforcement import Held
from vsm_mcp.model.server import WORK_ROOT
from vsm_mcp.sandbox.confiner import Confined, ConfinedProcess
from vsm_mcp.sandbox.egress.egress import connected
from vsm_mcp.sandbox.linux.argv import (
    PARKED,
    RELEASE,
    Descriptors,
    Host,
    find_program,
    gate,
    made_up,
    options,
    scratch,
)
from vsm_mcp.sandbox.linux.evidence import Means, Scene, judge
from vsm_mcp.sandbox.linux.observation import observe, only_child, own_namespaces
from vsm_mcp.sandbox.linux.seccomp import program as filter_program
from vsm_mcp.sandbox.linux.setup import Handout, explain, first_line, last_words, status_pid
from vsm_mcp.sandbox.policy import CACHE_ROOT, SandboxPolicy
from vsm_mcp.sandbox.resources.controller import Hold, ResourceController, Tree
from vsm_mcp.sandbox.resources.family import Family
from vsm_mcp.sandbox.resources.fate import TreeFate
from vsm_mcp.sandbox.resources.kept import KeptDirectory
from vsm_mcp.world.processes import Command, Process, Processes

SETUP_SECONDS = 20.0
ENDING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One start: what to run, how confined, set up by which program, with what means, under which user."""

    command: Command
    policy: SandboxPolicy
    binary: Path
    means: Means
    user: int | None
    controller: ResourceController


@asynccontextmanager
async def launch(processes: Processes, job: Job, *, emit: EventSink) -> AsyncGenerator[Confined]:
    """Start one confined process; leaving the context ends its whole process tree.

    Raises:
        SandboxError: It could not be confined as planned; the program did not run.
        StartError: bubblewrap itself could not be started.
    """
    async with Handout() as handout, AsyncExitStack() as limits:
        outer = _outer_command(job, handout)
        async with processes.open(outer, run_as=job.user, pass_fds=handout.descriptors) as process:
            handout.given()
            async with _first_process(process, handout) as first:
                tree = await _parked(process, first, job.policy)
                # The limits are taken away last: a group can be removed only when nothing is in it any more.
                hold = await limits.enter_async_context(job.controller.attach(tree, job.policy.limits))
                fate = _fate(hold, first, job.policy, emit=emit)
                async with _way_out(processes, tree, job, emit=emit) as way, fate.watched():
                    enforcement = judge(_scene(tree, job, hold=hold, way=way))
                    await _release(process, first)
                    try:
                        yield ConfinedProcess(process=process, pid=tree.parked, enforcement=enforcement, fate=fate)
                    finally:
                        fate.close(running=process.returncode is None)


def _outer_command(job: Job, handout: Handout) -> Command:
    """Return bubblewrap's own command line: its options, and with them all variables, travel in a memory file."""
    program = find_program(job.command.argv[0], job.policy)
    binary = None if job.user is None else handout.program(job.binary)
    descriptors = Descriptors(
        seccomp=handout.file(filter_program()),
        status=handout.status_descriptor,
        files={path: handout.file(text.encode()) for path, text in made_up(job.policy).items()},
        binary=binary,
    )
    words = options(
        job.policy, Host.look(), descriptors, profile=job.means.profile, program=program, env=job.command.env
    )
    arguments = handout.file(b"".join(os.fsencode(word) + b"\0" for word in words))
    path = str(job.binary) if binary is None else f"/proc/self/fd/{binary}"
    inner = (*gate(job.policy.limits), program.path, *job.command.argv[1:])
    return Command(argv=(path, "--args", str(arguments), "--", *inner), cwd=Path("/"))


class _First:
    """The first process of a sandbox: when it ends, the kernel ends all others in it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor: int | None = os.pidfd_open(pid)

    def kill(self) -> None:
        if self._descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it and wait until the kernel has taken everything in the sandbox down."""
        self.kill()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with anyio.move_on_after(ENDING_SECONDS, shield=True):
                await anyio.wait_readable(descriptor)
            anyio.notify_closing(descriptor)
            os.close(descriptor)


@asynccontextmanager
async def _first_process(process: Process, handout: Handout) -> AsyncGenerator[_First]:
    try:
        with anyio.fail_after(SETUP_SECONDS):
            pid = status_pid(await first_line(handout.status))
        first = _First(pid)
    except (anyio.EndOfStream, TimeoutError, ProcessLookupError) as error:
        raise await _failure(process, error) from error
    try:
        yield first
    finally:
        await first.end()
        with anyio.move_on_after(ENDING_SECONDS, shield=True):
            await process.wait()  # it collects its child, which would stay a zombie where nobody else does


async def _parked(process: Process, first: _First, policy: SandboxPolicy) -> Tree:
    """Wait until the sandbox says that it is parked, and find its processes."""
    try:
        with anyio.fail_after(SETUP_SECONDS):
            said = await first_line(process.stdout)
    except (anyio.EndOfStream, TimeoutError) as error:
        first.kill()
        raise await _failure(process, error) from error
    if said != PARKED:
        raise SandboxError(f"The sandbox said {said[:80]!r} instead of that it is parked.")
    if only_child(process.pid) != first.pid:
        raise SandboxError(f"bubblewrap ({process.pid}) did not make the process {first.pid} that it reports.")
    return Tree(monitor=process.pid, first=first.pid, parked=only_child(first.pid), scratch=scratch(policy))


async def _release(process: Process, first: _First) -> None:
    try:
        with anyio.fail_after(SETUP_SECONDS):
            await process.stdin.send(RELEASE)
    except (anyio.BrokenResourceError, TimeoutError) as error:
        first.kill()
        raise await _failure(process, error) from error


async def _failure(process: Process, error: Exception) -> SandboxError:
    if isinstance(error, TimeoutError):
        return SandboxError(
            f"The sandbox was not set up within {SETUP_SECONDS:g} seconds.",
            remedies=("Try again when this machine is less busy.",),
        )
    return explain(await last_words(process.stderr))


def _fate(hold: Hold, first: _First, policy: SandboxPolicy, *, emit: EventSink) -> TreeFate:
    named = ((policy.work, WORK_ROOT), (policy.cache, CACHE_ROOT))
    kept = [
        KeptDirectory(path, shown, limit_mb=policy.limits.kept_mb, family=Family(first.pid))
        for path, shown in named
        if path is not None
    ]
    return TreeFate(hold, kept, limits=policy.limits, kill=first.kill, subject=policy.subject, emit=emit)


@asynccontextmanager
async def _way_out(processes: Processes, tree: Tree, job: Job, *, emit: EventSink) -> AsyncGenerator[Held | None]:
    """Open what the policy allows of the network; nothing when it allows nothing."""
    policy = job.policy
    if not policy.egress.allow:
        yield None
        return
    async with connected(
        tree.first, policy.egress, processes=processes, run_as=job.user, subject=policy.subject, emit=emit
    ) as held:
        yield held


def _scene(tree: Tree, job: Job, *, hold: Hold, way: Held | None) -> Scene:
    """Ask the kernel about the parked shell; quick enough (less than a millisecond) for the event loop."""
    return Scene(
        policy=job.policy,
        means=replace(job.means, resources=hold.held, network=way),
        env=job.command.env,
        user=os.geteuid() if job.user is None else job.user,
        seen=observe(tree.parked),
        own=own_namespaces(),
    )
