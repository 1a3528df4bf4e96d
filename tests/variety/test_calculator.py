"""The calculator: the gap before and after a capability, from recorded demand."""

import json
import math
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.alarm import AlarmLevel
from vsm_mcp.variety.analysis import SystemGap, VarietyAnalysis
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.engineering import Attenuator, VarietyEngineering
from vsm_mcp.variety.meter import OTHER

DEMANDS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Stage)), min_size=1, max_size=60)
CAPABILITIES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5))


def calculator_of(demands: list[tuple[str, Stage]], **options: float) -> VarietyCalculator:
    calculator = VarietyCalculator(half_life=options.get("half_life", math.inf))
    for kind, stage in demands:
        calculator.observe(kind, stage)
    return calculator


def share_of(calculator: VarietyCalculator) -> float:
    share = calculator.gap().share
    assert share is not None
    return share


def test_before_the_first_demand_every_figure_is_none() -> None:
    calculator = VarietyCalculator()
    gap = calculator.gap()
    assert (gap.share, gap.bits, gap.required_bits, gap.absorbed_bits) == (None, None, None, None)
    assert (gap.observed_absorbed_share, gap.n_effective) == (None, None)
    assert (gap.n, gap.kinds_required, gap.kinds_available, gap.kinds_gap) == (0, 0, 0, 0)
    assert str(gap) == "no demand observed yet"
    analysis = calculator.analyze()
    assert analysis.total_gap_share is None
    assert analysis.level is AlarmLevel.UNKNOWN
    assert not analysis.critical
    assert {gap.recommendation for gap in analysis.gaps_by_system.values()} == {"Nothing was observed yet."}
    assert str(analysis) == "No demand was observed yet."


@pytest.mark.promise("A39")
def test_the_gap_before_and_after_a_capability_is_measured_on_the_same_demand() -> None:
    calculator = calculator_of([("make slides", Stage.UNKNOWN)] * 3 + [("tell the time", Stage.UNKNOWN)])
    before = calculator.gap()
    calculator.note_capability("make slides", 3, 3)
    after = calculator.gap()
    assert (before.share, before.kinds_required, before.kinds_available) == (1.0, 2, 0)
    assert after.share == pytest.approx(1 - 0.75 * 0.8)
    assert before.required_bits == after.required_bits == pytest.approx(0.811278, abs=1e-6)
    assert after.bits == pytest.approx(0.811278 - 0.75 * 0.8 * math.log2(1 / 0.75), abs=1e-6)
    assert (after.kinds_available, after.kinds_gap) == (1, 1)
    assert after.observed_absorbed_share == 0.0
    assert after.n == 4
    assert str(after).startswith("40.0% of demand")


def test_one_trial_that_passed_makes_a_kind_available_and_an_untried_capability_does_not() -> None:
    calculator = calculator_of([("a", Stage.UNKNOWN), ("b", Stage.UNKNOWN)])
    calculator.note_capability("a", 1, 1)
    calculator.note_capability("b", 0, 0)
    gap = calculator.gap()
    assert (gap.kinds_available, gap.kinds_gap) == (1, 1)
    assert calculator.coverage_of("a") == pytest.approx(2 / 3)
    assert calculator.coverage_of("b") == pytest.approx(1 / 2)


def test_forgetting_a_capability_reopens_the_gap() -> None:
    calculator = calculator_of([("a", Stage.UNKNOWN)])
    calculator.note_capability("a", 1, 1)
    calculator.forget_capability("a")
    assert share_of(calculator) == 1.0
    assert calculator.coverage_of("a") == 0.0
    calculator.forget_capability("never known")


def test_outcomes_move_the_expected_gap_and_other_stages_do_not() -> None:
    calculator = calculator_of([("a", Stage.UNKNOWN)])
    calculator.note_capability("a", 1, 1)
    calculator.observe("a", Stage.ABSORBED)
    better = share_of(calculator)
    for stage in (Stage.REFUSED, Stage.UNKNOWN, Stage.STARVED, Stage.CONTENDED):
        calculator.observe("a", stage)
    assert share_of(calculator) == pytest.approx(better)
    calculator.observe("a", Stage.FAILED)
    assert share_of(calculator) > better


