"""Sources that fail or hang: left alone longer each time, waited for at the same time, and fatal to nothing else."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.listings import FIRST_REST, LONGEST_REST, MOST_AT_ONCE, Listings
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.errors import DiscoveryError, LinkError
from vsm_mcp.events import SourceFailed
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.testing.world import FakeClock, RecordingSink

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
ONE = Listing(candidates=(Candidate(name="one", source="s", package=PackageRef.parse("npm:one"), summary="Time."),))


class Moody:
    """A source that answers while it is well, and notes when it was asked."""

    def __init__(self, *, name: str = "moody", fresh_for: timedelta = HOUR) -> None:
        self.name = name
        self.fresh_for = fresh_for
        self.well = False
        self.asked: list[float] = []

    async def listing(self, known: Listing | None, /) -> Listing:
        self.asked.append(anyio.current_time())
        await anyio.lowlevel.checkpoint()
        if not self.well:
            raise LinkError("Away.")
        return ONE

    @property
    def pauses(self) -> Sequence[float]:
        return [round(later - sooner, 1) for sooner, later in zip(self.asked, self.asked[1:], strict=False)]


class Hanging:
    """A source that never answers, and knows how many such ones are asked at the same time."""

    asked = 0
    most = 0
    fresh_for = AT_ONCE

    def __init__(self, name: str) -> None:
        self.name = name

    async def listing(self, known: Listing | None, /) -> Listing:
        Hanging.asked += 1
        Hanging.most = max(Hanging.most, Hanging.asked)
        try:
            await anyio.sleep_forever()
        finally:
            Hanging.asked -= 1
        return ONE


async def search_for(discovery: MCPDiscovery, seconds: float, *, every: float) -> None:
    for _ in range(round(seconds / every)):
        with suppress(DiscoveryError):
            await discovery.find("time")
        await anyio.sleep(every)


@pytest.mark.virtual_time
@pytest.mark.parametrize("fresh_for", [AT_ONCE, HOUR])
async def test_a_source_that_fails_is_asked_again_after_pauses_that_double_up_to_half_a_minute(
    fresh_for: timedelta,
) -> None:
    source, clock = Moody(fresh_for=fresh_for), FakeClock()
    discovery = MCPDiscovery([source], clock=clock)
    await search_for(discovery, 125, every=0.5)
    assert (FIRST_REST, LONGEST_REST) == (2.0, 30.0)
    assert source.pauses == [2, 4, 8, 16, 30, 30, 30]


@pytest.mark.virtual_time
@pytest.mark.parametrize("fresh_for", [AT_ONCE, HOUR])
async def test_a_source_that_answered_is_asked_soon_again_when_it_fails_the_next_time(fresh_for: timedelta) -> None:
    source, clock = Moody(fresh_for=fresh_for), FakeClock()
    discovery = MCPDiscovery([source], clock=clock)
    await search_for(discovery, 15, every=0.5)
    source.well = True
    await discovery.refresh()
    clock.advance(2 * HOUR)
    source.well, source.asked = False, []
    await search_for(discovery, 15, every=0.5)
    assert source.pauses == [2, 4, 8]


@pytest.mark.virtual_time
async def test_sources_that_are_asked_for_every_search_are_waited_for_at_the_same_time() -> None:
    well = Moody(name="well", fresh_for=AT_ONCE)
    well.well = True
    discovery = MCPDiscovery([*(Hanging(name) for name in "abc"), well], timeout=10)
    began = anyio.current_time()
    found = await discovery.find("time")
    assert round(anyio.current_time() - began, 1) == 10
    assert [entry.candidate.name for entry in found] == ["one"]
    assert found.errors == dict.fromkeys("abc", "It did not answer within 10 seconds.")


@pytest.mark.virtual_time
async def test_no_more_than_twenty_of_them_are_asked_at_the_same_time() -> None:
    Hanging.asked = Hanging.most = 0
    sources = [Hanging(f"hanging{number}") for number in range(MOST_AT_ONCE + 5)]
    began = anyio.current_time()
    with pytest.raises(DiscoveryError):
        await MCPDiscovery(sources, timeout=10).find("time")
    assert (Hanging.most, round(anyio.current_time() - began, 1)) == (MOST_AT_ONCE, 20)


async def test_what_goes_wrong_in_the_background_is_told_and_all_else_there_goes_on() -> None:
    heard, source, done = RecordingSink(), Moody(), anyio.Event()
    source.well = True

    async def wrong() -> None:
        raise ZeroDivisionError("by nothing")

    async def right() -> None:
        await anyio.wait_all_tasks_blocked()
        done.set()

    listings = Listings([source], clock=FakeClock(), snapshots=None, emit=heard, timeout=5, changed=wrong)
    with anyio.fail_after(5):
        async with listings.background():
            listings.aside(right)
            assert await listings.now() == {"moody": ONE}
            listings.aside(wrong)
            await done.wait()
            assert await listings.now(insist=True) == {"moody": ONE}
    reason = "Work in the background failed: ZeroDivisionError: by nothing"
    assert sorted(event.source for event in heard.of(SourceFailed)) == ["background", "moody"]
    assert {event.reason for event in heard.of(SourceFailed)} == {reason}
