"""MCPDiscovery: all sources at once, each failing alone; one ranked list; exact names confirmed."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.discovery import MEANT_AT_ONCE, MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.result import DiscoveryResult, RankedServer
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.errors import ConfigurationError, DiscoveryError, LinkError, PayloadError
from vsm_mcp.events import CandidatesFound, SourceFailed, SourceListed
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary
from vsm_mcp.testing.world import RecordingSink
from vsm_mcp.world.files import LocalFiles

pytestmark = pytest.mark.anyio


def candidate(package: str, summary: str = "", *, source: str = "one", **changes: object) -> Candidate:
    reference = PackageRef.parse(package)
    made = Candidate(name=reference.name, source=source, package=reference, summary=summary)
    return replace(made, **changes)


CLOCK = candidate("npm:clock", "Converts time zones.")
SLIDES = candidate("pypi:slides", "Makes presentations with slides.")


@dataclass
class Given:
    """A source with a fixed answer."""

    candidates: Sequence[Candidate] = ()
    name: str = "one"
    before: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
    fresh_for: timedelta = timedelta(hours=1)

    async def listing(self, known: Listing | None, /) -> Listing:
        await self.before()
        return Listing(candidates=tuple(self.candidates))


@dataclass
class Failing:
    """A source that cannot answer."""

    error: Exception
    name: str = "failing"
    fresh_for: timedelta = timedelta(hours=1)

    async def listing(self, known: Listing | None, /) -> Listing:
        raise self.error


@dataclass
class Confirming:
    """A resolver that knows one package."""

    known: Candidate
    name: str = "npm"

    async def candidate(self, package: PackageRef) -> Candidate:
        if package.name != self.known.package.name:
            raise DiscoveryError("There is no such package.")
        return self.known


async def test_the_best_server_comes_first_and_says_why() -> None:
    heard = RecordingSink()
    result = await MCPDiscovery([Given([CLOCK, SLIDES])], emit=heard).find("make slides for a presentation")
    assert [entry.candidate for entry in result] == [SLIDES]
    assert result.ranked[0].why[0].startswith("slide ")
    assert heard.of(CandidatesFound) == [CandidatesFound(wanted="make slides for a presentation", names=("slides",))]
    assert heard.of(SourceListed) == [SourceListed(source="one", servers=2, omitted=0)]
    assert bool(result)
    assert not await MCPDiscovery([]).find("anything")


@pytest.mark.promise("A17", "A83")
async def test_all_sources_are_asked_at_the_same_time() -> None:
    waiting = [anyio.Event(), anyio.Event()]

    def meet(mine: int) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            waiting[mine].set()
            await waiting[1 - mine].wait()

        return wait

    sources = [Given([CLOCK], "a", meet(0)), Given([SLIDES], "b", meet(1))]
    with anyio.fail_after(5):
        result = await MCPDiscovery(sources).find("time slides")
    assert {entry.candidate.name for entry in result} == {"clock", "slides"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(LinkError("No answer."), "No answer."), (ValueError("bro\u200bken"), "It broke: ValueError: broken")],
)
async def test_a_source_that_fails_does_not_stop_the_others(error: Exception, reason: str) -> None:
    heard = RecordingSink()
    result = await MCPDiscovery([Failing(error), Given([CLOCK])], emit=heard).find("time zones")
    assert [entry.candidate.name for entry in result] == ["clock"]
    assert result.errors == {"failing": reason}
    assert heard.of(SourceFailed) == [SourceFailed(source="failing", reason=reason)]


async def test_a_source_that_is_silent_is_left_after_its_time() -> None:
    sources = [Given([CLOCK]), Given([SLIDES], "slow", anyio.sleep_forever)]
    with anyio.fail_after(5):
        result = await MCPDiscovery(sources, timeout=0.01).find("time slides")
    assert [entry.candidate.name for entry in result] == ["clock"]
    assert result.errors == {"slow": "It did not answer within 0.01 seconds."}


async def test_when_no_source_can_answer_that_is_an_error_with_all_reasons() -> None:
    with pytest.raises(DiscoveryError, match="None of the 2 sources") as caught:
        await MCPDiscovery([Failing(LinkError("Away.")), Failing(LinkError("Down."), "two")]).find("time")
    assert caught.value.failures == {"failing": "Away.", "two": "Down."}


async def test_one_package_of_two_sources_is_one_server_and_the_first_source_decides_what_runs() -> None:
    first = candidate("pypi:acme-clock", arguments=("serve",), egress=("api.test",), readiness=Readiness.PROVEN)
    second = candidate(
        "pypi:Acme_Clock@6.6.6",
        "Tells the time.",
        source="two",
        arguments=("--evil",),
        egress=("evil.test",),
        tools=(ToolSummary(name="now"),),
        publisher="acme",
    )
    (entry,) = await MCPDiscovery([Given([first]), Given([second], "two")]).find("tell the time")
    assert (entry.candidate.arguments, entry.candidate.egress) == (("serve",), ("api.test",))
    assert (entry.candidate.version, entry.candidate.package) == (None, first.package)
    assert (entry.candidate.summary, entry.candidate.publisher) == ("Tells the time.", "acme")
    assert (entry.candidate.source, entry.candidate.readiness) == ("one", Readiness.PROVEN)


async def test_of_equal_servers_the_proven_one_is_first_and_the_one_to_configure_last() -> None:
    states = (Readiness.NEEDS_CONFIGURATION, Readiness.UNTRIED, Readiness.PROVEN)
    same = [candidate(f"npm:clock-{letter}", "Time.", readiness=one) for letter, one in zip("abc", states, strict=True)]
    result = await MCPDiscovery([Given(same)]).find("time")
    assert [entry.candidate.readiness for entry in result] == list(reversed(states))
    assert result.ranked[0].why[-1] == "proven x1.05"


@given(st.sampled_from(list(Readiness)), st.sampled_from(list(Readiness)))
def test_what_is_known_of_a_server_never_outweighs_a_clearly_better_fit(good: Readiness, bad: Readiness) -> None:
    fitting = candidate("npm:zones", "Converts time zones.", readiness=good)
    other = candidate("npm:stopwatch", "Measures time.", readiness=bad)
    result = anyio.run(MCPDiscovery([Given([other, fitting])]).find, "convert time zones")
    assert result.ranked[0].candidate.name == "zones"


@pytest.mark.security
async def test_what_is_wanted_must_be_said_and_bounded() -> None:
    discovery = MCPDiscovery([Given([CLOCK])])
    for wanted in ("", "  \u200b", "x" * 4097):
        with pytest.raises(PayloadError, match="1 to 4096 bytes"):
            await discovery.find(wanted)
    assert (await discovery.find("x" * 4096)).wanted == "x" * 4096


@pytest.mark.security
async def test_the_bytes_of_what_is_wanted_are_counted_not_its_characters() -> None:
    discovery = MCPDiscovery([Given([CLOCK])])
    long = "\u6642" * 2000
    for asking in (discovery.find(long), discovery.named(long), discovery.cover([long])):
        with pytest.raises(PayloadError, match="1 to 4096 bytes of visible text, not 6000"):
            await asking
    assert (await discovery.find("\u6642" * 1365)).wanted == "\u6642" * 1365
    assert (await discovery.find("time \ud800")).wanted == "time"  # half a character, as in no text


async def test_no_more_than_asked_for_and_never_a_flood() -> None:
    many = [candidate(f"npm:clock-{number}", "Time.") for number in range(1000)]
    discovery = MCPDiscovery([Given(many)])
    assert len(await discovery.find("time", limit=3)) == 3
    assert len(await discovery.find("time", limit=5000)) == 300
    assert len(await discovery.find("time", limit=-1)) == 0


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Two sources are named 'one'"):
        MCPDiscovery([Given(), Given()])
    assert repr(MCPDiscovery([Given()])) == "MCPDiscovery(sources=['one'])"


async def test_the_result_prints_as_a_table_and_dumps_as_json() -> None:
    shelf = Shelf()
    shelf.offer("time", object, summary="Time zones " * 20)
    result = await MCPDiscovery([Failing(LinkError("Away.")), shelf, Given([CLOCK])]).find("time zones")
    lines = str(result).splitlines()
    assert lines[0] == "2 servers for 'time zones'"
    assert lines[1].split() == ["score", "server", "package", "source", "state", "tools", "why"]
    assert any("npm:clock" in line and "untried" in line for line in lines)
    assert lines[-1] == "source failing: failed, 0 servers: Away."
    dumped = json.loads(result.model_dump_json())
    assert {entry["candidate"]["package"] for entry in dumped["ranked"]} == {"memory:time", "npm:clock"}
    long = RankedServer(candidate=candidate("npm:clock", name="x" * 200), score=1.0, why=("a", "b", "c"))
    assert f"{'x' * 59}…" in str(DiscoveryResult(wanted="time", ranked=(long,)))


async def test_a_server_is_found_by_its_exact_name_or_package() -> None:
    named = candidate("npm:@acme/clock@1.0.0", name="io.github.acme/clock", version="1.0.0")
    discovery = MCPDiscovery([Given([CLOCK, named])])
    for server in ("io.github.acme/clock", "npm:@acme/clock", "npm:@acme/clock@1.0.0"):
        assert await discovery.named(server) == named


async def test_an_unknown_name_gets_near_names_as_remedies() -> None:
    discovery = MCPDiscovery([Given([CLOCK]), Failing(LinkError("Away."))])
    with pytest.raises(DiscoveryError, match="No source knows a server named 'clok'") as caught:
        await discovery.named("clok")
    assert "Did you mean clock?" in caught.value.remedies
    assert caught.value.failures == {"failing": "Away."}


async def test_a_package_that_no_source_knows_is_confirmed_by_its_resolver() -> None:
    confirmed = candidate("npm:other@2.0.0", source="package", version="2.0.0")
    discovery = MCPDiscovery([Given([CLOCK])], resolvers=[Confirming(confirmed)])
    assert await discovery.named("npm:other") == confirmed
    with pytest.raises(DiscoveryError, match="There is no such package"):
        await discovery.named("npm:absent")
    with pytest.raises(DiscoveryError, match="nobody to ask about pypi packages"):
        await discovery.named("pypi:other")


async def test_another_version_of_a_known_package_keeps_what_is_known_but_counts_as_untried() -> None:
    known = candidate("npm:clock@1.0.0", version="1.0.0", arguments=("serve",), readiness=Readiness.PROVEN)
    confirmed = candidate("npm:clock@2.0.0", source="package", version="2.0.0")
    found = await MCPDiscovery([Given([known])], resolvers=[Confirming(confirmed)]).named("npm:clock@2.0.0")
    assert (str(found.package), found.arguments, found.readiness) == ("npm:clock@2.0.0", ("serve",), Readiness.UNTRIED)


@pytest.mark.security
async def test_a_package_in_a_form_that_cannot_be_is_refused() -> None:
    with pytest.raises(PayloadError):
        await MCPDiscovery([Given()]).named("npm:../../etc/passwd")


@pytest.mark.promise("C14")
@pytest.mark.parametrize(
    ("wanted", "package"),
    [
        ("make a PowerPoint presentation with slides", "pypi:office-powerpoint-mcp-server"),
        ("convert a time between time zones", "pypi:mcp-server-time"),
        ("remember facts in a knowledge graph", "npm:@modelcontextprotocol/server-memory"),
    ],
)
async def test_the_bundled_catalogue_answers_without_any_network(wanted: str, package: str) -> None:
    result = await MCPDiscovery([CatalogueSource()]).find(wanted)
    assert package in [str(replace(entry.candidate.package, version=None)) for entry in list(result)[:2]]
    assert all(entry.candidate.source == "catalogue" for entry in result)


class Colours:
    """An embedder that sees only whether a text is about a colour."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        self.seen += texts
        return [(1.0, 0.0) if "qzviolet" in text or "qzlilac" in text else (0.0, 1.0) for text in texts]


