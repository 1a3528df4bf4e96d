"""What became of decisions is told once, counts for similar ones, and is remembered within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.record import DecisionRecord


def test_outcomes_count_for_the_same_decision_on_the_same_issue() -> None:
    record = DecisionRecord()
    first, second = record.note("enter", "pilot", 0.4), record.note("enter", "pilot", 0.4)
    other = record.note("leave", "pilot", 0.9)
    assert (first, second, other) == ("decision-1", "decision-2", "decision-3")
    assert record.decided == 3
    told = record.outcome(first, success=True, note="customers came")
    assert (told.decision, told.forecast, told.note, told.successes, told.failures) == (
        "pilot",
        0.4,
        "customers came",
        1,
        0,
    )
    record.outcome(second, success=False)
    assert record.similar("enter") == {"pilot": (1, 1)}
    assert record.similar("leave") == {}


def test_forecasts_are_held_against_outcomes() -> None:
    record = DecisionRecord()
    assert record.calibration().n == 0
    for success in (True, True, False, True):
        record.outcome(record.note("x", "a", 0.75), success=success)
    record.outcome(record.note("x", "wait", None), success=True)
    report = record.calibration()
    assert report.n == 4
    assert report.brier == pytest.approx(0.1875)
    assert report.reliability == pytest.approx(0.0)


def test_an_outcome_is_told_once_and_for_a_decision_that_was_made() -> None:
    record = DecisionRecord()
    made = record.note("x", "a", 0.5)
    record.outcome(made, success=True)
    with pytest.raises(PayloadError, match="decision-1 was told already"):
        record.outcome(made, success=False)
    with pytest.raises(PayloadError, match="No decision 'decision-9'"):
        record.outcome("decision-9", success=True)
    assert record.similar("x") == {"a": (1, 0)}


def test_what_is_no_answer_is_refused_and_the_outcome_can_still_be_told() -> None:
    record = DecisionRecord()
    made = record.note("x", "a", 0.5)
    with pytest.raises(PayloadError, match="True or False"):
        record.outcome(made, success="yes")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(PayloadError, match="note"):
        record.outcome(made, success=True, note="x" * 1001)
    assert record.calibration().n == 0
    assert record.outcome(made, success=True).successes == 1


def test_the_oldest_are_forgotten_first() -> None:
    record = DecisionRecord(most=2)
    made = [record.note(f"issue {number}", "a", 0.5) for number in range(3)]
    with pytest.raises(PayloadError, match="one of the last 2"):
        record.outcome(made[0], success=True)
    record.outcome(made[1], success=True)
    record.outcome(made[2], success=True)
    record.outcome(record.note("issue 1", "b", 0.5), success=True)
    assert record.similar("issue 2") == {}
    assert record.similar("issue 1") == {"a": (1, 0), "b": (1, 0)}
    record.outcome(record.note("issue 1", "c", 0.5), success=True)
    assert record.similar("issue 1") == {"b": (1, 0), "c": (1, 0)}
    assert repr(record) == "DecisionRecord(decided=5, remembered=2, outcomes=2)"


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans()), max_size=60), st.integers(1, 5)
)
def test_memory_is_bounded(history: list[tuple[str, str, bool]], most: int) -> None:
    record = DecisionRecord(most=most)
    for kind, decision, success in history:
        record.outcome(record.note(kind, decision, 0.5), success=success)
        assert sum(len(record.similar(one)) for one in "abc") <= most
        assert decision in record.similar(kind)


def test_remembering_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 decisions"):
        DecisionRecord(most=0)
