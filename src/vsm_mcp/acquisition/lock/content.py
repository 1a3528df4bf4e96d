"""The digest of installed files without compiled caches, which differ from one installation to the next. Blocking."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

CACHES = frozenset({"__pycache__"})
_CHUNK = 1 << 20


def files_digest(root: Path) -> str:
    """Return the sha256, in hex, over paths, kinds, modes and contents below ``root``, compiled caches left out.

    Made for sealed trees: links are hashed as links and never followed, and anything that is neither file, directory
    nor link counts as an empty entry of its kind.

    Raises:
        OSError: Something cannot be read.
    """
    whole = hashlib.sha256()
    for path in _walk(root):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        whole.update(_framed(os.fsencode(path.relative_to(root).as_posix())))
        if kind == stat.S_IFLNK:
            whole.update(_framed(b"link " + os.fsencode(path.readlink())))
            continue
        whole.update(_framed(f"{kind:o} {stat.S_IMODE(status.st_mode):o}".encode()))
        if kind == stat.S_IFREG:
            whole.update(_content(path))
    return whole.hexdigest()


def _walk(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir(), key=os.fsencode):
        if path.name in CACHES and not path.is_symlink():
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _content(path: Path) -> bytes:
    inner = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            inner.update(chunk)
    return inner.digest()


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data
