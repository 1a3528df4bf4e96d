"""Files: permissions and kinds of files that no package needs."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio.to_thread

from vsm_mcp.model.server import Artefact, StdioLaunch
from vsm_mcp.model.verdict import Finding, Severity

MOST_ENTRIES = 20_000

_CHECK = "files"
_SPECIAL = {
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


class FileAudit:
    """Looks at the unpacked tree itself: set-user-id bits, files that anybody may change, links that lead out."""

    name = _CHECK

    def __init__(self, *, most_entries: int = MOST_ENTRIES) -> None:
        self._most = most_entries

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Look at every entry of the tree, without following links."""
        if not isinstance(artefact.launch, StdioLaunch):
            return ()
        return await anyio.to_thread.run_sync(self._audit, artefact.root)

    def _audit(self, root: Path) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for number, path in enumerate(_entries(root)):
            if number >= self._most:
                message = f"The package has more than {self._most} files and directories."
                findings.append(_finding("too-many-files", Severity.MEDIUM, message, unknown=True))
                break
            findings.extend(_judge(path, root))
        return tuple(findings)


def _entries(root: Path) -> Iterator[Path]:
    yield root
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders.sort()
        yield from (Path(folder) / name for name in sorted((*folders, *names)))


def _raise(error: OSError) -> None:
    raise error


def _judge(path: Path, root: Path) -> Iterator[Finding]:
    name = path.relative_to(root).as_posix()
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        if not path.resolve().is_relative_to(root.resolve()):
            yield _finding(
                "link-leads-out", Severity.HIGH, f"{name} is a link that leads out of the package.", where=name
            )
        return
    special = _SPECIAL.get(stat.S_IFMT(mode))
    if special is not None:
        yield _finding("special-file", Severity.HIGH, f"{name} is {special}.", where=name)
    if mode & (stat.S_ISUID | stat.S_ISGID) and stat.S_ISREG(mode):
        yield _finding(
            "runs-as-owner", Severity.HIGH, f"{name} runs as its owner (mode {mode & 0o7777:o}).", where=name
        )
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        yield _finding(
            "world-writable", Severity.MEDIUM, f"Anybody may change {name} (mode {mode & 0o7777:o}).", where=name
        )


def _finding(code: str, severity: Severity, message: str, *, where: str = "", unknown: bool = False) -> Finding:
    return Finding(
        check=_CHECK,
        code=code,
        severity=severity,
        message=message,
        where=where,
        unknown=unknown,
        remedy="Take another server, or ask its publisher for a clean package.",
    )
