"""A server on its way in: one type per stage of trust.

``Candidate -> Vetted -> Installed -> Running -> Proven``. Each arrow is one function; only vetting makes a ``Vetted``,
only verification makes a ``Proven``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.behaviour import Behaviour
from vsm_mcp.model.call import Caller, PromptSpec, ToolSpec
from vsm_mcp.model.enforcement import Enforcement, Usage
from vsm_mcp.model.launch import InProcessLaunch as InProcessLaunch  # noqa: PLC0414 - part of what a server is
from vsm_mcp.model.launch import Launch as Launch  # noqa: PLC0414 - part of what a server is
from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.model.launch import StdioLaunch as StdioLaunch  # noqa: PLC0414 - part of what a server is
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.proof import Evidence
from vsm_mcp.model.verdict import Verdict

PACKAGE_ROOT = "/pkg"
"""Where a server finds its own files; a word of ``StdioLaunch.argv`` that begins so means the installed package."""

WORK_ROOT = "/work"
"""The one directory a confined server may write to."""

_NAMES = {
    "npm": re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*"),
    "pypi": re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
    "file": re.compile(r"/[^\x00-\x1f]+"),
    "memory": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "remote": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_LONGEST_NAME = 214
_LONGEST_VERSION = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRef:
    """A package of an ecosystem: ``npm``, ``pypi``, ``file`` (on this machine), ``memory`` (in process) or ``remote``.

    Attributes:
        ecosystem: Which ecosystem it is of.
        name: Its name there; for ``file`` the absolute path.
        version: The exact version, or ``None`` while it is not resolved.

    Raises:
        PayloadError: The ecosystem is unknown, or name or version are not of the ecosystem's form.
    """

    ecosystem: str
    name: str
    version: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be a package."""
        form = _NAMES.get(self.ecosystem)
        if form is None:
            raise PayloadError(
                f"There is no ecosystem {self.ecosystem[:40]!r}.",
                remedies=(f"Use one of {', '.join(_NAMES)}.",),
            )
        longest = 4096 if self.ecosystem == "file" else _LONGEST_NAME
        if len(self.name) > longest or not form.fullmatch(self.name):
            raise PayloadError(f"{self.name[:80]!r} is not a package name of {self.ecosystem}.")
        if self.version is not None and (len(self.version) > _LONGEST_VERSION or not _VERSION.fullmatch(self.version)):
            raise PayloadError(f"{self.version[:80]!r} is not an exact version of {self.name}.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"npm:@scope/name@1.2.3"`` or ``"pypi:name"``.

        Raises:
            PayloadError: ``text`` is not of that form.
        """
        ecosystem, colon, rest = text.partition(":")
        if not colon:
            raise PayloadError(
                f"{text[:80]!r} does not name an ecosystem.",
                remedies=("Write it as npm:NAME, npm:NAME@VERSION or pypi:NAME@VERSION.",),
            )
        name, at, version = rest.rpartition("@")
        if not at or not name:
            return cls(ecosystem=ecosystem, name=rest)
        return cls(ecosystem=ecosystem, name=name, version=version)

    def __str__(self) -> str:
        """Write it as ``ecosystem:name@version``."""
        return f"{self.ecosystem}:{self.name}" + (f"@{self.version}" if self.version else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable that a server reads.

    Attributes:
        name: Its name.
        description: What it is for; untrusted text.
        required: Whether the server is of no use without it.
        secret: Whether its value must not be seen.
        default: What it is set to when its user gives no value; ``/work`` means the server's writable directory.
    """

    name: str
    description: str = ""
    required: bool = False
    secret: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSummary:
    """What a source publishes about a tool: enough to rank by, never enough to call."""

    name: str
    description: str = ""


class Readiness(StrEnum):
    """What is known of a server before it is tried here."""

    PROVEN = "proven"
    NEEDS_CONFIGURATION = "needs-configuration"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server that some source knows. Nothing about it is trusted yet.

    Attributes:
        name: The server's name, such as ``io.github.owner/server``; its identity everywhere.
        source: Which source said so; ``publisher`` who answers for it there.
        version: The version the source names, if any.
        title: For people.
        summary: One or two sentences; untrusted text.
        keywords: Further words to find it by, as published.
        package: The package to install.
        arguments: Fixed words to append when the server is started (``/work`` means its writable directory).
        environment: The variables it reads.
        tools: What is published about its tools.
        egress: Hosts it talks to, as ``host`` or ``host:port``; empty when none are declared.
        repository: Where its source is, as published.
        readiness: What is known about starting it.
        deprecated: Whether a source advises against using it.
        make: For ``memory`` packages: returns a fresh in-process server.
        remote: For ``remote`` packages: where the server runs.
    """

    name: str
    source: str
    package: PackageRef
    version: str | None = None
    title: str = ""
    summary: str = ""
    keywords: tuple[str, ...] = ()
    publisher: str = ""
    arguments: tuple[str, ...] = ()
    environment: tuple[Variable, ...] = ()
    tools: tuple[ToolSummary, ...] = ()
    egress: tuple[str, ...] = ()
    repository: str = ""
    readiness: Readiness = Readiness.UNTRIED
    deprecated: bool = False
    make: Callable[[], object] | None = None
    remote: RemoteLaunch | None = None

    @property
    def slug(self) -> str:
        """A short readable name: the last part of ``name``, safe in file names and tool names."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", self.name.rsplit("/", 1)[-1]).strip("-") or "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rung of the repair ladder: how dependencies are resolved.

    Attributes:
        name: For reports, such as ``"as published"`` or ``"as of 2025-04-25"``.
        before: Ignore everything released after this moment.
        constraints: Further requirements, such as ``"mcp<2"``.
    """

    name: str = "as published"
    before: datetime | None = None
    constraints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One package of a resolved closure.

    Attributes:
        name: Its name.
        version: Its exact version.
        hashes: The digests the lock pins; empty when it pins none.
        url: Where it comes from when that is not a registry.
        scripts: True when it wants to run code while being installed.
        wheel: False when it would have to be built from source.
    """

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    url: str | None = None
    scripts: bool = False
    wheel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a registry and its client say about one exact version, before anything is unpacked.

    Attributes:
        package: With its exact version.
        integrity: Digest of the package's own artefact: ``sha512-<base64>`` (npm) or ``sha256:<hex>``.
        lock: The lock file's text; installing is possible only from this.
        rung: How it was resolved.
        released: When this version was published.
        ownership: The server name that the package itself claims (``mcpName`` or ``mcp-name:``).
        dependencies: The whole closure, the package itself included.
        publisher: As the registry states it.
    """

    package: PackageRef
    integrity: str
    lock: str
    rung: Rung = field(default_factory=Rung)
    released: datetime | None = None
    ownership: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    publisher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A candidate with its resolution and its own package unpacked at ``root``; no code of it has run.

    Attributes:
        launch: How it would be started, found in its metadata.
    """

    candidate: Candidate
    resolution: Resolution
    root: Path
    launch: Launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetted:
    """An artefact that vetting accepted. Made only by vetting."""

    artefact: Artefact
    verdict: Verdict

    @property
    def candidate(self) -> Candidate:
        """The candidate it is about."""
        return self.artefact.candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A package in staging or in the store.

    Attributes:
        path: The directory that is mounted as ``/pkg``; ``None`` for in-process servers.
        digest: sha256 over the whole tree, hex; for in-process servers over the name.
        launch: How to start it.
    """

    vetted: Vetted
    path: Path | None
    digest: str
    launch: Launch

    @property
    def candidate(self) -> Candidate:
        """The candidate it came from."""
        return self.vetted.candidate


def _unmeasured() -> Usage | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A started server that speaks the protocol.

    Attributes:
        link: Where calls go.
        tools: What it lists.
        enforcement: What really confines it.
        pid: Its process on this host, if it has one of its own.
        elapsed: Seconds from start to the list of tools.
        dropped: Tools that it lists and that cannot be used, each with the reason.
        instructions: What it says about itself when a connection begins; untrusted.
        prompts: The prompts it lists.
        usage: Says what it uses now and has used at most; ``None`` when it has no process of its own.
    """

    installed: Installed
    link: Caller
    tools: tuple[ToolSpec, ...]
    enforcement: Enforcement
    pid: int | None
    elapsed: float
    dropped: Mapping[str, str] = field(default_factory=dict[str, str])
    instructions: str = ""
    prompts: tuple[PromptSpec, ...] = ()
    usage: Callable[[], Usage | None] = _unmeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """An installed server that did real work before a witness. Made only by verification.

    Attributes:
        tools: What it listed then; nothing else of it is callable.
        prompts: The prompts that it listed then.
        instructions: What it said about itself then; untrusted.
        behaviour: What it was seen to do then; ``None`` when nobody looked.
    """

    installed: Installed
    tools: tuple[ToolSpec, ...]
    evidence: Evidence
    enforcement: Enforcement
    prompts: tuple[PromptSpec, ...] = ()
    instructions: str = ""
    behaviour: Behaviour | None = None

    @property
    def pins(self) -> Pins:
        """The digests of what it said about itself.

        Raises:
            PayloadError: Something of it has no canonical form.
        """
        return Pins.of(self.tools, self.prompts, self.instructions)

    @property
    def candidate(self) -> Candidate:
        """The candidate it came from."""
        return self.installed.candidate
