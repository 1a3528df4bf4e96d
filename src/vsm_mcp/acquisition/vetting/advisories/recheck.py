"""Recheck: what became known against the servers that are held since they were let in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import anyio

from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.events import EventSink, ServerReviewed, ignore
from vsm_mcp.model.report import Report, printable
from vsm_mcp.model.server import Artefact, Proven
from vsm_mcp.model.verdict import Verdict

AT_ONCE = 4

HeldServers = Callable[[], Awaitable[Sequence[Proven]]]
"""Returns the servers that are held."""


class AdvisoryStanding(StrEnum):
    """How a held server stands to what is known today."""

    FINE = "fine"
    AFFECTED = "affected"
    UNKNOWN = "unknown"


class Rechecked(Report, frozen=True):
    """One held server, and what is known of it today.

    Attributes:
        server: Its name.
        package: Its package with the exact version.
        standing: ``AFFECTED`` when it would not be let in today; ``UNKNOWN`` when nobody could be asked.
        reasons: What is known, or why nothing is.
        remedies: What to do about it.
    """

    server: str
    package: str
    standing: AdvisoryStanding
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


class RecheckReport(Report, frozen=True):
    """All servers that are held, and what is known of them today."""

    servers: tuple[Rechecked, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when nothing is known against any, 11 when a human must act, 12 when that could not be found out."""
        standings = {one.standing for one in self.servers}
        if AdvisoryStanding.AFFECTED in standings:
            return 11
        return 12 if AdvisoryStanding.UNKNOWN in standings else 0

    def __str__(self) -> str:
        """Show one line per server, with what is known below."""
        lines: list[str] = []
        for one in self.servers:
            lines.append(f"{one.standing:>8}  {printable(one.server)} ({one.package})")
            lines += [f"          {printable(reason)}" for reason in one.reasons]
            lines += [f"          -> {printable(remedy)}" for remedy in one.remedies]
        return "\n".join(lines) or "Nothing is held."


class Recheck:
    """Asks again what is publicly known against the servers that are held, each with everything it brings along.

    The policy decides what an advisory means, with its waivers, as it did when the server came in. Nothing is stopped:
    each answer is an event, and `objection` keeps the last one.

    Args:
        vetting: Judges by advisories.
        policy: What the answers mean.
        held: Returns what is held.
        emit: Hears ``ServerReviewed``.
    """

    def __init__(self, vetting: Vetting, *, policy: Policy, held: HeldServers, emit: EventSink = ignore) -> None:
        """Keep whom to ask; nobody is asked yet."""
        self._vetting = vetting
        self._policy = policy
        self._held = held
        self._emit = emit
        self._last: dict[str, Rechecked] = {}

    def __repr__(self) -> str:
        """Show how many servers were looked at last."""
        return f"Recheck(servers={len(self._last)})"

    def objection(self, proven: Proven) -> str | None:
        """Return what was known against a server when it was last asked for; ``None`` when nothing was."""
        last = self._last.get(proven.candidate.name)
        if last is None or last.standing is not AdvisoryStanding.AFFECTED or last.package != _package(proven):
            return None
        return " ".join(last.reasons)

    async def run(self) -> RecheckReport:
        """Ask about every server that is held; what cannot be asked is ``UNKNOWN`` and raises nothing."""
        held, limiter = await self._held(), anyio.CapacityLimiter(AT_ONCE)
        found: dict[str, Rechecked] = {}

        async def ask(proven: Proven) -> None:
            async with limiter:
                verdict = await self._vetting.examine(_as_unpacked(proven))
            found[proven.candidate.name] = self._judged(proven, verdict)

        async with anyio.create_task_group() as tasks:
            for proven in held:
                tasks.start_soon(ask, proven)
        self._last = found
        for one in found.values():
            affected = one.reasons if one.standing is AdvisoryStanding.AFFECTED else ()
            known = None if one.standing is AdvisoryStanding.UNKNOWN else affected
            self._emit(ServerReviewed(server=one.server, door="advisories", reasons=known))
        return RecheckReport(servers=tuple(found[proven.candidate.name] for proven in held))

    def _judged(self, proven: Proven, verdict: Verdict) -> Rechecked:
        bad = [finding for finding in self._policy.refusing(verdict.findings) if not finding.unknown]
        open_ones = [finding for finding in verdict.findings if finding.unknown]
        standing = AdvisoryStanding.FINE
        if bad or open_ones:
            standing = AdvisoryStanding.AFFECTED if bad else AdvisoryStanding.UNKNOWN
        shown = bad or open_ones
        remedies = (f"Upgrade or release {proven.candidate.name}.",) if bad else ()
        return Rechecked(
            server=proven.candidate.name,
            package=_package(proven),
            standing=standing,
            reasons=tuple(finding.message for finding in shown),
            remedies=(*remedies, *dict.fromkeys(finding.remedy for finding in shown if finding.remedy)),
        )


def _package(proven: Proven) -> str:
    return str(proven.installed.vetted.artefact.resolution.package)


def _as_unpacked(proven: Proven) -> Artefact:
    """Return the artefact with the place where the installed tree has the package itself."""
    artefact = proven.installed.vetted.artefact
    return replace(artefact, root=_place(proven.installed.path or artefact.root, artefact))


def _place(tree: Path, artefact: Artefact) -> Path:
    package = artefact.resolution.package
    return tree / "node_modules" / package.name if package.ecosystem == "npm" else tree / "site"
