"""What discovery answers: as many as asked for, whatever is blocked; with tools; for five minutes; what differs."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.discovery import FRESH, MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.known import Known
from vsm_mcp.acquisition.discovery.memory.merging import LEARNED, Merged
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.rediscovery import MOST_SHOWN
from vsm_mcp.acquisition.discovery.result import SourceState
from vsm_mcp.acquisition.discovery.sifting import MOST_NAMED_TOOLS, MOST_WITHHELD
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Description, Listing
from vsm_mcp.errors import DiscoveryError, LinkError
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles

pytestmark = pytest.mark.anyio


def server(package: str, summary: str = "Tells time.", **changes: object) -> Candidate:
    reference = PackageRef.parse(package)
    return replace(Candidate(name=reference.name, source="one", package=reference, summary=summary), **changes)


@dataclass
class Saying:
    """A source that says what it is told to say, or fails."""

    says: Sequence[Candidate] | Exception = ()
    name: str = "one"
    described: tuple[Description, ...] = ()
    fresh_for: timedelta = timedelta(hours=1)

    async def listing(self, known: Listing | None, /) -> Listing:
        if isinstance(self.says, Exception):
            raise self.says
        return Listing(candidates=tuple(self.says), descriptions=self.described)


class Seconds:
    """A time that stands still until it is set."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def without_npm(candidate: Candidate) -> str | None:
    return "npm is blocked." if candidate.package.ecosystem == "npm" else None


class Flat:
    """An embedder to which all texts are alike."""

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        return [(1.0, 0.0) for _ in texts]


FITTING = [server(f"npm:time-{number:03}", "Time, time, time.") for number in range(200)]
ALLOWED = [server(f"pypi:clock-{number:02}") for number in range(20)]


@pytest.mark.parametrize("embedder", [None, Flat()], ids=["words", "meaning"])
async def test_however_many_are_blocked_as_many_are_found_as_were_asked_for(embedder: Flat | None) -> None:
    discovery = MCPDiscovery([Saying([*FITTING, *ALLOWED])], withholds=without_npm, embedder=embedder)
    result = await discovery.find("time", limit=10)
    assert [entry.candidate for entry in result] == ALLOWED[:10]
    assert [entry.candidate for entry in result.withheld] == FITTING[:MOST_WITHHELD]
    assert {entry.why for entry in result.withheld} == {("npm is blocked.",)}
    assert [entry.candidate for entry in await discovery.find("time", limit=300)] == ALLOWED
    assert len(await discovery.find("time", limit=0)) == 0


async def test_what_is_blocked_and_fits_less_than_what_was_found_is_not_named() -> None:
    poor = server("npm:poor", "Tells many things about many places, and a little about time.")
    discovery = MCPDiscovery([Saying([*FITTING[:3], *ALLOWED, poor])], withholds=without_npm)
    result = await discovery.find("time", limit=5)
    assert [entry.candidate for entry in result.withheld] == FITTING[:3]


async def test_where_all_is_blocked_nothing_is_found_and_the_best_are_named() -> None:
    result = await MCPDiscovery([Saying(FITTING)], withholds=without_npm).find("time")
    assert (len(result), len(result.withheld)) == (0, MOST_WITHHELD)


@pytest.mark.promise("A60", "B34")
@pytest.mark.parametrize("fresh", [FRESH, 600.0])
async def test_an_answer_is_given_again_for_five_or_ten_minutes_and_not_a_second_longer(fresh: float) -> None:
    time = Seconds()
    discovery = MCPDiscovery([Saying(ALLOWED)], now=time, fresh=fresh)
    ranked = (await discovery.find("time")).ranked
    for at, loads in ((0.0, 1), (fresh - 1, 1), (fresh, 2), (2 * fresh - 1, 2), (2 * fresh, 3)):
        time.at = at
        assert (await discovery.find("time")).ranked == ranked
        assert discovery.figures().loads == loads
    assert FRESH == 300


@pytest.mark.parametrize("fresh_for", [AT_ONCE, timedelta(hours=1)])
async def test_a_source_that_failed_rests_by_the_time_that_was_given(fresh_for: timedelta) -> None:
    time, broken = Seconds(), Saying(LinkError("Away."), "broken", fresh_for=fresh_for)
    discovery = MCPDiscovery([broken, Saying(ALLOWED)], now=time)
    assert (await discovery.find("time")).errors == {"broken": "Away."}
    broken.says = FITTING[:1]
    time.at = 1.9
    assert (await discovery.find("time")).errors == {"broken": "Away."}
    time.at = 2.0
    assert (await discovery.find("time")).errors == {}


