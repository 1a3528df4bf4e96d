"""Comparison of an old and a new version: order of versions, dependencies, code and answers. No effects but reading."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from vsm_mcp.acquisition.proving.shapes import alike, shape_of
from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.report import printable
from vsm_mcp.model.server import PackageRef, Resolution

SHOWN_AT_MOST = 8
MOST_FILES = 50_000

_SEMVER = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_MADE_HERE = (".pyc",)
_CHUNK = 1 << 20

_Order = tuple[tuple[int, int, int], int, tuple[tuple[int, int, str], ...]]


def newer(new: PackageRef, old: PackageRef) -> bool | None:
    """Tell whether ``new`` is a later version than ``old``; ``None`` when that cannot be known.

    A server that is one file has no order of versions: a different file is the later one.
    """
    if new.version == old.version:
        return False
    if new.version is None or old.version is None:
        return None
    if new.ecosystem == "file":
        return True
    order = _later_of_python if new.ecosystem == "pypi" else _later_of_node
    return order(new.version, old.version)


def dependencies(old: Resolution, new: Resolution) -> Sequence[str]:
    """Return which packages come and go with an upgrade, one line each."""
    before = {f"{one.name} {one.version}" for one in old.dependencies}
    after = {f"{one.name} {one.version}" for one in new.dependencies}
    return (
        *(f"- dependency {one}" for one in _shown(sorted(before - after))),
        *(f"+ dependency {one}" for one in _shown(sorted(after - before))),
    )


def own(tree: Path, name: str, new: Path) -> tuple[Path, frozenset[str]]:
    """Return where in an installed tree the files of a package itself are, and how those of the new version begin.

    Blocking.

    Args:
        tree: Where the old version is installed, with all it needs.
        name: The package's name.
        new: Where the new version is unpacked, alone.
    """
    old = next((place for place in (tree / "node_modules" / name, tree / "site") if place.is_dir()), tree)
    return old, frozenset(Path(path).parts[0] for path in _files(new, new))


def code(tree: Path, name: str, new: Path) -> Sequence[str]:
    """Return which files of the package itself differ, one line for each way to differ. Blocking.

    Args:
        tree: Where the old version is installed, with all it needs.
        name: The package's name.
        new: Where the new version is unpacked, alone.
    """
    old, parts = own(tree, name, new)
    after = _files(new, new)
    before: dict[str, Path] = {}
    for part in sorted(parts):
        if (old / part).is_dir() and part != "node_modules":
            before |= _files(old, old / part)
        elif (old / part).is_file():
            before[part] = old / part
    changed = [path for path in after.keys() & before.keys() if _digest(after[path]) != _digest(before[path])]
    lists = {
        "changed": sorted(changed),
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
    }
    return [f"~ {len(paths)} file(s) {how}: {', '.join(_shown(paths))}" for how, paths in lists.items() if paths]


def worse(old: ToolResult, new: ToolResult) -> str | None:
    """Say in which way ``new`` is less of an answer than ``old``; ``None`` when it is not.

    Values may differ; what kind of values they are may not, and nothing that was there may be missing.
    """
    if old.complaint is not None:
        return None
    if new.complaint is not None:
        return f"the new version says: {printable(new.complaint[:200])}"
    if not alike(shape_of(old), shape_of(new)):
        return "the new version gives another kind of answer"
    return None


def _later_of_python(new: str, old: str) -> bool | None:
    try:
        return Version(new) > Version(old)
    except InvalidVersion:
        return None


def _later_of_node(new: str, old: str) -> bool | None:
    later, earlier = _semver(new), _semver(old)
    return None if later is None or earlier is None else later > earlier


def _semver(text: str) -> _Order | None:
    """Return what semantic versions are ordered by: a version before its release comes before it."""
    found = _SEMVER.fullmatch(text)
    if found is None:
        return None
    parts = found[4].split(".") if found[4] else []
    marks = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
    return (int(found[1]), int(found[2]), int(found[3])), 0 if marks else 1, marks


def _files(root: Path, below: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in below.rglob("*"):
        if len(found) >= MOST_FILES:
            break
        if path.is_file() and not path.is_symlink() and not path.name.endswith(_MADE_HERE):
            found[path.relative_to(root).as_posix()] = path
    return found


def _digest(path: Path) -> bytes:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.digest()


def _shown(names: Sequence[str]) -> Sequence[str]:
    shown = [printable(name)[:120] for name in names[:SHOWN_AT_MOST]]
    return [*shown, f"and {len(names) - SHOWN_AT_MOST} more"] if len(names) > SHOWN_AT_MOST else shown
