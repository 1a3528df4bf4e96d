"""One start: nothing of the program runs before the kernel has shown that it is confined.

Bubblewrap sets the sandbox up and runs a shell in it that sets the limits, says that it is parked, and waits. Then the
kernel is asked what holds that shell. Only when all of it is as planned is the shell released, and becomes the program.
Whatever goes wrong, the first process of the sandbox is killed, and the kernel takes all others down with it. The same
happens at the end.
"""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.confiner import Confined, ConfinedProcess
from vsm_mcp.sandbox.linux.argv import (
    PARKED,
    RELEASE,
    SYNTHETIC,
    Descriptors,
    Host,
    Profile,
    find_program,
    gate,
    options,
)
from vsm_mcp.sandbox.linux.evidence import Scene, judge
from vsm_mcp.sandbox.linux.observation import observe, only_child, own_namespaces
from vsm_mcp.sandbox.linux.seccomp import program as filter_program
from vsm_mcp.sandbox.linux.setup import Handout, explain, first_line, last_words, status_pid
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.world.processes import Command, Process, Processes

SETUP_SECONDS = 20.0
ENDING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One start: what to run, how confined, set up by which program, in which profile, under which user."""

    command: Command
    policy: SandboxPolicy
    binary: Path
    profile: Profile
    user: int | None


@asynccontextmanager
async def launch(processes: Processes, job: Job) -> AsyncGenerator[Confined]:
    """Start one confined process; leaving the context ends its whole process tree.

    Raises:
        SandboxError: It could not be confined as planned; the program did not run.
        StartError: bubblewrap itself could not be started.
    """
    async with Handout() as handout:
        outer = _outer_command(job, handout)
        async with processes.open(outer, run_as=job.user, pass_fds=handout.descriptors) as process:
            handout.given()
            async with _first_process(process, handout) as first:
                yield await _release(process, first, job)


def _outer_command(job: Job, handout: Handout) -> Command:
    """Return bubblewrap's own command line: its options, and with them all variables, travel in a memory file."""
    program = find_program(job.command.argv[0], job.policy)
    binary = None if job.user is None else handout.program(job.binary)
    descriptors = Descriptors(
        seccomp=handout.file(filter_program()),
        status=handout.status_descriptor,
        files={path: handout.file(text.encode()) for path, text in SYNTHETIC.items()},
        binary=binary,
    )
    words = options(job.policy, Host.look(), descriptors, profile=job.profile, program=program, env=job.command.env)
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


async def _release(process: Process, first: _First, job: Job) -> Confined:
    try:
        with anyio.fail_after(SETUP_SECONDS):
            parked = await first_line(process.stdout)
            if parked != PARKED:
                raise SandboxError(f"The sandbox said {parked[:80]!r} instead of that it is parked.")
            confined = _inspect(process, first, job)
            await process.stdin.send(RELEASE)
    except (anyio.EndOfStream, anyio.BrokenResourceError, TimeoutError) as error:
        first.kill()
        raise await _failure(process, error) from error
    return confined


async def _failure(process: Process, error: Exception) -> SandboxError:
    if isinstance(error, TimeoutError):
        return SandboxError(
            f"The sandbox was not set up within {SETUP_SECONDS:g} seconds.",
            remedies=("Try again when this machine is less busy.",),
        )
    return explain(await last_words(process.stderr))


def _inspect(process: Process, first: _First, job: Job) -> ConfinedProcess:
    """Ask the kernel about the parked shell; quick enough (less than a millisecond) for the event loop."""
    pid = only_child(first.pid)
    if only_child(process.pid) != first.pid:
        raise SandboxError(f"bubblewrap ({process.pid}) did not make the process {first.pid} that it reports.")
    scene = Scene(
        policy=job.policy,
        profile=job.profile,
        env=job.command.env,
        user=os.geteuid() if job.user is None else job.user,
        seen=observe(pid),
        own=own_namespaces(),
    )
    return ConfinedProcess(process=process, pid=pid, enforcement=judge(scene), end=first.kill)
