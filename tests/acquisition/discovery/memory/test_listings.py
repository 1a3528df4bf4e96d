"""Listings: a source is asked when what it said has grown old, its failure costs nothing but itself, and is named."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp.acquisition.discovery import discovery as discovery_module
from vsm_mcp.acquisition.discovery.discovery import FRESH, MCPDiscovery
from vsm_mcp.acquisition.discovery.memory import listings
from vsm_mcp.acquisition.discovery.memory.known import Known
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.result import SourceState
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.errors import ConfigurationError, DiscoveryError, LinkError
from vsm_mcp.events import SourceFailed, SourceListed
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.world.files import LocalFiles

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def listed(*names: str, mark: str = "") -> Listing:
    return Listing(
        candidates=tuple(
            Candidate(name=name, source="slow", package=PackageRef(ecosystem="npm", name=name), summary="Tells time.")
            for name in names
        ),
        mark=mark,
    )


class Registry:
    """A source that says one thing after the other, and an error where that is one."""

    def __init__(self, *says: Listing | Exception, name: str = "slow", fresh_for: timedelta = HOUR) -> None:
        self.says: Sequence[Listing | Exception] = says
        self.name = name
        self.fresh_for = fresh_for
        self.told: list[Listing | None] = []
        self.gate = anyio.Event()
        self.gate.set()

    async def listing(self, known: Listing | None, /) -> Listing:
        self.told.append(known)
        await self.gate.wait()
        said, *later = self.says
        self.says = later or self.says
        if isinstance(said, Exception):
            raise said
        return said


async def names(discovery: MCPDiscovery) -> Sequence[str]:
    return [entry.candidate.name for entry in await discovery.find("time")]


@pytest.mark.promise("C65")
@pytest.mark.parametrize("seconds", [300, 3600])
async def test_a_source_is_asked_again_only_when_its_listing_has_grown_old_and_is_told_what_it_said(
    seconds: int,
) -> None:
    fresh_for = timedelta(seconds=seconds)
    clock, source = FakeClock(), Registry(listed("one", mark="here"), listed("two"), fresh_for=fresh_for)
    discovery = MCPDiscovery([source], clock=clock)
    for _ in range(3):
        assert await names(discovery) == ["one"]
    clock.advance(seconds - 1)
    assert await names(discovery) == ["one"]
    assert source.told == [None]
    clock.advance(1)
    assert await names(discovery) == ["two"]
    assert source.told == [None, listed("one", mark="here")]


async def test_what_a_source_listed_stays_in_use_when_it_fails_later_and_the_result_says_so() -> None:
    clock, heard = FakeClock(), RecordingSink()
    discovery = MCPDiscovery([Registry(listed("one"), LinkError("Away."))], clock=clock, emit=heard)
    await discovery.find("time")
    clock.advance(HOUR)
    result = await discovery.find("time")
    assert [entry.candidate.name for entry in result] == ["one"]
    (report,) = result.sources
    assert (report.state, report.servers, report.error, report.taken) == (
        SourceState.KEPT,
        1,
        "Away.",
        clock.now() - HOUR,
    )
    assert str(result).endswith(f"source slow: kept, 1 servers, as of {report.taken:%Y-%m-%d %H:%M} UTC: Away.")
    assert heard.of(SourceFailed) == [SourceFailed(source="slow", reason="Away.")]
    assert heard.of(SourceListed) == [SourceListed(source="slow", servers=1, omitted=0)]


async def test_a_source_that_failed_is_left_alone_for_a_while_and_longer_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Registry(LinkError("Away."))
    discovery = MCPDiscovery([broken, Registry(listed("one"), name="other")])
    for _ in range(5):
        assert await names(discovery) == ["one"]
    assert len(broken.told) == 1
    assert (await discovery.find("time")).errors == {"slow": "Away."}
    await discovery.refresh()
    assert len(broken.told) == 2
    monkeypatch.setattr(listings, "FIRST_REST", 0.0)
    await discovery.refresh()
    await names(discovery)
    assert len(broken.told) == 4


async def test_a_prompt_source_that_failed_is_left_alone_as_well() -> None:
    broken = Registry(LinkError("Away."), fresh_for=AT_ONCE)
    discovery = MCPDiscovery([broken, Registry(listed("one"), name="other")])
    for _ in range(3):
        assert await names(discovery) == ["one"]
    assert len(broken.told) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, "It returned NoneType, not a Listing."),
        (Listing(candidates=("x",)), "It returned a Listing with str in its candidates."),  # type: ignore[arg-type]
        (Listing(descriptions=(1,)), "It returned a Listing with int in its descriptions."),  # type: ignore[arg-type]
        (Listing(mark="x" * 1_000_001), "Its mark has 1000001 characters, more than the 1000000 allowed."),
    ],
)
@pytest.mark.parametrize("fresh_for", [AT_ONCE, HOUR, timedelta.max])
async def test_a_source_that_returns_nonsense_costs_nothing_but_itself(
    said: Listing, reason: str, fresh_for: timedelta
) -> None:
    discovery = MCPDiscovery([Registry(said, fresh_for=fresh_for), Registry(listed("one"), name="other")])
    async with discovery.background():
        result = await discovery.find("time")
    assert [entry.candidate.name for entry in result] == ["one"]
    assert result.errors == {"slow": reason}


async def test_a_source_that_does_not_say_how_long_it_is_fresh_is_refused() -> None:
    for fresh_for in (300, timedelta(seconds=-1)):
        with pytest.raises(ConfigurationError, match="no span of time"):
            MCPDiscovery([Registry(listed("one"), fresh_for=fresh_for)])  # type: ignore[arg-type]
    assert await names(MCPDiscovery([Registry(listed("one"), fresh_for=timedelta.max)])) == ["one"]


@pytest.mark.promise("A20")
async def test_two_hundred_equal_searches_at_once_ask_a_source_once() -> None:
    source = Registry(listed("one"))
    source.gate = anyio.Event()
    discovery = MCPDiscovery([source])
    found: list[Sequence[str]] = []

    async def search() -> None:
        found.append(await names(discovery))

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(search)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert found == [["one"]] * 200
    assert len(source.told) == 1
    assert discovery.figures().loads == 1


@pytest.mark.promise("B52")
async def test_no_more_than_twenty_sources_are_read_at_the_same_time() -> None:
    gate = anyio.Event()
    sources = [Registry(listed(f"server{number}"), name=f"source{number}") for number in range(25)]
    for source in sources:
        source.gate = gate
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(MCPDiscovery(sources).find, "time")
        await anyio.wait_all_tasks_blocked()
        assert sum(len(source.told) for source in sources) == 20
        gate.set()
    assert sum(len(source.told) for source in sources) == 25


async def test_two_hundred_searches_share_one_failure_as_well() -> None:
    source = Registry(LinkError("Away."))
    source.gate = anyio.Event()
    discovery = MCPDiscovery([source])
    failed: list[DiscoveryError] = []

    async def search() -> None:
        with pytest.raises(DiscoveryError) as caught:
            await discovery.find("time")
        failed.append(caught.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(search)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert len(failed) == 200
    assert len(source.told) == 1


@pytest.mark.promise("A20")
async def test_a_search_that_is_cancelled_does_not_take_the_others_with_it() -> None:
    source = Registry(listed("one"))
    source.gate = anyio.Event()
    discovery = MCPDiscovery([source])
    found: list[Sequence[str]] = []

    async def search() -> None:
        found.append(await names(discovery))

    async with anyio.create_task_group() as tasks:
        first = anyio.CancelScope()

        async def cancelled() -> None:
            with first:
                await search()

        tasks.start_soon(cancelled)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(search)
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        source.gate.set()
    assert found == [["one"]]


async def test_with_a_background_an_old_listing_answers_while_the_source_is_read() -> None:
    clock, source = FakeClock(), Registry(listed("one"), listed("two"))
    discovery = MCPDiscovery([source], clock=clock)
    async with discovery.background():
        assert await names(discovery) == ["one"]
        clock.advance(HOUR)
        source.gate = anyio.Event()
        assert await names(discovery) == ["one"]
        source.gate.set()
        with anyio.fail_after(5):
            while await names(discovery) != ["two"]:
                await anyio.lowlevel.checkpoint()  # until it is indexed, in a thread
        clock.advance(HOUR)
        source.gate = anyio.Event()
        with anyio.fail_after(5):
            assert await names(discovery) == ["two"]
        await anyio.wait_all_tasks_blocked()
    assert len(source.told) == 3


async def test_with_a_background_nobody_waits_twice_for_a_source_that_hangs() -> None:
    source = Registry(listed("one"))
    source.gate = anyio.Event()
    discovery = MCPDiscovery([source, Registry(listed("two"), name="other")], timeout=0.05)
    async with discovery.background():
        await discovery.find("time")
        began = anyio.current_time()
        for _ in range(3):
            assert await names(discovery) == ["two"]
        await discovery.refresh()
        assert await names(discovery) == ["two"]
        assert anyio.current_time() - began < 0.5
    assert len(source.told) == 1
    source.gate.set()
    assert set(await names(discovery)) == {"one", "two"}  # what was given up is read again


async def test_what_the_body_of_a_background_raises_comes_out_bare_and_there_is_one_background() -> None:
    discovery = MCPDiscovery([Registry(LinkError("Away."))])

    async def twice() -> None:
        async with discovery.background(), discovery.background():
            pass

    async def body() -> None:
        async with discovery.background():
            await discovery.find("time")

    with pytest.raises(ConfigurationError, match="a background for these sources already"):
        await twice()
    with pytest.raises(DiscoveryError):
        await body()


async def test_a_reading_that_began_before_the_background_is_waited_for_no_longer_than_it_takes() -> None:
    source = Registry(listed("one"))
    source.gate = anyio.Event()
    discovery = MCPDiscovery([source])
    found: list[Sequence[str]] = []

    async def search() -> None:
        found.append(await names(discovery))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(search)
        await anyio.wait_all_tasks_blocked()
        async with discovery.background():
            tasks.start_soon(search)
            await anyio.wait_all_tasks_blocked()
            source.gate.set()
            with anyio.fail_after(5):
                while len(found) < 2:
                    await anyio.lowlevel.checkpoint()
    assert found == [["one"], ["one"]]
    assert len(source.told) == 1


async def test_with_a_background_a_slow_source_is_read_on_after_the_search_stopped_waiting() -> None:
    source = Registry(listed("one"))
    source.gate = anyio.Event()
    discovery = MCPDiscovery([source, Registry(listed("two"), name="other")], timeout=0.01)
    async with discovery.background():
        result = await discovery.find("time")
        assert [entry.candidate.name for entry in result] == ["two"]
        assert result.errors == {"slow": "It has not answered within 0.01 seconds, and is still being read."}
        source.gate.set()
        with anyio.fail_after(5):
            while set(await names(discovery)) != {"one", "two"}:
                await anyio.lowlevel.checkpoint()  # until it is indexed, in a thread
        assert (await discovery.find("time")).errors == {}
    assert len(source.told) == 1


@pytest.mark.promise("C150")
async def test_refreshing_asks_everybody_anew_and_waits_for_it() -> None:
    source = Registry(listed("one"), listed("two"))
    discovery = MCPDiscovery([source])
    async with discovery.background():
        assert await names(discovery) == ["one"]
        reports = await discovery.refresh()
        assert await names(discovery) == ["two"]
    assert [(report.name, report.state, report.servers) for report in reports] == [("slow", SourceState.FRESH, 1)]


@pytest.mark.promise("A18")
@pytest.mark.promise("A60")
async def test_the_same_words_get_the_same_answer_for_five_minutes_unless_something_changed() -> None:
    offers = Registry(same := listed("one"), fresh_for=AT_ONCE)
    discovery = MCPDiscovery([offers])
    for _ in range(3):
        assert await names(discovery) == ["one"]
    assert (discovery.figures().hits, discovery.figures().loads, FRESH) == (2, 1, 300)
    offers.says = [listed("one", "two")]
    assert len(await names(discovery)) == 2
    never = MCPDiscovery([Registry(same)], fresh=1e-9)
    await never.find("time")
    await never.find("time")
    assert never.figures().hits == 0


class Disk:
    """A directory for snapshots; its files can be looked at and damaged."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def discovery(self, source: Registry, clock: FakeClock) -> MCPDiscovery:
        return MCPDiscovery([source], clock=clock, snapshots=Snapshots(LocalFiles(), self.place))


