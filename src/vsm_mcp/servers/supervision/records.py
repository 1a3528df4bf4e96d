"""What was started, written down, so that what a killed host left behind is found and ended by the next one."""

import os
import re
import select
import signal
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random, SystemRandom

import anyio.to_thread

from vsm_mcp.errors import StartError
from vsm_mcp.world.files import read_regular
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, Process, Processes

MARK = "SUPERVISION_MARK"
"""The variable that marks a process, and all that it starts, as one of ours."""

MOST_RECORDS = 10_000
MOST_PROCESSES = 100_000
LARGEST_ENVIRONMENT = 4 * 2**20
SECONDS_TO_END = 5.0
ROUNDS = 10
_LARGEST_RECORD = 64
_NAME = re.compile(r"([0-9a-f-]{36}\.\d{1,20}\.\d{1,10}\.\d{1,20})\.([0-9a-f]{32})")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A process that was left behind, and is ended."""

    pid: int
    program: str


@dataclass(frozen=True, slots=True)
class _Host:
    """Who writes a record: a process of one boot and one space of process numbers, told apart by when it began."""

    boot: str
    space: str
    pid: int
    began: int

    @classmethod
    def here(cls) -> "_Host":
        pid = os.getpid()
        seen = _seen(pid)
        if seen is None:
            raise OSError(f"/proc says nothing of process {pid}")
        return cls(_BOOT.read_text().strip(), str(Path("/proc/self/ns/pid").stat().st_ino), pid, seen.began)

    @classmethod
    def read(cls, name: str) -> "_Host":
        boot, space, pid, began = name.split(".")
        return cls(boot, space, int(pid), int(began))

    @property
    def name(self) -> str:
        return f"{self.boot}.{self.space}.{self.pid}.{self.began}"

    def gone(self, here: "_Host") -> bool:
        """Return whether it surely ended; where processes have other numbers than ``here``, nobody can tell."""
        if self.space != here.space:
            return False
        seen = _seen(self.pid)
        return seen is None or seen.over or seen.began != self.began

    def outlive(self) -> None:
        """Block until it ended, however long that takes."""
        with suppress(ProcessLookupError), _watched(self.pid) as descriptor:
            seen = _seen(self.pid)
            if seen is not None and seen.began == self.began:
                _ends(descriptor, None)


class ProcessRecords:
    """One small file per process that was started; it is there before the process, and goes after it.

    The file's name says which host wrote it and how its process is marked, so that it is whole as soon as it is there.
    A power failure ends the processes together with the files that were not written yet: nothing has to be flushed.

    Args:
        directory: Where the files are; servers must not be able to write there.
        random: Makes the marks.
        patience: Seconds that what is killed may take to end.
    """

    def __init__(self, directory: Path, *, random: Random | None = None, patience: float = SECONDS_TO_END) -> None:
        """Keep the directory; it is made when something is started."""
        self._patience = patience
        self._directory = directory
        self._random = random or SystemRandom()

    def __repr__(self) -> str:
        """Show the directory."""
        return f"ProcessRecords({str(self._directory)!r})"

    def here(self) -> tuple[str, str]:
        """Return the directory and how its files call this host: what another process needs for `sweep_after`.

        Raises:
            StartError: The kernel does not tell.
        """
        try:
            return str(self._directory.absolute()), _Host.here().name
        except OSError as error:
            raise _unwritten(error, self._directory) from error

    @contextmanager
    def keep(self) -> Generator["Record"]:
        """Write down that something is about to be started; the record goes with the context.

        Raises:
            StartError: It cannot be written down.
        """
        record = self._written()
        try:
            yield record
        finally:
            record.path.unlink(missing_ok=True)

    async def sweep(self) -> Sequence[Orphan]:
        """End what was left behind by hosts that ended without a chance to clean up, and forget it.

        A process is ended only if its number and the moment it began are those that were written down, or if it carries
        the mark. What belongs to a host that lives, or that cannot be judged from here, is left alone.

        Raises:
            StartError: The records cannot be read.
        """
        return await anyio.to_thread.run_sync(self._sweep)

    def sweep_after(self, host: str) -> Sequence[Orphan]:
        """Block until one host is gone, then end what it left behind, and nothing of any other host's.

        The files stay for the next `sweep`: what the host was about to start in its last moment may carry its mark only
        a little later, and is found by them.

        Args:
            host: What its files call it, as `here` returned it there.
        """
        _Host.read(host).outlive()
        return tuple(self._purge(dict(self._stale(_Host.here(), host))).ended)

    def _written(self) -> "Record":
        try:
            host = _Host.here()
            mark = f"{self._random.getrandbits(128):032x}"
            _make(self._directory)
            path = self._directory / f"{host.name}.{mark}"
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _unwritten(error, self._directory) from error
        return Record(path, mark)

    def _sweep(self) -> Sequence[Orphan]:
        try:
            stale = dict(self._stale(_Host.here()))
        except OSError as error:
            raise _unwritten(error, self._directory) from error
        purge = self._purge(stale)
        if not purge.refused:
            for path in stale.values():
                path.unlink(missing_ok=True)
        return tuple(purge.ended)

    def _purge(self, stale: Mapping[str, Path]) -> "_Purge":
        purge = _Purge(self._patience)
        for noted in filter(None, map(_noted, stale.values())):
            purge.leader(*noted)
        if stale:
            purge.marked(frozenset(stale))
        return purge

    def _stale(self, here: _Host, only: str = "") -> Iterator[tuple[str, Path]]:
        """Find the records whose host is gone, by mark; those of an earlier boot mean nothing any more."""
        with suppress(FileNotFoundError), os.scandir(self._directory) as entries:
            for entry in islice(entries, MOST_RECORDS):
                parts = _NAME.fullmatch(entry.name)
                if parts is None:
                    continue
                host = _Host.read(parts[1])
                if host.boot != here.boot:
                    Path(entry.path).unlink(missing_ok=True)
                elif only in {"", parts[1]} and host.gone(here):
                    yield parts[2], Path(entry.path)


def _make(directory: Path) -> None:
    """Make a directory for its owner, and what is missing above it as confined servers need it: to pass through."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        mode = 0o700 if path == directory else 0o755
        path.mkdir(mode, exist_ok=True)
        path.chmod(mode)  # whatever this process masks by default


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one process.

    Attributes:
        path: The file.
        mark: What its process is marked with.
    """

    path: Path
    mark: str

    def note(self, pid: int) -> None:
        """Write down its number and when it began, so that it is found even if it takes the mark off.

        Raises:
            StartError: It cannot be written down.
        """
        seen = _seen(pid)
        if seen is None:
            return
        try:
            self.path.write_text(f"{pid} {seen.began}", encoding="ascii")
        except OSError as error:
            raise _unwritten(error, self.path.parent) from error


class RecordedProcesses:
    """Starts processes and writes each down for as long as it lives.

    Args:
        processes: Really starts them.
        records: Where they are written down.
        watching: Makes the context in which each lives, such as `Warden.watching`.
    """

    def __init__(
        self,
        processes: Processes,
        records: ProcessRecords,
        *,
        watching: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        """Keep all."""
        self._processes = processes
        self._records = records
        self._watching = watching

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        """Run a command to its end; it is over soon, so it is not written down."""
        return await self._processes.run(command, timeout=timeout, stdin=stdin, limit=limit)

    def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[Process]:
        """Start a command, marked and written down; leaving the context ends its group, reaps it and forgets it."""
        return self._open(command, run_as, pass_fds)

    @asynccontextmanager
    async def _open(self, command: Command, run_as: int | None, pass_fds: Sequence[int]) -> AsyncGenerator[Process]:
        async with self._watching():
            with self._records.keep() as record:
                marked = replace(command, env={**command.env, MARK: record.mark})
                async with self._processes.open(marked, run_as=run_as, pass_fds=pass_fds) as process:
                    record.note(process.pid)
                    yield process


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the kernel says of a process."""

    program: str
    group: int
    began: int
    over: bool


