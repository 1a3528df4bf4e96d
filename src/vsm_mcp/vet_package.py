"""vet: everything that can be said about a package without running any of it."""

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
from pydantic import Field, RootModel

from vsm_mcp.acquisition.installation.ecosystems.client import scratch
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.acquisition.installation.tree import digest as tree_digest
from vsm_mcp.acquisition.ladder import first_rung
from vsm_mcp.acquisition.vetting.advisories.osv.database import OsvDatabase
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.sarif import sarif
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError, PayloadError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.report import Report, printable
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Resolution, Rung
from vsm_mcp.model.verdict import Finding, Permission, Severity, Verdict
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.entrance import make_vetting, open_database
from vsm_mcp.wiring.machine import Registries, choose_python, make_ecosystems, make_sandbox
from vsm_mcp.world.world import World

ANYTHING = ("npm:*", "pypi:*", "file:*")
"""Whom a policy lets in that is about a package's quality, not about who may come."""


class Opinion(StrEnum):
    """What follows from everything that was found."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "could not tell"


EXIT_CODES: Mapping[Opinion, int] = {Opinion.ACCEPTED: 0, Opinion.REFUSED: 1, Opinion.UNKNOWN: 2}
"""What the command line answers with; what could not even be looked at is 2, too."""


class VetFinding(Report, frozen=True):
    """One thing that was found; ``unknown`` when it could not be told, which never counts as fine."""

    check: str
    code: str
    severity: str
    message: str
    where: str = ""
    permission: Permission | None = None
    unknown: bool = False
    remedy: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Write down a finding."""
        return cls(
            check=finding.check,
            code=finding.code,
            severity=finding.severity.name.lower(),
            message=finding.message,
            where=finding.where,
            permission=finding.permission,
            unknown=finding.unknown,
            remedy=finding.remedy,
        )

    def finding(self) -> Finding:
        """Return the finding that was written down."""
        return Finding(
            check=self.check,
            code=self.code,
            severity=Severity[self.severity.upper()],
            message=self.message,
            where=self.where,
            permission=self.permission,
            unknown=self.unknown,
            remedy=self.remedy,
        )


class VetReport(Report, frozen=True):
    """What is known of a package, of which nothing was run.

    Attributes:
        package: With its exact version.
        verdict: What follows: ``UNKNOWN`` when only unanswered questions speak against it.
        reasons: What speaks against it.
        findings: Everything that was found, worst first.
        permissions: What its code uses, as read from its source.
        score: 0 (worst) to 100, for display.
        integrity: The digest of its archive, as the registry states it and as it was compared.
        digest: sha256 over its unpacked files, hex; ``None`` when they could not all be read.
        released: When this version was published.
        publisher: Who published it, as the registry states it.
        ownership: The server name that it claims.
        dependencies: How many packages it consists of, itself included.
        elapsed: Seconds it took.
    """

    package: str
    verdict: Opinion
    reasons: tuple[str, ...] = ()
    findings: tuple[VetFinding, ...] = ()
    permissions: tuple[Permission, ...] = ()
    score: int = Field(ge=0, le=100)
    integrity: str
    digest: str | None = None
    released: datetime | None = None
    publisher: str = ""
    ownership: str | None = None
    dependencies: int = Field(ge=0)
    elapsed: float = Field(ge=0)

    def sarif(self) -> JsonObject:
        """Return the findings as a SARIF 2.1.0 log."""
        return sarif([finding.finding() for finding in self.findings], subject=self.package)

    def __str__(self) -> str:
        """Show the verdict, what is known of the package, and every finding with its remedy."""
        released = f"{self.released:%Y-%m-%d}" if self.released else "at an unknown time"
        lines = [
            f"{self.package}: {self.verdict} (score {self.score}/100, {self.elapsed:.1f} s, nothing of it was run)",
            f"  released:    {released} by {self.publisher or 'an unknown publisher'}",
            f"  says it is:  {self.ownership or 'no server by name'}",
            f"  consists of: {self.dependencies} package(s)",
            f"  uses:        {', '.join(self.permissions) or 'nothing remarkable'}",
            f"  integrity:   {self.integrity}",
        ]
        for found in self.findings:
            mark = "?" if found.unknown else " "
            lines.append(f"{mark} {found.severity:8} {found.check}/{found.code}: {found.message}")
            lines += [f"           -> {found.remedy}"] if found.remedy and found.severity not in _MILD else []
        return "\n".join(map(printable, lines))