async def test_the_next_process_knows_what_this_one_was_told(tmp_path: Path) -> None:
    disk, clock = Disk(tmp_path / "kept"), FakeClock()
    assert await names(disk.discovery(Registry(listed("one", mark="here")), clock)) == ["one"]
    later = Registry(LinkError("Away."))
    assert await names(disk.discovery(later, clock)) == ["one"]
    assert later.told == []
    clock.advance(HOUR)
    result = await disk.discovery(later, clock).find("time")
    assert later.told == [listed("one", mark="here")]
    assert (result.ranked[0].candidate.name, result.sources[0].state) == ("one", SourceState.KEPT)


@pytest.mark.security
@pytest.mark.parametrize("damage", ["cut", "changed", "emptied", "another"])
async def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    disk, clock = Disk(tmp_path), FakeClock()
    await disk.discovery(Registry(listed("one")), clock).find("time")
    (file,) = tmp_path.glob("*.listing")
    data = file.read_bytes()
    file.write_bytes(
        {
            "cut": data[:-5],
            "changed": data.replace(b"Tells time.", b"Tells lies."),
            "emptied": b"",
            "another": data.replace(b'"source":"slow"', b'"source":"else"', 1),
        }[damage]
    )
    source = Registry(listed("two"))
    assert await names(disk.discovery(source, clock)) == ["two"]
    assert source.told == [None]