LILAC = candidate("npm:lilac", "Paints a qzlilac wall.")
PAINTERS = [candidate(f"npm:make-{number}", "Paint, paint, paint.") for number in range(50)]


async def test_with_an_embedder_meaning_counts_among_the_best_by_words() -> None:
    wanted, given = "paint it qzviolet", Given([LILAC, *PAINTERS[:20]])
    plain = await MCPDiscovery([given]).find(wanted, limit=50)
    meant = await MCPDiscovery([given], embedder=Colours()).find(wanted, limit=50)
    assert plain.ranked[-1].candidate == meant.ranked[0].candidate == LILAC
    assert len(plain) == len(meant)
    assert any("(meaning)" in why for why in meant.ranked[0].why)


async def test_a_search_looks_at_few_servers_and_the_background_at_all_of_them() -> None:
    colours = Colours()
    discovery = MCPDiscovery([Given([LILAC, *PAINTERS])], embedder=colours)
    await discovery.find("paint")
    assert len(colours.seen) == 1 + MEANT_AT_ONCE
    assert len(await discovery.find("qzviolet")) == 0
    async with discovery.background():
        await discovery.refresh()
        with anyio.fail_after(5):
            while (found := [entry.candidate for entry in await discovery.find("qzviolet")]) != [LILAC]:
                assert found == []
                await anyio.lowlevel.checkpoint()
    assert sum(text.startswith(("lilac", "make-")) for text in colours.seen) == 1 + len(PAINTERS)