_MILD = ("info", "low")


class SarifLog(RootModel[JsonObject], frozen=True):
    """A SARIF log; its text and its JSON are the same."""

    def __str__(self) -> str:
        """Show it as JSON."""
        return self.model_dump_json(indent=2)


async def vet(
    package: str | PackageRef,
    *,
    policy: Policy | None = None,
    advisories: Path | None = None,
    world: World | None = None,
    settings: Settings | None = None,
    emit: EventSink = ignore,
) -> VetReport:
    """Say everything that can be said about a package without running any of it.

    Package clients run confined, as in an acquisition; only their caches, in the state directory, are left behind.

    Args:
        package: ``npm:NAME@VERSION``, ``pypi:NAME@VERSION`` (without a version: the one that would be installed) or
            ``file:/path``.
        policy: What the findings mean. By default that of the settings, which lets anybody in when it names nobody.
        advisories: An OSV database (a zip archive or a directory) to ask besides the registries. Its index is kept in
            the user's cache directory for the next time.
        world: The ports to the outside.
        settings: The options; by default from the environment.
        emit: Hears of progress.

    Raises:
        PayloadError: ``package`` names no package.
        InstallationError: There is no such package, it holds no server, or its registry did not answer.
        ConfigurationError: A program, the database or a setting is missing or wrong.
        SandboxError: No interpreter can be run by confined servers.
    """
    ref = PackageRef.parse(package) if isinstance(package, str) else package
    settings = settings or Settings.from_environment()
    world = world or World()
    database = None if advisories is None else await open_database(advisories)
    desk = _Desk(settings, world, policy=policy or _usual(settings), database=database, emit=emit)
    return await desk.vet(ref)


def words(parser: argparse.ArgumentParser) -> None:
    """Declare what the command line is given besides ``--json``."""
    parser.add_argument("package", help="npm:NAME@VERSION, pypi:NAME@VERSION or file:/path")
    parser.add_argument("--sarif", metavar="FILE", help="write a SARIF log; - prints it instead of the report")
    parser.add_argument("--advisories", metavar="PATH", type=Path, help="an OSV database: a zip archive or a directory")


async def answer(options: argparse.Namespace, *, emit: EventSink = ignore) -> tuple[VetReport | SarifLog, int]:
    """Vet one package as ``words`` were given; return what to print and the exit code.

    Raises:
        VSMError: It could not be looked at; that is the exit code 2, too.
    """
    report = await vet(options.package, advisories=options.advisories, emit=emit)
    log = SarifLog(report.sarif())
    if options.sarif not in {None, "-"}:
        await anyio.to_thread.run_sync(_write, log, Path(options.sarif))
    return log if options.sarif == "-" else report, EXIT_CODES[report.verdict]


