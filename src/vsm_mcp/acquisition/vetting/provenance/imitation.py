"""Imitation: whether a package, or one it brings along, has a name that is easily taken for a well-known one."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.provenance.well_known import Likeness, Resemblance, WellKnown, well_known
from vsm_mcp.model.server import Artefact, PackageRef
from vsm_mcp.model.verdict import Finding, Severity

_HARD = frozenset({Likeness.LOOKALIKE, Likeness.SCOPE, Likeness.ONE_LETTER})


class Imitation:
    """Compares names with well-known ones.

    What looks like a well-known name refuses, unless the policy allows exactly this name, without a wildcard: then
    somebody has looked. Dependencies were chosen by the package's author: their names are a signal only.

    Args:
        policy: Whose exact names are fine.
        known: The well-known names by ecosystem; those that are shipped when not given.
    """

    name = "imitation"

    def __init__(self, policy: Policy, *, known: Mapping[str, WellKnown] | None = None) -> None:
        self._allowed = frozenset(term.strip() for pattern in policy.allow for term in pattern.split("&"))
        self._given = known

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return one finding per name that resembles a well-known one."""
        return tuple(self._found(artefact))

    def _found(self, artefact: Artefact) -> Iterator[Finding]:
        package = artefact.resolution.package
        known = self._known.get(package.ecosystem)
        if known is None:
            return
        own = known.resemblance(package.name)
        if own is not None:
            yield self._finding(package.name, own, severity=self._severity(package, own))
        for name in sorted({dependency.name for dependency in artefact.resolution.dependencies} - {package.name}):
            like = known.resemblance(name)
            if like is not None and like.kind in _HARD:
                yield self._finding(name, like, severity=Severity.LOW)

    @cached_property
    def _known(self) -> Mapping[str, WellKnown]:
        return well_known() if self._given is None else self._given

    def _severity(self, package: PackageRef, like: Resemblance) -> Severity:
        exact = {f"{package.ecosystem}:{package.name}", f"{package.ecosystem}:{package.name}@{package.version}"}
        if like.kind not in _HARD:
            return Severity.LOW
        return Severity.INFO if exact & self._allowed else Severity.HIGH

    def _finding(self, name: str, like: Resemblance, *, severity: Severity) -> Finding:
        return Finding(
            check=self.name,
            code="imitates-well-known" if like.kind in _HARD else "resembles-well-known",
            severity=severity,
            message=f"{name} is not the well-known {like.known}: its name {like.kind}.",
            where=name,
            remedy=f"If {name} is really meant, allow it by its exact name.",
        )
