"""Proposals put the servers first that are expected to absorb most, and learn from how acquisitions end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.server import Candidate, PackageRef, Readiness
from vsm_mcp.systems.intelligence.proposals import MOST_CLASSES, AcquisitionRecord, Found, propose
from vsm_mcp.variety.gap import OpenKind


def server(name: str, *, source: str = "shelf", readiness: Readiness = Readiness.UNTRIED) -> Candidate:
    package = PackageRef(ecosystem="memory", name=name)
    return Candidate(name=name, source=source, package=package, readiness=readiness)


def found(kind: str, share: float, *servers: Candidate, coverage: float = 0.0) -> Found:
    open_kind = OpenKind(kind=kind, gap_share=share * (1 - coverage), demand_share=share, coverage=coverage)
    return Found(kind=open_kind, candidates=servers)


@pytest.mark.promise("C15")
def test_the_server_for_the_largest_loss_comes_first() -> None:
    proposals = propose(
        [found("draw", 0.1, server("painter")), found("write", 0.3, server("writer"))], record=AcquisitionRecord()
    )
    assert [proposal.server for proposal in proposals.best] == ["writer", "painter"]
    first = proposals.best[0]
    assert (first.kind, first.p_acquire, first.attempts) == ("write", 0.5, 0)
    assert first.gain == pytest.approx(0.3 * 2 / 3 * 0.5)
    assert proposals.gain == pytest.approx(sum(proposal.gain for proposal in proposals.best))
    assert proposals.exact


@pytest.mark.promise("C15")
def test_a_generalist_beats_specialists_whose_losses_are_smaller() -> None:
    generalist = server("office")
    proposals = propose(
        [
            found("write", 0.2, server("writer"), generalist),
            found("draw", 0.2, server("painter"), generalist),
            found("add", 0.2, server("adder"), generalist),
        ],
        record=AcquisitionRecord(),
        most=1,
    )
    assert [proposal.server for proposal in proposals.best] == ["office"]
    assert proposals.best[0].kinds == ("write", "draw", "add")


def test_for_one_kind_a_second_server_adds_less_than_the_first() -> None:
    proposals = propose([found("write", 0.3, server("a"), server("b"))], record=AcquisitionRecord())
    gains = [proposal.gain for proposal in proposals.best]
    assert len(gains) == 2
    assert gains[0] > gains[1] > 0


def test_what_is_held_or_failed_lately_is_left_out_with_the_reason() -> None:
    proposals = propose(
        [found("write", 0.3, server("a"), server("b"), server("c"))],
        record=AcquisitionRecord(),
        held={"a", "elsewhere"},
        failed={"b": "It died."},
    )
    assert [proposal.server for proposal in proposals.best] == ["c"]
    assert proposals.left_out == {"a": "It is held already.", "b": "It died."}


def test_what_the_catalogue_saw_working_is_more_likely_had() -> None:
    record = AcquisitionRecord()
    assert record.believe(server("a", readiness=Readiness.PROVEN)) == (2 / 3, 0)
    assert record.believe(server("a", readiness=Readiness.UNTRIED)) == (1 / 2, 0)
    assert record.believe(server("a", readiness=Readiness.NEEDS_CONFIGURATION)) == (1 / 3, 0)


@given(st.lists(st.booleans(), max_size=30))
def test_the_belief_follows_the_attempts(endings: list[bool]) -> None:
    record = AcquisitionRecord()
    for success in endings:
        record.note(server("any"), success=success)
    assert record.believe(server("other")) == ((1 + sum(endings)) / (2 + len(endings)), len(endings))
    assert record.believe(server("other", source="elsewhere")) == (0.5, 0)


def test_the_record_is_bounded() -> None:
    record = AcquisitionRecord()
    for number in range(MOST_CLASSES + 5):
        record.note(server("any", source=f"source {number}"), success=True)
    assert repr(record) == f"AcquisitionRecord(attempts={MOST_CLASSES})"


def test_without_a_gap_nothing_is_proposed() -> None:
    proposals = propose([], record=AcquisitionRecord())
    assert (proposals.best, proposals.gain, proposals.certificate) == ((), 0.0, 1.0)
