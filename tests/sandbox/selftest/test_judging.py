"""What came of an attempt is judged strictly: no control, no verdict or no answer is never called held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.sandbox.selftest.judging import judged, judged_unconfined
from vsm_mcp.sandbox.selftest.probe.attempt import ABSENT, BROKEN, HELD, THROUGH, Attempt, Canary
from vsm_mcp.sandbox.selftest.probing import Findings, Said, all_attempts
from vsm_mcp.sandbox.selftest.report import Outcome


def nothing(_: Canary) -> str:
    return ""


PLAIN = Attempt("try", "files", "much", nothing)
CONTROLLED = PLAIN._replace(control=True)


def findings(said: Said | None, *, failure: str = "", end: ExitReason | None = None) -> Findings:
    found = Findings(failure=failure, end=None if end is None else (end, "so much"))
    if said is not None:
        found.said["try"] = said
    return found


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        (HELD, Outcome.HELD),
        (THROUGH, Outcome.OPEN),
        (BROKEN, Outcome.OPEN),
        (ABSENT, Outcome.NOT_APPLICABLE),
        ("something new", Outcome.OPEN),
    ],
)
def test_each_word_has_its_meaning(word: str, outcome: Outcome) -> None:
    found = judged(PLAIN, findings((word, "seen")), findings(None))
    assert (found.outcome, found.detail, bool(found.remedy)) == (outcome, "seen", outcome is Outcome.OPEN)


@pytest.mark.parametrize(
    ("outside", "outcome"),
    [
        ((THROUGH, "reached"), Outcome.HELD),
        ((HELD, "refused"), Outcome.NOT_SHOWN),
        ((BROKEN, "odd"), Outcome.NOT_SHOWN),
        (None, Outcome.NOT_SHOWN),
        ((ABSENT, "no such thing"), Outcome.NOT_APPLICABLE),
    ],
)
def test_without_a_control_that_got_through_nothing_is_held(outside: Said | None, outcome: Outcome) -> None:
    assert judged(CONTROLLED, findings((HELD, "")), findings(outside)).outcome is outcome


def test_no_verdict_is_open_unless_the_expected_limit_ended_the_sandbox() -> None:
    none = findings(None)
    assert judged(PLAIN, findings(None, failure="it broke"), none).detail == "no verdict: it broke"
    assert judged(PLAIN, none, none).outcome is Outcome.OPEN
    killed = findings(None, end=ExitReason.MEMORY)
    assert judged(PLAIN, killed, none).outcome is Outcome.OPEN
    assert judged(PLAIN, killed, none, end=ExitReason.DISK).outcome is Outcome.OPEN
    assert judged(PLAIN, killed, none, end=ExitReason.MEMORY).outcome is Outcome.HELD


def test_what_was_not_tried_is_not_shown() -> None:
    found = judged_unconfined(PLAIN)
    assert found.outcome is Outcome.NOT_SHOWN
    assert found.remedy


@given(word=st.text(), detail=st.text(), outside=st.none() | st.tuples(st.text(), st.text()))
def test_whatever_is_said_only_the_right_words_pass(word: str, detail: str, outside: Said | None) -> None:
    found = judged(CONTROLLED, findings((word, detail)), findings(outside))
    if found.outcome is Outcome.HELD:
        assert word == HELD
        assert outside is not None
        assert outside[0] == THROUGH


def test_every_attempt_has_a_name_of_its_own_and_says_what_it_would_gain() -> None:
    attempts = all_attempts()
    assert len({one.name for one in attempts}) == len(attempts) > 200
    assert all(one.gain and one.theme for one in attempts)
    assert all(one.harmless for one in attempts if one.control)
