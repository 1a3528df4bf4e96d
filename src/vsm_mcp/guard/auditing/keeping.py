"""How the files of an audit log are taken up after a crash, begun anew, packed and let go. Only its owner uses it."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from types import MappingProxyType

import anyio.to_thread

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.events import AuditFailed, AuditRepaired, EventSink
from vsm_mcp.guard.auditing.chain import BrokenLineError, Chain, Sealed, unsealed
from vsm_mcp.guard.auditing.days import DayFile, DayFiles
from vsm_mcp.guard.auditing.lines import fields_of
from vsm_mcp.guard.auditing.record import AuditKind, AuditOutcome, AuditRecord
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.world.clock import Clock

_AT_ONCE = 500
_NOTHING: JsonObject = MappingProxyType[str, JsonValue]({})


class Keeping:
    """Writes records at the end of the newest file.

    Args:
        days: The files.
        clock: Says which day it is.
        keep_days: Older files are let go.
        largest: Bytes after which a new file is begun.
        key: Makes the digests.
        emit: Hears what was found damaged, and of files that cannot be packed or let go.
    """

    def __init__(
        self,
        days: DayFiles,
        *,
        clock: Clock,
        keep_days: int,
        largest: int,
        key: bytes | None,
        emit: EventSink,
    ) -> None:
        """Do nothing yet."""
        self.chain: Chain = Chain(key=key)
        self._days = days
        self._clock = clock
        self._keep_days = keep_days
        self._largest = largest
        self._key = key
        self._emit = emit
        self._file: DayFile | None = None
        self._size = 0
        self._untidy = False

    async def open(self) -> None:
        """Take up the chain where it ended, with a note if it did not end as it should have.

        Raises:
            ConfigurationError: A file cannot be read or written.
        """
        files = await self._days.all()
        if files:
            self._file, self._size = files[-1], self._largest if files[-1].packed else 0
            await self._take_up(files)
        await self._tidy()

    async def write(self, records: list[AuditRecord]) -> None:
        """Write records, and take from the list what is safe.

        Raises:
            ConfigurationError: They cannot be written; those that are still in the list are in no file.
        """
        while records:
            part = records[:_AT_ONCE]
            await self._append(part)
            del records[: len(part)]
            if self._untidy:
                await self._tidy()

    async def note(self, detail: str, **more: JsonValue) -> None:
        """Write a record about the log itself.

        Raises:
            ConfigurationError: It cannot be written.
        """
        record = AuditRecord(time=self._clock.now(), kind=AuditKind.NOTE, outcome=AuditOutcome.OK, detail=detail)
        await self._append([record], more)

    async def _append(self, records: Sequence[AuditRecord], more: JsonObject = _NOTHING) -> None:
        file, begun = self._due()
        chain = self.chain.copy()
        data = await anyio.to_thread.run_sync(_sealed, chain, records, more)
        await self._days.append(file, data)
        # From here on it is on disk, so it is true.
        self.chain = chain
        self._file, self._size = file, len(data) if begun else self._size + len(data)
        self._untidy = self._untidy or begun

    def _due(self) -> tuple[DayFile, bool]:
        """Return the file to write to, and whether it is a new one; a clock that runs back begins none."""
        today = self._clock.now().date()
        file = self._file
        if file is None or today > file.day:
            return DayFile(day=today), True
        if file.packed or self._size >= self._largest:
            return DayFile(day=file.day, number=file.number + 1), True
        return file, False

    async def _take_up(self, files: list[DayFile]) -> None:
        """Find the last record; what comes after it was torn by a crash."""
        torn: list[JsonValue] = []
        for file in reversed(files):
            try:
                whole, rest = _split(await self._days.read(file))
                if rest:
                    torn.append({"file": file.name, "bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()})
                last = last_of(whole, self._key)
            except (PayloadError, BrokenLineError) as error:
                await self._begin_again(file, str(error))
                return
            if file == self._file:
                self._size = max(self._size, len(whole))
            if last is not None:
                self.chain = Chain(seq=last.seq + 1, before=last.digest, key=self._key)
                break
        if torn:
            await self._note_torn(files[-1], torn)

    async def _note_torn(self, file: DayFile, torn: list[JsonValue]) -> None:
        """Go on in a new file, so that what is torn stays as it was found."""
        self._size = self._largest
        detail = "writing was interrupted here and went on"
        await self.note(detail, torn=torn)
        self._emit(AuditRepaired(file=file.name, detail=f"{detail}; the end of {len(torn)} file(s) was torn"))

    async def _begin_again(self, file: DayFile, reason: str) -> None:
        """Begin a new chain in a new file: records go on being kept, and verifying still names what is broken."""
        self._size = self._largest
        detail = f"the log was found broken in {file.name} and begins anew: {reason}"
        await self.note(detail)
        self._emit(AuditRepaired(file=file.name, detail=detail))

    async def _tidy(self) -> None:
        """Pack what is no longer written to, and let go what is too old. What fails is told and tried again later."""
        self._untidy = False
        oldest = self._clock.now().date() - timedelta(days=self._keep_days)
        try:
            for file in await self._days.all():
                if file == self._file:
                    continue
                if file.day < oldest:
                    await self._let_go(file)
                elif not file.packed:
                    await self._days.pack(file)
        except (ConfigurationError, PayloadError) as error:
            self._emit(AuditFailed(reason=f"old files could not be put away: {error.message}", lost=0))

    async def _let_go(self, file: DayFile) -> None:
        """Note which file is removed and how its chain ended, then remove it."""
        last = None
        try:
            last = last_of(_split(await self._days.read(file))[0], self._key)
        except (PayloadError, BrokenLineError) as error:
            self._emit(AuditRepaired(file=file.name, detail=f"it was broken when it was let go: {error}"))
        digest = None if last is None else last.digest
        await self.note(f"let go: {file.name}", let_go={"file": file.name, "digest": digest})
        await self._days.remove(file)


def last_of(whole: bytes, key: bytes | None) -> Sealed | None:
    """Return the last of whole lines; ``None`` when there is none.

    Raises:
        BrokenLineError: It was changed.
    """
    if not whole:
        return None
    return unsealed(whole[whole.rfind(b"\n", 0, len(whole) - 1) + 1 : -1], key)


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines, and what comes after."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _sealed(chain: Chain, records: Sequence[AuditRecord], more: JsonObject) -> bytes:
    return b"".join([chain.seal({**fields_of(record), **more} if more else fields_of(record)) for record in records])
