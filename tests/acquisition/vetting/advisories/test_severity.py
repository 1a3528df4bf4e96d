"""Severity: from vectors of every version of CVSS, and from words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.advisories.severity import of_score, of_vector, rated
from vsm_mcp.model.verdict import Severity

C = Severity.CRITICAL


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", C),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Severity.HIGH),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:N", Severity.MEDIUM),
        ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Severity.LOW),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Severity.INFO),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", C),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", Severity.HIGH),
        ("CVSS:3.1/AV:N", None),
        ("CVSS:4.0/nonsense", None),
        ("", None),
    ],
)
def test_a_vector_has_the_severity_of_its_base_score(vector: str, severity: Severity | None) -> None:
    assert of_vector(vector) is severity


def test_the_worst_of_what_is_stated_counts() -> None:
    assert rated(vectors=["CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"], words=["MODERATE"]) is Severity.MEDIUM
    assert rated(words=["Important"]) is Severity.HIGH
    assert rated(words=["whatever"]) is None
    assert rated() is None


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_higher_score_is_never_less_severe(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert of_score(low) <= of_score(high)


@given(st.one_of(st.text(max_size=80), st.text(max_size=60).map("CVSS:3.1/{}".format)))
def test_no_text_breaks_the_reading_of_vectors(text: str) -> None:
    assert of_vector(text) in {None, *Severity}
