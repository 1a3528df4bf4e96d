"""A tree of files: what may be in one, its digest, and a cheap way to see that it is unchanged. Blocking."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from vsm_mcp.errors import InstallationError, IntegrityError

MOST_FILES = 200_000
LARGEST_TREE = 4_000_000_000
DEEPEST = 100

_CHUNK = 1 << 20
_DIRECTORY_MODE = 0o555
_FILE_MODE = 0o444
_PROGRAM_MODE = 0o555
_ROOT_MODE = 0o755  # its owner must be able to move it to another place

Manifest = dict[str, tuple[int, int, int, int]]
"""By relative path: mode, size, time of the last change of the content and of the entry, in nanoseconds."""

_MANIFEST = TypeAdapter(Manifest)


class Names:
    """The paths of a package, of which no two may be one on another file system, or look like one."""

    def __init__(self) -> None:
        """Start without any."""
        self._known: dict[str, tuple[PurePosixPath, bool]] = {}
        self._directories: set[PurePosixPath] = set()

    def add(self, path: PurePosixPath, *, directory: bool = False) -> None:
        """Note a path.

        Raises:
            IntegrityError: One that differs only in case or in Unicode form was there before, or the same file was.
        """
        if path.parent not in self._directories:
            self._directories.add(path.parent)
            for above in reversed(path.parents[:-1]):
                self._note(above, directory=True)
        self._note(path, directory=directory)

    def _note(self, path: PurePosixPath, *, directory: bool) -> None:
        known = self._known.setdefault(_folded(path), (path, directory))
        if known == (path, directory) and (directory or known[0] is path):
            return
        again = "is there twice" if known[0] == path else f"differs from {known[0]} only in case or Unicode"
        raise IntegrityError(f"{str(path)!r} {again}.", stage="stage", remedies=("Do not install this package.",))


def _folded(path: PurePosixPath) -> str:
    plain = unicodedata.normalize("NFKC", str(path)).casefold()
    return unicodedata.normalize("NFKC", plain)


def seal(root: Path) -> str:
    """Refuse what must not be in a package, make the rest read-only for everybody, and return its digest.

    Raises:
        IntegrityError: There is a special file, a set-user-id file, a shared file, a link out, a name in two spellings,
            or directories are nested too deep.
        InstallationError: It is too large.
    """
    size = 0
    names = Names()
    for count, (path, status) in enumerate(_walk(root), start=1):
        size += status.st_size
        if count > MOST_FILES or size > LARGEST_TREE:
            raise InstallationError(
                f"The package has more than {MOST_FILES} files or {LARGEST_TREE} bytes.",
                stage="stage",
                remedies=("Choose a smaller package.",),
            )
        _refuse(root, path, status)
        names.add(PurePosixPath(path.relative_to(root)), directory=stat.S_ISDIR(status.st_mode))
        if not stat.S_ISLNK(status.st_mode):
            path.chmod(_mode(status.st_mode))
    root.chmod(_ROOT_MODE)
    return digest(root)


def digest(root: Path) -> str:
    """Return the sha256, in hex, over all relative paths, kinds, modes and contents below ``root``.

    Raises:
        IntegrityError: There is something that could not be in a sealed tree.
    """
    whole = hashlib.sha256()
    for path, status in _walk(root):
        _refuse(root, path, status)
        whole.update(_framed(os.fsencode(path.relative_to(root).as_posix())))
        if stat.S_ISLNK(status.st_mode):
            whole.update(_framed(b"link"))
            whole.update(_framed(os.fsencode(path.readlink())))
        else:
            whole.update(_framed(f"{stat.S_IMODE(status.st_mode):o}".encode()))
            whole.update(_framed(b"directory" if stat.S_ISDIR(status.st_mode) else _content(path)))
    return whole.hexdigest()


def manifest(root: Path) -> bytes:
    """Return the state of every entry below ``root``, for ``unchanged``."""
    return _MANIFEST.dump_json(_states(root))


def unchanged(root: Path, known: bytes) -> bool:
    """Tell, without reading contents, whether ``root`` is surely as it was when the manifest was made."""
    try:
        return _MANIFEST.validate_json(known) == _states(root)
    except (ValidationError, OSError, IntegrityError):
        return False


def _states(root: Path) -> Manifest:
    found: Manifest = {}
    _note_states(os.fsencode(root), found)
    return found


def _note_states(directory: bytes, found: Manifest, *, below: str = "", depth: int = 0) -> None:
    """Note the state of every entry. Without a path object per entry: this is done before each start of a server."""
    if depth > DEEPEST:
        raise _too_deep()
    with os.scandir(directory) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            name = below + entry.name.decode("utf-8", "backslashreplace")
            found[name] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if stat.S_ISDIR(status.st_mode):
                _note_states(entry.path, found, below=f"{name}/", depth=depth + 1)


def _walk(root: Path, depth: int = 0) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield everything below ``root``, directories before what is in them, in an order that only names decide."""
    if depth > DEEPEST:
        raise _too_deep()
    with os.scandir(root) as entries:
        found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in found:
        status = entry.stat(follow_symlinks=False)
        yield Path(entry.path), status
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(Path(entry.path), depth + 1)


def _too_deep() -> IntegrityError:
    return IntegrityError(
        f"The package nests directories deeper than {DEEPEST} levels.",
        stage="stage",
        remedies=("Do not install this package.",),
    )


def _refuse(root: Path, path: Path, status: os.stat_result) -> None:
    kind = status.st_mode
    problem = ""
    if stat.S_ISLNK(kind):
        target = path.readlink()
        if target.is_absolute() or not path.resolve().is_relative_to(root.resolve()):
            problem = "is a link that leads out of the package"
    elif not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        problem = "is neither a file nor a directory"
    elif kind & (stat.S_ISUID | stat.S_ISGID) and not stat.S_ISDIR(kind):
        problem = "would run as another user"
    elif stat.S_ISREG(kind) and status.st_nlink > 1:
        problem = "is shared with another place"
    if problem:
        raise IntegrityError(
            f"{path.relative_to(root)} {problem}.", stage="stage", remedies=("Do not install this package.",)
        )


def _mode(mode: int) -> int:
    if stat.S_ISDIR(mode):
        return _DIRECTORY_MODE
    return _PROGRAM_MODE if mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH) else _FILE_MODE


def _content(path: Path) -> bytes:
    whole = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.digest()


def _framed(part: bytes) -> bytes:
    """Return a part with its length in front, so that no two different trees read the same."""
    return len(part).to_bytes(8, "big") + part