def test_absorbed_demand_shows_a_capability_that_nobody_noted() -> None:
    calculator = calculator_of([("a", Stage.ABSORBED)] * 100)
    assert share_of(calculator) < 0.02
    assert calculator_of([("a", Stage.FAILED)] * 10).gap().share == 1.0


def test_kinds_are_the_wording_of_the_need_however_it_is_written() -> None:
    calculator = VarietyCalculator()
    calculator.observe("  Make   SLIDES ", Stage.UNKNOWN)
    calculator.observe("make slides", Stage.UNKNOWN)
    calculator.note_capability("MAKE slides", 1, 1)
    gap = calculator.gap()
    assert (gap.kinds_required, gap.kinds_available) == (1, 1)


@pytest.mark.parametrize("kind", ["", " ", "x" * 201])
def test_a_kind_that_is_none_is_refused(kind: str) -> None:
    calculator = VarietyCalculator()
    with pytest.raises(PayloadError):
        calculator.observe(kind, Stage.UNKNOWN)
    with pytest.raises(PayloadError):
        calculator.note_capability(kind, 1, 1)
    assert calculator.gap().n == 0


@given(DEMANDS, CAPABILITIES)
def test_absorbed_and_gap_make_up_what_is_required(
    demands: list[tuple[str, Stage]], capabilities: dict[str, int]
) -> None:
    calculator = calculator_of(demands)
    for kind, trials in capabilities.items():
        calculator.note_capability(kind, trials, trials)
    gap = calculator.gap()
    assert gap.absorbed_bits is not None
    assert gap.bits is not None
    assert gap.absorbed_bits + gap.bits == pytest.approx(gap.required_bits, abs=1e-12)
    assert 0 <= share_of(calculator) <= 1
    assert gap.kinds_available + gap.kinds_gap == gap.kinds_required


@given(DEMANDS, st.sampled_from("abcdef"), st.integers(1, 5))
def test_a_proven_capability_never_widens_the_gap(demands: list[tuple[str, Stage]], kind: str, successes: int) -> None:
    calculator = calculator_of([(kind, stage) for kind, stage in demands if stage is not Stage.ABSORBED])
    if not calculator.gap().n:
        return
    before = share_of(calculator)
    calculator.note_capability(kind, successes, successes)
    assert share_of(calculator) <= before + 1e-12


@given(DEMANDS)
def test_the_gaps_of_the_systems_sum_to_the_total(demands: list[tuple[str, Stage]]) -> None:
    analysis = calculator_of(demands, half_life=5.0).analyze()
    shares = [gap.share or 0.0 for gap in analysis.gaps_by_system.values()]
    bits = [gap.bits or 0.0 for gap in analysis.gaps_by_system.values()]
    assert sum(shares) == pytest.approx(analysis.total_gap_share)
    assert sum(shares) + (analysis.absorbed_share or 0.0) == pytest.approx(1.0)
    assert sum(bits) == pytest.approx(analysis.total_gap_bits)
    assert sum(bits) + (analysis.absorbed_bits or 0.0) == pytest.approx(analysis.required_bits, abs=1e-9)


def test_each_system_gets_the_recommendation_of_its_stage() -> None:
    demands = [
        ("forbidden", Stage.REFUSED), ("unknown", Stage.UNKNOWN), ("starved", Stage.STARVED),
        ("contended", Stage.CONTENDED), ("failing", Stage.FAILED), ("fine", Stage.ABSORBED),
    ]  # fmt: skip
    gaps: Mapping[str, SystemGap] = {**calculator_of(demands).analyze().gaps_by_system}
    for system, kind, advice in (
        ("system5", "forbidden", "Review the policy"),
        ("system4", "unknown", "Acquire a capability"),
        ("system3", "starved", "more capacity"),
        ("system2", "contended", "apart"),
        ("system1", "failing", "Repair or replace"),
    ):
        gap = gaps[system]
        assert gap.kinds == (kind,)
        assert gap.share == pytest.approx(1 / 6)
        assert advice in gap.recommendation
        assert f"{kind!r} (16.7% of demand)" in gap.recommendation


