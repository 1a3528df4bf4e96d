"""Lines are cut in linear time and bounded memory, and noise is forgiven up to a bound."""

import json
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.servers.links.wire.framing import NOTICES_PER_SECOND, Framer, FrameReader, Noise, Pace, crowded, number_of
from vsm_mcp.servers.links.wire.stderr import StderrRing


class Chunks(anyio.abc.ByteReceiveStream):
    """Yields given chunks, then ends as told."""

    def __init__(self, chunks: Sequence[bytes], end: Exception) -> None:
        self._chunks = list(chunks)
        self._end = end

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.lowlevel.checkpoint()
        if not self._chunks:
            raise self._end
        return self._chunks.pop(0)

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut ``data`` into chunks of the given sizes, the rest into one."""
    chunks: list[bytes] = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(0, 10)))
def test_lines_come_out_whole_wherever_the_chunks_are_cut(lines: list[bytes], sizes: list[int]) -> None:
    data = b"\n".join(lines)
    framer = Framer()
    found = [frame for chunk in cut(data, sizes) for frame in framer.feed(chunk)]
    *complete, rest = data.split(b"\n")
    assert found == [line.strip() for line in complete if line.strip()]
    assert framer.waiting == len(rest)


@given(st.integers(1, 50), st.integers(0, 60), st.lists(st.integers(0, 7)))
@pytest.mark.promise("E50")
def test_a_line_over_the_bound_is_refused_wherever_the_chunks_are_cut(
    largest: int, length: int, sizes: list[int]
) -> None:
    framer = Framer(largest=largest)
    chunks = cut(b"x" * length + b"\n", sizes)
    if length > largest:
        with pytest.raises(PayloadError, match=f"more than {largest} bytes"):
            [framer.feed(chunk) for chunk in chunks]
    else:
        assert [frame for chunk in chunks for frame in framer.feed(chunk)] == ([b"x" * length] if length else [])


def test_a_long_line_in_small_pieces_is_joined_once() -> None:
    framer = Framer()
    pieces = 50_000
    for _ in range(pieces):
        assert framer.feed(b"x" * 64) == []
    assert [len(frame) for frame in framer.feed(b"\n")] == [pieces * 64]


def test_noise_is_forgiven_when_an_answer_comes() -> None:
    noise = Noise(most_lines=3, most_bytes=1000)
    for _ in range(10):
        for _ in range(3):
            noise.count(b"noise")
        noise.forgive()
    assert noise.total == 30


def test_too_much_noise_is_refused_by_lines_and_by_bytes() -> None:
    lines, heavy = Noise(most_lines=3), Noise(most_bytes=10)
    for _ in range(3):
        lines.count(b"noise")
    with pytest.raises(PayloadError, match="4 lines") as caught:
        lines.count(b"noise")
    assert caught.value.remedies
    with pytest.raises(PayloadError, match="11 bytes"):
        heavy.count(b"x" * 11)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from(',[{"\\\\x'), max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=4), inner, max_size=5),
    max_leaves=40,
)


def values(value: object) -> int:
    """Count the values in ``value``, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(values, value.values()))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return 1 + sum(map(values, value)) if isinstance(value, list) else 1  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


@settings(max_examples=50)
@given(JSON, st.integers(1, 30))
def test_values_are_counted_without_reading_them_and_never_too_many_pass(value: object, most: int) -> None:
    frame = json.dumps({"result": value}).encode()
    if values(value) > 2 * most + 2:
        assert crowded(frame, most=most)
    if 2 * values(value) + 2 <= most:
        assert not crowded(frame, most=most)


