"""The audit log on disk: one owner task writes what waits, and every line is chained to the one before."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
from pydantic import BaseModel, Field, SecretStr

from vsm_mcp.errors import AuditError, ConfigurationError, PayloadError
from vsm_mcp.events import AuditFailed, EventSink, ignore
from vsm_mcp.guard.auditing.days import DayFiles
from vsm_mcp.guard.auditing.inspection import AuditVerification, Inspection
from vsm_mcp.guard.auditing.keeping import Keeping
from vsm_mcp.guard.auditing.lines import records_in
from vsm_mcp.guard.auditing.record import AuditQuery, AuditRecord
from vsm_mcp.world.clock import Clock, SystemClock
from vsm_mcp.world.files import Files, LocalFiles

_LOCK = ".lock"
_PATIENCE = 1.0
_CLOSED = "it is not open"
_TOO_MANY = "too many records wait"


class FileAuditOptions(BaseModel, frozen=True, extra="forbid"):
    """How records are kept on disk.

    Attributes:
        keep_days: Files older than this are removed, which is noted in the log.
        largest_file: Bytes after which a new file is begun on the same day.
        most_waiting: How many records may wait to be written; beyond that none is taken.
        linger: Seconds that records may wait for others to be written together with, while nobody waits for them.
        retry: Seconds until writing is tried again after it failed.
        drain: Seconds that closing takes at most to write what still waits.
    """

    keep_days: int = Field(default=90, ge=1, le=36_500)
    largest_file: int = Field(default=32_000_000, ge=1_000, le=40_000_000)
    most_waiting: int = Field(default=20_000, ge=1, le=1_000_000)
    linger: float = Field(default=0.1, ge=0, le=10)
    retry: float = Field(default=5.0, gt=0, le=3_600)
    drain: float = Field(default=5.0, gt=0, le=60)


@dataclass(slots=True)
class _Batch:
    """What is written together, and how it went for whoever waits for it."""

    records: list[AuditRecord] = field(default_factory=list[AuditRecord])
    done: anyio.Event = field(default_factory=anyio.Event)
    error: str | None = None


class FileAudit:
    """Keeps records in files that only their owner may read.

    It works within its context: entering takes the directory for itself and takes up the chain where it ended,
    leaving writes what waits. `verify` and `query` work without that too. Everything is called in one event loop.

    Args:
        directory: A directory of its own.
        options: How records are kept.
        clock: Says which day it is.
        files: Changes files.
        key: Makes the digests. Without one, whoever may write the files can also make digests that fit.
        emit: Hears when records cannot be written, and what was found damaged.
    """

    def __init__(
        self,
        directory: Path,
        options: FileAuditOptions | None = None,
        *,
        clock: Clock | None = None,
        files: Files | None = None,
        key: SecretStr | None = None,
        emit: EventSink = ignore,
    ) -> None:
        """Touch nothing yet."""
        self._directory = directory
        self._options = options or FileAuditOptions()
        self._files = files or LocalFiles()
        self._days = DayFiles(directory, self._files)
        self._key = None if key is None else key.get_secret_value().encode()
        self._keeping = Keeping(
            self._days,
            clock=clock or SystemClock(),
            keep_days=self._options.keep_days,
            largest=self._options.largest_file,
            key=self._key,
            emit=emit,
        )
        self._emit = emit
        self._open = False
        self._lost = 0
        self._failing: str | None = None
        self._batch = _Batch()
        self._awake = False
        self._wake = anyio.Event()
        self._urgent = anyio.Event()
        self._writing = anyio.Lock()
        self._context = self._live()

    def __repr__(self) -> str:
        """Show where it is."""
        return f"FileAudit({str(self._directory)!r})"

    async def __aenter__(self) -> Self:
        """Take the directory, take up the chain, and start to write.

        Raises:
            AuditError: Another process writes there.
            ConfigurationError: The directory or a file cannot be used.
        """
        self._context = self._live()
        await self._context.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, as far as there is time. What ended the context is none of the writer's business."""
        await self._context.__aexit__(None, None, None)

    @property
    def head(self) -> str:
        """The digest of the last record on disk. Note it elsewhere to see later whether the end was cut off."""
        return self._keeping.chain.before

    def check(self) -> None:
        """Do nothing if records can be written, as far as that is known.

        Raises:
            AuditError: They cannot.
        """
        if not self._open:
            raise self._error(_CLOSED)
        if self._failing is not None:
            raise self._error(self._failing)
        if len(self._batch.records) >= self._options.most_waiting:
            raise self._error(_TOO_MANY)

    def note(self, record: AuditRecord, /) -> None:
        """Take a record at once; it is written a moment later.

        Raises:
            AuditError: The log is not open, or too many records wait already.
        """
        if not self._open:
            raise self._error(_CLOSED)
        waiting = self._batch.records
        if len(waiting) >= self._options.most_waiting:
            self._lose(1, _TOO_MANY)
            raise self._error(_TOO_MANY)
        waiting.append(record)
        if not self._awake:
            self._awake = True
            self._wake.set()

    async def append(self, record: AuditRecord, /) -> None:
        """Keep a record, and return when it is on disk.

        Raises:
            AuditError: It could not be written. It is written later if that becomes possible.
        """
        self.note(record)
        await self._written()

    async def flush(self) -> None:
        """Return when everything that was taken is on disk.

        Raises:
            AuditError: It could not be written.
        """
        if self._open and (self._batch.records or self._writing.statistics().locked):
            self._awake = True
            self._wake.set()
            await self._written()

    async def query(self, wanted: AuditQuery | None = None, /, *, limit: int = 10) -> tuple[AuditRecord, ...]:
        """Return the newest records that are wanted, newest first. Reads as many files as that takes.

        Raises:
            AuditError: What waits could not be written.
            PayloadError: A file is damaged.
        """
        wanted = wanted or AuditQuery()
        await self.flush()
        found: list[AuditRecord] = []
        for file in reversed(await self._days.all()):
            if len(found) >= limit or (wanted.since is not None and file.day < wanted.since.date()):
                break
            data = await self._days.read(file)
            found += await anyio.to_thread.run_sync(_found, data, wanted, limit - len(found))
        return tuple(found)

    async def verify(self, *, expect: str | None = None) -> AuditVerification:
        """Go through all records and say whether all are there, as they were written.

        Args:
            expect: The digest of a record that must be there: a `head` that was noted elsewhere.

        Raises:
            AuditError: What waits could not be written.
        """
        await self.flush()
        async with self._writing:
            inspection = Inspection(key=self._key, expect=expect)
            files = await self._days.all()
            for file in files:
                try:
                    data = await self._days.read(file)
                except PayloadError as error:
                    inspection.break_off(file.name, error.message)
                    break
                await anyio.to_thread.run_sync(inspection.read, file.name, data)
                if inspection.is_broken:
                    break
        return inspection.report()

    @asynccontextmanager
    async def _live(self) -> AsyncGenerator[None]:
        await self._days.prepare()
        async with self._files.lock(self._directory / _LOCK, patience=_PATIENCE) as held:
            if not held:
                raise AuditError(
                    f"Another process writes the audit log in {self._directory}.",
                    remedies=("Give each process a directory of its own.",),
                )
            await self._keeping.open()
            self._batch, self._writing = _Batch(), anyio.Lock()
            self._wake, self._urgent, self._awake = anyio.Event(), anyio.Event(), False
            self._open, self._failing = True, None
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._own)
                    try:
                        yield
                    finally:
                        tasks.cancel_scope.cancel()
            finally:
                self._open = False
                with anyio.CancelScope(deadline=anyio.current_time() + self._options.drain, shield=True):
                    await self._write()
                if left := len(self._batch.records):
                    self._lose(left, self._failing or "there was no time to write them")

    async def _own(self) -> None:
        """Write what waits, until cancelled. A failure is told, and tried again; it never ends the task."""
        while True:
            await self._wake.wait()
            self._wake, self._awake = anyio.Event(), False
            if self._options.linger:
                with anyio.move_on_after(self._options.linger):
                    await self._urgent.wait()
            self._urgent = anyio.Event()
            with anyio.CancelScope(shield=True):  # what is on disk must be known to be there
                await self._write()
            if self._failing is not None:
                with anyio.move_on_after(self._options.retry):
                    await self._urgent.wait()
                self._wake.set()

    async def _write(self) -> None:
        """Write one batch; what could not be written stays first in line."""
        async with self._writing:
            batch, self._batch = self._batch, _Batch()
            try:
                if (lost := self._lost) and batch.records:
                    await self._keeping.note(f"{lost} records were lost", lost=lost)
                    self._lost -= lost
                await self._keeping.write(batch.records)
            except Exception as error:  # noqa: BLE001 - the boundary of the task that owns the log
                self._fail(batch, error)
            else:
                self._failing = None
            finally:
                batch.done.set()

    def _fail(self, batch: _Batch, error: Exception) -> None:
        expected = isinstance(error, ConfigurationError | PayloadError)
        batch.error = error.message if expected else f"{type(error).__name__}: {error}"
        if self._failing is None:
            self._emit(AuditFailed(reason=batch.error, lost=self._lost))
        self._failing = batch.error
        self._batch.records[:0] = batch.records
        excess = len(self._batch.records) - self._options.most_waiting
        if excess > 0:
            del self._batch.records[:excess]
            self._lose(excess, batch.error)

    async def _written(self) -> None:
        batch = self._batch
        self._urgent.set()
        await batch.done.wait()
        if batch.error is not None:
            raise self._error(batch.error)

    def _lose(self, count: int, reason: str) -> None:
        if not self._lost:
            self._emit(AuditFailed(reason=reason, lost=count))
        self._lost += count

    def _error(self, reason: str) -> AuditError:
        return AuditError(
            f"The audit log in {self._directory} cannot be written: {reason.removesuffix('.')}.",
            remedies=("Make room, or let this user write there; nothing that must be on record happens until then.",),
        )


def _found(data: bytes, wanted: AuditQuery, limit: int) -> list[AuditRecord]:
    return records_in(data, wanted, limit=limit)
