"""Processes: a command that is safe by construction, and the only place where one is started.

A process is started synchronously, in the thread of the event loop: a confiner that dies with its parent follows the
*thread* that started it, and a worker thread of the event loop ends after a while.
"""

import fnmatch
import os
import re
import signal
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream

from vsm_mcp.errors import CallTimeoutError, PayloadError, StartError, UnsafeCommandError
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.pipes import PipeReader, PipeWriter

LONGEST_WORD = 128 * 1024
MOST_WORDS = 1024
DEFAULT_LIMIT = 10_000_000

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORBIDDEN = (
    "LD_*",
    "DYLD_*",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHON*",
    "PERL5*",
    "RUBY*",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "BASH_*",
    "ENV",
    "IFS",
    "PATH",
    "SHELLOPTS",
    "GIT_*",
    "*_PROXY",
    "NPM_CONFIG_*",
    "PIP_*",
    "UV_*",
)


def refuse_variable(name: str) -> None:
    """Refuse a variable that would change which code a process loads, or where its packages come from.

    Raises:
        UnsafeCommandError: ``name`` is not a plain variable name, or is one of those.
    """
    if not _VARIABLE.fullmatch(name):
        raise UnsafeCommandError(
            f"{name[:60]!r} is not the name of an environment variable.",
            remedies=("Use letters, digits and underscores only, and no digit first.",),
        )
    if any(fnmatch.fnmatchcase(name.upper(), pattern) for pattern in _FORBIDDEN):
        raise UnsafeCommandError(
            f"The variable {name} decides what code a process loads or where from, so it may not be set.",
            remedies=("Remove it from the server's environment.",),
        )