async def test_an_index_is_made_in_another_thread_also_when_something_new_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, made, followed = list[int](), Known.of, Known.followed_by

    def of(servers: Mapping[str, Merged]) -> Known:
        threads.append(threading.get_ident())
        return made(servers)

    def followed_by(known: Known, servers: Mapping[str, Merged]) -> Known:
        threads.append(threading.get_ident())
        return followed(known, servers)

    monkeypatch.setattr(Known, "of", of)
    monkeypatch.setattr(Known, "followed_by", followed_by)
    source = Saying(ALLOWED)
    discovery = MCPDiscovery([source])
    await discovery.find("time")
    source.says = [*ALLOWED, *FITTING[:1]]
    await discovery.refresh()
    assert len(await discovery.find("time", limit=30)) == 21
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_the_tools_by_which_a_server_is_found_are_named_the_learnt_ones_before_published_ones() -> None:
    published = server("npm:clock", tools=(ToolSummary(name="published"),))
    many = tuple(ToolSummary(name=f"tell_{number}") for number in range(100))
    learnt = Description(name="clock", source=LEARNED, package=published.package, tools=many)
    plain = MCPDiscovery([Saying([published])])
    assert [entry.tools for entry in await plain.find("time")] == [("published",)]
    (entry,) = result = await MCPDiscovery([Saying([published]), Saying((), "two", (learnt,))]).find("time")
    assert entry.tools == tuple(f"tell_{number}" for number in range(MOST_NAMED_TOOLS))
    assert "tell_0, tell_1, tell_2" in str(result)


async def test_without_words_what_is_known_is_listed_proven_ones_first_and_those_to_configure_last() -> None:
    states: Sequence[tuple[str, Readiness]] = (
        ("npm:a", Readiness.NEEDS_CONFIGURATION),
        ("npm:c", Readiness.UNTRIED),
        ("npm:b", Readiness.UNTRIED),
        ("npm:d", Readiness.PROVEN),
    )
    servers = [server(package, readiness=readiness) for package, readiness in states]
    discovery = MCPDiscovery([Saying(servers), Saying(LinkError("Away."), "broken")])
    result = await discovery.known()
    assert [entry.candidate.name for entry in result] == ["d", "b", "c", "a"]
    assert str(result).startswith("4 servers\nscore ")
    assert (result.ranked[0].why, result.errors) == (("proven x1.05",), {"broken": "Away."})
    assert [entry.candidate.name for entry in await discovery.known(limit=2)] == ["d", "b"]
    blocking = MCPDiscovery([Saying([*FITTING, *ALLOWED])], withholds=without_npm)
    result = await blocking.known(limit=3)
    assert [entry.candidate for entry in result] == ALLOWED[:3]
    assert len(await blocking.known(limit=-1)) == 0
    assert len(await blocking.known(limit=500)) == len(ALLOWED)


@pytest.mark.promise("C150")
async def test_refreshing_says_what_is_new_what_is_gone_and_what_is_different() -> None:
    one, two, three = (server(f"npm:{name}") for name in ("one", "two", "three"))
    source, other = Saying([one, two, three]), Saying([replace(one, source="other")], "other")
    discovery = MCPDiscovery([source, other])
    await discovery.find("time")
    source.says, other.says = [server("npm:four"), replace(two, summary="Lies."), three], LinkError("Away.")
    found = await discovery.refresh()
    assert (found.added, found.removed, found.changed) == (("four",), (), ("one", "two"))  # other still lists "one"
    other.says = []
    found = await discovery.refresh()
    assert (found.added, found.removed, found.changed) == ((), ("one",), ())
    other.says = LinkError("Gone.")
    found = await discovery.refresh()
    assert found.errors == {"other": "Gone."}
    assert [report.state for report in found] == [SourceState.FRESH, SourceState.KEPT]
    assert (len(found), found[0].name, found[1].error) == (2, "one", "Gone.")
    assert str(found).splitlines()[:3] == ["0 added", "0 removed", "0 changed"]


async def test_what_an_earlier_process_remembered_was_known_before(tmp_path: Path) -> None:
    clock, shelf = FakeClock(), Saying([server("memory:own")], "shelf", fresh_for=AT_ONCE)

    def discovery(source: Saying) -> MCPDiscovery:
        return MCPDiscovery([shelf, source], clock=clock, snapshots=Snapshots(LocalFiles(), tmp_path))

    first = await discovery(Saying(ALLOWED)).refresh()
    assert first.added == tuple(one.name for one in ALLOWED)
    assert str(first).startswith(f"20 added: {', '.join(one.name for one in ALLOWED[:MOST_SHOWN])}, ...\n")
    later = await discovery(Saying([*ALLOWED[1:], *FITTING[:1]])).refresh()
    assert (later.added, later.removed, later.changed) == (("time-000",), ("clock-00",), ())
    with pytest.raises(DiscoveryError):
        await MCPDiscovery([Saying(LinkError("Away."))]).refresh()


@pytest.mark.security
async def test_no_name_breaks_a_line_of_what_differs() -> None:
    evil = server("npm:x", name="a\x1b[31m\nremoved \u202ex")
    found = await MCPDiscovery([Saying([evil])]).refresh()
    assert str(found).split("\n")[0] == "1 added: a[31m removed x"
