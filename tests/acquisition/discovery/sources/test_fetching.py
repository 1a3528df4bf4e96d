"""Asking a registry: what may pass is asked again, what it asks for is honoured, and secrets stay where they belong."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from random import Random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.sources.fetching import (
    FIRST_PAUSE,
    LARGEST_REPLY,
    LONGEST_REST,
    TRIES,
    Fetching,
    seconds_of,
)
from vsm_mcp.errors import CircuitOpenError, ConfigurationError, LinkError, PayloadError
from vsm_mcp.testing.registry import FakeRegistry
from vsm_mcp.testing.world import START, Answer, FakeClock, MemorySecrets
from vsm_mcp.world.http import Reply

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

PAGE = "http://registry.test/v0.1/servers?limit=1"
SILENT = LinkError("No answer came.")


def busy(status: int = 503, after: str = "") -> Reply:
    return Reply(status=status, headers={"retry-after": after} if after else {})


def fetching(
    registry: FakeRegistry,
    clock: FakeClock | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    tries: int = TRIES,
) -> Fetching:
    return Fetching(
        "registry:test",
        registry,
        clock or FakeClock(),
        headers=headers or {},
        secrets=MemorySecrets({"env:TOKEN": "t0", "env:TORN": "a\nb", "env:NONE": ""}),
        random=Random(1),  # noqa: S311 - it repeats itself on purpose
        tries=tries,
    )


def ready(*answers: Answer) -> FakeRegistry:
    registry = FakeRegistry(FakeClock())
    registry.answer_next(*answers)
    return registry


async def took(asking: Fetching) -> float:
    start = anyio.current_time()
    assert (await asking.get(PAGE)).status == 200
    return anyio.current_time() - start


@pytest.mark.parametrize("trouble", [SILENT, busy(500), busy(502), busy(503), busy(429)])
@pytest.mark.promise("B66", "E27")
async def test_what_may_pass_is_asked_again_five_times_after_a_random_while_that_grows(trouble: Answer) -> None:
    registry = ready(*[trouble] * 5)
    assert 5 * FIRST_PAUSE / 2 <= await took(fetching(registry)) <= 6
    assert len(registry.requests) == 6
    first = [await took(fetching(ready(trouble))) for _ in range(3)]
    assert max(first) <= FIRST_PAUSE * 1.5


@pytest.mark.parametrize("status", [200, 304, 400, 401, 404, 501])
async def test_what_does_not_pass_is_answered_at_once(status: int) -> None:
    registry = ready(Reply(status=status))
    assert (await fetching(registry).get(PAGE)).status == status
    assert len(registry.requests) == 1


@pytest.mark.promise("B66")
@pytest.mark.parametrize("tries", [1, 2, 6])
async def test_after_as_many_tries_as_were_set_it_is_given_up(tries: int) -> None:
    for trouble, said in ((busy(500), f"registry:test answered 500, {tries} times"), (SILENT, "No answer came")):
        registry = ready(*[trouble] * 10)
        with pytest.raises(LinkError, match=said):
            await fetching(registry, tries=tries).get(PAGE)
        assert len(registry.requests) == tries
    assert TRIES == 6


def test_a_registry_that_would_never_be_asked_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="registry:test would be asked 0 times"):
        fetching(ready(), tries=0)


async def test_what_is_too_large_is_not_asked_for_again() -> None:
    registry = ready(Reply(status=200, body=bytes(LARGEST_REPLY + 1)))
    with pytest.raises(PayloadError, match=f"more than {LARGEST_REPLY} bytes"):
        await fetching(registry).get(PAGE)
    assert len(registry.requests) == 1


async def test_a_wait_that_the_registry_asks_for_is_waited() -> None:
    clock = FakeClock()
    for after in ("7", format_datetime(START + timedelta(seconds=7), usegmt=True)):
        assert 7 <= await took(fetching(ready(busy(429, after)), clock)) <= 7 + FIRST_PAUSE


async def test_a_registry_that_wants_to_be_left_alone_is_left_alone_until_then() -> None:
    clock, registry = FakeClock(), ready(busy(503, "600"))
    asking = fetching(registry, clock)
    for _ in range(2):
        with pytest.raises(CircuitOpenError, match=r"left alone until 2026-01-01 00:10:00 UTC") as refused:
            await asking.get(PAGE)
        assert refused.value.retry_after == 600
        assert len(registry.requests) == 1
    clock.advance(600)
    assert (await asking.get(PAGE)).status == 200


@pytest.mark.security
async def test_no_registry_is_left_alone_for_ever() -> None:
    clock = FakeClock()
    asking = fetching(ready(busy(503, "9" * 300)), clock)
    with pytest.raises(CircuitOpenError) as refused:
        await asking.get(PAGE)
    assert refused.value.retry_after == LONGEST_REST.total_seconds()
    clock.advance(LONGEST_REST)
    assert (await asking.get(PAGE)).status == 200


@pytest.mark.security
async def test_secrets_are_read_for_each_request_and_sent_as_headers_only() -> None:
    registry = ready()
    asking = fetching(registry, headers={"Authorization": "env:TOKEN"})
    await asking.get(PAGE, etag='"1"')
    (request,) = registry.requests
    assert request.headers == {"accept": "application/json", "Authorization": "t0", "if-none-match": '"1"'}
    assert "t0" not in request.url
    assert "t0" not in repr(asking)


@pytest.mark.security
@pytest.mark.parametrize("reference", ["env:MISSING", "env:NONE", "env:TORN"])
async def test_a_secret_that_cannot_be_sent_stops_the_request_and_is_not_shown(reference: str) -> None:
    registry = ready()
    with pytest.raises(ConfigurationError, match=f"the header X-Key by {reference}") as refused:
        await fetching(registry, headers={"X-Key": reference}).get(PAGE)
    assert registry.requests == []
    assert "a\nb" not in str(refused.value)


async def test_headers_need_somebody_who_knows_the_secrets() -> None:
    asking = Fetching("r", ready(), FakeClock(), headers={"X": "env:TOKEN"}, secrets=None, random=None)
    with pytest.raises(ConfigurationError):
        await asking.get(PAGE)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0.0),
        (" 12 ", 12.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:30", 30.0),
        ("Wed, 31 Dec 2025 00:00:30 GMT", 0.0),
        ("Thu, 99 Jan 2026 00:00:30 GMT", None),
    ],
)
def test_a_wait_is_a_number_or_a_date(told: str, seconds: float | None) -> None:
    assert seconds_of(told, START) == seconds


@pytest.mark.security
@given(st.text(max_size=40) | st.integers(min_value=0).map(str))
def test_no_wait_is_negative_or_breaks_the_reader(told: str) -> None:
    seconds = seconds_of(told, START)
    assert seconds is None or seconds >= 0
