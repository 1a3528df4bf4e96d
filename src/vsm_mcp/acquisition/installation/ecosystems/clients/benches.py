"""The directory of one run of a confined package client: handed out empty, taken back holding only plain files."""

import os
import stat
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import CLIENT_ROOT
from vsm_mcp.acquisition.installation.ecosystems.clients.passing import passing
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.model.server import WORK_ROOT

MOST_ENTRIES = 250_000
DEEPEST = 100

_CLIENT = CLIENT_ROOT.rpartition("/")[2]
_OUT = "out"
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEDY = "Do not install this package: no package client makes such things."


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where a client works.

    Attributes:
        home: Its directory, on this machine.
        out: Where it puts what it installs, on this machine.
        shown: How it calls its directory.
        shown_out: How it calls the other.
        into: Where what it installed goes in the end; ``None`` when nothing does.
    """

    home: Path
    out: Path
    shown: str
    shown_out: str
    into: Path | None = None

    async def put(self, path: Path, data: bytes) -> None:
        """Write a file for the client; in a moment it is gone or moved, so it need not survive a loss of power.

        Raises:
            ConfigurationError: It cannot be written.
        """
        try:
            await anyio.Path(path).write_bytes(data)
        except OSError as error:
            raise _no_room(error) from error

    async def drop(self, *names: str) -> None:
        """Remove files that the client left where it installed; missing is fine."""
        for name in names:
            await anyio.Path(self.out / name).unlink(missing_ok=True)

    async def deliver(self) -> None:
        """Move what was installed to where it goes; it is there already when the client could write there itself.

        Raises:
            InstallationError: It cannot be moved.
        """
        if self.into is not None and self.out != self.into:
            await anyio.to_thread.run_sync(_move, self.out, self.into)


@asynccontextmanager
async def bench(into: Path | None) -> AsyncGenerator[Workplace]:
    """Make the directory of one run, on the file system of ``into`` so that moving is one step; gone at the end.

    What it holds may be secret: when this process is killed, the next run in the same place removes it.

    Raises:
        ConfigurationError: It cannot be made.
    """
    async with _home(None if into is None else into.parent) as home:
        yield Workplace(home=home, out=home / _OUT, shown=WORK_ROOT, shown_out=f"{WORK_ROOT}/{_OUT}", into=into)


@asynccontextmanager
async def _home(place: Path | None) -> AsyncGenerator[Path]:
    async with AsyncExitStack() as stack:
        try:
            home = await stack.enter_async_context(passing(place))
            (home / _OUT).mkdir(0o700)
        except OSError as error:
            raise _no_room(error) from error
        yield home


def furnish(home: Path, files: Mapping[str, bytes]) -> None:
    """Put a client's configuration into its directory, for its owner only. Blocking.

    Raises:
        ConfigurationError: It cannot be written.
    """
    try:
        (home / _CLIENT).mkdir(0o700, exist_ok=True)
        for name, data in files.items():
            descriptor = os.open(home / _CLIENT / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
    except OSError as error:
        raise _no_room(error) from error


def take_back(home: Path) -> None:
    """Make everything below ``home`` this user's own again, after the client has ended. Blocking.

    Raises:
        IntegrityError: There is something that is neither a file nor a directory, or it is nested too deep.
        InstallationError: There are too many entries, or one cannot be had back.
    """
    try:
        top = os.open(home, _OPEN_DIRECTORY)
        try:
            _own(top)
            os.fchmod(top, stat.S_IRWXU)
            _Walk().go(top, depth=0)
        finally:
            os.close(top)
    except OSError as error:
        raise InstallationError(
            f"What a package client wrote cannot be taken back: {error}.",
            remedies=("Check the file system of the temporary and the state directory, then try again.",),
        ) from error


class _Walk:
    """Goes down by descriptors only, so that nothing in there leads anywhere else."""

    def __init__(self) -> None:
        self._seen = 0

    def go(self, directory: int, *, depth: int) -> None:
        if depth > DEEPEST:
            raise IntegrityError(
                f"A package client nested directories deeper than {DEEPEST} levels.",
                stage="fetch",
                remedies=(_REMEDY,),
            )
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            self._seen += 1
            if self._seen > MOST_ENTRIES:
                raise InstallationError(
                    f"A package client wrote more than {MOST_ENTRIES} files.",
                    stage="fetch",
                    remedies=("Choose a package that brings fewer files along.",),
                )
            self._entry(name, directory, depth)

    def _entry(self, name: str, directory: int, depth: int) -> None:
        kind = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        if stat.S_ISDIR(kind):
            below = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
            try:
                _own(below)
                self.go(below, depth=depth + 1)
            finally:
                os.close(below)
        elif stat.S_ISREG(kind):
            _own_entry(name, directory)
        else:
            raise IntegrityError(
                f"A package client left {name[:80]!a}, which is neither a file nor a directory.",
                stage="fetch",
                remedies=(_REMEDY,),
            )


def _own(descriptor: int) -> None:
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid != 0:
        os.fchown(descriptor, 0, 0)


def _own_entry(name: str, directory: int) -> None:
    if os.geteuid() == 0:
        os.chown(name, 0, 0, dir_fd=directory, follow_symlinks=False)


def _move(out: Path, into: Path) -> None:
    try:
        out.chmod(stat.S_IMODE(into.stat().st_mode) if into.exists() else 0o755)
        out.replace(into)
    except OSError as error:
        raise InstallationError(
            f"What was installed cannot be moved to {into}: {error}.",
            stage="stage",
            remedies=("Let nothing else write there, and check its file system; then try again.",),
        ) from error


def _no_room(error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"No directory for a package client can be made or written to: {error}.",
        remedies=("Free disk space, or set TMPDIR.",),
    )
