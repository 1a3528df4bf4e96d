"""One record of the audit log, and what every audit log can do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from vsm_mcp.model.json import JsonValue


class AuditKind(StrEnum):
    """What a record is about."""

    CALL = "call"
    INSTALL = "install"
    SPAWN = "spawn"
    NOTE = "note"


class AuditOutcome(StrEnum):
    """How it went.

    ``begun`` is written before something that may happen only on record; ``error`` is the tool's own word; ``failed``
    is any other failure; ``refused`` was not let pass by a guard.
    """

    BEGUN = "begun"
    OK = "ok"
    ERROR = "error"
    FAILED = "failed"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class AuditRecord(NamedTuple):
    """What is kept of one call, installation or start. It holds no arguments and no results unless that is wanted.

    A tuple, because one is made for every call: that takes a third of the time.

    Attributes:
        time: When it ended, or began if the outcome is ``begun``; aware, in UTC.
        outcome: How it went.
        kind: What it is about.
        agent: Who asked for it.
        server: Which server it went to.
        artefact: The digest of what runs there, if it is known.
        tool: Which tool was called; empty for anything but calls.
        ms: How long it took, in thousandths of a second; ``None`` when it has not ended.
        sent: Bytes of the arguments, as JSON; ``None`` when they could not be counted.
        received: Bytes of the result; ``None`` when there was none.
        error: The kind of the error, such as ``ToolError``; ``None`` when there was none.
        request: Tells one call from another.
        arguments: The arguments without secrets, when the options say so.
        detail: Further words; no text of the server's.
    """

    time: datetime
    outcome: AuditOutcome
    kind: AuditKind = AuditKind.CALL
    agent: str = ""
    server: str = ""
    artefact: str | None = None
    tool: str = ""
    ms: float | None = None
    sent: int | None = None
    received: int | None = None
    error: str | None = None
    request: str = ""
    arguments: JsonValue = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which records are wanted; what is ``None`` does not matter.

    Attributes:
        server: Only of this server.
        tool: Only of this tool.
        agent: Only of this agent.
        outcome: Only those that ended like this.
        since: Only those from this moment on.
    """

    server: str | None = None
    tool: str | None = None
    agent: str | None = None
    outcome: AuditOutcome | None = None
    since: datetime | None = None

    def fits(self, record: AuditRecord) -> bool:
        """Tell whether a record is wanted."""
        return (
            self.server in {None, record.server}
            and self.tool in {None, record.tool}
            and self.agent in {None, record.agent}
            and self.outcome in {None, record.outcome}
            and (self.since is None or self.since <= record.time)
        )


class AuditLog(Protocol):
    """Keeps records."""

    def note(self, record: AuditRecord, /) -> None:
        """Take a record at once, without waiting until it is safe.

        Raises:
            AuditError: It cannot be taken.
        """
        ...

    async def append(self, record: AuditRecord, /) -> None:
        """Keep a record, and return when it is safe.

        Raises:
            AuditError: It cannot be kept.
        """
        ...

    async def query(self, wanted: AuditQuery, /, *, limit: int = 10) -> tuple[AuditRecord, ...]:
        """Return the newest records that are wanted, newest first, at most ``limit`` of them."""
        ...
