"""Names inside a sandbox: an allowed one gets an address of the sandbox's own, others do not exist; nobody is asked."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from vsm_mcp.sandbox.egress.rules import LOCAL, LOCAL_ADDRESS, Egress, normal_host

LONGEST_QUERY = 512
NO_RULE = "no rule allows this name"
TOO_MANY = "too many different names"
ALLOWED = "a rule allows this name"

_FIRST = IPv4Address("127.77.0.1")
_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_ANSWER = struct.Struct("!3HIH4s")
_SECONDS_TO_LIVE = 300
_LONGEST_LABEL = 63
_LONGEST_WIRE_NAME = 255
_OPERATION = 0x7800
_IS_ANSWER, _AUTHORITATIVE, _RECURSION_WANTED, _RECURSION = 0x8000, 0x0400, 0x0100, 0x0080
_FORMAT_ERROR, _NO_SUCH_NAME, _NOT_IMPLEMENTED = 1, 3, 4
_TO_THE_NAME = 0xC00C
_ADDRESS, _ANY, _INTERNET = 1, 255, 1

NameDecided = Callable[[str, bool, str], None]
"""Hears of each name that was asked for, whether it is allowed, and why."""


class Names:
    """Which address inside stands for which host; each allowed name gets its own, and keeps it."""

    def __init__(self, egress: Egress) -> None:
        """Begin without names."""
        self._egress = egress
        self._addresses: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        if egress.knows(LOCAL):
            self._keep(LOCAL, LOCAL_ADDRESS)

    def address(self, host: str) -> tuple[str | None, str]:
        """Return the address that stands for ``host``, and why it has one or none."""
        if host in self._addresses:
            return self._addresses[host], ALLOWED
        if not self._egress.knows(host):
            return None, NO_RULE
        if len(self._addresses) >= self._egress.names:
            return None, TOO_MANY
        address = str(_FIRST + len(self._addresses))
        self._keep(host, address)
        return address, ALLOWED

    def host(self, address: str) -> str | None:
        """Return the host that ``address`` stands for."""
        return self._hosts.get(address)

    def _keep(self, host: str, address: str) -> None:
        self._addresses[host] = address
        self._hosts[address] = host


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What was asked: the name as it may be shown, its normal form if it is a host's, the kind, and the very bytes."""

    shown: str
    host: str | None
    kind: int
    wire: bytes


def answer(query: bytes, names: Names, decided: NameDecided) -> bytes | None:
    """Return the answer to one message of the domain name system, or ``None`` when it deserves none.

    Whatever comes after the first question is not read.
    """
    if not _HEADER.size <= len(query) <= LONGEST_QUERY:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & _IS_ANSWER:
        return None
    if flags & _OPERATION:
        return _reply(number, flags, code=_NOT_IMPLEMENTED)
    question = _question(query) if questions == 1 else None
    if question is None:
        return _reply(number, flags, code=_FORMAT_ERROR)
    return _answer(number, flags, question=question, found=_find(question, names, decided))


def _find(question: _Question, names: Names, decided: NameDecided) -> str | None:
    address, why = (None, NO_RULE) if question.host is None else names.address(question.host)
    decided(question.host or question.shown, address is not None, why)
    return address


def _answer(number: int, flags: int, *, question: _Question, found: str | None) -> bytes:
    """Answer with an address where one was asked for; other facts about a name that exists are not known."""
    if found is None:
        return _reply(number, flags, code=_NO_SUCH_NAME, question=question.wire)
    if question.kind not in {_ADDRESS, _ANY}:
        return _reply(number, flags, question=question.wire)
    packed = IPv4Address(found).packed
    record = _ANSWER.pack(_TO_THE_NAME, _ADDRESS, _INTERNET, _SECONDS_TO_LIVE, len(packed), packed)
    return _reply(number, flags, question=question.wire, record=record)


def _reply(number: int, flags: int, *, code: int = 0, question: bytes = b"", record: bytes = b"") -> bytes:
    said = _IS_ANSWER | _AUTHORITATIVE | _RECURSION | (flags & _RECURSION_WANTED) | code
    return _HEADER.pack(number, said, bool(question), bool(record), 0, 0) + question + record


def _question(query: bytes) -> _Question | None:
    """Read the first question, or return ``None`` when it is malformed or not about the internet."""
    labels: list[bytes] = []
    place = _HEADER.size
    while place < len(query) and (length := query[place]):
        if length > _LONGEST_LABEL or place - _HEADER.size > _LONGEST_WIRE_NAME:
            return None
        labels.append(query[place + 1 : place + 1 + length])
        place += 1 + length
    end = place + 1 + _QUESTION.size
    if end > len(query):
        return None
    kind, family = _QUESTION.unpack_from(query, place + 1)
    if family != _INTERNET:
        return None
    return _Question(shown=_shown(labels), host=_host(labels), kind=kind, wire=query[_HEADER.size : end])


def _host(labels: list[bytes]) -> str | None:
    """Join the labels to a host's name; a dot inside a label makes it another name than it seems."""
    if any(b"." in label or not label.isascii() for label in labels):
        return None
    return normal_host(".".join(label.decode("ascii") for label in labels))


def _shown(labels: list[bytes]) -> str:
    return ".".join(ascii(label.decode("latin-1"))[1:-1] for label in labels)[:_LONGEST_WIRE_NAME] or "."
