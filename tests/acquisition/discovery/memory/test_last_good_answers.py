"""What was known before answers while the sources are asked again, and when they do not answer any more."""

import threading
from collections.abc import Sequence
from datetime import timedelta

import anyio
import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.listings import LONGEST_READING
from vsm_mcp.acquisition.discovery.result import DiscoveryResult, SourceState
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.testing.world import FakeClock

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
TIMEOUT = 15.0


class Silent:
    """A source that answers, and after some time does not answer any more."""

    def __init__(self, name: str, *, fresh_for: timedelta = HOUR) -> None:
        self.name = name
        self.fresh_for = fresh_for
        self.asked = 0
        self.answers = True

    async def listing(self, known: Listing | None, /) -> Listing:
        self.asked += 1
        if not self.answers:
            await anyio.sleep_forever()
        package = PackageRef(ecosystem="npm", name=self.name)
        return known or Listing(
            candidates=(Candidate(name=self.name, source=self.name, package=package, summary="Tells the time."),)
        )


def names(found: DiscoveryResult) -> set[str]:
    return {entry.candidate.name for entry in found}


async def timed(discovery: MCPDiscovery, wanted: str) -> tuple[DiscoveryResult, float]:
    began = anyio.current_time()
    found = await discovery.find(wanted)
    return found, round(anyio.current_time() - began, 1)


@pytest.mark.virtual_time
@pytest.mark.promise("A18", "B66")
@pytest.mark.parametrize("fresh_for", [AT_ONCE, HOUR])
async def test_when_all_sources_time_out_the_last_good_listings_answer_and_the_result_says_so(
    fresh_for: timedelta,
) -> None:
    clock, sources = FakeClock(), [Silent(name, fresh_for=fresh_for) for name in ("one", "two")]
    discovery = MCPDiscovery(sources, clock=clock)
    assert names(await discovery.find("time")) == {"one", "two"}
    clock.advance(2 * HOUR)
    for source in sources:
        source.answers = False
    for wanted, waited in (("time", TIMEOUT), ("time", 0), ("tell what time it is", 0)):
        found, seconds = await timed(discovery, wanted)
        assert (names(found), seconds) == ({"one", "two"}, waited)
        assert [report.state for report in found.sources] == [SourceState.KEPT] * 2
        assert found.errors == dict.fromkeys(("one", "two"), "It did not answer within 15 seconds.")


@pytest.mark.virtual_time
@pytest.mark.promise("A18")
async def test_with_a_background_nobody_waits_for_sources_that_time_out_as_long_as_something_is_known() -> None:
    clock, sources = FakeClock(), [Silent("one"), Silent("two")]
    discovery = MCPDiscovery(sources, clock=clock)
    await discovery.find("time")
    clock.advance(2 * HOUR)
    for source in sources:
        source.answers = False
    async with discovery.background():
        for wanted in ("time", "time", "tell what time it is"):
            found, seconds = await timed(discovery, wanted)
            assert (names(found), seconds) == ({"one", "two"}, 0)
        assert [source.asked for source in sources] == [2, 2]
        await anyio.sleep(LONGEST_READING + 1)
        found, seconds = await timed(discovery, "time")
        assert (names(found), seconds) == ({"one", "two"}, 0)
        assert found.errors == dict.fromkeys(("one", "two"), "It did not answer within 600 seconds.")


class Slow:
    """An embedder that takes its time for what is wanted."""

    def __init__(self) -> None:
        self.wanted = list[str]()
        self.may_answer = threading.Event()

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        return [(1.0, 0.0) for _ in texts]

    def embed_queries(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        self.wanted += texts
        assert self.may_answer.wait(5)
        return self.embed(texts)


@pytest.mark.promise("A20")
async def test_with_a_background_the_answer_to_a_search_that_was_cancelled_is_made_for_those_who_come_later() -> None:
    embedder = Slow()
    discovery = MCPDiscovery([Silent("one", fresh_for=AT_ONCE)], embedder=embedder)
    with anyio.fail_after(5):
        embedder.may_answer.set()
        await discovery.find("hours")  # the server was looked at then
        embedder.may_answer.clear()
        embedder.wanted.clear()
        async with discovery.background():
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(discovery.find, "time")
                while not embedder.wanted:  # noqa: ASYNC110 - told by another thread
                    await anyio.sleep(0.005)
                impatient.cancel_scope.cancel()
            embedder.may_answer.set()
            assert names(await discovery.find("time")) == {"one"}
    assert (embedder.wanted, discovery.figures().loads) == (["time"], 2)