def test_the_largest_losses_are_named_first_and_the_rest_counted() -> None:
    demands = [(kind, Stage.UNKNOWN) for place, kind in enumerate("abcdef") for _ in range(place + 1)]
    gap = calculator_of(demands).analyze().gaps_by_system["system4"]
    assert gap.kinds == ("f", "e", "d", "c", "b", "a")
    assert "'f' (28.6% of demand), 'e'" in gap.recommendation
    assert "and 3 more kinds" in gap.recommendation


def test_what_was_acquired_since_is_not_recommended_again() -> None:
    calculator = calculator_of([("a", Stage.UNKNOWN), ("b", Stage.UNKNOWN)])
    calculator.note_capability("a", 2, 2)
    assert "'a'" not in calculator.analyze().gaps_by_system["system4"].recommendation
    calculator.note_capability("b", 2, 2)
    analysis = calculator.analyze()
    assert "were added since" in analysis.gaps_by_system["system4"].recommendation
    assert analysis.gaps_by_system["system1"].recommendation == "Nothing was lost here."


def test_the_worst_kinds_come_first_with_what_is_known_of_them() -> None:
    calculator = calculator_of(
        [("big", Stage.UNKNOWN)] * 3 + [("small", Stage.FAILED)] + [("mixed", Stage.ABSORBED), ("mixed", Stage.FAILED)]
    )
    calculator.note_capability("big", 3, 3)
    big, small, mixed = (
        next(kind for kind in calculator.analyze().worst_kinds if kind.kind == name)
        for name in ("big", "small", "mixed")
    )
    assert (big.lost_at, big.trials, big.outcomes) == (Stage.UNKNOWN, 3, 0)
    assert big.gap_share == pytest.approx(0.5 * 0.2)
    assert small.coverage == 0.0
    assert small.gap_share == pytest.approx(1 / 6)
    assert (mixed.observed_absorbed_share, mixed.outcomes) == (pytest.approx(0.5), 2)
    order = [kind.kind for kind in calculator.analyze().worst_kinds]
    assert order[:2] == ["small", "mixed"] or order[:2] == ["mixed", "small"]
    assert len(calculator.analyze(worst=1).worst_kinds) == 1


@pytest.mark.parametrize(("absorbed", "level"), [(59, "critical"), (60, "alert"), (79, "alert"), (80, "clear")])
def test_the_alarm_follows_the_observed_absorbed_share(absorbed: int, level: str) -> None:
    demands = [("a", Stage.ABSORBED)] * absorbed + [("a", Stage.UNKNOWN)] * (100 - absorbed)
    analysis = calculator_of(demands).analyze()
    assert analysis.level.value == level
    assert analysis.critical == (level == "critical")


def test_the_report_survives_json_unchanged_and_says_what_it_is_based_on() -> None:
    calculator = calculator_of([("a", Stage.UNKNOWN), ("b", Stage.ABSORBED)], half_life=10.0)
    analysis = calculator.analyze()
    text = analysis.model_dump_json()
    assert VarietyAnalysis.model_validate_json(text) == analysis
    assert set(json.loads(text)["gaps_by_system"]) == {f"system{number}" for number in range(1, 6)}
    assert "2 demands of 2 kinds (worth 2.0" in analysis.basis
    assert "system4:" in str(analysis)
    assert "system1:" not in str(analysis)


