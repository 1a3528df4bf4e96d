"""Names inside a sandbox: allowed ones have an address, all others do not exist, and no message does any harm."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.sandbox.egress.dns import Names, answer
from vsm_mcp.sandbox.egress.rules import Egress

EGRESS = Egress(allow=("a.example", "*.b.example", "localhost:8080"), names=4)
A, NS, TXT, AAAA, SVCB, HTTPS, ANY = 1, 2, 16, 28, 64, 65, 255
FINE, MALFORMED, NO_SUCH_NAME, NOT_IMPLEMENTED = 0, 1, 3, 4


def query(name: str, kind: int = A, *, flags: int = 0x0100, family: int = 1, rest: bytes = b"") -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label)
    return struct.pack("!6H", 7, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, family) + rest


def unheard(_name: str, _allowed: bool, _reason: str) -> None:  # noqa: FBT001 - the callable's form
    pass


def ask(message: bytes, names: Names | None = None) -> tuple[int, str | None, list[tuple[str, bool, str]]]:
    """Return the code of the answer, the address in it, and what was decided."""
    heard: list[tuple[str, bool, str]] = []

    def hear(name: str, allowed: bool, reason: str) -> None:  # noqa: FBT001 - the callable's form
        heard.append((name, allowed, reason))

    reply = answer(message, names or Names(EGRESS), hear)
    assert reply is not None
    number, flags, _, answers, authorities, more = struct.unpack_from("!6H", reply)
    assert number == struct.unpack_from("!H", message)[0]
    assert flags & 0x8000
    assert (authorities, more) == (0, 0)
    address = ".".join(map(str, reply[-4:])) if answers else None
    return flags & 0xF, address, heard


def test_an_allowed_name_has_one_address_of_its_own() -> None:
    names = Names(EGRESS)
    assert ask(query("a.example"), names) == (FINE, "127.77.0.2", [("a.example", True, "a rule allows this name")])
    first, second = ask(query("a.example"), names)[1], ask(query("x.b.example"), names)[1]
    assert first != second
    assert ask(query("A.eXample"), names)[1] == first
    assert [names.host(str(address)) for address in (first, second)] == ["a.example", "x.b.example"]
    assert names.host("127.77.9.9") is None
    assert ask(query("localhost"), names)[1] == "127.0.0.1"


@pytest.mark.parametrize("kind", [A, AAAA, TXT, HTTPS, ANY])
@pytest.mark.parametrize(
    "name", ["b.example", "c.example", "secret-data.evil.example", "", "a\0.example", "ä.example", "1.2.3.4"]
)
def test_any_other_name_does_not_exist(name: str, kind: int) -> None:
    code, address, heard = ask(query(name, kind))
    assert (code, address) == (NO_SUCH_NAME, None)
    assert [allowed for _, allowed, _ in heard] == [False]
    assert heard[0][0].isascii()
    assert heard[0][0].isprintable()


@pytest.mark.parametrize("kind", [AAAA, NS, TXT, SVCB, HTTPS])
def test_nothing_but_an_address_is_known_of_an_allowed_name(kind: int) -> None:
    assert ask(query("a.example", kind))[:2] == (FINE, None)
    assert ask(query("a.example", ANY))[1]


def test_a_dot_inside_a_label_does_not_make_another_name() -> None:
    message = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x09a.example\0" + struct.pack("!2H", A, 1)
    assert ask(message)[0] == NO_SUCH_NAME


def test_only_so_many_names_get_an_address() -> None:
    names = Names(EGRESS)
    codes = [ask(query(f"n{number}.b.example"), names) for number in range(5)]
    assert [code for code, _, _ in codes] == [FINE, FINE, FINE, NO_SUCH_NAME, NO_SUCH_NAME]
    assert codes[-1][2][0][2] == "too many different names"
    assert ask(query("n0.b.example"), names)[0] == FINE


def test_what_follows_the_question_is_not_read() -> None:
    extended = query("a.example", rest=b"\0\0\x29\x10\0\0\0\0\0\0\0")
    assert ask(extended)[1]


@pytest.mark.parametrize(
    "message",
    [
        struct.pack("!6H", 7, 0, 0, 0, 0, 0),
        struct.pack("!6H", 7, 0, 2, 0, 0, 0) + query("a.example")[12:],
        query("a.example", family=3),
        query("a.example")[:-1],
        struct.pack("!6H", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\x01\0\x01",
        struct.pack("!6H", 7, 0, 1, 0, 0, 0) + b"\x3f" * 400,
        struct.pack("!6H", 7, 0, 1, 0, 0, 0) + b"\x01a" * 180 + b"\0\0\x01\0\x01",
    ],
)
def test_a_malformed_question_is_called_so(message: bytes) -> None:
    assert ask(message) == (MALFORMED, None, [])


def test_other_operations_are_not_known_and_answers_get_no_answer() -> None:
    assert ask(query("a.example", flags=0x2800))[0] == NOT_IMPLEMENTED
    for message in (b"", b"short", query("a.example", flags=0x8000), query("a.example", rest=b"x" * 600)):
        assert answer(message, Names(EGRESS), unheard) is None


@given(st.binary(max_size=600))
def test_no_message_does_any_harm(message: bytes) -> None:
    reply = answer(message, Names(EGRESS), unheard)
    assert reply is None or len(reply) <= len(message) + 16


@given(st.binary(max_size=400))
def test_no_question_does_any_harm(rest: bytes) -> None:
    heard: list[str] = []

    def hear(name: str, _allowed: bool, _reason: str) -> None:  # noqa: FBT001 - the callable's form
        heard.append(name)

    reply = answer(struct.pack("!6H", 7, 0, 1, 0, 0, 0) + rest, Names(EGRESS), hear)
    assert reply is not None
    assert all(name.isascii() and len(name) <= 255 for name in heard)