async def test_what_an_embedder_saw_is_read_by_the_next_process(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    for name in ("one", "two"):
        colours = Colours()
        snapshots = Snapshots(LocalFiles(), tmp_path)
        discovery = MCPDiscovery([Given([LILAC, *PAINTERS], name)], embedder=colours, snapshots=snapshots)
        async with discovery.background():
            with anyio.fail_after(5):
                while not await discovery.find("qzviolet") or not (tmp_path / "servers.meanings").exists():
                    await anyio.lowlevel.checkpoint()
        seen.append([text for text in colours.seen if text.startswith(("lilac", "make-"))])
    assert [len(texts) for texts in seen] == [1 + len(PAINTERS), 0]


async def test_what_an_embedder_saw_that_cannot_be_used_or_kept_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "servers.meanings").write_text("nothing of the kind")
    found = MCPDiscovery([Given([LILAC])], embedder=Colours(), snapshots=Snapshots(LocalFiles(), tmp_path))
    assert [entry.candidate for entry in await found.find("wall")] == [LILAC]
    (tmp_path / "in the way").write_text("a file")
    heard = RecordingSink()
    snapshots = Snapshots(LocalFiles(), tmp_path / "in the way")
    discovery = MCPDiscovery([Given([LILAC])], embedder=Colours(), snapshots=snapshots, emit=heard)

    def told() -> list[str]:
        return [event.reason for event in heard.of(SourceFailed) if event.source == "embedder"]

    async with discovery.background():
        assert [entry.candidate for entry in await discovery.find("wall")] == [LILAC]
        with anyio.fail_after(5):
            while len(told()) < 2:
                await anyio.lowlevel.checkpoint()
    assert told()[0].startswith("What it saw cannot be read: ")
    assert told()[1].startswith("What it saw is not kept: ")


