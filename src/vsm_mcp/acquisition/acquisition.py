"""The whole way in, on one page: from a wish to a proven server, one journalled transaction per attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import anyio

from vsm_mcp.acquisition.attempt import Adopt, Attempt
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.result import RankedServer
from vsm_mcp.acquisition.proving.report import TrialReport, UsageRecord
from vsm_mcp.acquisition.report import (
    AcquisitionPlan,
    AcquisitionReport,
    CandidateRecord,
    Consent,
    EnforcementRecord,
    Fate,
    PlannedServer,
    environment_of,
    records_of,
    trial_records,
)
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.trial import Sighting, WayIn, insist_on_same
from vsm_mcp.errors import (
    AcquisitionError,
    DiscoveryError,
    IntegrityError,
    NeedsConfigurationError,
    RefusedError,
    RollbackError,
    ServerError,
    UnconfiguredError,
    VettingError,
    VSMError,
)
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Candidate, Proven

MOST_TRIED = 10
"""So many servers that the lists allow are tried for one need."""

MOST_SCREENED = 100
"""So many are looked at to find them: a short allow list may name none of the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """A proven server, committed to the store, and the report on how it came there."""

    proven: Proven
    report: AcquisitionReport


class Acquisition:
    """Finds, vets, installs and proves a server for what is wanted, or leaves everything as it was.

    Args:
        discovery: Knows servers.
        way: The parts every server passes.
        emit: Hears every stage.
    """

    def __init__(self, *, discovery: MCPDiscovery, way: WayIn, emit: EventSink = ignore) -> None:
        """Join discovery and the way in."""
        self._discovery = discovery
        self._way = way
        self._emit = emit

    def refuses(self, candidate: Candidate) -> str | None:
        """Return why the lists do not allow a server, before anything is fetched; ``None`` when they do."""
        screened = self._way.vetting.screen(candidate)
        return None if screened.accepted else " ".join(screened.reasons)

    async def plan(self, wanted: str, *, server: str | None = None, limit: int = 3) -> AcquisitionPlan:
        """Say what acquiring would mean, for at most ``limit`` servers, without any lasting effect.

        Raises:
            DiscoveryError: No source could be asked, or ``server`` is unknown.
        """
        ranked, errors = await self._find(wanted, server)
        servers = [await self._inspect(entry) for entry in ranked[:limit]]
        return AcquisitionPlan(wanted=wanted, servers=tuple(servers), source_errors=errors)

    async def acquire(
        self,
        wanted: str,
        *,
        consent: Consent,
        server: str | None = None,
        probe: Probe | Sequence[Probe] | None = None,
        adopt: Adopt | None = None,
    ) -> Acquired:
        """Acquire the best server that passes every check and proves itself.

        Args:
            wanted: What is needed, in a short phrase.
            consent: Asked before anything is installed.
            server: Only this server: its name, or a package such as ``pypi:name``.
            probe: The calls it must answer well.
            adopt: Makes it reachable; when that fails, the server is removed again.

        Raises:
            AcquisitionError: No candidate made it; ``failures`` says why for each. Nothing is left behind.
                ``UnconfiguredError`` when the best one lacks nothing but settings.
            RollbackError: What a candidate did could not be undone now; no other was tried.
        """
        began = anyio.current_time()
        steps = Steps(emit=self._emit)
        ranked, _ = await self._find(wanted, server)
        records: list[CandidateRecord] = []
        unexpected: list[Exception] = []
        for place, entry in enumerate(ranked, start=1):
            attempt = Attempt(
                way=self._way,
                steps=steps,
                entry=entry,
                wanted=wanted,
                probe=probe,
                consent=consent,
                adopt=adopt,
                exactly=_names_version(server, entry.candidate),
            )
            try:
                proven = await attempt.climb()
            except Exception as error:  # whatever one candidate brings about, the others are tried
                if server is not None or _is_left_undone(error):
                    raise
                records.append(_failed(entry, error))
                unexpected += [] if isinstance(error, VSMError) else [error]
                continue
            records.append(_record(entry, Fate.TAKEN, f"It proved itself: {proven.evidence.level}."))
            records += [self._passed_over(other) for other in ranked[place:]]
            elapsed = anyio.current_time() - began
            report = AcquisitionReport.of(
                proven, wanted=wanted, steps=steps.records, candidates=records, elapsed=elapsed
            )
            return Acquired(proven=proven, report=report)
        raise _nobody(wanted, records) from _cause(unexpected)

    async def try_out(
        self, server: str | Candidate, *, probe: Probe | Sequence[Probe] | None = None, consent: Consent | None = None
    ) -> TrialReport:
        """Fetch, vet, start, prove and measure a server, then throw everything away.

        Args:
            server: Its name, a package such as ``pypi:name``, or a candidate.
            probe: The calls it must answer well.
            consent: Asked before anything of it is installed; without one the caller's asking is consent enough.

        Raises:
            DiscoveryError: ``server`` is unknown.
        """
        began = anyio.current_time()
        candidate = server if isinstance(server, Candidate) else await self._discovery.named(server)
        steps, seen = Steps(emit=self._emit), Sighting()
        entry = RankedServer(candidate=candidate, score=0.0, why=("asked for by name",))
        attempt = Attempt(
            way=self._way, steps=steps, entry=entry, wanted="", probe=probe, consent=consent or _agree, seen=seen
        )
        proven: Proven | None = None
        record = _record(entry, Fate.NOT_NEEDED, "It works; it was tried and thrown away.")
        try:
            proven = await attempt.try_out()
        except (AcquisitionError, ServerError, RefusedError) as error:
            record = _failed(entry, error)
        return _trial_report(record, seen, proven, steps=steps, elapsed=anyio.current_time() - began)

    def _passed_over(self, entry: RankedServer) -> CandidateRecord:
        """Say of a candidate that was not tried whether it could have been."""
        screened = self._way.vetting.screen(entry.candidate)
        if screened.accepted:
            return _record(entry, Fate.NOT_NEEDED, "A better one was taken.")
        return _record(entry, Fate.REFUSED, " ".join(screened.reasons))

    async def _find(self, wanted: str, server: str | None) -> tuple[Sequence[RankedServer], dict[str, str]]:
        if server is not None:
            candidate = await self._discovery.named(server)
            return (RankedServer(candidate=candidate, score=0.0, why=("asked for by name",)),), {}
        result = await self._discovery.find(wanted, limit=MOST_SCREENED)
        allowed = [place for place, entry in enumerate(result) if self.refuses(entry.candidate) is None]
        chosen = {*range(MOST_TRIED), *allowed[:MOST_TRIED]}  # the best, also to say why they are refused
        ranked = [entry for place, entry in enumerate(result) if place in chosen]
        return (*ranked, *result.withheld), dict(result.errors)

    async def _inspect(self, entry: RankedServer) -> PlannedServer:
        candidate = entry.candidate
        screened = self._way.vetting.screen(candidate)
        if not screened.accepted:
            return _refused(entry, screened.reasons)
        try:
            resolution = await self._way.find_out(candidate, self._way.rung)
            async with self._way.installer.scratch() as directory:
                artefact = await self._way.installer.fetch(candidate, resolution, into=directory)
                insist_on_same(artefact, resolution)
                verdict = await self._way.vetting.examine(artefact)
                granted = self._way.granted(artefact)
                plan = PlannedServer.of(artefact, verdict, score=entry.score, granted=granted)
                return plan.model_copy(update={"reasons": self._way.vetting.reasons(verdict)})
        except Exception as error:  # a plan tells what each candidate brings about, whatever it is
            if _is_left_undone(error):
                raise
            return _refused(entry, (_said(error),))


