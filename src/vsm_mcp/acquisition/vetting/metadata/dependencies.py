"""Dependencies: what a package brings along, where that comes from, and whether it is pinned."""

from collections.abc import Iterator, Sequence

from vsm_mcp.acquisition.vetting.patterns import Subject, allows, blocks
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact, Dependency, PackageRef, Resolution
from vsm_mcp.model.verdict import Finding, Severity

_PUBLISHED = ("npm", "pypi")


class Dependencies:
    """Judges the resolved closure, the package itself included. Nothing of it is ever run to install it."""

    name = "dependencies"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return what is wrong with the closure."""
        resolution = artefact.resolution
        if resolution.package.ecosystem not in _PUBLISHED:
            return ()
        return (*self._lock(resolution), *self._closure(resolution))

    def _lock(self, resolution: Resolution) -> Iterator[Finding]:
        if not resolution.integrity or not resolution.lock:
            yield self._finding(
                "not-locked",
                Severity.HIGH,
                f"{resolution.package} has no {'lock file' if resolution.integrity else 'digest'}.",
            )
        if not resolution.dependencies:
            yield self._finding(
                "closure-unknown",
                Severity.MEDIUM,
                f"What {resolution.package} brings along is not known.",
                unknown=True,
            )

    def _closure(self, resolution: Resolution) -> Iterator[Finding]:
        for dependency in resolution.dependencies:
            yield from self._listed(dependency, resolution.package)
            yield from self._pinned(dependency, resolution.package)
            yield from self._builds(dependency, resolution.package)

    def _listed(self, dependency: Dependency, package: PackageRef) -> Iterator[Finding]:
        subject = Subject.of_dependency(dependency, ecosystem=package.ecosystem)
        shown = _shown(dependency, package)
        blocked = blocks(self._policy.block, subject)
        if blocked is not None:
            yield self._finding(
                "dependency-blocked",
                Severity.CRITICAL,
                f"{shown} matches {blocked!r} of the block list.",
                where=dependency.name,
            )
        if not _same(dependency, package) and allows(self._policy.allow_dependencies, subject) is None:
            yield self._finding(
                "dependency-not-allowed",
                Severity.HIGH,
                f"{shown} is not among the dependencies that the policy allows.",
                where=dependency.name,
            )

    def _pinned(self, dependency: Dependency, package: PackageRef) -> Iterator[Finding]:
        shown = _shown(dependency, package)
        if dependency.url is not None:
            yield self._finding(
                "url-dependency",
                Severity.HIGH,
                f"{shown} comes from {dependency.url[:120]}, not from a registry.",
                where=dependency.name,
            )
        if not dependency.hashes:
            yield self._finding(
                "unpinned-dependency",
                Severity.HIGH,
                f"{shown} is not pinned by a digest.",
                where=dependency.name,
            )

    def _builds(self, dependency: Dependency, package: PackageRef) -> Iterator[Finding]:
        shown = _shown(dependency, package)
        if not dependency.wheel:
            yield self._finding(
                "source-build",
                Severity.HIGH,
                f"{shown} would have to be built from source, which runs its code.",
                where=dependency.name,
            )
        if dependency.scripts:
            mild = Severity.MEDIUM if _same(dependency, package) else Severity.LOW
            yield self._finding(
                "install-script",
                Severity.HIGH if self._policy.refuse_scripts else mild,
                f"{shown} wants to run code while being installed; it is not run, so it may not work.",
                where=dependency.name,
            )

    def _finding(
        self, code: str, severity: Severity, message: str, *, where: str = "", unknown: bool = False
    ) -> Finding:
        return Finding(
            check=self.name,
            code=code,
            severity=severity,
            message=message,
            where=where,
            unknown=unknown,
            remedy="Take another version or another server.",
        )


def _same(dependency: Dependency, package: PackageRef) -> bool:
    return _plain(dependency.name) == _plain(package.name)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _shown(dependency: Dependency, package: PackageRef) -> str:
    shown = f"{dependency.name} {dependency.version}"
    return shown if _same(dependency, package) else f"{shown}, a dependency of {package.name},"
