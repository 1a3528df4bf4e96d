"""Audit: every call, installation and start leaves a record; what must be on record does not happen without one."""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from types import MappingProxyType

import anyio
from pydantic import BaseModel, Field

from vsm_mcp.errors import ArgumentError, AuditError, CallTimeoutError, RefusedError, ToolError
from vsm_mcp.guard.auditing.file import FileAudit
from vsm_mcp.guard.auditing.memory import CAPACITY, MemoryAudit
from vsm_mcp.guard.auditing.record import AuditKind, AuditOutcome, AuditQuery, AuditRecord
from vsm_mcp.guard.redacting.redactor import Redactor
from vsm_mcp.guard.sizes import size_of, size_of_result
from vsm_mcp.model.call import Caller, ToolCall, ToolResult
from vsm_mcp.model.json import JsonValue
from vsm_mcp.world.clock import Clock, SystemClock

DigestOf = Callable[[str], str | None]
"""Says the digest of what runs as a server; ``None`` when that is not known."""

_made = AuditRecord._make
_CALL = AuditKind.CALL
_NO_DIGESTS: Mapping[str, str] = MappingProxyType({})


def _guessing() -> Redactor:
    return Redactor(guess=True)


class AuditOptions(BaseModel, frozen=True, extra="forbid"):
    """What is recorded, and what happens when it cannot be.

    Attributes:
        fail_closed: Whether calls, too, happen only on record: they are refused while the log cannot be written, and
            no result is handed out before its record is safe. Installations and starts always are that strict.
        arguments: Whether the arguments are recorded, without secrets.
        longest_arguments: Bytes of arguments that are recorded; of longer ones only the size is.
        capacity: How many of the newest records are kept in memory.
    """

    fail_closed: bool = False
    arguments: bool = False
    longest_arguments: int = Field(default=2_048, ge=0, le=32_768)
    capacity: int = Field(default=CAPACITY, ge=1, le=1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaking:
    """Something that may happen only on record.

    Attributes:
        kind: An installation or a start.
        server: Of which server.
        artefact: The digest of what is installed or started, if it is known.
        agent: Who asked for it.
        detail: Further words.
    """

    kind: AuditKind
    server: str
    artefact: str | None = None
    agent: str = "host"
    detail: str = ""


class AuditTrail:
    """Puts records into memory and, if there is one, into the log on disk.

    Args:
        options: What is recorded.
        file: The log on disk; somebody else enters and leaves it.
        clock: Says what time it is.
        requests: What the names of calls begin with; another one for each run.

    Attributes:
        options: What is recorded.
        memory: The newest records.
        file: The log on disk, if there is one.
    """

    def __init__(
        self,
        options: AuditOptions | None = None,
        *,
        file: FileAudit | None = None,
        clock: Clock | None = None,
        requests: str = "",
    ) -> None:
        """Start with no record."""
        self.options: AuditOptions = options or AuditOptions()
        self.memory: MemoryAudit = MemoryAudit(self.options.capacity)
        self.file: FileAudit | None = file
        self.now: Callable[[], datetime] = (clock or SystemClock()).now
        self._requests = requests
        self._numbers = count(1)
        self._listeners: tuple[Callable[[AuditRecord], None], ...] = ()

    def __repr__(self) -> str:
        """Show where records go."""
        return f"AuditTrail({self.memory!r}, {self.file!r})"

    def next_request(self) -> str:
        """Return a name for one more call."""
        return f"{self._requests}{next(self._numbers)}"

    @contextmanager
    def told_to(self, listener: Callable[[AuditRecord], None]) -> Generator[None]:
        """Tell ``listener`` of every record that is taken within the context; it must be quick, and raise nothing."""
        self._listeners += (listener,)
        try:
            yield
        finally:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def check(self) -> None:
        """Do nothing if records can be kept, as far as that is known.

        Raises:
            AuditError: They cannot.
        """
        if self.file is not None:
            self.file.check()

    def note(self, record: AuditRecord, /) -> None:
        """Take a record; when the log on disk cannot take it, `AuditFailed` says so and counts it."""
        self._take(record)
        if self.file is not None:
            with suppress(AuditError):  # told as an event, and in the log as soon as it can be written
                self.file.note(record)

    async def append(self, record: AuditRecord, /) -> None:
        """Keep a record, and return when it is safe.

        Raises:
            AuditError: It cannot be written to disk.
        """
        self._take(record)
        if self.file is not None:
            await self.file.append(record)

    async def query(self, wanted: AuditQuery | None = None, /, *, limit: int = 10) -> tuple[AuditRecord, ...]:
        """Return the newest records that are wanted, newest first: from disk if there is a log, else from memory.

        Raises:
            AuditError: What waits could not be written.
            PayloadError: A file is damaged.
        """
        if self.file is not None:
            return await self.file.query(wanted, limit=limit)
        return self.memory.recent(wanted, limit=limit)

    @asynccontextmanager
    async def on_record(self, undertaking: Undertaking) -> AsyncGenerator[None]:
        """Write down that something begins, let it happen within the context, and write down how it went.

        Raises:
            AuditError: It cannot be written down, so it must not happen.
        """
        request = self.next_request()
        began = anyio.current_time()
        await self.append(self._about(undertaking, request, AuditOutcome.BEGUN))
        outcome, kind = AuditOutcome.OK, None
        try:
            yield
        except BaseException as error:
            outcome, kind = outcome_of(error), type(error).__name__
            raise
        finally:
            ms = (anyio.current_time() - began) * 1_000
            self.note(self._about(undertaking, request, outcome)._replace(ms=round(ms, 3), error=kind))

    def _take(self, record: AuditRecord) -> None:
        self.memory.note(record)
        for listener in self._listeners:
            listener(record)

    def _about(self, undertaking: Undertaking, request: str, outcome: AuditOutcome) -> AuditRecord:
        return AuditRecord(
            time=self.now(),
            kind=undertaking.kind,
            agent=undertaking.agent,
            server=undertaking.server,
            artefact=undertaking.artefact,
            outcome=outcome,
            request=request,
            detail=undertaking.detail,
        )


class Audit:
    """Records every call that is made and every one that a guard behind it refuses.

    Args:
        caller: Makes the calls.
        trail: Where records go.
        digest_of: Says what runs as a server.
        redactor: Hides secrets in arguments, if those are recorded.
        now: Says what time it is, in seconds that never run back.

    Attributes:
        closed: Whether calls happen only on record.
    """

    def __init__(
        self,
        caller: Caller,
        trail: AuditTrail,
        *,
        digest_of: DigestOf = _NO_DIGESTS.get,
        redactor: Callable[[], Redactor] = _guessing,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Stand before ``caller``."""
        self._caller = caller
        self._trail = trail
        self.closed: bool = trail.options.fail_closed
        self._arguments = trail.options.arguments
        self._digest_of = digest_of
        self._redactor = redactor
        self._now = now

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"Audit({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call and record how it went.

        Raises:
            AuditError: It cannot be recorded, and the options say that it must be. If it was made nevertheless, the
                message says so.
        """
        began = self.begin()
        try:
            result = await self._caller.call(call)
        except BaseException as error:
            await self.failed(call, error, began=began, sent=size_of(call.arguments))
            raise
        outcome = AuditOutcome.ERROR if result.is_error else AuditOutcome.OK
        sizes = size_of(call.arguments), size_of_result(result)
        await self.keep(self.record(call, outcome, began=began, sizes=sizes))
        return result

    def begin(self) -> float:
        """Return when a call begins, if it may.

        Raises:
            AuditError: Calls happen only on record, and the log cannot be written.
        """
        if self.closed:
            self._trail.check()
        return self._now()

    def record(
        self,
        call: ToolCall,
        outcome: AuditOutcome,
        *,
        began: float,
        sizes: tuple[int | None, int | None],
        error: str | None = None,
    ) -> AuditRecord:
        """Return the record of a call that ends now; ``sizes`` are the bytes that were sent, and that came back."""
        server, (sent, received), trail = call.server, sizes, self._trail
        fields = (
            trail.now(),
            outcome,
            _CALL,
            call.agent,
            server,
            self._digest_of(server),
            call.tool,
            int((self._now() - began) * 1_000_000) / 1_000,
            sent,
            received,
            error,
            trail.next_request(),
            self._shown(call, sent) if self._arguments else None,
            "",
        )
        return _made(fields)  # one is made for every call: in half the time of calling ``AuditRecord``

    async def failed(self, call: ToolCall, error: BaseException, *, began: float, sent: int | None) -> None:
        """Record a call that was not answered. When it was cancelled, nothing is waited for.

        Raises:
            AuditError: It must be on record, and is not.
        """
        record = self.record(call, outcome_of(error), began=began, sizes=(sent, None), error=type(error).__name__)
        if isinstance(error, Exception):
            await self.keep(record)
        else:
            self._trail.note(record)

    async def keep(self, record: AuditRecord) -> None:
        """Keep the record of a call; if it must be safe before anybody hears the result, wait until it is.

        Raises:
            AuditError: It must be, and is not.
        """
        if not self.closed:
            self._trail.note(record)
            return
        try:
            await self._trail.append(record)
        except AuditError as error:
            raise AuditError(
                f"{record.tool!r} of {record.server} was called ({record.outcome}), but that is not on record: "
                f"{error.message}",
                remedies=error.remedies,
            ) from error

    def _shown(self, call: ToolCall, size: int | None) -> JsonValue:
        if size is None or size > self._trail.options.longest_arguments:
            return f"[{'unknown' if size is None else size} bytes]"
        return self._redactor().value(call.arguments)


def outcome_of(error: BaseException) -> AuditOutcome:
    """Return how something ended that raised this."""
    if not isinstance(error, Exception):
        return AuditOutcome.CANCELLED
    if isinstance(error, RefusedError | ArgumentError):
        return AuditOutcome.REFUSED
    if isinstance(error, ToolError):
        return AuditOutcome.ERROR
    return AuditOutcome.TIMEOUT if isinstance(error, CallTimeoutError) else AuditOutcome.FAILED
