"""System 4 proposes, acquires and lets go; it remembers what failed for a while, and what was shown to work."""

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import anyio
import pytest

from vsm_mcp import Autonomy, Operation, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing, Source
from vsm_mcp.errors import (
    AcquisitionError,
    CapabilityMissingError,
    DiscoveryError,
    PermissionDeniedError,
    PolicyError,
    VSMError,
)
from vsm_mcp.events import CapabilityReleased, GapMeasured, StageEntered
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.intelligence.failures import MOST_FAILED
from vsm_mcp.systems.intelligence.homeostat import Balance, Side
from vsm_mcp.systems.regulation import Regulation
from vsm_mcp.testing.servers import HOSTILE, memory_server
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.world.world import World

TEXT = {"text": "what a system does"}
ECHO = Probe(tool="echo", arguments={"text": "hello"})
COUNT = Operation(needs="count words", arguments=TEXT)


class Tool:
    """A tool that can be put out of order."""

    def __init__(self) -> None:
        self.works = True

    def count_words(self, text: str) -> int:
        """Count the words of a text."""
        if not self.works:
            raise ValueError(text)
        return len(text.split())


def counting(text: str) -> int:
    """Count words as well."""
    return len(text.split())


class Broken:
    """A source that is out of order."""

    name = "broken"
    fresh_for = AT_ONCE

    async def listing(self, known: Listing | None, /) -> Listing:
        raise DiscoveryError("It is out of order.", stage="discover")


class Turncoat:
    """A source whose server has the same name and another package from some day on."""

    name = "turncoat"
    fresh_for = AT_ONCE

    def __init__(self) -> None:
        self.package = "good"

    async def listing(self, known: Listing | None, /) -> Listing:
        await anyio.lowlevel.checkpoint()
        words = Candidate(
            name="count-words",
            source=self.name,
            package=PackageRef(ecosystem="memory", name=self.package),
            summary="Counts words.",
            make=lambda: memory_server({"count_words": counting}),
        )
        return Listing(candidates=(words,))


class Place:
    """A system on a shelf with one server, on a clock that is moved by hand; it may offer more servers."""

    def __init__(
        self,
        state: Path,
        *,
        autonomy: Autonomy = Autonomy.AUTO,
        sources: Sequence[Source] = (),
        most_servers: int = 16,
        offers: bool = True,
        block: Sequence[str] = (),
    ) -> None:
        self.clock, self.heard, self.tool = FakeClock(), RecordingSink(), Tool()
        self.shelf = Shelf()
        if offers:
            self.offer("words", self.tool.count_words)
        settings = Settings(
            state=state,
            autonomy=autonomy,
            allow=("memory:*",),
            block=tuple(block),
            sandbox=Confinement.NONE,
            most_servers=most_servers,
        )
        self.vsm = ViableSystem(
            settings,
            shelf=self.shelf,
            sources=sources or (self.shelf,),
            world=World(clock=self.clock, random=Random(1)),  # noqa: S311 - reproducible
            emit=self.heard,
        )

    def offer(self, name: str, tool: Callable[..., object]) -> None:
        self.shelf.offer(name, lambda: memory_server({"count_words": tool}), summary="Counts the words of a text.")

    @property
    def attempts(self) -> int:
        """How many servers were started to see whether they can do it."""
        return sum(event.stage == "start" for event in self.heard.of(StageEntered))

    def balance(self) -> Balance:
        return self.vsm.parts.system4.homeostat.balance(now=self.clock.now().timestamp())


@pytest.mark.anyio
@pytest.mark.promise("C15")
async def test_a_suggestion_names_servers_and_fetches_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, autonomy=Autonomy.SUGGEST)
    async with place.vsm as vsm:
        with pytest.raises(CapabilityMissingError) as caught:
            await vsm.execute(COUNT)
        assert vsm.status().servers == ()
    assert caught.value.remedies[0] == "Acquire words: memory:words (shelf)."
    assert place.attempts == 0


@pytest.mark.anyio
async def test_when_no_source_answers_the_suggestion_says_so_and_the_need_is_told_all_the_same(tmp_path: Path) -> None:
    place = Place(tmp_path, autonomy=Autonomy.SUGGEST, sources=(Broken(),))
    async with place.vsm as vsm:
        with pytest.raises(CapabilityMissingError, match="count words") as caught:
            await vsm.execute(COUNT)
    assert "out of order" in caught.value.remedies[-1] or "answer" in caught.value.remedies[-1]


