"""3* audits at times nobody can foresee, finds who reports what is not so, and accuses nobody by chance."""

import math
from itertools import pairwise
from random import Random

import anyio
import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError, ToolError
from vsm_mcp.systems.control.audit import (
    DISTRUST_WEIGHT,
    AuditChannel,
    AuditReport,
    AuditSchedule,
    Inspect,
    discrepancy_interval,
)
from vsm_mcp.systems.control.reported import Reported, ReportedOutcomes
from vsm_mcp.systems.control.sequential import Decision

pytestmark = pytest.mark.anyio


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311


class Fleet:
    """Units that report one rate of success and have another."""

    def __init__(self, *, tells: float, does: float, seed: int, mean_gap: float = 3_600.0) -> None:
        self.draw = chance(seed)
        self.tells, self.does = tells, does
        self.reported = ReportedOutcomes()
        self.inspected = 0
        self.audits = AuditChannel(inspect=self.inspect, reported=self.reported.of, random=self.draw, mean_gap=mean_gap)
        self.audits.add("unit", now=0.0)
        self.work(60)

    async def inspect(self, unit: str) -> bool:
        self.inspected += 1
        return self.draw.random() < self.does

    def work(self, operations: int) -> None:
        for _ in range(operations):
            self.reported.note("unit", absorbed=self.draw.random() < self.tells, elapsed=1.0)

    async def audits_until_distrusted(self, most: int) -> int | None:
        for number in range(1, most + 1):
            self.work(10)
            if (await self.audits.audit("unit", now=0.0)).distrusted:
                return number
        return None


def channel(
    inspect: Inspect, reported: ReportedOutcomes | None = None, *, most_units: int = 1_000, timeout: float = 30.0
) -> AuditChannel:
    told = (ReportedOutcomes() if reported is None else reported).of
    return AuditChannel(inspect=inspect, reported=told, random=chance(1), most_units=most_units, timeout=timeout)


async def fine(unit: str) -> bool:
    return bool(unit)


@pytest.mark.promise("C13")
async def test_a_unit_that_reports_success_it_does_not_have_is_found() -> None:
    needed = [await Fleet(tells=1.0, does=0.6, seed=seed).audits_until_distrusted(200) for seed in range(20)]
    found = sorted(number for number in needed if number is not None)
    assert len(found) == 20
    assert found[10] <= 8
    assert found[-1] <= 40


@pytest.mark.promise("C13")
async def test_a_unit_that_reports_what_is_so_is_hardly_ever_accused() -> None:
    accused = 0
    for seed in range(15):
        for rate in (1.0, 0.9, 0.6):
            accused += await Fleet(tells=rate, does=rate, seed=seed).audits_until_distrusted(60) is not None
    assert accused <= 1


async def test_a_unit_that_does_better_than_it_reports_is_not_accused() -> None:
    fleet = Fleet(tells=0.5, does=1.0, seed=3)
    assert await fleet.audits_until_distrusted(100) is None
    report = fleet.audits.report("unit")
    assert report.interval is not None
    assert report.interval[1] < 0


@pytest.mark.promise("C13")
async def test_the_audit_looks_for_itself_and_reports_both_views() -> None:
    fleet = Fleet(tells=1.0, does=0.0, seed=1)
    before = fleet.audits.report("unit")
    assert (before.audits, before.audited_share, before.discrepancy, before.interval) == (0, None, None, None)
    assert (before.reported_share, before.reported) == (1.0, 60)
    findings = [await fleet.audits.audit("unit", now=0.0) for _ in range(3)]
    assert [finding.passed for finding in findings] == [False] * 3
    assert fleet.inspected == 3
    report = fleet.audits.report("unit")
    assert (report.audited_share, report.discrepancy, report.distrusted) == (0.0, 1.0, True)
    assert report.interval is not None
    assert 0.0 < report.interval[0] < report.interval[1] == 1.0
    assert fleet.audits.distrusted == ("unit",)
    assert AuditReport.model_validate_json(report.model_dump_json()) == report
    assert fleet.audits.evidence("unit")[0] == 0.0
    assert repr(fleet.audits) == "AuditChannel(units=1, distrusted=['unit'])"


async def test_the_unit_that_falls_shortest_of_its_reports_is_named() -> None:
    async def inspect(unit: str) -> bool:
        return unit == "fine"

    reported = ReportedOutcomes()
    audits = channel(inspect, reported)
    for unit in ("fine", "broken"):
        reported.note(unit, absorbed=True, elapsed=1.0)
        audits.add(unit, now=0.0)
    assert audits.worst is None
    for unit in ("fine", "broken", "broken"):
        await audits.audit(unit, now=0.0)
    assert audits.worst is not None
    assert audits.worst.unit == "broken"


