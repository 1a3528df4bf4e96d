"""No confinement at all, for those who ask for it by name: every aspect is reported as held by nothing."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio.to_thread

from vsm_mcp.model.enforcement import Aspect, Enforcement, ExitReason, Held, Level, Usage
from vsm_mcp.model.server import PACKAGE_ROOT, WORK_ROOT
from vsm_mcp.sandbox.confiner import Confined, ConfinedProcess
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.world.processes import Command, Process, Processes
from vsm_mcp.world.removal import remove_tree

NO_CONFINEMENT = Enforcement(
    confiner="none",
    profile="none",
    held={aspect: Held(requested="nothing", level=Level.NONE, mechanism="none") for aspect in Aspect},
    warnings=("Servers run with all rights of this user: nothing confines them.",),
)


class Unconfined:
    """Runs servers with all rights of this user. What a policy requires is waived by naming this class.

    Only the process group is ended with its leader, and words that begin with ``/pkg`` or ``/work`` become the real
    directories.
    """

    name = "none"

    def __init__(self, processes: Processes) -> None:
        """Keep the port that starts processes."""
        self._processes = processes

    def __repr__(self) -> str:
        """Name it."""
        return "Unconfined()"

    async def enforces(self) -> Enforcement:
        """Return the report that says: nothing."""
        return NO_CONFINEMENT

    def plan(self, policy: SandboxPolicy, /) -> Enforcement:
        """Return the report that says: nothing, whatever the policy requires."""
        return NO_CONFINEMENT

    @asynccontextmanager
    async def open(self, command: Command, policy: SandboxPolicy, /) -> AsyncGenerator[Confined]:
        """Start a command in ``policy.work``, or in a directory that is removed afterwards."""
        scratch = Path(tempfile.mkdtemp(prefix="vsm_mcp-work-"))
        try:
            work = policy.work or scratch
            async with self._processes.open(_on_host(command, policy, work)) as process:
                yield ConfinedProcess(
                    process=process, pid=process.pid, enforcement=NO_CONFINEMENT, fate=_Unwatched(process)
                )
        finally:
            # What a server made unremovable stays in the system's temporary directory; that must not hide how it ended.
            with anyio.CancelScope(shield=True), suppress(OSError):
                await anyio.to_thread.run_sync(remove_tree, scratch)


class _Unwatched:
    """Nothing limits the process and nothing measures it; it can only be killed."""

    detail = ""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.reason: ExitReason | None = None

    def settle(self) -> None:
        """Do nothing: there is no limit."""

    def usage(self) -> Usage:
        return Usage()

    def end(self) -> None:
        if self._process.returncode is None:
            self.reason = ExitReason.KILLED
        self._process.kill()


def _on_host(command: Command, policy: SandboxPolicy, work: Path) -> Command:
    roots = {WORK_ROOT: work} if policy.package is None else {PACKAGE_ROOT: policy.package, WORK_ROOT: work}
    base = {"HOME": str(work), "LANG": "C.UTF-8", "TMPDIR": tempfile.gettempdir()}
    env = {name: _real(value, roots) for name, value in command.env.items()}
    # A program is never in the writable directory: one below a directory of that name is the host's own.
    program = _real(command.argv[0], {root: path for root, path in roots.items() if root != WORK_ROOT})
    words = (_real(word, roots) for word in command.argv[1:])
    return Command(argv=(program, *words), env={**base, **env}, cwd=work)


def _real(word: str, roots: dict[str, Path]) -> str:
    """Replace the mount that ``word`` begins with by the directory that stands for it."""
    for root, path in roots.items():
        if word == root or word.startswith(f"{root}/"):
            return str(path) + word.removeprefix(root)
    return word