def _refuse_word(word: str) -> None:
    try:
        data = os.fsencode(word)
    except UnicodeEncodeError as error:
        raise UnsafeCommandError(
            f"The word {word[:60]!r} cannot be encoded.",
            remedies=("Give text that the encoding of the file system can hold.",),
        ) from error
    if b"\0" in data or len(data) > LONGEST_WORD:
        raise UnsafeCommandError(
            f"The word {word[:60]!r} of {len(data)} bytes holds a NUL or is too long.",
            remedies=(f"Give words of at most {LONGEST_WORD} bytes without a NUL; put other data into a file.",),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line and its environment; an unsafe one cannot be constructed.

    Attributes:
        argv: The program's absolute path and its words. Never passed through a shell.
        env: Variables to set. Nothing else of this process's environment is passed on, unless ``inherit`` names it.
        inherit: Patterns (``fnmatch``) of this process's own variables to pass on. Only for programs of the user's own
            machine, such as package clients, never for servers.
        cwd: Where to start it.

    Raises:
        UnsafeCommandError: The program is not an absolute path, a word holds a NUL, is too long or cannot be written in
            the encoding of the file system, there are too many words, or a variable is one of those that change what
            code is loaded.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    inherit: tuple[str, ...] = ()
    cwd: Path | None = None

    def __post_init__(self) -> None:
        """Take copies, so that what was judged is what runs, and refuse what must not reach a process."""
        object.__setattr__(self, "argv", tuple(self.argv))
        object.__setattr__(self, "env", MappingProxyType(dict(self.env)))
        if not self.argv or not Path(self.argv[0]).is_absolute():
            raise UnsafeCommandError(
                f"A program must be named by its absolute path, not {self.argv[:1]!r}.",
                remedies=("Give the full path of the program.",),
            )
        if len(self.argv) > MOST_WORDS:
            raise UnsafeCommandError(
                f"{len(self.argv)} words are more than the {MOST_WORDS} allowed.",
                remedies=("Give fewer words; put long lists into a file.",),
            )
        for word in (*self.argv, *self.env.values(), str(self.cwd or "")):
            _refuse_word(word)
        for name in self.env:
            refuse_variable(name)

    def __repr__(self) -> str:
        """Show the words and the names of the variables, never their values."""
        return f"Command(argv={self.argv!r}, env={sorted(self.env)!r}, cwd={self.cwd!s})"

    def environment(self) -> dict[str, str]:
        """Return the environment the process will get."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.inherit)
        }
        return {**inherited, **self.env}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended: its exit code (negative for a signal) and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Process(Protocol):
    """A running process with its three streams. Leaving its context ends it and all its group."""

    @property
    def pid(self) -> int:
        """Its number on this host."""
        ...

    @property
    def returncode(self) -> int | None:
        """Its exit code (negative for a signal), or ``None`` while it runs."""
        ...

    @property
    def stdin(self) -> ByteSendStream:
        """Where it reads."""
        ...

    @property
    def stdout(self) -> ByteReceiveStream:
        """What it writes."""
        ...

    @property
    def stderr(self) -> ByteReceiveStream:
        """What it writes as errors."""
        ...

    async def wait(self) -> int:
        """Wait until it ends and return its exit code."""
        ...

    def kill(self) -> None:
        """End it and all of its group at once."""
        ...


class Processes(Protocol):
    """Starts processes."""

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        """Run a command to its end.

        Raises:
            StartError: It could not be started.
            CallTimeoutError: It did not end in ``timeout`` seconds; it was killed.
            PayloadError: It wrote more than ``limit`` bytes; it was killed.
        """
        ...

    def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[Process]:
        """Start a command; leaving the context kills its process group and reaps it.

        Args:
            command: What to start.
            run_as: User and group number to run under; only root may give one.
            pass_fds: File descriptors of this process that it keeps, under the same numbers.

        Raises:
            StartError: It could not be started.
        """
        ...


class LocalProcesses:
    """Starts processes on this machine, each in a session of its own."""

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        """Run a command to its end; killed when it takes too long or writes too much."""
        try:
            with anyio.fail_after(timeout):
                async with self.open(command) as process:
                    return await _communicate(process, stdin, limit)
        except TimeoutError as error:
            raise CallTimeoutError(
                f"{Path(command.argv[0]).name} did not end within {timeout:g} seconds and was killed.",
                remedies=("Try again, or allow more time.",),
            ) from error

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        """Start a command; leaving the context kills its process group and reaps it."""
        process = _adopt(_start(command, run_as, pass_fds))
        try:
            yield process
        finally:
            with anyio.CancelScope(shield=True):
                process.kill()
                await process.wait()
                await process.close()


def _start(command: Command, run_as: int | None, pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - Command has no shell and an absolute program
            command.argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=command.cwd,
            env=command.environment(),
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            user=run_as,
            group=run_as,
            extra_groups=None if run_as is None else (),
        )
    except (OSError, ValueError, OverflowError, subprocess.SubprocessError) as error:
        raise StartError(
            f"{command.argv[0]} could not be started: {error}.",
            remedies=(f"Check that {command.argv[0]} exists and that this user may run it.",),
        ) from error


class _LocalProcess:
    def __init__(self, popen: subprocess.Popen[bytes], pidfd: int) -> None:
        if popen.stdin is None or popen.stdout is None or popen.stderr is None:
            raise StartError(f"Process {popen.pid} has no pipes.", remedies=("Allow this process more open files.",))
        self._popen = popen
        self._pidfd = pidfd
        self._ending = anyio.Lock()
        self.stdin = PipeWriter(popen.stdin)
        self.stdout = PipeReader(popen.stdout)
        self.stderr = PipeReader(popen.stderr)

    def __repr__(self) -> str:
        return f"Process(pid={self.pid}, returncode={self.returncode})"

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Look without reaping: while its leader is a zombie, the number of the group cannot be given away."""
        if self._popen.returncode is not None:
            return self._popen.returncode
        ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    async def wait(self) -> int:
        async with self._ending:
            while self._popen.returncode is None:
                await anyio.wait_readable(self._pidfd)
                self.kill()
        return self._popen.returncode

    def kill(self) -> None:
        """Kill the group while its leader is still unreaped: only then is the group number surely ours."""
        if self._popen.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.poll()

    async def close(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            await stream.aclose()
        anyio.notify_closing(self._pidfd)
        os.close(self._pidfd)


def _adopt(popen: subprocess.Popen[bytes]) -> _LocalProcess:
    """Watch over a process that was just started; without a handle on it, it must not live on."""
    try:
        return _LocalProcess(popen, os.pidfd_open(popen.pid))
    except OSError as error:
        with popen:
            popen.kill()
        raise StartError(
            f"Process {popen.pid} could not be watched and was killed: {error}.",
            remedies=("Allow this process more open files.",),
        ) from error


async def _communicate(process: Process, stdin: bytes, limit: int) -> Completed:
    """Feed and read until it ends; its end also ends what it left in the background, which could hold the pipes."""
    written: dict[str, bytes] = {}

    async def collect(name: str, stream: ByteReceiveStream) -> None:
        data = bytearray()
        async for chunk in stream:
            data += chunk
            if len(data) > limit:
                raise PayloadError(
                    f"Process {process.pid} wrote more than {limit} bytes to {name}.",
                    remedies=("Ask it for less at once; it was ended.",),
                )
        written[name] = bytes(data)

    async def feed() -> None:
        with suppress(anyio.BrokenResourceError):
            await process.stdin.send(stdin)
        await process.stdin.aclose()

    with first_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, "stdout", process.stdout)
            tasks.start_soon(collect, "stderr", process.stderr)
            tasks.start_soon(feed)
            tasks.start_soon(process.wait)
    code = await process.wait()
    return Completed(returncode=code, stdout=written["stdout"], stderr=written["stderr"])
