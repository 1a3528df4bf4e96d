"""Severity of an advisory: from CVSS vectors (2, 3 and 4) and from the words that databases use."""

from collections.abc import Iterable

from cvss import CVSS2, CVSS3, CVSS4  # pyright: ignore[reportMissingTypeStubs]
from cvss.exceptions import CVSSError  # pyright: ignore[reportMissingTypeStubs]

from vsm_mcp.model.verdict import Severity

LONGEST_VECTOR = 500

_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "moderate": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "none": Severity.INFO,
    "info": Severity.INFO,
}
_STEPS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def rated(*, vectors: Iterable[str] = (), words: Iterable[str] = ()) -> Severity | None:
    """Return the highest severity that somebody states, or ``None`` when nobody states one that can be read.

    >>> rated(vectors=["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"])
    <Severity.CRITICAL: 4>
    >>> rated(words=["MODERATE", "whatever"])
    <Severity.MEDIUM: 2>
    """
    stated = [*map(of_vector, vectors), *(_WORDS.get(word.strip().lower()) for word in words)]
    return max((one for one in stated if one is not None), default=None)


def of_vector(vector: str) -> Severity | None:
    """Return the severity of the base score of a CVSS vector, or ``None`` when it is none."""
    score = _base_score(vector.strip()[:LONGEST_VECTOR])
    return None if score is None else of_score(score)


def of_score(score: float) -> Severity:
    """Return the severity that the CVSS scale gives to a score from 0 to 10."""
    return next((severity for least, severity in _STEPS if score >= least), Severity.INFO)


def _base_score(vector: str) -> float | None:
    kind = CVSS4 if vector.startswith("CVSS:4") else CVSS3 if vector.startswith("CVSS:3") else CVSS2
    try:
        score = kind(vector).base_score
    except (CVSSError, ValueError, TypeError, ArithmeticError, KeyError):
        return None
    return None if score is None else float(score)