@pytest.mark.anyio
@pytest.mark.promise("C15")
async def test_what_could_not_be_had_is_told_again_without_a_new_attempt_until_patience_ends(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.tool.works = False
    depths: list[int] = []
    async with place.vsm as vsm:
        for _ in range(5):
            with pytest.raises(AcquisitionError) as caught:
                await vsm.execute(COUNT)
            depths.append(len(traceback.extract_tb(caught.value.__traceback__)))
        assert place.attempts == 1
        assert depths[1] == depths[4]
        assert "count words" in repr(vsm.parts.system4)
        place.tool.works = True
        place.clock.advance(timedelta(minutes=10))
        assert (await vsm.execute(COUNT)).server == "words"
    assert place.attempts == 2


@pytest.mark.anyio
async def test_a_failure_is_of_the_tool_that_was_named_and_keeps_no_other_from_being_tried(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.tool.works = False
    named = replace(COUNT, tool="count_words")
    async with place.vsm as vsm:
        for attempts, operation in ((1, COUNT), (1, COUNT), (2, named), (2, named), (2, COUNT)):
            with pytest.raises(AcquisitionError):
                await vsm.execute(operation)
            assert place.attempts == attempts
        assert "failed=['count words']" in repr(vsm.parts.system4)
        place.tool.works = True
        await vsm.acquire_capability("count words")
        assert "failed=[]" in repr(vsm.parts.system4)


@pytest.mark.anyio
@pytest.mark.promise("C15")
async def test_a_clock_that_is_set_back_does_not_make_a_failure_last(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.tool.works = False
    async with place.vsm as vsm:
        with pytest.raises(AcquisitionError):
            await vsm.execute(COUNT)
        place.clock.advance(timedelta(days=-365))
        place.tool.works = True
        assert (await vsm.execute(COUNT)).server == "words"


@pytest.mark.anyio
async def test_what_the_host_acquires_itself_ends_the_memory_of_a_failure(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.tool.works = False
    async with place.vsm as vsm:
        with pytest.raises(AcquisitionError):
            await vsm.execute(COUNT)
        place.tool.works = True
        await vsm.acquire_capability("Count  WORDS", server="words")
        await vsm.release_capability("words")
        assert (await vsm.execute(COUNT)).server == "words"


@pytest.mark.anyio
async def test_failures_are_remembered_in_bounded_memory_the_newest_longest(tmp_path: Path) -> None:
    place = Place(tmp_path, offers=False)
    async with place.vsm as vsm:
        system4 = vsm.parts.system4
        for number in range(MOST_FAILED + 3):
            with suppress(AcquisitionError):
                await system4.close_gap(Operation(needs=f"need {number:04}"))
        told = repr(system4)
    assert told.count("'need ") == MOST_FAILED
    assert "'need 0002'" not in told
    assert "'need 0003'" in told


@pytest.mark.anyio
@pytest.mark.promise("C18")
async def test_a_refusal_of_policy_or_budget_is_no_failure_of_a_server(tmp_path: Path) -> None:
    place = Place(tmp_path, most_servers=1)
    place.offer("other", counting)
    async with place.vsm as vsm:
        await vsm.acquire_capability("count words", server="other")
        with pytest.raises(PolicyError, match="budget allows 1"):
            await vsm.parts.system4.close_gap(Operation(needs="weigh boxes"))
        with pytest.raises(PolicyError):
            await vsm.acquire_capability("count words", server="words")
        assert "failed=[]" in repr(vsm.parts.system4)
        await vsm.release_capability("other")
        assert (await vsm.acquire_capability("count words", server="words")).server == "words"


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("C18")
async def test_several_acquisitions_at_once_do_not_exceed_the_budget(tmp_path: Path) -> None:
    place, refused = Place(tmp_path, most_servers=2), list[str]()
    names = ["words", "other", "more", "most"]
    for name in names[1:]:
        place.offer(name, counting)

    async def acquire(vsm: ViableSystem, name: str) -> None:
        try:
            await vsm.acquire_capability(f"count words in {name}", server=name, probe=Probe(arguments=TEXT))
        except PolicyError as error:
            refused.append(error.message)

    async with place.vsm as vsm:
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(acquire, vsm, name)
        assert len(vsm.status().servers) == 2
        assert len(refused) == 2
        assert all("the budget allows 2" in message for message in refused)
        assert place.attempts == 2
        await vsm.release_capability(vsm.status().servers[0].name)
        left = next(name for name in names if name not in {server.name for server in vsm.status().servers})
        await vsm.acquire_capability("count words", server=left, probe=Probe(arguments=TEXT))


@pytest.mark.anyio
@pytest.mark.security
async def test_what_calls_itself_like_a_server_that_is_held_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    source = Turncoat()
    place = Place(tmp_path, sources=(source,))
    async with place.vsm as vsm:
        await vsm.acquire_capability("count words", probe=Probe(arguments=TEXT))
        held = await vsm.parts.installer.committed()
        source.package = "evil"
        entered = len(place.heard.of(StageEntered))
        with pytest.raises(AcquisitionError) as caught:
            await vsm.acquire_capability("count words", probe=Probe(arguments=TEXT))
        assert await vsm.parts.installer.committed() == held
        assert len(place.heard.of(StageEntered)) == entered
        assert (await vsm.execute(COUNT)).server == "count-words"
    (why,) = caught.value.failures.values()
    assert "count-words is held already as memory:good, and this is memory:evil from turncoat" in why
    assert any("release_capability('count-words')" in remedy for remedy in caught.value.remedies)


@pytest.mark.anyio
@pytest.mark.promise("C15")
async def test_an_acquisition_reports_the_gap_before_and_after_and_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        vsm.parts.variety.observe_many([("count words", Stage.UNKNOWN)] * 3)
        report = await vsm.acquire_capability("count words")
        assert vsm.parts.system4.reports == [report]
    measured = [event.share for event in place.heard.of(GapMeasured)]
    assert measured == [1.0, pytest.approx(1 / 3)]
    assert report.gap_before is not None
    assert report.gap_after is not None
    assert [report.gap_before.share, report.gap_after.share] == measured


@pytest.mark.anyio
async def test_what_is_let_go_is_forgotten_by_all_who_learnt_of_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        parts = vsm.parts
        await vsm.execute(COUNT)
        assert parts.variety.coverage_of("count words") > 0.5
        assert [belief.server for belief in parts.system1.learner.beliefs("count words")] == ["words"]
        assert parts.system3.reported.of("words") is not None
        assert parts.system4.upkeep.used_share("words") == pytest.approx(0.5, abs=0.01)
        await vsm.release_capability("words")
        assert parts.variety.coverage_of("count words") == 0.0
        assert parts.system1.learner.beliefs("count words") == ()
        assert parts.system3.reported.of("words") is None
        assert "words" not in parts.system3.audits.units
        assert parts.system4.upkeep.used_share("words") == 0.0
        assert vsm.status().servers == ()
        with pytest.raises(DiscoveryError, match="No server named 'words' is held") as caught:
            await vsm.release_capability("words")
        with pytest.raises(CapabilityMissingError):
            await parts.system1.execute(COUNT)
    assert caught.value.remedies == ("Held are: none.",)
    assert place.heard.of(CapabilityReleased) == [CapabilityReleased(server="words")]


@pytest.mark.anyio
@pytest.mark.promise("A39")
async def test_what_another_server_can_do_as_well_stays_covered_when_one_is_let_go(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.offer("other", counting)
    async with place.vsm as vsm:
        for server in ("words", "other"):
            await vsm.acquire_capability("count words", server=server)
        both = vsm.parts.variety.coverage_of("count words")
        await vsm.release_capability("words")
        assert vsm.parts.variety.coverage_of("count words") == both
        assert (await vsm.execute(COUNT)).server == "other"
        await vsm.release_capability("other")
        assert vsm.parts.variety.coverage_of("count words") == 0.0


@pytest.mark.anyio
async def test_routing_hears_what_verification_showed_and_prefers_what_is_proven(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.offer("other", counting)
    async with place.vsm as vsm:
        parts = vsm.parts
        await vsm.acquire_capability("measure texts", server="other", probe=Probe(arguments=TEXT))
        await vsm.acquire_capability("Count words", server="words", probe=Probe(arguments=TEXT))
        beliefs = parts.system1.learner.beliefs("count words")
        assert [(one.server, one.tool, one.trials, one.outcomes) for one in beliefs] == [("words", "count_words", 1, 0)]
        assert beliefs[0].mean == pytest.approx(2 / 3)
        assert parts.variety.coverage_of("count words") == pytest.approx(2 / 3)
        route = parts.router.route(COUNT)[0]
        alike = (replace(route, server="untried"), route)
        chosen = Counter(parts.system1.learner.pick("count words", alike)[0].server for _ in range(1000))
    assert chosen["words"] / 1000 == pytest.approx(2 / 3, abs=0.05)  # the chance that Beta(2, 1) beats Beta(1, 1)


@pytest.mark.anyio
@pytest.mark.promise("C15", "C20")
async def test_a_scan_proposes_to_system_3_which_accepts_by_acquiring_or_declines(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.offer("other", counting)
    async with place.vsm as vsm:
        system4 = vsm.parts.system4
        assert (system4.last_scan, system4.threats_detected, system4.opportunities) == (None, None, None)
        vsm.parts.variety.observe_many([("count words", Stage.UNKNOWN)] * 10)
        scan = await system4.scan()
        names = [proposal.server for proposal in scan.proposals.best]
        assert sorted(names) == ["other", "words"]
        assert (system4.last_scan, system4.threats_detected, system4.opportunities) == (scan, len(scan.threats), 2)
        assert (place.balance().open, place.balance().answered_share) == (2, 0.0)
        system4.decline("other")
        system4.decline("never heard of")
        assert place.balance().answered_share == 0.5
        report = await vsm.acquire_capability("count words", server="words")
        balance = place.balance()
    assert (balance.open, balance.answered_share) == (0, 1.0)
    assert balance.message_balance is None or balance.message_balance == 1.0
    assert report.gap_before is not None
    assert report.gap_after is not None
    gained = (report.gap_before.share or 0.0) - (report.gap_after.share or 0.0)
    assert balance.gain_per_cost[Side.INTELLIGENCE] == pytest.approx(gained)


@pytest.mark.anyio
@pytest.mark.promise("C20")
@pytest.mark.parametrize("vetoed", ["words", "other"])
async def test_every_proposal_of_a_cycle_has_its_answer_when_the_cycle_ends(tmp_path: Path, vetoed: str) -> None:
    place = Place(tmp_path)
    place.offer("other", counting)
    async with place.vsm as vsm:
        vsm.parts.variety.observe_many([("count words", Stage.UNKNOWN)] * 10)
        for _ in range(5):
            vsm.parts.system2.flap(f"server {vetoed}")
        report = await Regulation(vsm.parts.organs).tick()
    assert report.acquired == (({"words", "other"} - {vetoed}).pop(),)
    assert vetoed in report.skipped
    assert (report.balance.open, report.balance.answered_share) == (0, 1.0)


@pytest.mark.anyio
@pytest.mark.promise("C15")
@pytest.mark.parametrize("passed", [timedelta(minutes=10), timedelta(days=-1)])
async def test_a_server_that_could_not_be_had_is_proposed_again_only_after_a_while(
    tmp_path: Path, passed: timedelta
) -> None:
    place = Place(tmp_path)
    place.tool.works = False
    async with place.vsm as vsm:
        system4 = vsm.parts.system4
        vsm.parts.variety.observe_many([("count words", Stage.UNKNOWN)] * 10)
        first = await system4.scan()
        with pytest.raises(VSMError):
            await vsm.acquire_capability("count words", server="words", probe=Probe(arguments=TEXT))
        second = await system4.scan()
        place.clock.advance(passed)
        third = await system4.scan()
    assert [proposal.server for proposal in first.proposals.best] == ["words"]
    assert second.proposals.best == ()
    assert "words" in second.proposals.left_out
    assert second.proposals.left_out["words"]
    again = third.proposals.best[0]
    assert (again.server, again.attempts) == ("words", 1)
    assert again.p_acquire < first.proposals.best[0].p_acquire


class Verbose:
    """A source whose servers have very long names."""

    name = "verbose"
    fresh_for = AT_ONCE

    async def listing(self, known: Listing | None, /) -> Listing:
        await anyio.lowlevel.checkpoint()
        package = PackageRef(ecosystem="memory", name="words")
        long = Candidate(name=f"count-words-{'x' * 500}", source=self.name, package=package, summary="Counts words.")
        return Listing(candidates=(long,))


@pytest.mark.anyio
async def test_a_name_from_outside_of_any_length_breaks_neither_scan_nor_regulation(tmp_path: Path) -> None:
    place = Place(tmp_path, sources=(Verbose(),))
    async with place.vsm as vsm:
        vsm.parts.variety.observe_many([("count words", Stage.UNKNOWN)] * 10)
        scan = await vsm.parts.system4.scan()
        assert len(scan.proposals.best) == 1
        assert place.balance().open == 1
        vsm.parts.system4.decline(scan.proposals.best[0].server)
        assert place.balance().open == 0
        report = await Regulation(vsm.parts.organs).tick()
        assert report.acquired == ()


@pytest.mark.anyio
async def test_only_what_was_held_long_and_used_little_is_idle(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.offer("other", counting)
    async with place.vsm as vsm:
        system4 = vsm.parts.system4
        assert await system4.idle() == ()
        for server in ("words", "other"):
            await vsm.acquire_capability("count words", server=server)
        for _ in range(3000):
            system4.upkeep.note("words")
        assert await system4.idle() == ()
        place.clock.advance(timedelta(days=2))
        assert [(idle.server, idle.n) for idle in await system4.idle()] == [("other", 3000)]
        place.clock.advance(timedelta(days=-9))
        assert await system4.idle() == ()


def with_a_file(state: Path) -> ViableSystem:
    offers = Shelf()
    offers.offer_file(HOSTILE, name="echoing", summary="Says it again.", arguments=("good",))
    settings = Settings(state=state, autonomy=Autonomy.AUTO, allow=("file:*",), sandbox=Confinement.NONE)
    return ViableSystem(settings, shelf=offers, sources=(offers,))


@pytest.mark.anyio
async def test_what_is_held_is_known_with_its_proof_when_a_system_is_entered_again(tmp_path: Path) -> None:
    async with with_a_file(tmp_path) as vsm:
        await vsm.acquire_capability("say it again", server="echoing", probe=ECHO)
        beliefs = vsm.parts.system1.learner.beliefs("say it again")
        assert [(one.server, one.trials) for one in beliefs] == [("echoing", 1)]
    async with with_a_file(tmp_path) as vsm:
        assert vsm.parts.variety.coverage_of("say it again") == pytest.approx(2 / 3)
        assert vsm.parts.system1.learner.beliefs("say it again") == beliefs
        await vsm.release_capability("echoing")
        assert vsm.parts.variety.coverage_of("say it again") == 0.0


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("B47")
async def test_calls_that_the_policy_refuses_hurt_until_somebody_looked_and_there_were_few(tmp_path: Path) -> None:
    place = Place(tmp_path, block=("tool:count_words",))
    place.shelf.offer(
        "both", lambda: memory_server({"count_words": counting, "measure": counting}), summary="Counts words."
    )
    async with place.vsm as vsm:
        await vsm.acquire_capability("measure", server="both", probe=Probe(tool="measure", arguments=TEXT))
        for _ in range(5):
            with pytest.raises(PermissionDeniedError):
                await vsm.parts.guarded.call(ToolCall(server="both", tool="count_words", arguments=TEXT))
        algedonic = vsm.parts.vitals.algedonic
        assert [signal.key for signal in algedonic.open()] == ["refused calls"]
        await vsm.parts.system4.look()
        assert algedonic.report().pains == 1
        place.clock.advance(timedelta(minutes=16))
        await vsm.parts.system4.scan()
        assert algedonic.report().pains == 0


@pytest.mark.anyio
@pytest.mark.promise("C15")
async def test_several_who_lack_the_same_at_once_share_one_acquisition(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(vsm.execute, COUNT)
        status = vsm.status()
    assert place.attempts == 1
    assert (status.systems.system1.absorbed, status.systems.system4.acquired) == (3, 1)


@pytest.mark.anyio
@pytest.mark.promise("C15", "C20")
@pytest.mark.parametrize(
    ("coverage", "least_gain", "why"),
    [(0, 0.99, "less than is worth its cost"), (99, 0.001, "expected to absorb enough")],
)
async def test_a_proposal_is_declined_when_it_is_not_worth_it_or_not_needed_any_more(
    tmp_path: Path, *, coverage: int, least_gain: float, why: str
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        vsm.parts.variety.observe_many([("count words", Stage.UNKNOWN)] * 10)
        if coverage:
            vsm.parts.variety.note_capability("count words", coverage, coverage)
        report = await Regulation(vsm.parts.organs, least_gain=least_gain).tick()
    assert report.acquired == ()
    assert why in report.skipped["words"]
    assert report.balance.answered_share == 1.0


@pytest.mark.anyio
async def test_an_idle_server_that_changed_hands_too_often_is_left_alone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        parts = vsm.parts
        await vsm.acquire_capability("count words", server="words")
        parts.variety.observe_many([("pack boxes", Stage.ABSORBED)] * 100)
        place.clock.advance(timedelta(days=2))
        for _ in range(2000):
            parts.system4.upkeep.note(None)
        for _ in range(5):
            parts.system2.flap("server words")
        cycles = Regulation(parts.organs)
        kept = await cycles.tick()
        place.clock.advance(timedelta(days=1))
        gone = await cycles.tick()
    assert (kept.released, gone.released) == ((), ("words",))
    assert kept.skipped["words"]