def test_texts_are_values_but_not_what_is_in_them() -> None:
    assert not crowded(json.dumps([",[{" * 1000]).encode(), most=10)
    assert crowded(json.dumps([""] * 12).encode(), most=10)
    assert crowded(b'"' * 1000 + b"," * 11, most=10)


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', 7),
        (b'{ "id" : "7" , "jsonrpc":"2.0"}', 7),
        (b'{"jsonrpc":"2.0","result":{"id":1},"id":7}', 7),
        (b'{"result":{},"id":7,"jsonrpc":"2.0"}', 7),
        (b'{"result":{"x":1,"id":7}}', None),
        (b'{"result":{},"id":7,"more":1}', None),
    ],
)
def test_the_number_of_what_is_not_read_is_at_its_beginning_or_its_end(frame: bytes, number: int | None) -> None:
    assert number_of(frame) == number


def test_notices_may_come_in_bursts_and_are_waited_with_beyond() -> None:
    pace = Pace(now=0.0, burst=5, rate=2)
    for now in range(100):
        pace.count(b"x", now=now)
        pace.count(b"x", now=now)
    for _ in range(3):
        pace.count(b"x", now=99)
    pace.forgive()
    for _ in range(5):
        pace.count(b"x", now=99)
    assert pace.ahead(now=99) == 0
    for _ in range(3):
        pace.count(b"x", now=99)
    assert (pace.ahead(now=99), pace.ahead(now=100), pace.ahead(now=101)) == (1.5, 0.5, 0)


def test_a_flood_without_a_rest_is_refused_when_nothing_else_ends_it() -> None:
    pace = Pace(now=0.0, burst=5, rate=2)
    for tick in range(1000):
        pace.count(b"x", now=tick / 4, patient=True)
    for tick in range(1000):
        pace.count(b"x", now=1000 + tick // 9 * 5)
    with pytest.raises(PayloadError, match="notifications: more than 2 in a second") as caught:
        [pace.count(b"x", now=3000 + tick / 4) for tick in range(1000)]
    assert caught.value.remedies


def test_few_notices_may_not_be_heavy_either() -> None:
    pace = Pace(now=0.0)
    for _ in range(8):
        pace.count(b"x" * 2**20, now=0.0)
    with pytest.raises(PayloadError, match=f"more than {NOTICES_PER_SECOND}"):
        pace.count(b"x" * 2**20, now=0.1)


@pytest.mark.anyio
@pytest.mark.parametrize("end", [anyio.EndOfStream(), anyio.ClosedResourceError(), anyio.BrokenResourceError()])
async def test_however_a_stream_ends_its_reader_ends(end: Exception) -> None:
    reader = FrameReader(Chunks([b"a\nb", b"c\nrest"], end), Framer())
    assert [await reader.receive(), await reader.receive()] == [b"a", b"bc"]
    with pytest.raises(anyio.EndOfStream):
        await reader.receive()


@pytest.mark.anyio
@pytest.mark.parametrize("end", [anyio.EndOfStream(), anyio.ClosedResourceError(), anyio.BrokenResourceError()])
async def test_the_error_output_is_read_to_its_end(end: Exception) -> None:
    ring = StderrRing()
    await ring.drain(Chunks([b"one\ntw", b"o\n\nthree"], end))
    await ring.finished()
    assert ring.lines == ("one", "two", "three")


def test_only_the_last_lines_are_kept_and_each_is_cut() -> None:
    ring = StderrRing(lines=3, longest=5)
    ring.feed(b"".join(b"%d-and-more\n" % number for number in range(10)))
    assert ring.lines == ("7-and", "8-and", "9-and")


@given(st.lists(st.binary(max_size=30)))
def test_what_is_kept_is_bounded_and_safe_to_show(chunks: list[bytes]) -> None:
    ring = StderrRing(lines=4, longest=8)
    for chunk in chunks:
        ring.feed(chunk)
    assert len(ring.lines) <= 5
    assert all(len(line) <= 8 and (line.isprintable()) for line in ring.lines)


def test_secrets_are_blotted_out_the_longest_first() -> None:
    ring = StderrRing(hide=("value", "value-under-test", "abc"))
    ring.feed(b"the key value-under-test is wrong, value, abc\n")
    assert ring.lines == ("the key [hidden] is wrong, [hidden], abc",)
