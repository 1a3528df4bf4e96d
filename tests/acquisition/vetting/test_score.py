"""The score: a number for people, which more findings never raise."""

from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.check import worst, worst_first
from vsm_mcp.acquisition.vetting.score import score
from vsm_mcp.model.verdict import Finding, Severity

FINDINGS = st.builds(
    Finding,
    check=st.sampled_from(["a", "b"]),
    code=st.sampled_from(["x", "y"]),
    severity=st.sampled_from(Severity),
    message=st.just("m"),
    unknown=st.booleans(),
)


@given(st.lists(FINDINGS), FINDINGS)
def test_one_more_finding_never_raises_the_score(findings: list[Finding], more: Finding) -> None:
    assert 0 <= score([*findings, more]) <= score(findings) <= 100


@given(st.lists(FINDINGS))
def test_the_order_of_findings_does_not_matter(findings: list[Finding]) -> None:
    assert score(findings) == score(reversed(findings))
    assert worst_first(findings) == worst_first(list(reversed(findings)))


@given(st.lists(FINDINGS))
def test_the_worst_finding_comes_first(findings: list[Finding]) -> None:
    ordered = worst_first(findings)
    assert [f.severity for f in ordered] == sorted((f.severity for f in findings), reverse=True)
    assert worst(findings) == (ordered[0].severity if ordered else Severity.INFO)


def test_an_unanswered_question_costs_more_than_an_answered_one() -> None:
    known = Finding(check="a", code="x", severity=Severity.MEDIUM, message="m")
    unknown = Finding(check="a", code="x", severity=Severity.MEDIUM, message="m", unknown=True)
    assert score([unknown]) < score([known])
