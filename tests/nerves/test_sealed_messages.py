"""What arrives over a bus that others can reach: sealed, in time, once, or refused."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from vsm_mcp import Message, Nerve
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.nerves import wire
from vsm_mcp.nerves.wire import MOST_BYTES, OLDEST, Reader, Wire

KEY = SecretStr("sixteen characters at least")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Standing:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


def message(body: Mapping[str, JsonValue] | None = None, *, name: str = "1") -> Message:
    return Message(nerve=Nerve.AUDIT, topic="a.b", body=body or {"n": 1}, node="host-1", sent_at=NOW, id=name)


def reader(key: SecretStr | None = KEY, *, clock: Standing | None = None, nerve: Nerve = Nerve.AUDIT) -> Reader:
    return Wire(clock or Standing(), key=key).reader(nerve)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.dictionaries(st.text(), JSON, max_size=4), sealed=st.booleans())
def test_what_was_written_is_read_as_it_was(body: dict[str, JsonValue], *, sealed: bool) -> None:
    key = KEY if sealed else None
    data, seal = Wire(Standing(), key=key).write(message(body))
    assert (seal is not None) == sealed
    assert reader(key).read(data, seal) == message(body)


@pytest.mark.promise("C50")
def test_with_a_key_only_what_is_sealed_with_it_is_read() -> None:
    data, seal = Wire(Standing(), key=KEY).write(message())
    _, foreign = Wire(Standing(), key=SecretStr("another key of that length")).write(message())
    for wrong, why in ((None, "not sealed"), (foreign, "another key"), ("", "another key"), ("ä", "another key")):
        with pytest.raises(PayloadError, match=why):
            reader().read(data, wrong)
    assert reader().read(data, seal).body == {"n": 1}


@pytest.mark.promise("C50")
@pytest.mark.security
def test_no_bit_of_a_sealed_message_can_be_changed() -> None:
    data, seal = Wire(Standing(), key=KEY).write(message())
    for at in range(len(data)):
        with pytest.raises(PayloadError, match="another key"):
            reader().read(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], seal)


@pytest.mark.security
def test_what_was_right_once_is_not_read_twice_nor_late_nor_on_another_nerve() -> None:
    clock = Standing()
    data, seal = Wire(clock, key=KEY).write(message())
    mine = reader(clock=clock)
    mine.read(data, seal)
    with pytest.raises(PayloadError, match="read already"):
        mine.read(data, seal)
    assert reader(clock=clock).read(data, seal) == message()  # another subscription
    with pytest.raises(PayloadError, match="written for audit"):
        reader(clock=clock, nerve=Nerve.COMMANDS).read(data, seal)
    for late in (OLDEST + timedelta(seconds=1), -OLDEST - timedelta(seconds=1)):
        clock.time = NOW + late
        with pytest.raises(PayloadError, match="clock of who sent it"):
            reader(clock=clock).read(data, seal)


@given(data=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_rubbish_is_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(PayloadError):
        reader(None).read(data, None)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"more": 1},
        {"nerve": "optic"},
        {"topic": "a b"},
        {"topic": 7},
        {"node": "a\nb"},
        {"node": ""},
        {"id": "x" * 101},
        {"sent_at": "2026-01-01T00:00:00"},
        {"sent_at": "9999-99-99"},
        {"body": []},
    ],
)
def test_a_message_of_another_shape_is_refused(change: Mapping[str, object]) -> None:
    data, _ = Wire(Standing()).write(message())
    changed = json.dumps({**json.loads(data), **change}).encode()
    with pytest.raises(PayloadError, match=r"no message|no topic"):
        reader(None).read(changed, None)


def test_what_is_deep_or_large_is_refused() -> None:
    data, _ = Wire(Standing()).write(message())
    deep = data.replace(b'{"n":1}', b'{"n":' + b"[" * 30_000 + b"]" * 30_000 + b"}")
    with pytest.raises(PayloadError, match="no message"):
        reader(None).read(deep, None)
    with pytest.raises(PayloadError, match=f"{MOST_BYTES} are the most"):
        reader(None).read(b" " * (MOST_BYTES + 1), None)
    with pytest.raises(PayloadError, match=f"about a.b has .* {MOST_BYTES} are the most"):
        Wire(Standing()).write(message({"n": "x" * MOST_BYTES}))


@pytest.mark.security
@pytest.mark.parametrize("body", [{"n": "\ud800"}, {"n": 10**5000}])
def test_what_no_other_system_could_read_is_not_written(body: dict[str, JsonValue]) -> None:
    with pytest.raises(PayloadError, match="cannot be written"):
        Wire(Standing()).write(message(body))


@pytest.mark.security
def test_the_words_of_a_refusal_are_on_one_line_whatever_was_sent() -> None:
    data, _ = Wire(Standing()).write(message())
    odd = json.dumps({**json.loads(data), "\x1b[31m\nERROR owned\x07": 1}).encode()
    with pytest.raises(PayloadError) as refused:
        reader(None).read(odd, None)
    assert refused.value.message.isprintable()


@pytest.mark.security
def test_a_message_of_another_place_is_not_read_though_the_key_is_the_same() -> None:
    data, seal = Wire(Standing(), key=KEY, scope="staging").write(message())
    with pytest.raises(PayloadError, match="another key"):
        Wire(Standing(), key=KEY, scope="production").reader(Nerve.AUDIT).read(data, seal)


@pytest.mark.security
def test_more_messages_than_can_be_told_apart_are_refused_until_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_REMEMBERED", 2)
    clock = Standing()
    sealing, mine = Wire(clock, key=KEY), reader(clock=clock)
    first, second, third = (sealing.write(message(name=name)) for name in "123")
    mine.read(*first)
    mine.read(*second)
    with pytest.raises(PayloadError, match="2 messages came"):
        mine.read(*third)
    with pytest.raises(PayloadError, match="read already"):
        mine.read(*first)
    mine.forget(message(name="1"))
    assert mine.read(*third).id == "3"


def test_what_is_no_json_or_has_no_proper_name_is_refused_where_it_is_written() -> None:
    unfit = Message(nerve=Nerve.AUDIT, topic="a", body={}, node="no name", sent_at=NOW, id="1")
    with pytest.raises(PayloadError, match="cannot be written: node"):
        Wire(Standing()).write(unfit)


@pytest.mark.promise("C50")
def test_a_key_that_could_be_guessed_is_refused_and_none_is_ever_shown() -> None:
    with pytest.raises(ConfigurationError, match="could be guessed") as refused:
        Wire(Standing(), key=SecretStr("fifteen letters"))
    assert "fifteen" not in str(refused.value)
    assert repr(Wire(Standing(), key=KEY)) == "Wire(sealed=True)"