async def _agree(_plan: PlannedServer) -> None:
    """Consent: who asks for a trial has consented to it."""


def _refused(entry: RankedServer, reasons: tuple[str, ...]) -> PlannedServer:
    candidate = entry.candidate
    return PlannedServer(
        name=candidate.name,
        package=str(candidate.package),
        score=entry.score,
        accepted=False,
        reasons=reasons,
        egress=candidate.egress,
        environment=environment_of(candidate),
        tools=tuple(sorted(tool.name for tool in candidate.tools)),
    )


_MOST_REMEDIES = 4
_LONGEST_REASON = 500


def _record(entry: RankedServer, fate: Fate, reason: str) -> CandidateRecord:
    candidate = entry.candidate
    return CandidateRecord(
        name=candidate.name, package=str(candidate.package), score=entry.score, fate=fate, reason=reason
    )


def _failed(entry: RankedServer, error: Exception) -> CandidateRecord:
    missing = error.names if isinstance(error, NeedsConfigurationError) else ()
    record = _record(entry, _fate(error), _said(error))
    remedies = error.remedies if isinstance(error, VSMError) else ()
    return record.model_copy(update={"missing": missing, "remedies": remedies})


def _said(error: Exception) -> str:
    if isinstance(error, VSMError):
        return error.message
    return f"An unexpected {type(error).__name__} came up: {str(error)[:_LONGEST_REASON].removesuffix('.')}."