def test_too_many_kinds_are_counted_together_and_the_report_says_so() -> None:
    calculator = VarietyCalculator(most_kinds=2)
    for kind in "abcd":
        calculator.observe(kind, Stage.ABSORBED)
    analysis = calculator.analyze()
    assert analysis.kinds_required == 3
    assert "some counted together" in analysis.basis
    assert analysis.worst_kinds[0].kind == OTHER
    assert analysis.worst_kinds[0].coverage == 0.0


def test_a_million_kinds_do_not_grow_it_without_bound() -> None:
    calculator = VarietyCalculator(half_life=10.0, most_kinds=50)
    for number in range(20_000):
        calculator.observe(f"kind {number}", Stage.UNKNOWN)
    gap = calculator.gap()
    assert gap.kinds_required <= 51
    assert gap.share == 1.0
    assert sum(gap.share or 0 for gap in calculator.analyze().gaps_by_system.values()) == pytest.approx(1.0)


@pytest.mark.promise("C23")
@given(DEMANDS, CAPABILITIES)
def test_after_every_single_demand_the_variety_of_the_demand_so_far_is_known(
    demands: list[tuple[str, Stage]], capabilities: dict[str, int]
) -> None:
    calculator = VarietyCalculator(half_life=math.inf, discount=1.0)
    for kind, trials in capabilities.items():
        calculator.note_capability(kind, trials, trials)
    for seen, (kind, stage) in enumerate(demands, start=1):
        calculator.observe(kind, stage)
        counts = Counter(kind for kind, _ in demands[:seen])
        bits = {kind: count / seen * math.log2(seen / count) for kind, count in counts.items()}
        gap = calculator.gap()
        assert gap.n == seen
        assert gap.required_bits == pytest.approx(sum(bits.values()), abs=1e-9)
        assert gap.share == pytest.approx(
            sum(count / seen * (1 - calculator.coverage_of(kind)) for kind, count in counts.items()), abs=1e-9
        )
        assert gap.bits == pytest.approx(
            sum(part * (1 - calculator.coverage_of(kind)) for kind, part in bits.items()), abs=1e-9
        )


def test_it_shows_what_it_observed() -> None:
    assert calculator_of([("a", Stage.FAILED)]).level is AlarmLevel.CRITICAL
    assert repr(calculator_of([("a", Stage.ABSORBED)])) == "VarietyCalculator(n=1, kinds=1, level=clear)"


def test_before_the_first_demand_there_is_no_headline_no_drift_and_no_open_kind() -> None:
    calculator = VarietyCalculator()
    assert calculator.headline() is None
    assert calculator.drift() is None
    assert calculator.top_gaps() == ()
    assert (calculator.window, calculator.shares(), calculator.weights()) == ((), {}, {})
    assert calculator.cache_stats().hit_rate is None


@pytest.mark.promise("A41")
def test_a_gap_shows_at_once_in_the_headline_and_so_does_its_end() -> None:
    calculator = calculator_of([("a", Stage.ABSORBED)] * 99)
    calm = calculator.headline()
    calculator.observe("b", Stage.UNKNOWN)
    gap = calculator.headline()
    calculator.note_capability("b", 9, 9)
    closed = calculator.headline()
    assert calm is not None
    assert gap is not None
    assert closed is not None
    assert calm.gap_bits == 0.0 < closed.gap_bits < gap.gap_bits
    assert gap.gap_share == pytest.approx(0.01 + 0.99 * (1 - calculator.coverage_of("a")))
    assert calculator.top_gaps(1)[0].kind == "a"
    assert gap.observed_absorbed_share == closed.observed_absorbed_share == pytest.approx(0.99)


@given(DEMANDS, CAPABILITIES)
def test_the_headline_and_the_gap_agree(demands: list[tuple[str, Stage]], capabilities: dict[str, int]) -> None:
    calculator = calculator_of(demands, half_life=9.0)
    for kind, trials in capabilities.items():
        calculator.note_capability(kind, trials, trials)
    gap, head = calculator.gap(), calculator.headline()
    assert head == (gap.required_bits, gap.absorbed_bits, gap.bits, gap.share, gap.observed_absorbed_share)


