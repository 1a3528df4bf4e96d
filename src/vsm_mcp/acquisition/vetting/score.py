"""Score: one number from 0 to 100 for people to look at; it never decides by itself."""

from collections.abc import Iterable

from vsm_mcp.model.verdict import Finding, Severity

_PENALTY = {Severity.INFO: 0, Severity.LOW: 1, Severity.MEDIUM: 4, Severity.HIGH: 30, Severity.CRITICAL: 60}
_UNKNOWN_PENALTY = 5


def score(findings: Iterable[Finding]) -> int:
    """Return 100 less a fixed penalty per finding, at least 0: one more finding never raises it.

    >>> score(())
    100
    """
    penalties = (_PENALTY[f.severity] + (_UNKNOWN_PENALTY if f.unknown else 0) for f in findings)
    return max(0, 100 - sum(penalties))
