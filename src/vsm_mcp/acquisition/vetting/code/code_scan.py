"""Code scan: reads the sources of an unpacked package, bounded in size, number and time; nothing is imported or run."""

import io
import os
import re
import tokenize
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.to_thread

from vsm_mcp.acquisition.vetting.code.contents import Contents, hosts, mailboxes, together
from vsm_mcp.acquisition.vetting.code.flow.calls import Hit, Reading
from vsm_mcp.acquisition.vetting.code.flow.texts import commands
from vsm_mcp.acquisition.vetting.code.languages.javascript_scan import read_javascript
from vsm_mcp.acquisition.vetting.code.languages.python_scan import read_python
from vsm_mcp.acquisition.vetting.code.layout import Language, language, misplaced
from vsm_mcp.acquisition.vetting.code.signs import combined, signs, tempered
from vsm_mcp.acquisition.vetting.code.spoken import spoken
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.launch import RemoteLaunch, address_of
from vsm_mcp.model.server import Artefact, Candidate, StdioLaunch
from vsm_mcp.model.verdict import Finding, Permission, Severity

_ENCODINGS = frozenset(
    {
        "utf-8",
        "utf8",
        "utf-8-sig",
        "ascii",
        "us-ascii",
        "iso-8859-1",
        "latin-1",
        "cp1252",
        "big5",
        "gbk",
        "gb2312",
        "euc-jp",
        "euc-kr",
        "shift_jis",
        "koi8-r",
        "cp1251",
    }
)
_HEAD = 4096
_MOST_NESTED = 50
_SHOWN = 3
_CHECK = "code"
_OWN_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104 - nothing is bound, a text is compared
_SECRET = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|_KEY|APIKEY|PRIVATE)", re.IGNORECASE)
_REMEDY = "Read the place named; waive the finding for this exact artefact if it is harmless."


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """How much is read.

    Attributes:
        file_bytes: A source file larger than this is not read, which counts as unknown.
        files: A package with more files than this is not read to its end, which counts as unknown.
        seconds: Reading that takes longer ends, which counts as unknown.
    """

    file_bytes: int = 4 * 1024 * 1024
    files: int = 20_000
    seconds: float = 45.0


