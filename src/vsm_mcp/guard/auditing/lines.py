"""Records as they stand in files."""

from collections.abc import Iterator
from datetime import datetime

import orjson
from pydantic import TypeAdapter, ValidationError

from vsm_mcp.errors import printable
from vsm_mcp.guard.auditing.record import AuditQuery, AuditRecord
from vsm_mcp.model.json import JsonValue

LONGEST_TEXT = 500
LONGEST_ARGUMENTS = 32 * 1024

_FIELDS = TypeAdapter(dict[str, JsonValue])
_RECORD = TypeAdapter(AuditRecord)


def fields_of(record: AuditRecord) -> dict[str, datetime | JsonValue]:
    """Return what a line says about a record: texts bounded and on one line."""
    fields: dict[str, datetime | JsonValue] = {
        "time": record.time,
        "kind": record.kind,
        "agent": _text(record.agent),
        "server": _text(record.server),
        "artefact": None if record.artefact is None else _text(record.artefact),
        "tool": _text(record.tool),
        "outcome": record.outcome,
        "ms": record.ms,
        "sent": record.sent,
        "received": record.received,
        "error": None if record.error is None else _text(record.error),
        "request": _text(record.request),
    }
    if record.arguments is not None:
        fields["arguments"] = _bounded(record.arguments)
    if record.detail:
        fields["detail"] = _text(record.detail)
    return fields


def record_in(line: bytes) -> AuditRecord | None:
    """Return the record that a line holds; ``None`` when it holds none."""
    try:
        fields = _FIELDS.validate_json(line)
        return _RECORD.validate_python({name: fields[name] for name in AuditRecord._fields if name in fields})
    except ValidationError:
        return None


def records_in(data: bytes, wanted: AuditQuery, *, limit: int) -> list[AuditRecord]:
    """Return the newest records of a file that are wanted, newest first."""
    found: list[AuditRecord] = []
    for line in _backwards(data):
        if len(found) >= limit:
            break
        record = record_in(line)
        if record is not None and wanted.fits(record):
            found.append(record)
    return found


def _backwards(data: bytes) -> Iterator[bytes]:
    """Yield the whole lines, last first."""
    end = data.rfind(b"\n")
    while end > 0:
        begin = data.rfind(b"\n", 0, end) + 1
        yield data[begin:end]
        end = begin - 1


def _text(text: str) -> str:
    """Return a text that can be written: bounded, on one line, without halves of characters."""
    return text if len(text) <= LONGEST_TEXT and text.isprintable() else printable(text[:LONGEST_TEXT])


def _bounded(arguments: JsonValue) -> JsonValue:
    try:
        size = len(orjson.dumps(arguments))
    except TypeError:
        return "[cannot be written]"
    return arguments if size <= LONGEST_ARGUMENTS else f"[{size} bytes]"
