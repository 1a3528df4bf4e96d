"""The processes of a sandbox as ``/proc`` shows them: who they are, what they use, and signals for all of them."""

import os
import re
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
MOST_PROCESSES = 16384
MOST_PROGRAMS = 64

_KIB = 1024
_PIECE = 1 << 16
_LONGEST_NUMBER = 12
_ROUNDS = 64
_RESIDENT = re.compile(rb"^(?:RssAnon|RssShmem):\s+(\d+) kB", re.MULTILINE)
_SHARE = re.compile(rb"^(?:Pss_Anon|Pss_Shmem):\s+(\d+) kB", re.MULTILINE)
_STOPPED = frozenset("TtZX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process at one moment.

    Attributes:
        pid: Its number on this host.
        started: When it started, in clock ticks since boot: with the number, this tells it from all others.
        state: One letter, as the kernel says it.
        own: Seconds of CPU it has used.
        waited: Seconds of CPU that those of its children used that it has waited for.
    """

    pid: int
    started: int
    state: str
    own: float
    waited: float

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from all others."""
        return (self.pid, self.started)


class Family:
    """The first process of a sandbox and all below it.

    Args:
        first: Its number.
        proc: Where the kernel shows processes.
    """

    def __init__(self, first: int, proc: Path = PROC) -> None:
        """Keep where to look."""
        self.first = first
        self._proc = str(proc)

    def members(self) -> list[Member]:
        """Return all processes, the first included; those that end meanwhile are left out.

        Raises:
            OSError: There are more than can be looked at.
        """
        found: list[Member] = []
        waiting = [self.first]
        while waiting:
            pid = waiting.pop()
            with suppress(FileNotFoundError, ProcessLookupError):
                found.append(self._member(pid))
                waiting += self._children(pid)
            if len(found) + len(waiting) > MOST_PROCESSES:
                raise OSError(f"there are more than {MOST_PROCESSES} processes")
        return found

    def resident(self, members: Iterable[Member]) -> int:
        """Return the bytes of memory that processes hold; what they share counts for each of them."""
        return sum(self._resident(member.pid) for member in members)

    def shares(self, members: Iterable[Member]) -> int:
        """Return the bytes of memory that processes hold; what they share counts once. Slower."""
        return sum(self._share(member.pid) for member in members)

    def programs(self, members: Iterable[Member]) -> Iterator[str]:
        """Return the executables of processes, as far as the kernel tells."""
        for member in members:
            with suppress(OSError):
                yield os.readlink(f"{self._proc}/{member.pid}/exe")  # noqa: PTH115 - often

    def stop(self) -> None:
        """Stop every process but the first; new ones too, until none is left that runs."""
        for _ in range(_ROUNDS):
            running = [member for member in self._others() if member.state not in _STOPPED]
            if not running:
                return
            self._send(running, signal.SIGSTOP)
            os.sched_yield()

    def resume(self) -> None:
        """Let every process go on."""
        self._send(self._others(), signal.SIGCONT)

    def _others(self) -> list[Member]:
        return [member for member in self.members() if member.pid != self.first]

    def _send(self, members: Iterable[Member], number: signal.Signals) -> None:
        """Send a signal to exactly these processes: a number may be given away while it is looked at."""
        for member in members:
            with suppress(ProcessLookupError, FileNotFoundError):
                descriptor = os.pidfd_open(member.pid)
                try:
                    if self._member(member.pid).key == member.key:
                        signal.pidfd_send_signal(descriptor, number)
                finally:
                    os.close(descriptor)

    def _member(self, pid: int) -> Member:
        text = self._read(f"{pid}/stat")
        fields = text[text.rindex(b")") + 2 :].split(b" ")
        own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        return Member(
            pid=pid, started=int(fields[19]), state=fields[0].decode(), own=own / TICKS, waited=waited / TICKS
        )

    def _children(self, pid: int) -> list[int]:
        found: list[int] = []
        for thread in os.listdir(f"{self._proc}/{pid}/task"):  # noqa: PTH208 - names, not paths
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, self._read_all(f"{pid}/task/{thread}/children").split())
        return found

    def _resident(self, pid: int) -> int:
        try:
            text = self._read(f"{pid}/status")
            return _sum(_RESIDENT, text) if b"\nVmRSS:" in text else self._of_thread(pid)
        except (FileNotFoundError, ProcessLookupError):
            return 0

    def _of_thread(self, pid: int) -> int:
        """Return what the process holds when its first thread has ended, and others go on."""
        for thread in os.listdir(f"{self._proc}/{pid}/task"):  # noqa: PTH208 - names, not paths
            with suppress(FileNotFoundError, ProcessLookupError):
                text = self._read(f"{pid}/task/{thread}/status")
                if b"\nVmRSS:" in text:
                    return _sum(_RESIDENT, text)
        return 0

    def _share(self, pid: int) -> int:
        try:
            return _sum(_SHARE, self._read(f"{pid}/smaps_rollup")) or self._resident(pid)
        except OSError:
            return self._resident(pid)

    def _read(self, name: str) -> bytes:
        with open(f"{self._proc}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - many of them, often
            return file.read(_PIECE)

    def _read_all(self, name: str) -> bytes:
        """Read a long list: the kernel hands it out a page at a time."""
        data = bytearray()
        with open(f"{self._proc}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - many of them, often
            while piece := file.read(_PIECE):
                data += piece
                if len(data) > MOST_PROCESSES * _LONGEST_NUMBER:
                    break
        return bytes(data)


def _sum(pattern: re.Pattern[bytes], text: bytes) -> int:
    return sum(int(number) * _KIB for number in pattern.findall(text))