@dataclass(slots=True)
class _Scan:
    """What one scan has found so far: hits with the file they are in, and what could not be read."""

    root: Path
    ecosystem: str
    limits: ScanLimits
    contents: list[Contents] = field(default_factory=list[Contents])
    parts: Collection[str] | None = None
    contacts: set[str] = field(default_factory=set[str])
    hits: list[tuple[str, Hit]] = field(default_factory=list[tuple[str, Hit]])
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class CodeScan:
    """Finds what the code of a package uses, and what no honest package contains."""

    name = _CHECK

    def __init__(self, policy: Policy, *, limits: ScanLimits | None = None) -> None:
        self._policy = policy
        self._limits = limits or ScanLimits()

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Read every source file of the package in a worker thread."""
        if isinstance(artefact.launch, RemoteLaunch):
            return (_unseen(artefact.launch),)
        if not isinstance(artefact.launch, StdioLaunch):
            return ()
        scan = _Scan(root=artefact.root, ecosystem=artefact.resolution.package.ecosystem, limits=self._limits)
        await self._read(scan)
        undeclared = (*_hosts(scan, artefact.candidate), *_variables(scan, artefact.candidate))
        return (*self._permissions(scan, artefact), *undeclared, *_signals(scan), *_unread(scan))

    async def contents(self, root: Path, *, ecosystem: str, parts: Collection[str] | None = None) -> Contents:
        """Read what the code below a directory names and uses, to compare two versions of a package.

        Args:
            root: Where the package is unpacked or installed.
            ecosystem: Where it comes from, such as ``npm``.
            parts: Read only these files and directories directly below ``root``; ``None`` reads all.
        """
        scan = _Scan(root=root, ecosystem=ecosystem, limits=self._limits, parts=parts)
        await self._read(scan)
        used = frozenset(hit.permission for _, hit in scan.hits if hit.permission is not None)
        signs_of_malice = frozenset(
            hit.code for _, hit in scan.hits if hit.permission is None and hit.severity >= Severity.MEDIUM
        )
        return replace(together(scan.contents), permissions=used, signals=signs_of_malice, complete=not scan.unread)

    async def _read(self, scan: _Scan) -> None:
        with anyio.move_on_after(self._limits.seconds) as deadline:
            await anyio.to_thread.run_sync(_read_all, scan, anyio.from_thread.check_cancelled)
        if deadline.cancelled_caught:
            scan.unread.append(("", f"reading took longer than {self._limits.seconds:g} seconds"))

    def _permissions(self, scan: _Scan, artefact: Artefact) -> Iterator[Finding]:
        for permission in Permission:
            uses = [(name, hit) for name, hit in scan.hits if hit.permission is permission]
            if not uses:
                continue
            declared = permission is Permission.NETWORK and bool(artefact.candidate.egress)
            places = ", ".join(f"{hit.what} ({name}:{hit.line})" for name, hit in uses[:_SHOWN])
            yield Finding(
                check=_CHECK,
                code=f"uses-{permission}",
                severity=Severity.INFO if declared else self._policy.severity_of(permission),
                message=f"Its code uses {permission}: {places}{_more(uses)}.",
                where=f"{uses[0][0]}:{uses[0][1].line}",
                permission=permission,
                remedy=f"Permit {permission} in the policy if the server needs it.",
            )


def _hosts(scan: _Scan, candidate: Candidate) -> Iterator[Finding]:
    """A server that says whom it talks to, and talks to others."""
    declared = [entry.partition(":")[0].lower() for entry in candidate.egress]
    others = sorted(host for host in scan.contacts if not any(_covers(entry, host) for entry in declared))
    if declared and others:
        shown = ", ".join(others[:_SHOWN])
        yield Finding(
            check=_CHECK,
            code="undeclared-host",
            severity=Severity.MEDIUM,
            message=f"Its code talks to hosts that it does not declare: {shown}{_more(others)}.",
            where=others[0],
            permission=Permission.NETWORK,
            remedy="Allow these hosts only if the server has a reason to talk to them.",
        )


def _covers(declared: str, host: str) -> bool:
    return host == declared or (declared.startswith("*.") and host.endswith(declared[1:])) or host in _OWN_HOSTS


def _variables(scan: _Scan, candidate: Candidate) -> Iterator[Finding]:
    """A server that says which secrets it needs, and reads others."""
    declared = {variable.name for variable in candidate.environment}
    others = sorted(name for name in together(scan.contents).variables - declared if _SECRET.search(name))
    if declared and others:
        shown = ", ".join(others[:_SHOWN])
        yield Finding(
            check=_CHECK,
            code="undeclared-variable",
            severity=Severity.LOW,
            message=f"Its code reads secrets that it does not declare: {shown}{_more(others)}.",
            where=others[0],
            permission=Permission.ENVIRONMENT,
            remedy="Give the server no more variables than it declares.",
        )


def _signals(scan: _Scan) -> Iterator[Finding]:
    by_code: dict[str, list[tuple[str, Hit]]] = {}
    for name, hit in scan.hits:
        if hit.permission is None:
            by_code.setdefault(hit.code, []).append((name, hit))
    for code, places in by_code.items():
        name, worst = max(places, key=lambda place: place[1].severity)
        where = f"{name}:{worst.line}" if worst.line else name
        message = f"{where}: {worst.what}{_more(places, shown=1)}."
        yield Finding(check=_CHECK, code=code, severity=worst.severity, message=message, where=where, remedy=_REMEDY)


def _unread(scan: _Scan) -> Iterator[Finding]:
    if scan.unread:
        name, why = scan.unread[0]
        yield Finding(
            check=_CHECK,
            code="not-read",
            severity=Severity.MEDIUM,
            message=f"Not all of its code could be read: {name or 'stopped'}: {why}{_more(scan.unread, shown=1)}.",
            where=name,
            unknown=True,
            remedy="Raise the limits of the scan, read it yourself and waive the finding, or take another server.",
        )


def _unseen(launch: RemoteLaunch) -> Finding:
    return Finding(
        check=_CHECK,
        code="runs-elsewhere",
        severity=Severity.MEDIUM,
        message=f"It runs elsewhere, at {address_of(launch)}: its code is not seen, and may change any time.",
        remedy="Connect it only if you trust who runs it.",
    )


def _more(places: Sequence[object], *, shown: int = _SHOWN) -> str:
    return f" and {len(places) - shown} more" if len(places) > shown else ""


def _read_all(scan: _Scan, checkpoint: Callable[[], None]) -> None:
    for number, path in enumerate(_files(scan.root)):
        checkpoint()
        name = path.relative_to(scan.root).as_posix()
        if scan.parts is not None and name.partition("/")[0] not in scan.parts:
            continue
        if number >= scan.limits.files:
            scan.unread.append((name, f"there are more than {scan.limits.files} files"))
            return
        try:
            _read_file(scan, path, name, checkpoint=checkpoint)
        except OSError as error:
            scan.unread.append((name, f"it cannot be read ({error.strerror})"))


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _raise(error: OSError) -> None:
    raise error


def _read_file(scan: _Scan, path: Path, name: str, *, checkpoint: Callable[[], None]) -> None:
    with path.open("rb") as file:
        head = file.read(_HEAD)
        scan.hits.extend((name, hit) for hit in misplaced(name, head, ecosystem=scan.ecosystem))
        written_in = language(name, head)
        if written_in is None:
            return
        data = head + file.read(max(0, scan.limits.file_bytes + 1 - len(head)))
    if len(data) > scan.limits.file_bytes:
        scan.unread.append((name, f"it is larger than {scan.limits.file_bytes} bytes"))
        return
    _read_source(scan, name, data, written_in=written_in, checkpoint=checkpoint)


def _read_source(scan: _Scan, name: str, data: bytes, *, written_in: Language, checkpoint: Callable[[], None]) -> None:
    scan.contents.append(Contents(files=frozenset({name})))
    if written_in is Language.SHELL:
        scan.hits.extend((name, hit) for hit in _shell(data.decode(errors="replace")))
        return
    first = len(scan.hits)
    try:
        source = _decoded(data) if written_in is Language.PYTHON else data.decode(errors="replace")
        scan.contents.append(Contents(hosts=hosts(source), mailboxes=mailboxes(source)))
        variables: frozenset[str] = frozenset()
        scan.hits.extend((name, hit) for hit in (*signs(source), *spoken(source, ecosystem=scan.ecosystem)))
        for reading in _readings(source, written_in, checkpoint):
            scan.hits.extend((name, hit) for hit in reading.hits)
            scan.contacts |= reading.contacts
            variables |= reading.variables
            scan.contents.append(Contents(variables=reading.variables, programs=reading.programs))
            if reading.problem and written_in is not Language.TYPESCRIPT:
                scan.unread.append((name, reading.problem))
        scan.hits[first:] = [(place, tempered(hit, source, name)) for place, hit in scan.hits[first:]]
        found = {hit.code for _, hit in scan.hits[first:]}
        scan.hits.extend((name, hit) for hit in combined(source, found, variables=variables))
    except (SyntaxError, RecursionError) as error:
        scan.unread.append((name, f"it is not understood ({str(error) or 'too deep'})"))


def _readings(source: str, written_in: Language, checkpoint: Callable[[], None]) -> Iterator[Reading]:
    """Read a source and, one level down, the code that it runs from its own texts."""
    outer = _reading(source, written_in, checkpoint)
    yield outer
    for text, line in outer.nested[:_MOST_NESTED]:
        try:
            inner = _reading(text, written_in, checkpoint)
        except SyntaxError:
            continue
        yield Reading(hits=tuple(hit._replace(line=line) for hit in inner.hits))


def _reading(source: str, written_in: Language, checkpoint: Callable[[], None]) -> Reading:
    if written_in is Language.PYTHON:
        return read_python(source, checkpoint)
    return read_javascript(source.encode(errors="replace"), checkpoint)


def _decoded(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if encoding.lower() not in _ENCODINGS:
        raise SyntaxError(f"it is written in {encoding}")
    try:
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except UnicodeDecodeError as error:
        raise SyntaxError(f"it is no {encoding}") from error


def _shell(source: str) -> Iterator[Hit]:
    for number, line in enumerate(source.splitlines(), 1):
        if not line.lstrip().startswith("#"):
            yield from (Hit(m.code, m.severity, f"it runs {m.part!r}", number) for m in commands(line))