class _Desk:
    """Where a package is looked at."""

    def __init__(
        self, settings: Settings, world: World, *, policy: Policy, database: OsvDatabase | None, emit: EventSink
    ) -> None:
        self._settings = settings
        self._world = world
        self._policy = policy
        self._emit = emit
        self._registries = Registries.of(world)
        self._vetting = make_vetting(self._policy, world, self._registries, database=database, emit=emit)

    async def vet(self, package: PackageRef) -> VetReport:
        began = anyio.current_time()
        ecosystem = await self._ecosystem(package)
        resolution = await self._resolve(ecosystem, package)
        candidate = Candidate(name=package.name, source="package", package=resolution.package)
        async with scratch() as directory:
            try:
                artefact = await ecosystem.fetch(candidate, resolution, into=directory)
            except IntegrityError as error:
                verdict, digest, known = _damaged(error), None, resolution
            else:
                verdict = await self._vetting.examine(artefact)
                digest, known = await anyio.to_thread.run_sync(_digest, artefact), artefact.resolution
        return self._report(verdict, known, digest=digest, elapsed=anyio.current_time() - began)

    async def _resolve(self, ecosystem: Ecosystem, package: PackageRef) -> Resolution:
        """Resolve as an acquisition would; what is too young for that is resolved all the same, and found to be so."""
        rung = first_rung(self._world.clock.now(), cool_down=self._policy.min_release_age)
        try:
            return await ecosystem.resolve(package, rung=rung)
        except IntegrityError:
            raise
        except InstallationError as error:
            if package.version is None or rung.before is None:
                raise
            try:
                return await ecosystem.resolve(package, rung=Rung())
            except InstallationError:
                raise error from None

    def _report(self, verdict: Verdict, resolution: Resolution, *, digest: str | None, elapsed: float) -> VetReport:
        return VetReport(
            package=str(resolution.package),
            verdict=self._opinion(verdict),
            reasons=() if verdict.accepted else self._vetting.reasons(verdict),
            findings=tuple(map(VetFinding.of, verdict.findings)),
            permissions=tuple(sorted(verdict.permissions)),
            score=verdict.score,
            integrity=resolution.integrity,
            digest=digest,
            released=resolution.released,
            publisher=resolution.publisher,
            ownership=resolution.ownership,
            dependencies=len(resolution.dependencies),
            elapsed=elapsed,
        )

    def _opinion(self, verdict: Verdict) -> Opinion:
        if verdict.accepted:
            return Opinion.ACCEPTED
        refusing = self._policy.refusing(verdict.findings)
        undecided = bool(refusing) and all(f.unknown and f.severity < Severity.CRITICAL for f in refusing)
        return Opinion.UNKNOWN if undecided else Opinion.REFUSED

    async def _ecosystem(self, package: PackageRef) -> Ecosystem:
        if package.ecosystem not in _VETTED:
            raise PayloadError(
                f"{package} is a server in this process: there is no package to vet.",
                remedies=("Name an npm or PyPI package, or a file.",),
            )
        known = make_ecosystems(
            self._settings, self._world, self._registries, python=await self._python(package), emit=self._emit
        )
        return next(ecosystem for ecosystem in known if ecosystem.name == package.ecosystem)

    async def _python(self, package: PackageRef) -> Path:
        """Return the interpreter that is resolved for; nothing else of a package depends on it."""
        if package.ecosystem == PyPIEcosystem.name:
            return await choose_python(self._settings, make_sandbox(self._settings, self._world))
        return self._settings.python or Path(sys.executable)


_VETTED = (NpmEcosystem.name, PyPIEcosystem.name, FileEcosystem.name)


def _usual(settings: Settings) -> Policy:
    policy = settings.policy()
    return policy if policy.allow else policy.model_copy(update={"allow": ANYTHING})


def _damaged(error: IntegrityError) -> Verdict:
    remedy = error.remedies[0] if error.remedies else "Do not use this package."
    finding = Finding(
        check="integrity", code="not-as-pinned", severity=Severity.CRITICAL, message=error.message, remedy=remedy
    )
    return Verdict(accepted=False, findings=(finding,), score=0)


def _digest(artefact: Artefact) -> str | None:
    try:
        return tree_digest(artefact.root)
    except (IntegrityError, InstallationError, OSError):  # the audit of files says what is wrong with them
        return None


def _write(log: SarifLog, place: Path) -> None:
    try:
        place.write_text(f"{log}\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The SARIF log {place} cannot be written: {error.strerror}.", remedies=("Name another file.",)
        ) from error