async def test_one_failed_inspection_accuses_nobody() -> None:
    fleet = Fleet(tells=1.0, does=0.0, seed=1)
    assert not (await fleet.audits.audit("unit", now=0.0)).distrusted


async def test_who_reported_little_is_not_accused_of_much() -> None:
    async def failing(unit: str) -> bool:
        return not unit

    reported = ReportedOutcomes()
    for _ in range(3):
        reported.note("a", absorbed=True, elapsed=1.0)
    audits = channel(failing, reported)
    audits.add("a", now=0.0)
    findings = [await audits.audit("a", now=0.0) for _ in range(3)]
    assert [finding.distrusted for finding in findings] == [False] * 3
    assert findings[-1].decision is Decision.UNACCEPTABLE


async def test_a_unit_that_mends_its_ways_is_trusted_again() -> None:
    fleet = Fleet(tells=1.0, does=0.3, seed=2)
    assert await fleet.audits_until_distrusted(50) is not None
    fleet.does = 1.0
    fleet.tells = 0.97
    findings = [await fleet.audits.audit("unit", now=0.0) for _ in range(400) if not fleet.work(10)]
    assert not findings[-1].distrusted
    assert fleet.audits.distrusted == ()


async def test_a_unit_that_was_honest_and_then_lies_is_found() -> None:
    fleet = Fleet(tells=1.0, does=1.0, seed=5)
    assert await fleet.audits_until_distrusted(300) is None
    fleet.does = 0.4
    needed = await fleet.audits_until_distrusted(60)
    assert needed is not None
    assert needed <= 30


async def test_who_reported_nothing_can_be_audited_but_not_compared() -> None:
    audits = channel(fine)
    audits.add("a", now=0.0)
    finding = await audits.audit("a", now=0.0)
    assert (finding.passed, finding.decision, finding.distrusted) == (True, Decision.UNDECIDED, False)
    report = audits.report("a")
    assert (report.audited_share, report.reported_share, report.discrepancy, report.reported) == (1.0, None, None, 0)


async def test_an_inspection_that_fails_says_nothing_about_success_and_is_counted() -> None:
    async def broken(unit: str) -> bool:
        raise ToolError(f"{unit} does not answer.")

    async def mute(unit: str) -> bool:
        raise ValueError if unit else AssertionError

    audits = channel(broken)
    audits.add("a", now=0.0)
    finding = await audits.audit("a", now=0.0)
    assert (finding.passed, finding.problem) == (None, "a does not answer.")
    await audits.audit("a", now=0.0)
    report = audits.report("a")
    assert (report.unanswered, report.audits, report.audited_share) == (2, 0, None)
    silent = channel(mute)
    silent.add("a", now=0.0)
    assert (await silent.audit("a", now=0.0)).problem == "ValueError"


async def test_an_inspection_that_never_ends_is_ended() -> None:
    answers = [True]

    async def hanging(unit: str) -> bool:
        if not answers:
            await anyio.sleep_forever()
        return answers.pop() and unit == "a"

    audits = channel(hanging, timeout=0.01)
    audits.add("a", now=0.0)
    await audits.audit("a", now=0.0)
    with anyio.fail_after(5):
        finding = await audits.audit("a", now=0.0)
    assert finding.problem == "The inspection took more than 0.01 seconds."
    assert audits.report("a").unanswered == 1


async def test_a_unit_removed_while_it_is_inspected_stays_removed() -> None:
    async def removes(unit: str) -> bool:
        audits.remove(unit)
        return False

    reported = ReportedOutcomes()
    for _ in range(500):
        reported.note("a", absorbed=True, elapsed=1.0)
    audits = channel(removes, reported)
    audits.add("a", now=0.0)
    await audits.audit("a", now=0.0)
    assert audits.units == ()
    assert audits.due(1e12) == ()
    assert audits.evidence("a") == (0.0, 0.0)


async def test_who_is_distrusted_is_audited_more_often() -> None:
    fleet = Fleet(tells=1.0, does=0.0, seed=1, mean_gap=100.0)
    for _ in range(3):
        await fleet.audits.audit("unit", now=0.0)
    fleet.audits.add("unit", now=0.0, risk=1.0)
    due = sum(len(fleet.audits.due(float(second))) for second in range(100_000))
    assert due == pytest.approx(1_000 * DISTRUST_WEIGHT, rel=0.1)


async def test_only_who_is_audited_can_be_and_their_number_is_bounded() -> None:
    audits = channel(fine, most_units=1)
    with pytest.raises(PayloadError, match="'a' is not audited"):
        await audits.audit("a", now=0.0)
    audits.add("a", now=0.0)
    audits.add("a", now=0.0, risk=2.0)
    with pytest.raises(PayloadError, match="'b' would be one more"):
        audits.add("b", now=0.0)
    audits.remove("a")
    audits.remove("a")
    audits.add("b", now=0.0)
    assert audits.units == ("b",)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
