"""Verifying an audit log: is every record as it was written, and is none missing."""

import hashlib
from collections.abc import Mapping, Sequence

from vsm_mcp.guard.auditing.chain import GENESIS, BrokenLineError, Sealed, unsealed
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.report import Report


class AuditVerification(Report, frozen=True):
    """What was found in the files of an audit log.

    Attributes:
        intact: Every record is as it was written, and none is missing between the first and the last. ``None`` when
            there is no record: then there is nothing to verify, which is no good sign where there should be some.
        records: How many were read before the first broken one.
        files: In how many files.
        lost: How many records were never written, as the log itself notes: too many waited, or writing failed.
        repairs: How often writing had been interrupted by a crash, and was taken up again with a note.
        torn: Bytes of a last line that a crash interrupted and that nobody has noted yet; this is no tampering.
        begins: The number of the first record; above 0 when older files were let go, which later records note.
        head: The digest of the last record. Note it elsewhere: only then can it be seen that the end was cut off.
        broken_file: The file with the first broken record.
        broken_line: The line there, from 1.
        reason: What is wrong with it.
        keyed: Whether the digests were made with a key.
    """

    intact: bool | None
    records: int
    files: int
    lost: int
    repairs: int
    torn: int
    begins: int | None
    head: str | None
    broken_file: str | None
    broken_line: int | None
    reason: str | None
    keyed: bool


class Inspection:
    """Goes through the files of a log, oldest first, up to the first record that is broken.

    Args:
        key: What the digests were made with.
        expect: The digest of a record that must be there.
    """

    def __init__(self, *, key: bytes | None = None, expect: str | None = None) -> None:
        """Start before the first file."""
        self._key = key
        self._expect = expect
        self._head: str | None = None
        self._next = 0
        self._begins: int | None = None
        self._records = self._files = self._repairs = self._lost = 0
        self._torn: dict[str, tuple[str, int, int]] = {}
        self._before_first: tuple[str, str] | None = None
        self._let_go: set[str] = set()
        self._broken: tuple[str, int, str] | None = None

    @property
    def is_broken(self) -> bool:
        """Whether a broken record was met; nothing after it is looked at."""
        return self._broken is not None

    def read(self, name: str, data: bytes) -> None:
        """Go through one file."""
        self._files += 1
        lines = data.split(b"\n")
        rest = lines.pop()
        for place, line in enumerate(lines, 1):
            reason = self._line(name, line)
            if reason is not None:
                self._broken = (name, place, reason)
                return
        if rest:
            self._torn[hashlib.sha256(rest).hexdigest()] = (name, len(lines) + 1, len(rest))

    def break_off(self, name: str, reason: str) -> None:
        """Note that a file cannot be read."""
        self._files += 1
        self._broken = self._broken or (name, 1, reason)

    def report(self) -> AuditVerification:
        """Return what was found."""
        broken = self._broken or self._missing()
        return AuditVerification(
            intact=None if broken is None and not self._records else broken is None,
            records=self._records,
            files=self._files,
            lost=self._lost,
            repairs=self._repairs,
            torn=sum(size for _, _, size in self._torn.values()),
            begins=self._begins,
            head=self._head,
            broken_file=broken[0] if broken else None,
            broken_line=broken[1] if broken else None,
            reason=broken[2] if broken else None,
            keyed=self._key is not None,
        )

    def _missing(self) -> tuple[str | None, int | None, str] | None:
        """Return what can only be said at the end: records that ought to be there are not."""
        if self._before_first is not None and self._before_first[1] not in self._let_go:
            return self._before_first[0], 1, "the records before it are gone, and no record notes that"
        if self._expect is not None:
            return None, None, f"no record has the digest {self._expect[:64]}: the end is missing"
        return None

    def _line(self, name: str, line: bytes) -> str | None:
        """Look at one line; return what is wrong with it, if anything is."""
        try:
            sealed = unsealed(line, self._key)
        except BrokenLineError as error:
            return str(error)
        reason = self._misfit(name, sealed)
        if reason is not None:
            return reason
        self._head, self._next = sealed.digest, sealed.seq + 1
        self._records += 1
        if sealed.digest == self._expect:
            self._expect = None
        self._note(sealed)
        if self._torn:
            torn_file, _, size = next(iter(self._torn.values()))
            return f"{torn_file} ends with {size} torn bytes, and this record does not note that"
        return None

    def _misfit(self, name: str, sealed: Sealed) -> str | None:
        if self._head is None:
            self._begins = sealed.seq
            if sealed.seq:
                self._before_first = (name, sealed.before)
            elif sealed.before != GENESIS:
                return "it is the first, and names one before"
            return None
        if sealed.seq != self._next:
            return f"it has the number {sealed.seq}, and {self._next} is due"
        return None if sealed.before == self._head else "it does not name the record before it"

    def _note(self, sealed: Sealed) -> None:
        """Take in what the log says about itself: files that were let go, and ends that a crash had torn."""
        if sealed.fields.get("kind") != "note":
            return
        match sealed.fields.get("let_go"):
            case {"digest": str(digest)}:
                self._let_go.add(digest)
            case _:
                pass
        match sealed.fields.get("lost"):
            case int(lost):
                self._lost += lost
            case _:
                pass
        for digest in _torn_in(sealed.fields.get("torn")):
            self._repairs += self._torn.pop(digest, None) is not None


def _torn_in(torn: JsonValue) -> list[str]:
    if not isinstance(torn, Sequence):
        return []
    return [str(end.get("sha256")) for end in torn if isinstance(end, Mapping)]
