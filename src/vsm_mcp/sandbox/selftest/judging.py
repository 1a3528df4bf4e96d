"""Judges attempts: what is held was shown to be reachable from outside, and what has no verdict counts as open."""

from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.sandbox.selftest.probe import attempt as words
from vsm_mcp.sandbox.selftest.probe import calls, files, limits, network, processes, tree
from vsm_mcp.sandbox.selftest.probe.attempt import Attempt
from vsm_mcp.sandbox.selftest.probing import Findings, Said
from vsm_mcp.sandbox.selftest.report import Attempted, Outcome

NOT_TRIED = "not tried: nothing confines it here, and it could do harm"

_REPORT = "Do not acquire servers here, and report this with the output of python -m vsm_mcp self-test --json."
_CONTROL = "Run this as a user who may do it outside of the sandbox; without that, holding it shows nothing."
_CONFINE = "Confine servers: set VSM_MCP_SANDBOX=bubblewrap."
_REMEDIES = {
    files.THEME: _REPORT,
    processes.THEME: _REPORT,
    network.THEME: _REPORT,
    calls.THEME: _REPORT,
    limits.THEME: "Run python -m vsm_mcp doctor to see which limits this machine holds, and by what.",
    tree.THEME: "Let this user control groups of processes, such as by a systemd user session, or report this.",
}


def judged(attempt: Attempt, findings: Findings, controls: Findings, *, end: ExitReason | None = None) -> Attempted:
    """Judge what came of an attempt.

    Args:
        attempt: What was tried.
        findings: What was said of it inside.
        controls: What was said of it outside, where it should have got through.
        end: By which limit its sandbox may have been ended for it.
    """
    if attempt.control:
        unshown = _not_shown(controls.said.get(attempt.name), controls.failure)
        if unshown is not None:
            return _made(attempt, *unshown)
    said = findings.said.get(attempt.name)
    if said is None:
        return _made(attempt, *_without_verdict(findings, end))
    return _made(attempt, *_with_verdict(said))


def judged_unconfined(attempt: Attempt) -> Attempted:
    """Judge an attempt that was not made, because nothing confines it."""
    return _made(attempt, Outcome.NOT_SHOWN, NOT_TRIED, _CONFINE)


def _not_shown(outside: Said | None, failure: str) -> tuple[Outcome, str, str] | None:
    if outside is None:
        return Outcome.NOT_SHOWN, f"outside: {failure or 'no verdict'}", _CONTROL
    word, detail = outside
    if word == words.THROUGH:
        return None
    if word == words.ABSENT:
        return Outcome.NOT_APPLICABLE, detail, ""
    return Outcome.NOT_SHOWN, f"outside it did not get through either: {detail}", _CONTROL


def _without_verdict(findings: Findings, end: ExitReason | None) -> tuple[Outcome, str, str]:
    if end is not None and findings.end is not None and findings.end[0] is end:
        return Outcome.HELD, f"ended by the limit on {end}: {findings.end[1]}", ""
    return Outcome.OPEN, f"no verdict: {findings.failure or 'it ended without one'}", ""


def _with_verdict(said: Said) -> tuple[Outcome, str, str]:
    word, detail = said
    outcomes = {words.HELD: Outcome.HELD, words.ABSENT: Outcome.NOT_APPLICABLE}
    return outcomes.get(word, Outcome.OPEN), detail, ""


def _made(attempt: Attempt, outcome: Outcome, detail: str, remedy: str) -> Attempted:  # noqa: PLR0917
    return Attempted(
        name=attempt.name,
        theme=attempt.theme,
        gain=attempt.gain,
        outcome=outcome,
        detail=detail,
        remedy=remedy or (_REMEDIES.get(attempt.theme, _REPORT) if outcome is Outcome.OPEN else ""),
    )