async def test_options_that_make_no_sense_are_refused(value: float) -> None:
    with pytest.raises(ConfigurationError, match="A margin cannot be"):
        AuditChannel(inspect=fine, reported=ReportedOutcomes().of, random=chance(1), margin=value)
    with pytest.raises(ConfigurationError, match="A timeout cannot be"):
        channel(fine, timeout=value)
    with pytest.raises(ConfigurationError, match="A mean gap between audits cannot be"):
        AuditSchedule(random=chance(1), mean_gap=value)
    with pytest.raises(ConfigurationError, match="A number of units cannot be 0"):
        channel(fine, most_units=0)


def schedule(seed: int = 1, *, mean_gap: float = 3_600.0) -> AuditSchedule:
    return AuditSchedule(random=chance(seed), mean_gap=mean_gap)


async def times(plan: AuditSchedule, *, until: int, step: float = 1.0) -> list[float]:
    return [number * step for number in range(until) for _ in plan.due(number * step)]


async def test_audits_come_as_often_as_the_risk_says_and_their_gaps_have_no_memory() -> None:
    plan = schedule(mean_gap=50.0)
    plan.put("a", risk=2.0, now=0.0)
    moments = await times(plan, until=100_000)
    gaps = [after - before for before, after in pairwise(moments)]
    mean = math.fsum(gaps) / len(gaps)
    assert mean == pytest.approx(25.0, rel=0.05)
    late = [gap - 25.0 for gap in gaps if gap > 25.0]
    assert math.fsum(late) / len(late) == pytest.approx(25.0, rel=0.1)
    assert len(late) / len(gaps) == pytest.approx(math.exp(-1.0), abs=0.03)


async def test_another_seed_gives_other_times() -> None:
    one, other = schedule(1, mean_gap=50.0), schedule(2, mean_gap=50.0)
    one.put("a", risk=1.0, now=0.0)
    other.put("a", risk=1.0, now=0.0)
    assert await times(one, until=2_000) != await times(other, until=2_000)


async def test_after_a_long_pause_each_unit_is_due_once() -> None:
    plan = schedule(mean_gap=1.0)
    for unit in "abc":
        plan.put(unit, risk=1.0, now=0.0)
    assert sorted(plan.due(1e6)) == ["a", "b", "c"]


async def test_at_most_a_hundred_are_due_at_once_and_the_others_next_time() -> None:
    plan = schedule(mean_gap=1.0)
    for number in range(150):
        plan.put(f"u{number}", risk=1e-3, now=0.0)
    first, second = plan.due(1e6), plan.due(1e6)
    assert (len(first), len(second)) == (100, 50)
    assert len({*first, *second}) == 150


async def test_a_clock_that_was_set_back_stops_nothing() -> None:
    plan = schedule(mean_gap=10.0)
    plan.put("a", risk=1.0, now=1e9)
    for number in range(100):
        plan.due(1e9 + number)
    seen = [number for number in range(500) for _ in plan.due(float(number))]
    assert len(seen) == pytest.approx(50, abs=25)


async def test_changing_a_risk_again_and_again_takes_no_more_room() -> None:
    plan = schedule()
    for number in range(10_000):
        plan.put("a", risk=1.0 + number % 3, now=0.0)
    assert len(plan) == 1
    assert "a" in plan
    assert len(plan._heap) <= 103  # pyright: ignore[reportPrivateUsage]
    assert plan.due(1e12) == ("a",)


async def test_a_unit_that_was_removed_is_never_due() -> None:
    plan = schedule()
    plan.put("a", risk=1.0, now=0.0)
    plan.remove("a")
    assert plan.due(1e12) == ()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_a_risk_or_a_time_that_is_no_number_is_refused(value: float) -> None:
    plan = schedule()
    with pytest.raises(PayloadError, match="The risk of 'a' cannot be"):
        plan.put("a", risk=value, now=0.0)
    with pytest.raises(PayloadError, match="The present cannot be"):
        plan.put("a", risk=1.0, now=value)
    with pytest.raises(PayloadError, match="The present cannot be"):
        plan.due(value)
    with pytest.raises(PayloadError, match="1 to 200 characters"):
        plan.put("", risk=1.0, now=0.0)


async def test_the_interval_of_a_discrepancy_holds_it_in_nearly_all_of_many_repetitions() -> None:
    draw, inside = chance(11), 0
    for _ in range(400):
        told = sum(draw.random() < 0.9 for _ in range(60))
        found = sum(draw.random() < 0.7 for _ in range(40))
        reported = Reported(successes=told, failures=60 - told, elapsed=None, n=60)
        low, high = discrepancy_interval(reported, (found, 40 - found)) or (0.0, 0.0)
        inside += low <= 0.2 <= high
    assert inside / 400 >= 0.97
    assert discrepancy_interval(None, (1, 1)) is None