def _is_left_undone(error: Exception) -> bool:
    """Return whether an undo failed, bare or in a group: that is what has to be known, not the next candidate."""
    if isinstance(error, ExceptionGroup):
        return cast("ExceptionGroup[Exception]", error).subgroup(RollbackError) is not None
    return isinstance(error, RollbackError)


def _names_version(server: str | None, candidate: Candidate) -> bool:
    """Return whether a server was asked for in one version: ``npm:@scope/name@1.2.3``, not ``npm:@scope/name``."""
    asked = "" if server is None or server == candidate.name else server
    return "@" in asked.partition(":")[2].removeprefix("@")


def _cause(unexpected: Sequence[Exception]) -> Exception | None:
    """Return the first of what nobody expected, with the others noted on it."""
    for other in unexpected[1:]:
        unexpected[0].add_note(f"Another candidate failed with {type(other).__name__}: {str(other)[:_LONGEST_REASON]}")
    return unexpected[0] if unexpected else None


def _fate(error: Exception) -> Fate:
    if isinstance(error, NeedsConfigurationError):
        return Fate.NEEDS_CONFIGURATION
    return Fate.REFUSED if isinstance(error, VettingError | RefusedError | IntegrityError) else Fate.FAILED


def _nobody(wanted: str, records: Sequence[CandidateRecord]) -> AcquisitionError:
    if not records:
        return DiscoveryError(
            f"No source knows a server for {wanted!r}.",
            stage="discover",
            remedies=("Use other words.", "Add a source, or offer a server on the shelf."),
        )
    failures = {record.name: record.reason for record in records}
    best = next((record for record in records if record.fate is not Fate.REFUSED), None)
    if best is not None and best.fate is Fate.NEEDS_CONFIGURATION:
        asked = ", ".join(best.missing) or "settings"
        return UnconfiguredError(
            f"The best of {len(records)} server(s) for {wanted!r} is {best.name}, which lacks {asked}.",
            server=best.name,
            names=best.missing,
            stage="verify",
            failures=failures,
            remedies=best.remedies or ("Give it what it asks for.",),
        )
    return AcquisitionError(
        f"None of {len(records)} server(s) for {wanted!r} could be acquired.",
        failures=failures,
        remedies=(*_remedies(records)[:_MOST_REMEDIES], "Look at `plan_acquisition` for what each would run."),
    )


def _remedies(records: Sequence[CandidateRecord]) -> tuple[str, ...]:
    """Return what to do, for what failed; if nothing failed, for the first that was not allowed."""
    failed = [record for record in records if record.fate is not Fate.REFUSED]
    failed = failed or [record for record in records if record.remedies][:1]
    return tuple(dict.fromkeys(remedy for record in failed for remedy in record.remedies))


def _trial_report(
    record: CandidateRecord, seen: Sighting, proven: Proven | None, *, steps: Steps, elapsed: float
) -> TrialReport:
    evidence, running = None if proven is None else proven.evidence, seen.running
    return TrialReport(
        server=record.name,
        package=record.package if seen.plan is None else seen.plan.package,
        works=proven is not None,
        fate=record.fate,
        reached=steps.records[-1].stage if steps.records else "screen",
        reason=None if proven is not None else record.reason,
        remedies=record.remedies,
        missing=record.missing,
        plan=seen.plan,
        tools=() if running is None else tuple(tool.name for tool in running.tools),
        proof=None if evidence is None else evidence.level,
        trials=() if evidence is None else trial_records(evidence.trials),
        findings=records_of(seen.findings),
        enforcement=None if running is None else EnforcementRecord.of(running.enforcement),
        usage=None if seen.usage is None else UsageRecord.of(seen.usage),
        start_seconds=None if running is None else running.elapsed,
        steps=tuple(steps.records),
        elapsed=elapsed,
    )
