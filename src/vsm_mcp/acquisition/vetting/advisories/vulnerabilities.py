"""Vulnerabilities: what is publicly known against a package and everything it brings along."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import anyio

from vsm_mcp.acquisition.vetting.advisories.advisory import Advisories, Advisory, Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.closure import Member, Relation, closure
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import VSMError
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.world.clock import Clock

NO_DATA = "no-advisory-data"
"""The code of the finding that nobody could say whether something is known against a package."""

OLD_DATA = "old-advisory-data"
OLD_AFTER = timedelta(days=30)
PATIENCE = 45.0

_SHOWN = 3
_PREFERRED = ("MAL-", "GHSA-", "CVE-", "PYSEC-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What all sources together say about one package."""

    advisories: tuple[Advisory, ...] = ()
    known: bool = False
    reasons: tuple[str, ...] = ()


class Vulnerabilities:
    """Asks all sources about the whole closure at once.

    What was made to do harm always refuses, and no waiver helps. A flaw refuses from a severity on, one for the
    package and what it asks for itself, another for what comes along with that; an unrated flaw counts as ``HIGH``.
    A waiver may name an advisory by any of its names.

    Args:
        policy: Whose waivers are looked up.
        sources: Who is asked.
        clock: Tells how old a database is.
        direct: Advisories of this severity and above refuse a package and its direct dependencies.
        transitive: The same for all other dependencies.
        patience: Seconds a source may take.
    """

    name = "vulnerabilities"

    def __init__(
        self,
        policy: Policy,
        *,
        sources: Sequence[Advisories],
        clock: Clock,
        direct: Severity = Severity.HIGH,
        transitive: Severity = Severity.CRITICAL,
        patience: float = PATIENCE,
    ) -> None:
        self._waived = frozenset(waiver.code for waiver in policy.waivers)
        self._sources = tuple(sources)
        self._clock = clock
        self._direct = direct
        self._transitive = transitive
        self._patience = patience

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return one finding per advisory, and what could not be told."""
        members = await closure(artefact)
        if not members:
            return ()
        packages = [member.package for member in members]
        answers = await self._ask(packages)
        heard = {package: _heard(package, answers) for package in packages}
        found = [
            self._judge(member, known) for member in members for known in _merged(heard[member.package].advisories)
        ]
        return (*found, *self._unknown(heard), *self._old(answers))

    async def _ask(self, packages: Sequence[Pinned]) -> Mapping[str, Mapping[Pinned, Answer]]:
        answers: dict[str, Mapping[Pinned, Answer]] = {source.name: {} for source in self._sources}

        async def ask(source: Advisories) -> None:
            answers[source.name] = await self._answers(source, packages)

        async with anyio.create_task_group() as tasks:
            for source in self._sources:
                tasks.start_soon(ask, source)
        return answers

    async def _answers(self, source: Advisories, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        try:
            with anyio.fail_after(self._patience):
                return await source.about(packages)
        except TimeoutError:
            reason = f"it did not answer within {self._patience:g} seconds"
        except VSMError as error:
            reason = error.message.rstrip(".")
        return dict.fromkeys(packages, Answer(unknown=reason))

    def _judge(self, member: Member, known: Advisory) -> Finding:
        package, relation = member.package, member.relation
        code = self._code(known)
        fixed = f" Fixed in {', '.join(known.fixed[-_SHOWN:])}." if known.fixed else ""
        said = f" {known.summary.rstrip('.')}." if known.summary else ""
        rated = "of unknown severity" if known.severity is None else f"rated {known.severity.name.lower()}"
        what = "made to do harm" if known.malicious else rated
        doubt = "" if known.certain else " Whether it holds for this version could not be told."
        return Finding(
            check=self.name,
            code=code,
            severity=self._severity(known, relation),
            message=f"{package}, {relation}, is subject to {code} ({what}).{said}{fixed}{doubt}",
            where=str(package),
            unknown=not known.certain,
            remedy=_remedy(known, code),
        )

    def _code(self, known: Advisory) -> str:
        """Return the name that a waiver uses, else the best known one."""
        names = sorted(known.names, key=lambda name: (_rank(name), name))
        return next((name for name in names if name in self._waived), names[0])

    def _severity(self, known: Advisory, relation: Relation) -> Severity:
        if known.malicious:
            return Severity.CRITICAL
        rated = Severity.HIGH if known.severity is None else known.severity
        if rated >= (self._transitive if relation is Relation.TRANSITIVE else self._direct):
            return Severity.HIGH  # and not CRITICAL, which no waiver could accept
        return min(rated, Severity.MEDIUM)

    def _unknown(self, heard: Mapping[Pinned, Heard]) -> Iterator[Finding]:
        silent = [package for package, one in heard.items() if not one.known]
        if not silent:
            return
        reasons = dict.fromkeys(reason for package in silent for reason in heard[package].reasons)
        why = "; ".join([*reasons][:_SHOWN]) or "no source of advisories is configured"
        shown = ", ".join(map(str, silent[:_SHOWN])) + (" and others" if len(silent) > _SHOWN else "")
        yield Finding(
            check=self.name,
            code=NO_DATA,
            severity=Severity.LOW,
            message=f"Whether something is known against {len(silent)} of {len(heard)} package(s) ({shown}) is not "
            f"known: {why}.",
            unknown=True,
            remedy="Use a registry that serves advisories, or give an OSV database.",
        )

    def _old(self, answers: Mapping[str, Mapping[Pinned, Answer]]) -> Iterator[Finding]:
        dates = {name: _newest(answer.as_of for answer in about.values()) for name, about in answers.items()}
        for name, date in dates.items():
            if date is not None and self._clock.now() - date > OLD_AFTER:
                age = (self._clock.now() - date) // timedelta(days=1)
                yield Finding(
                    check=self.name,
                    code=OLD_DATA,
                    severity=Severity.LOW,
                    message=f"The advisories of {name} are {age} days old; the newest is of {date:%Y-%m-%d}.",
                    remedy="Fetch the database of advisories again.",
                )


def _heard(package: Pinned, answers: Mapping[str, Mapping[Pinned, Answer]]) -> Heard:
    given = {name: about[package] for name, about in answers.items() if package in about}
    return Heard(
        advisories=tuple(advisory for answer in given.values() for advisory in answer.advisories),
        known=any(not answer.unknown for answer in given.values()),
        reasons=tuple(f"{name}: {answer.unknown}" for name, answer in given.items() if answer.unknown),
    )


def _merged(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """Return one advisory for all that share a name: several sources describe the same thing."""
    merged: list[Advisory] = []
    for advisory in advisories:
        same = [one for one in merged if not one.names.isdisjoint(advisory.names)]
        merged = [one for one in merged if one not in same]
        for one in same:
            advisory = _joined(one, advisory)  # noqa: PLW2901 - it grows by each that shares a name
        merged.append(advisory)
    return tuple(merged)


def _joined(one: Advisory, other: Advisory) -> Advisory:
    rated = [severity for severity in (one.severity, other.severity) if severity is not None]
    return replace(
        one,
        aliases=one.names | other.names,
        severity=max(rated, default=None),
        summary=one.summary or other.summary,
        fixed=one.fixed or other.fixed,
        weaknesses=one.weaknesses | other.weaknesses,
        certain=one.certain or other.certain,
    )


def _rank(name: str) -> int:
    return next((place for place, prefix in enumerate(_PREFERRED) if name.startswith(prefix)), len(_PREFERRED))


def _newest(dates: Iterable[datetime | None]) -> datetime | None:
    return max((date for date in dates if date is not None), default=None)


def _remedy(known: Advisory, code: str) -> str:
    if known.malicious:
        return "Do not use it; if it was used, treat what it could reach as known to others."
    better = f"Take a version that uses {known.fixed[-1]} or later" if known.fixed else "Take another server"
    return f"{better}, or accept the risk for some time: Waiver(code={code!r}, ...)."