async def test_few_servers_cover_several_operations_and_what_nobody_does_is_named() -> None:
    office = candidate("npm:office", "Makes slides, writes letters.")
    letters = candidate("npm:letters", "Writes letters.")
    clock = candidate("npm:clock", "Converts time zones.")
    discovery = MCPDiscovery([Given([office, letters, clock])])
    found = await discovery.cover(["make slides", "write letters", "convert time zones", "zzz"])
    assert [(one.server.candidate.name, set(one.operations)) for one in found] == [
        ("office", {"make slides", "write letters"}),
        ("clock", {"convert time zones"}),
    ]
    assert found.uncovered == ("zzz",)
    assert str(found).splitlines()[0] == "2 servers"
    assert str(found).splitlines()[-1] == "uncovered: zzz"
    assert len(found) == 2


@pytest.mark.security
async def test_operations_to_cover_are_bounded() -> None:
    for wanted in ([], [f"operation {number}" for number in range(51)], ["x" * 5000]):
        with pytest.raises(PayloadError):
            await MCPDiscovery([Given([CLOCK])]).cover(wanted)


class Odd:
    """An embedder that is out of order."""

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        raise ZeroDivisionError(f"{len(texts)} texts")


async def test_an_embedder_that_is_out_of_order_is_told_and_words_alone_count() -> None:
    heard = RecordingSink()
    result = await MCPDiscovery([Given([CLOCK])], embedder=Odd(), emit=heard).find("time zones")
    assert [entry.candidate for entry in result] == [CLOCK]
    assert heard.of(SourceFailed) == [SourceFailed(source="embedder", reason="ZeroDivisionError: 1 texts")]


async def test_an_embedder_that_fails_in_the_background_is_told_once_for_what_is_listed() -> None:
    heard = RecordingSink()
    discovery = MCPDiscovery([Given([CLOCK])], embedder=Odd(), emit=heard)
    async with discovery.background():
        assert [entry.candidate for entry in await discovery.find("time zones")] == [CLOCK]
        with anyio.fail_after(5):
            while len(heard.of(SourceFailed)) < 2:
                await anyio.lowlevel.checkpoint()
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
    assert [event.reason for event in heard.of(SourceFailed)] == ["ZeroDivisionError: 1 texts"] * 2