@given(DEMANDS)
def test_many_demands_at_once_are_the_same_as_one_by_one(demands: list[tuple[str, Stage]]) -> None:
    one_by_one, at_once = calculator_of(demands), VarietyCalculator(half_life=math.inf)
    at_once.observe_many(demands)
    assert at_once.analyze() == one_by_one.analyze()
    assert at_once.window == one_by_one.window == tuple(kind for kind, _ in demands)


def test_a_demand_that_is_none_changes_nothing_among_many() -> None:
    calculator = VarietyCalculator()
    with pytest.raises(PayloadError):
        calculator.observe_many([("a", Stage.ABSORBED), ("", Stage.ABSORBED), ("b", Stage.ABSORBED)])
    assert (calculator.gap().n, calculator.window) == (1, ("a",))


def test_need_not_be_normalised_twice_and_the_table_counts_how_often() -> None:
    calculator = VarietyCalculator(half_life=1.0, most_kinds=3)
    for kind in ("a", "A ", "a", *["b"] * 40, "c", "d"):
        calculator.observe(kind, Stage.UNKNOWN)
    stats = calculator.cache_stats()
    assert (stats.hits, stats.misses, stats.max_size, stats.ttl) == (40, 5, 3, None)
    assert stats.hit_rate == pytest.approx(40 / 45)
    assert (stats.size, stats.evictions) == (3, 1)


def test_a_kind_that_faded_with_what_was_learnt_of_it_starts_anew_but_what_was_noted_stays() -> None:
    calculator = VarietyCalculator(half_life=1.0)
    calculator.note_capability("noted", 3, 3)
    calculator.observe("noted", Stage.ABSORBED)
    calculator.observe("learnt", Stage.ABSORBED)
    known = calculator.coverage_of("noted")
    for _ in range(800):
        calculator.observe("frequent", Stage.UNKNOWN)
    assert (calculator.coverage_of("noted"), calculator.coverage_of("learnt")) == (known, 0.0)
    assert calculator.gap().kinds_required == 1


def test_a_host_that_says_other_is_not_taken_for_the_kinds_that_are_counted_together() -> None:
    calculator = VarietyCalculator(most_kinds=2)
    for kind in ("a", OTHER, "c", OTHER):
        calculator.observe(kind, Stage.UNKNOWN)
    assert set(calculator.shares()) == {"a", "other", OTHER}
    assert calculator.shares()["other"] == pytest.approx(0.5, abs=1e-3)
    assert calculator.window == ("a", "other", "c", "other")


def test_a_stage_that_is_none_changes_nothing() -> None:
    calculator = calculator_of([("a", Stage.ABSORBED)])
    before = calculator.analyze()
    with pytest.raises(PayloadError, match="'elsewhere' is not a stage"):
        calculator.observe("a", "elsewhere")  # pyright: ignore[reportArgumentType]
    assert calculator.analyze() == before


@pytest.mark.promise("C30")
def test_kinds_can_be_told_apart_less_finely_while_demand_goes_on_and_that_can_be_undone() -> None:
    groups = {"convert eur": "convert money", "convert usd": "convert money"}
    engineering = VarietyEngineering([Attenuator(groups=groups, reason="one tool does both")])
    calculator = VarietyCalculator(half_life=math.inf, engineering=engineering)
    calculator.note_capability("Convert  EUR", successes=1, trials=1)
    for kind in ("convert eur", "Convert USD", "sing"):
        calculator.observe(kind, Stage.UNKNOWN)
    assert calculator.shares() == {"convert money": pytest.approx(2 / 3), "sing": pytest.approx(1 / 3)}
    assert calculator.coverage_of("convert usd") == pytest.approx(2 / 3)
    calculator.forget_capability("convert usd")
    assert calculator.coverage_of("convert eur") == 0.0
    engineering.undo()
    calculator.observe("convert eur", Stage.UNKNOWN)
    assert calculator.shares()["convert eur"] == pytest.approx(1 / 4)
