"""The journal: what was begun and what would undo it, on disk before anything happens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from vsm_mcp.acquisition.installation.ownership import insist_on_own_file
from vsm_mcp.errors import IntegrityError
from vsm_mcp.world.files import Files

LARGE = 256_000
LARGEST = 64_000_000
IDENTITY = r"^[0-9a-f]{16}$"
"""What the number of a transaction looks like. It names files: a journal that somebody changed must not choose them."""


class ActionKind(StrEnum):
    """What an action does."""

    REMOVE = "remove"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something to do inside the state directory, as data: any process can do it, and twice is as good as once.

    Attributes:
        kind: What to do.
        path: With what, relative to the state directory.
        to: For a move: where to, relative to the state directory.
    """

    kind: ActionKind
    path: PurePosixPath
    to: PurePosixPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTransaction:
    """A transaction that has not ended.

    Attributes:
        identity: Its number.
        name: For people.
        undos: What undoes its steps, oldest first.
        finish: What is left to do when it is committed; ``None`` while it is not.
    """

    identity: str
    name: str
    undos: tuple[Action, ...] = ()
    finish: tuple[Action, ...] | None = None

    def after(self, entry: "Entry") -> Self:
        """Return the transaction as it is after one more entry."""
        undos = self.undos if entry.undo is None else (*self.undos, entry.undo)
        return replace(self, undos=undos, finish=self.finish if entry.finish is None else entry.finish)


class EntryKind(StrEnum):
    """The kinds of facts."""

    BEGIN = "begin"
    STEP = "step"
    COMMIT = "commit"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: a fact about one transaction.

    Attributes:
        kind: Which fact.
        tx: The transaction's number.
        name: Of the transaction (begin), the step (step) or the outcome (end).
        undo: What undoes the step.
        finish: What is left to do once committed.
    """

    kind: EntryKind
    tx: Annotated[str, Field(pattern=IDENTITY)]
    name: str = ""
    undo: Action | None = None
    finish: tuple[Action, ...] | None = None


_ENTRY = TypeAdapter(Entry)


class Journal:
    """Append-only lines of JSON, each on disk before the next effect; shared by all processes of this state directory.

    Args:
        root: The state directory.
        files: Writes the lines.
        large: From how many bytes on it is compacted.
    """

    def __init__(self, root: Path, files: Files, *, large: int = LARGE) -> None:
        """Keep the place; nothing is made before the first entry."""
        self.root = root
        self.path: Path = root / "journal"
        self._lock = root / "journal.lock"
        self._files = files
        self._large = large

    def __repr__(self) -> str:
        """Show the place."""
        return f"Journal({self.path})"

    async def add(self, entry: Entry) -> None:
        """Put one fact on disk.

        Raises:
            ConfigurationError: It cannot be written, or others could write there too; then it is not there.
        """
        await self._files.make_directory(self.root, 0o755)
        line = _ENTRY.dump_json(entry, exclude_defaults=True)
        async with self._files.lock(self._lock):
            await insist_on_own_file(self.path)
            # The newline in front keeps the torn end of an earlier line apart from this one.
            await self._files.append(self.path, b"\n" + line + b"\n")
            if entry.kind is EntryKind.END:
                await self._compact()

    async def find(self, identity: str) -> OpenTransaction | None:
        """Return an open transaction, or ``None`` when it has ended or never began."""
        return next((one for one in await self.open() if one.identity == identity), None)

    async def open(self) -> tuple[OpenTransaction, ...]:
        """Return all transactions that have not ended, oldest first.

        Raises:
            IntegrityError: A line is not one of ours.
            ConfigurationError: Others could have written it.
        """
        return tuple(self._gather(await self._entries()).values())

    async def sweep(self) -> None:
        """Remove what a process that died while it compacted the journal has left beside it."""
        if not await self._torn():
            return
        async with self._files.lock(self._lock):  # who compacts holds it: what is there now is nobody's
            for name in await self._torn():
                await self._files.remove(self.root / name)

    async def _torn(self) -> Sequence[str]:
        names = await self._files.entries(self.root)
        return [name for name in names if name.startswith(f".{self.path.name}.") and name.endswith(".tmp")]

    async def _entries(self) -> Sequence[Entry]:
        await insist_on_own_file(self.path)
        data = await self._files.read(self.path, limit=LARGEST)
        parsed = (self._parse(line) for line in (data or b"").splitlines() if line)
        return [entry for entry in parsed if entry is not None]

    def _parse(self, line: bytes) -> Entry | None:
        """Return what a line says; ``None`` for a torn one, whose effect therefore never happened."""
        try:
            value: object = from_json(line)
        except ValueError:
            return None
        try:
            return _ENTRY.validate_python(value, strict=False)
        except ValidationError as error:
            raise IntegrityError(
                f"The journal {self.path} holds a line that this version did not write: {line[:200]!r}.",
                remedies=("Use the version that wrote it.", f"If all servers work, remove {self.path}."),
            ) from error

    def _gather(self, entries: Sequence[Entry]) -> dict[str, OpenTransaction]:
        transactions: dict[str, OpenTransaction] = {}
        for entry in entries:
            if entry.kind is EntryKind.BEGIN:
                transactions[entry.tx] = OpenTransaction(identity=entry.tx, name=entry.name)
            elif entry.kind is EntryKind.END:
                transactions.pop(entry.tx, None)
            elif entry.tx in transactions:
                transactions[entry.tx] = transactions[entry.tx].after(entry)
        return transactions

    async def _compact(self) -> None:
        """Once it is large, keep only the lines of open transactions."""
        data = await self._files.read(self.path, limit=LARGEST)
        if data is None or len(data) <= self._large:
            return
        entries = await self._entries()
        open_ones = self._gather(entries)
        kept = [_ENTRY.dump_json(entry, exclude_defaults=True) + b"\n" for entry in entries if entry.tx in open_ones]
        await self._files.write(self.path, b"".join(kept))
