"""Policy: what a host lets in. The system itself never relaxes it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, Field, field_validator, model_validator

from vsm_mcp.acquisition.vetting.patterns import (
    Subject,
    allows,
    gift_problem,
    identity_problem,
    names_all,
    problem,
)
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.verdict import Finding, Permission, Severity
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy

PRODUCTION: Mapping[str, object] = {
    "min_release_age": timedelta(days=14),
    "require_ownership": True,
    "min_score": 80,
}
"""What is asked for in production, beyond what is asked for anyway."""

LONGEST_AGE = timedelta(days=36_500)
MOST_SERVERS = 10_000
MOST_ACQUISITIONS = 100_000
"""More than anybody needs: a number beyond is a mistake."""


class Waiver(BaseModel, frozen=True, extra="forbid"):
    """A human's word that one finding on one exact artefact is acceptable, for some time.

    Attributes:
        code: The finding's code.
        integrity: The artefact's digest, as its resolution states it: a new version needs a new waiver.
        expires: From this moment on the waiver is void.
        reason: Why; shown with the finding.
    """

    code: str = Field(min_length=1)
    integrity: str = Field(min_length=1)
    expires: AwareDatetime
    reason: str = ""


class Grant(BaseModel, frozen=True, extra="forbid"):
    """A human's word on what some servers get, beyond or instead of what all get.

    Attributes:
        servers: Whom it is for: a pattern of packages, such as ``pypi:mcp-server-git`` or
            ``npm:@scope/* & version:1.*``. The names of servers, publishers and sources are claims, so they do not
            count here. ``*`` means all servers, and all of them can be given neither hosts nor files.
        limits: How much each may use up; ``None`` leaves it at what all may.
        read_only: Directories and files that they may read, at their own paths.
        egress: Hosts that they may talk to, whether or not they declare them.
        private: Those of these hosts whose addresses may be private, such as a database of your own.
        require: Who must hold which aspect at least, beyond what is required anyway; what is not held so refuses the
            start.
        kept: Whether each keeps its writable directory between starts; otherwise it begins with an empty one in
            memory, whose size the kernel holds.

    Raises:
        SandboxError: A path or a host must not be granted.
    """

    servers: str
    limits: Limits | None = None
    read_only: tuple[Path, ...] = ()
    egress: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    require: Mapping[Aspect, Level] = Field(default_factory=dict[Aspect, Level])
    kept: bool = True

    @field_validator("servers")
    @classmethod
    def _names_servers(cls, pattern: str) -> str:
        wrong = None if names_all(pattern) else identity_problem(pattern)
        if wrong:
            raise ValueError(wrong)
        return pattern

    @field_validator("read_only")
    @classmethod
    def _harmless_paths(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        absolute = tuple(path.expanduser().absolute() for path in paths)
        return SandboxPolicy(read_only=absolute).read_only

    @model_validator(mode="after")
    def _hosts_are_names(self) -> Self:
        self.way_out()
        return self

    @model_validator(mode="after")
    def _gives_to_somebody_in_particular(self) -> Self:
        if self.gives and (wrong := gift_problem(self.servers)):
            raise ValueError(f"hosts and files are given to packages: {wrong}")
        return self

    @property
    def gives(self) -> bool:
        """Whether it opens anything, such as hosts or files; otherwise it only says how much and how certain."""
        return bool(self.egress or self.private or self.read_only)

    def way_out(self, *, also: Iterable[str] = ()) -> Egress:
        """Return where such a server may connect to: what is granted here, and ``also`` what it may reach anyway."""
        return Egress.of_declared((*also, *self.egress), private=self.private)


class Policy(BaseModel, frozen=True, extra="forbid"):
    """What is let in.

    A pattern is a glob over one thing: ``npm:@scope/*``, ``pypi:name``, ``pypi:name@1.*``, ``source:catalogue`` (the
    registry), ``publisher:Example*``, ``version:1.*``, ``transport:stdio``, ``tool:read_*``, or the server's name
    (``io.github.owner/*``). Terms joined by ``&`` must all match. It is asked at every call, with the tool's name:
    ``block=("tool:delete_*",)`` keeps every server and forbids those tools.

    Attributes:
        allow: Only what matches one of these is accepted; empty accepts nothing.
        block: What matches one of these is refused, whatever ``allow`` says; dependencies are compared, too.
        egress: Hosts that servers may be let talk to when they declare them: ``api.example.com``, ``*.example.com`` or
            ``host:port``; empty means that no server has a network.
        grants: What some servers get beyond or instead of that: limits, files, hosts. The first that matches a server
            counts.
        most_servers: How many servers may be held at once.
        acquisitions_per_day: How many may be acquired within 24 hours.
        allow_dependencies: What a package may bring along.
        min_release_age: A version must have been public for so long.
        permitted: What code may use of its surroundings without further words.
        tolerated: What code may contain although the sandbox withholds it: shown, not refused. A use that is neither
            permitted nor tolerated is refused.
        refuse_at: Findings of this severity and above refuse.
        refuse_unknown: Whether a question that could not be answered refuses.
        refuse_advisories_at: Known vulnerabilities of the package and of what it names itself, from this severity on,
            refuse; unrated ones count as high.
        refuse_transitive_advisories_at: The same for all else that it brings along.
        require_advisories: Whether a package is refused when no source of advisories could be asked about it.
        require_provenance: Whether it is refused when nothing could be learned of who published it.
        refuse_scripts: Whether a package that wants to run code while being installed is refused. Such code is never
            run, either way.
        require_ownership: Whether a package must name its server.
        min_score: Refuse below this score; ``None`` leaves the decision to the severities alone.
        waivers: Findings that a human has accepted.
    """

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    most_servers: int = Field(default=16, ge=1, le=MOST_SERVERS)
    acquisitions_per_day: int = Field(default=20, ge=1, le=MOST_ACQUISITIONS)
    allow_dependencies: tuple[str, ...] = ("npm:*", "pypi:*", "file:*", "memory:*", "remote:*")
    min_release_age: timedelta = Field(default=timedelta(days=7), ge=timedelta(0), le=LONGEST_AGE)
    permitted: frozenset[Permission] = frozenset(
        {Permission.FILES_READ, Permission.FILES_WRITE, Permission.ENVIRONMENT}
    )
    tolerated: frozenset[Permission] = frozenset({Permission.NETWORK, Permission.PROCESSES, Permission.DYNAMIC_CODE})
    refuse_at: Severity = Severity.HIGH
    refuse_unknown: bool = True
    refuse_advisories_at: Severity = Severity.HIGH
    refuse_transitive_advisories_at: Severity = Severity.CRITICAL
    require_advisories: bool = False
    require_provenance: bool = False
    refuse_scripts: bool = False
    require_ownership: bool = False
    min_score: int | None = Field(default=None, ge=0, le=100)
    waivers: tuple[Waiver, ...] = ()

    @field_validator("allow", "block", "allow_dependencies")
    @classmethod
    def _patterns_are_readable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for wrong in filter(None, map(problem, patterns)):
            raise ValueError(wrong)
        return patterns

    @field_validator("egress")
    @classmethod
    def _hosts_are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return Egress.of_declared(hosts).allow

    @field_validator("allow")
    @classmethod
    def _allowing_a_tool_names_its_server(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if all(term.strip().startswith("tool:") for term in pattern.split("&")):
                raise ValueError(
                    f"{pattern!r} would let every server in; join it with a server: 'pypi:NAME & {pattern}'"
                )
        return patterns

    @classmethod
    def production(cls, **options: object) -> Self:
        """Return a policy that trusts less: a longer cool-down, a mark of ownership and a score of 80 are required.

        Args:
            options: What is set besides, and instead.
        """
        return cls.model_validate({**PRODUCTION, **options})

    def grant_for(self, subject: Subject) -> Grant:
        """Return what a server gets beyond or instead of what all get: by the first grant that names it."""
        named = (grant for grant in self.grants if allows((grant.servers,), subject) is not None)
        return next(named, Grant(servers="*"))

    def refuses(self, finding: Finding) -> bool:
        """Say whether this finding alone refuses an artefact."""
        return finding.severity >= self.refuse_at or (finding.unknown and self._must_know(finding.code))

    def _must_know(self, code: str) -> bool:
        match code:
            case "no-advisory-data":
                return self.require_advisories
            case "no-provenance-data":
                return self.require_provenance
            case _:
                return self.refuse_unknown

    def refusing(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that refuse."""
        return tuple(finding for finding in findings if self.refuses(finding))

    def waiver(self, finding: Finding, *, integrity: str, now: datetime) -> Waiver | None:
        """Return the waiver in force for a finding. There is none for critical ones."""
        if finding.severity >= Severity.CRITICAL:
            return None
        wanted = (finding.code, integrity)
        return next((w for w in self.waivers if (w.code, w.integrity) == wanted and now < w.expires), None)

    def severity_of(self, permission: Permission) -> Severity:
        """Return how bad an undeclared use of ``permission`` is."""
        if permission in self.permitted:
            return Severity.INFO
        return Severity.MEDIUM if permission in self.tolerated else Severity.HIGH