def _seen(pid: int) -> _Seen | None:
    """Look at a process; ``None`` when there is none of this number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    program, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    # Ended, and nobody took note: a container whose first process reaps nothing keeps such for ever.
    over = fields[0] in {"Z", "X"} and int(fields[17]) <= 1
    return _Seen(program, int(fields[2]), int(fields[19]), over)


def _noted(path: Path) -> tuple[int, int] | None:
    """Read the number of a process and when it began, if its host came so far as to write them down."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        words = (read_regular(descriptor, _LARGEST_RECORD) or b"").split()
    finally:
        os.close(descriptor)
    if len(words) != 2 or not all(word.isdigit() for word in words):  # noqa: PLR2004 - number and beginning
        return None
    return int(words[0]), int(words[1])


def _marked(marks: frozenset[str]) -> Iterator[int]:
    """Find the processes that carry one of the marks."""
    with os.scandir("/proc") as entries:
        numbers = (int(entry.name) for entry in islice(entries, MOST_PROCESSES) if entry.name.isdigit())
        yield from (number for number in numbers if _mark(number) in marks)


def _mark(pid: int) -> str | None:
    """Return the mark of a process; ``None`` when it has none, or is not ours to look at."""
    try:
        with Path(f"/proc/{pid}/environ").open("rb") as file:
            environment = file.read(LARGEST_ENVIRONMENT)
    except OSError:
        return None
    key = f"{MARK}=".encode()
    found = next((word for word in environment.split(b"\0") if word.startswith(key)), None)
    return None if found is None else found[len(key) :].decode("ascii", "replace")


