"""Vetting: every check at once, one verdict, the only way to a ``Vetted``; and the judge of what servers say."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio

from vsm_mcp.acquisition.vetting.check import Check, worst_first
from vsm_mcp.acquisition.vetting.lists import Lists
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.score import score
from vsm_mcp.acquisition.vetting.text.words import Digests, Words
from vsm_mcp.acquisition.vetting.tool_descriptions import scan
from vsm_mcp.errors import VettingError
from vsm_mcp.events import CandidateJudged, EventSink, ignore
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.server import Artefact, Candidate, Vetted
from vsm_mcp.model.verdict import Finding, Severity, Verdict
from vsm_mcp.world.clock import Clock, SystemClock

DEFAULT_TIMEOUT = 60.0
MOST_REASONS = 5

Hear = Callable[[tuple[Finding, ...]], None]
"""Gets what was found, also when it refuses."""


def hear_nothing(_findings: tuple[Finding, ...]) -> None:
    """Take no note of what was found."""


class Vetting:
    """Judges what wants to come in, before any of its code runs."""

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        policy: Policy,
        clock: Clock | None = None,
        emit: EventSink = ignore,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """Judge by ``checks`` and, always first, by the lists of ``policy``.

        Args:
            checks: What is asked of an artefact, all at once.
            policy: What the answers mean.
            clock: Says when a waiver expires.
            emit: Hears ``CandidateJudged``.
            timeout: Seconds each check may take; one that takes longer counts as unknown.
        """
        self._lists = Lists(policy)
        self._checks: tuple[Check, ...] = (self._lists, *checks)
        self._policy = policy
        self._clock = clock or SystemClock()
        self._emit = emit
        self._timeout = timeout

    def screen(self, candidate: Candidate) -> Verdict:
        """Judge a candidate by the lists alone, before anything is fetched."""
        return self._verdict(self._lists.screen(candidate))

    async def examine(self, artefact: Artefact) -> Verdict:
        """Run every check and return the verdict, whatever it is."""
        answers: list[Finding] = []

        async def ask(check: Check) -> None:
            answers.extend(await self._answer(check, artefact))

        async with anyio.create_task_group() as tasks:
            for check in self._checks:
                tasks.start_soon(ask, check)
        return self._verdict([self._waived(finding, artefact.resolution.integrity) for finding in answers])

    async def judge(self, artefact: Artefact) -> Vetted:
        """Accept an artefact.

        Raises:
            VettingError: It is refused; the message lists why, the remedies what a human may do.
        """
        verdict = await self.examine(artefact)
        candidate = artefact.candidate
        reasons = self.reasons(verdict)
        self._emit(CandidateJudged(candidate=candidate.name, accepted=verdict.accepted, reasons=reasons))
        if verdict.accepted:
            return Vetted(artefact=artefact, verdict=verdict)
        raise VettingError(
            f"{candidate.name} ({artefact.resolution.package}) was refused: {_summary(reasons)}",
            stage="vet",
            remedies=self._remedies(verdict),
        )

    def examine_words(self, words: Words, others: Sequence[ToolSpec] = ()) -> Verdict:
        """Search what a server says about itself, and return the verdict, whatever it is.

        A finding is waived by its code and the digest by which the tool, the prompt or the instructions are pinned.

        Args:
            words: What it says.
            others: The tools of all other servers, which it may imitate or speak about.
        """
        digests = Digests(words)
        found = scan(words.tools, others, instructions=words.instructions, prompts=words.prompts)
        return self._verdict([self._said(finding, digests.of(finding.where)) for finding in found])

    def judge_words(
        self, words: Words, others: Sequence[ToolSpec] = (), *, stage: str, hear: Hear = hear_nothing
    ) -> tuple[Finding, ...]:
        """Accept what a server says about itself, and return what is worth knowing of it.

        Args:
            words: What it says.
            others: The tools of all other servers.
            stage: Where on its way the server is.
            hear: Gets what was found, also when it refuses.

        Raises:
            VettingError: It is refused; the message lists why, and what a waiver would have to name.
        """
        return self.accept_words(words, self.examine_words(words, others), stage=stage, hear=hear)

    def accept_words(
        self, words: Words, verdict: Verdict, *, stage: str, hear: Hear = hear_nothing
    ) -> tuple[Finding, ...]:
        """Do what :meth:`judge_words` does, for a verdict that was reached elsewhere, as in a thread."""
        reasons = self.reasons(verdict)
        hear(verdict.findings)
        self._emit(CandidateJudged(candidate=words.server, accepted=verdict.accepted, reasons=reasons, stage=stage))
        if verdict.accepted:
            return verdict.findings
        raise VettingError(
            f"{words.server} describes itself in a way that is not accepted: {_summary(reasons)}",
            stage=stage,
            remedies=(*self._remedies(verdict), "Waive a finding, until a date, only if the words are harmless."),
        )

    def reasons(self, verdict: Verdict) -> tuple[str, ...]:
        """Return why a verdict refuses, by this policy; nothing when it does not."""
        refusing = self._policy.refusing(verdict.findings)
        if refusing or verdict.accepted:
            return tuple(finding.message for finding in refusing)
        return (f"Its score of {verdict.score} is below the {self._policy.min_score} that the policy asks for.",)

    async def _answer(self, check: Check, artefact: Artefact) -> Sequence[Finding]:
        try:
            with anyio.fail_after(self._timeout):
                return await check.examine(artefact)
        except Exception as error:  # noqa: BLE001 - a check that fails in any way must refuse, not pass
            return (_failed(check.name, error),)

    def _said(self, finding: Finding, integrity: str | None) -> Finding:
        """Return a finding in words as far as it counts; what refuses says what would waive it."""
        if integrity is None or finding.severity >= Severity.CRITICAL:
            return finding
        judged = self._waived(finding, integrity)
        if not self._policy.refuses(judged):
            return judged
        return replace(judged, message=f"{finding.message} (To waive: code {finding.code!r}, integrity {integrity!r}.)")

    def _waived(self, finding: Finding, integrity: str) -> Finding:
        waiver = self._policy.waiver(finding, integrity=integrity, now=self._clock.now())
        if waiver is None:
            return finding
        message = f"Waived until {waiver.expires:%Y-%m-%d} ({waiver.reason or 'no reason given'}): {finding.message}"
        return replace(finding, severity=Severity.INFO, unknown=False, message=message)

    def _verdict(self, findings: Sequence[Finding]) -> Verdict:
        points = score(findings)
        good_enough = self._policy.min_score is None or points >= self._policy.min_score
        return Verdict(
            accepted=good_enough and not self._policy.refusing(findings),
            findings=worst_first(findings),
            permissions=frozenset(f.permission for f in findings if f.permission is not None),
            score=points,
        )

    def _remedies(self, verdict: Verdict) -> tuple[str, ...]:
        refusing = self._policy.refusing(verdict.findings)
        return tuple(dict.fromkeys(f.remedy for f in refusing if f.remedy)) or ("Take another server.",)


def _failed(name: str, error: Exception) -> Finding:
    return Finding(
        check=name,
        code="check-failed",
        severity=Severity.HIGH,
        message=f"The check {name!r} could not answer: {type(error).__name__}: {str(error)[:200]}.",
        unknown=True,
        remedy="Repair the check, or take another server.",
    )


def _summary(reasons: Sequence[str]) -> str:
    more = f" And {len(reasons) - MOST_REASONS} more." if len(reasons) > MOST_REASONS else ""
    return " ".join(reasons[:MOST_REASONS]) + more