async def test_a_disk_that_cannot_be_used_is_told_and_stops_nothing(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.write_text("in the way")
    heard = RecordingSink()
    discovery = MCPDiscovery(
        [Registry(listed("one"))], emit=heard, clock=FakeClock(), snapshots=Snapshots(LocalFiles(), place)
    )
    assert await names(discovery) == ["one"]
    assert any("not kept" in event.reason for event in heard.of(SourceFailed))


async def test_what_cannot_be_written_down_is_not_remembered(tmp_path: Path) -> None:
    made = Listing(
        candidates=(Candidate(name="a", source="slow", package=PackageRef(ecosystem="memory", name="a"), make=object),)
    )
    await Disk(tmp_path).discovery(Registry(made), FakeClock()).find("time")
    broken = Listing(candidates=(Candidate(name="\ud800", source="slow", package=PackageRef.parse("npm:x")),))
    await Disk(tmp_path).discovery(Registry(broken), FakeClock()).find("time")
    assert list(tmp_path.iterdir()) == []
    assert "kept" in repr(Snapshots(LocalFiles(), Path("/kept")))


async def test_a_memory_from_the_future_is_read_anew(tmp_path: Path) -> None:
    disk, clock = Disk(tmp_path), FakeClock()
    clock.advance(timedelta(days=400))
    await disk.discovery(Registry(listed("one")), clock).find("time")
    assert await names(disk.discovery(Registry(listed("two")), FakeClock())) == ["two"]


async def test_a_prompt_source_that_hangs_is_left_after_its_time() -> None:
    hanging = Registry(listed("one"), fresh_for=AT_ONCE)
    hanging.gate = anyio.Event()
    discovery = MCPDiscovery([hanging, Registry(listed("two"), name="other")], timeout=0.01)
    result = await discovery.find("time")
    assert [entry.candidate.name for entry in result] == ["two"]
    assert result.errors == {"slow": "It did not answer within 0.01 seconds."}


async def test_errors_of_the_disk_have_remedies(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.write_text("in the way")
    with pytest.raises(ConfigurationError):
        await Snapshots(LocalFiles(), place).listing("slow")


async def test_the_index_is_made_once_and_read_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_module, "LEAST_STORED", 1)
    disk, clock = Disk(tmp_path), FakeClock()
    assert await names(disk.discovery(Registry(listed("one", "two")), clock)) == ["one", "two"]
    stored = (tmp_path / "servers.index").read_bytes()

    def never(*_: object, **__: object) -> Known:
        raise AssertionError("It was made again.")

    with monkeypatch.context() as patch:
        patch.setattr(Known, "of", never)
        assert await names(disk.discovery(Registry(listed("two", "three")), FakeClock(LATER))) == ["three", "two"]
        assert await names(disk.discovery(Registry(listed("one", "two")), clock)) == ["one", "two"]
    (tmp_path / "servers.index").write_bytes(stored[:-1])
    assert await names(disk.discovery(Registry(listed("one", "two")), clock)) == ["one", "two"]
    assert (tmp_path / "servers.index").read_bytes() == stored


async def test_an_index_that_cannot_be_kept_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_module, "LEAST_STORED", 1)
    (tmp_path / "servers.index").mkdir()
    heard = RecordingSink()
    discovery = MCPDiscovery(
        [Registry(listed("one"))], emit=heard, clock=FakeClock(), snapshots=Snapshots(LocalFiles(), tmp_path)
    )
    assert await names(discovery) == ["one"]
    assert [event.source for event in heard.of(SourceFailed)] == ["index"]


async def test_what_the_policy_blocks_is_withheld_with_the_reason_and_makes_room_for_others() -> None:
    def withholds(candidate: Candidate) -> str | None:
        return "It is blocked." if candidate.name == "one" else None

    discovery = MCPDiscovery([Registry(listed("one", "two", "three"))], withholds=withholds)
    result = await discovery.find("time", limit=2)
    assert {entry.candidate.name for entry in result} == {"two", "three"}
    assert [(entry.candidate.name, entry.why) for entry in result.withheld] == [("one", ("It is blocked.",))]
    assert "withheld one: It is blocked." in str(result)
