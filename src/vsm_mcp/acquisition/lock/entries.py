"""One server of a lock: everything that was decided about it, without the address of any registry."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Self, cast

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from vsm_mcp.errors import IntegrityError
from vsm_mcp.model.behaviour import Behaviour
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.pins import Pins, digest
from vsm_mcp.model.server import Candidate, Dependency, PackageRef, Proven, Resolution, Rung, StdioLaunch

_CANDIDATE = TypeAdapter(Candidate)


class LockedPackage(BaseModel, frozen=True, extra="forbid"):
    """A package with all it needs, each pinned by its digest.

    Attributes:
        package: With its exact version, such as ``npm:name@1.2.3``.
        integrity: Digest of its own artefact.
        rung: How it was resolved.
        released: When this version was published.
        ownership: The server name that the package itself claims.
        publisher: As the registry stated it.
        dependencies: The whole closure, the package itself included.
        lock: The lines of the package client's own lock, without addresses.
    """

    package: str
    integrity: str
    rung: Rung = Field(default_factory=Rung)
    released: datetime | None = None
    ownership: str | None = None
    publisher: str = ""
    dependencies: tuple[Dependency, ...] = ()
    lock: tuple[str, ...] = ()

    @classmethod
    def of(cls, resolution: Resolution) -> Self:
        """Write a resolution down."""
        return cls(
            package=str(resolution.package),
            integrity=resolution.integrity,
            rung=resolution.rung,
            released=resolution.released,
            ownership=resolution.ownership,
            publisher=resolution.publisher,
            dependencies=resolution.dependencies,
            lock=tuple(_without_addresses(resolution).split("\n")),
        )

    def resolution(self) -> Resolution:
        """Return what is installed from it.

        Raises:
            PayloadError: ``package`` is not one.
        """
        return Resolution(
            package=PackageRef.parse(self.package),
            integrity=self.integrity,
            lock="\n".join(self.lock),
            rung=self.rung,
            released=self.released,
            ownership=self.ownership,
            publisher=self.publisher,
            dependencies=self.dependencies,
        )


class LockedLaunch(BaseModel, frozen=True, extra="forbid"):
    """How a server is started: the program by name, for every machine has it elsewhere, its words, its variables."""

    program: str
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = Field(default_factory=dict[str, str])

    @classmethod
    def of(cls, launch: StdioLaunch) -> Self:
        """Write a launch down."""
        return cls(program=posixpath.basename(launch.argv[0]), arguments=launch.argv[1:], env=dict(launch.env))


class LockedSandbox(BaseModel, frozen=True, extra="forbid"):
    """What really confined a server when it was proven: the level of each aspect."""

    confiner: str
    profile: str
    levels: Mapping[str, str] = Field(default_factory=dict[str, str])


class LockedTrial(BaseModel, frozen=True, extra="forbid"):
    """One call that was made as a proof."""

    tool: str
    arguments: Mapping[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    passed: bool


class LockedEvidence(BaseModel, frozen=True, extra="forbid"):
    """What was shown before the server was accepted."""

    level: str
    trials: tuple[LockedTrial, ...] = ()


class Grant(BaseModel, frozen=True, extra="forbid"):
    """What of the policy let a server in: the pattern of the allow list that named it, and what was waived for it."""

    allowed_by: str | None = None
    waivers: tuple[str, ...] = ()


class LockedDecision(BaseModel, frozen=True, extra="forbid"):
    """What vetting decided and why.

    Attributes:
        accepted: Whether it was let in.
        score: 0 to 100, for display.
        permissions: What its code uses.
        findings: What the checks found, one line each: check, rule, severity and place.
        grant: What of the policy let it in.
    """

    accepted: bool
    score: int
    permissions: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    grant: Grant = Field(default_factory=Grant)

    @classmethod
    def of(cls, proven: Proven, grant: Grant) -> Self:
        """Write a verdict down."""
        verdict = proven.installed.vetted.verdict
        findings = {
            f"{one.check}: {one.code}, {one.severity.name.lower()}{', unknown' if one.unknown else ''}"
            f"{' in ' + one.where if one.where else ''}"
            for one in verdict.findings
        }
        return cls(
            accepted=verdict.accepted,
            score=verdict.score,
            permissions=tuple(sorted(verdict.permissions)),
            findings=tuple(sorted(findings)),
            grant=grant,
        )


class LockedBehaviour(BaseModel, frozen=True, extra="forbid"):
    """What a server was seen to do while it proved itself; ``None`` means that nobody could look."""

    hosts: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    programs: tuple[str, ...] | None = None
    truncated: bool = False

    @classmethod
    def of(cls, seen: Behaviour) -> Self:
        """Write a behaviour down."""
        return cls(
            hosts=_sorted(seen.hosts),
            files=_sorted(seen.files),
            programs=_sorted(seen.programs),
            truncated=seen.truncated,
        )


class LockedServer(BaseModel, frozen=True, extra="forbid"):
    """One server of a lock.

    Attributes:
        entry: Digest of the candidate as its source gave it.
        candidate: That candidate.
        package: What is installed for it.
        tree: Digest of the installed tree: its name in the store of the machine that wrote the lock.
        files: Digest of the installed files without compiled caches: the same on every machine of one platform.
        launch: How it is started; ``None`` for a server of the host's own process.
        pins: Digests of its tools, prompts and instructions.
        sandbox: What confined it.
        evidence: What it did before a witness.
        decision: Why it was let in.
        behaviour: What else it was seen to do.
    """

    entry: str
    candidate: Candidate
    package: LockedPackage
    tree: str
    files: str
    launch: LockedLaunch | None = None
    pins: Pins
    sandbox: LockedSandbox
    evidence: LockedEvidence
    decision: LockedDecision
    behaviour: LockedBehaviour | None = None

    @classmethod
    def of(cls, proven: Proven, *, files: str, grant: Grant | None = None) -> Self:
        """Write a proven server down.

        Args:
            proven: The server.
            files: Digest of its installed files without compiled caches.
            grant: What of the policy let it in.
        """
        installed, evidence, held = proven.installed, proven.evidence, proven.enforcement
        launch = installed.launch
        return cls(
            entry=entry_digest(proven.candidate),
            candidate=replace(proven.candidate, make=None, remote=None),
            package=LockedPackage.of(installed.vetted.artefact.resolution),
            tree=installed.digest,
            files=files,
            launch=LockedLaunch.of(launch) if isinstance(launch, StdioLaunch) else None,
            pins=proven.pins,
            sandbox=LockedSandbox(
                confiner=held.confiner,
                profile=held.profile,
                levels={str(aspect): str(held.level(aspect)) for aspect in held.held},
            ),
            evidence=LockedEvidence(
                level=evidence.level,
                trials=tuple(
                    LockedTrial(tool=one.tool, arguments=one.arguments, passed=one.passed) for one in evidence.trials
                ),
            ),
            decision=LockedDecision.of(proven, grant or Grant()),
            behaviour=None if proven.behaviour is None else LockedBehaviour.of(proven.behaviour),
        )


def entry_digest(candidate: Candidate) -> str:
    """Return the digest of a candidate as its source gave it."""
    said = cast("JsonObject", _CANDIDATE.dump_python(replace(candidate, make=None, remote=None), mode="json"))
    return digest(said)


def _without_addresses(resolution: Resolution) -> str:
    """Return the client's lock without the addresses of the registry: its digests say what is installed, not they.

    Only npm writes any. What does not come from a registry keeps its address, because that is all that names it.
    """
    if resolution.package.ecosystem != "npm" or not resolution.lock:
        return resolution.lock
    try:
        lock = _NpmLock.model_validate_json(resolution.lock)
    except ValidationError as error:
        raise IntegrityError(
            f"The lock of {resolution.package} cannot be read: {error.error_count()} part(s) of it are wrong.",
            remedies=("Release the server and acquire it again.",),
        ) from error
    packages = {place: _unaddressed(entry) for place, entry in lock.packages.items()}
    kept = {"lockfileVersion": lock.version, "requires": True, "packages": packages}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)


class _NpmLock(BaseModel):
    version: int = Field(default=3, alias="lockfileVersion")
    packages: Mapping[str, Mapping[str, JsonValue]] = Field(default_factory=dict[str, Mapping[str, JsonValue]])


def _unaddressed(entry: JsonObject) -> JsonObject:
    return {name: value for name, value in entry.items() if name != "resolved"} if entry.get("integrity") else entry


def _sorted(names: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(names))