class _Purge:
    """Ends processes, each only as long as it surely is the one that is meant."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.ended: list[Orphan] = []
        self.refused: bool = False

    def leader(self, pid: int, began: int) -> None:
        """End the group of the process ``pid`` if that began when it was written down."""
        self._end(pid, lambda seen: seen.began == began)

    def marked(self, marks: frozenset[str]) -> None:
        """End all that carry one of the marks; what they start meanwhile is found by looking again."""
        for _ in range(ROUNDS):
            before = len(self.ended)
            for pid in _marked(marks):
                self._end(pid, lambda _, pid=pid: _mark(pid) in marks)
            if len(self.ended) == before:
                return
        self.refused = True

    def _end(self, pid: int, meant: Callable[[_Seen], bool]) -> None:
        if pid == os.getpid():  # started by what was left behind, and so marked like it
            return
        with suppress(ProcessLookupError), _watched(pid) as descriptor:
            seen = _seen(pid)
            if seen is None or not meant(seen):
                return
            try:
                self._kill(pid, seen, descriptor)
            except PermissionError:
                self.refused = True

    def _kill(self, pid: int, seen: _Seen, descriptor: int) -> None:
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)  # so that it does not end by itself before its group does
        if seen.group == pid != os.getpgrp():
            os.killpg(pid, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if _ends(descriptor, self._patience):
            self.ended.append(Orphan(pid=pid, program=seen.program))
        else:
            self.refused = True


@contextmanager
def _watched(pid: int) -> Generator[int]:
    """Hold a process by a descriptor: as long as it is not reaped, what is signalled through it is that process."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _ends(descriptor: int, seconds: float | None) -> bool:
    """Wait for the end of a process that is held by a descriptor; return whether it came in time."""
    end = select.poll()
    end.register(descriptor, select.POLLIN)
    return bool(end.poll(None if seconds is None else seconds * 1000))


def _unwritten(error: OSError, directory: Path) -> StartError:
    return StartError(
        f"What is started cannot be written down in {directory}: {error}.",
        remedies=(f"Make {directory} writable for this user, with space left.",),
    )
