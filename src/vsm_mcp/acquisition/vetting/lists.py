"""Lists: who is let in by name, and names that are never packages."""

import sys
from collections.abc import Mapping, Sequence

from vsm_mcp.acquisition.vetting.patterns import Subject, allows, blocks
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.score import score
from vsm_mcp.errors import PolicyError
from vsm_mcp.model.server import Artefact, Candidate, PackageRef
from vsm_mcp.model.verdict import Finding, Severity, Verdict

NODE_MODULES = frozenset(
    """
    assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain eval
    events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl
    stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib
    """.split()  # noqa: SIM905 - a list of words reads better than fifty quoted ones
)
"""Modules of Node itself (and ``eval``): a package of this name is a mistake or a trap."""

BUILTIN_MODULES: Mapping[str, frozenset[str]] = {"npm": NODE_MODULES, "pypi": frozenset(sys.stdlib_module_names)}

WELL_KNOWN = (
    "npm:express",
    "npm:fastify",
    "npm:@hapi/hapi",
    "npm:axios",
    "npm:node-fetch",
    "npm:got",
    "npm:lodash",
    "npm:ramda",
    "npm:underscore",
    "npm:@anthropic-ai/sdk",
    "npm:@modelcontextprotocol/sdk",
    "npm:winston",
    "npm:bunyan",
    "npm:pino",
    "npm:jest",
    "npm:mocha",
    "npm:chai",
    "npm:typescript",
    "npm:@babel/core",
    "npm:webpack",
)
"""Packages that many programs are made of: a ready ``allow`` or ``allow_dependencies`` for strict hosts."""


class Lists:
    """Compares a server and its package with the allow list and the block list; the block list wins."""

    name = "lists"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Compare the resolved artefact, whose exact version and publisher are known."""
        return self.judge(Subject.of(artefact.candidate, artefact.resolution))

    def screen(self, candidate: Candidate) -> Sequence[Finding]:
        """Compare a candidate before anything is fetched."""
        return self.judge(Subject.of(candidate))

    def judge(self, subject: Subject) -> tuple[Finding, ...]:
        """Return what the lists say about a subject; nothing when it is let in."""
        shown = f"{subject.ecosystem}:{subject.package}"
        if subject.package.lower() in BUILTIN_MODULES.get(subject.ecosystem, ()):
            return (self._refusal("builtin-module", f"{shown} is the name of a built-in module, not of a package."),)
        blocked = blocks(self._policy.block, subject)
        if blocked is not None:
            message = f"{subject.server or shown} ({shown}) matches {blocked!r} of the block list."
            return (self._refusal("blocked", message, "Take another server, or remove the pattern from the list."),)
        if allows(self._policy.allow, subject) is not None:
            return ()
        allowed = len(self._policy.allow)
        listed = f"matches none of the {allowed} pattern(s) allowed" if allowed else "is not allowed: nothing is"
        message = f"{shown} from {subject.source or 'nowhere'!r} {listed}."
        return (self._refusal("not-allowed", message, f"Add {shown!r} to the allow list if you trust it."),)

    def _refusal(self, code: str, message: str, remedy: str = "Name the package that was meant.") -> Finding:
        return Finding(
            check=self.name, code=code, severity=Severity.CRITICAL, message=message, where="lists", remedy=remedy
        )


class PackageValidator:
    """Says whether a package may be used at all, by its name."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._lists = Lists(policy or Policy(allow=WELL_KNOWN))

    def validate_package(self, package: str | PackageRef, *, ecosystem: str = "npm") -> Verdict:
        """Return a verdict that is true when the lists let the package in.

        >>> bool(PackageValidator().validate_package("express"))
        True
        >>> bool(PackageValidator().validate_package("child_process"))
        False

        Raises:
            PayloadError: The text could not be a package's name.
        """
        ref = PackageRef(ecosystem=ecosystem, name=package) if isinstance(package, str) else package
        subject = Subject(ecosystem=ref.ecosystem, package=ref.name, version=ref.version)
        findings = self._lists.judge(subject)
        return Verdict(accepted=not findings, findings=findings, score=score(findings))

    def require(self, package: str | PackageRef, *, ecosystem: str = "npm") -> None:
        """Pass quietly when the package is let in.

        Raises:
            PolicyError: It is not.
        """
        for finding in self.validate_package(package, ecosystem=ecosystem).findings:
            raise PolicyError(finding.message, remedies=(finding.remedy,))
