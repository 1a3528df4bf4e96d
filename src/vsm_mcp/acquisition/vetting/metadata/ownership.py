"""Ownership: a package names the server it belongs to, and that must be the one it was found for."""

import re
from collections.abc import Sequence

from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity

_REGISTRY_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+/[A-Za-z0-9._-]+")
_PUBLISHED = ("npm", "pypi")


class Ownership:
    """Compares the package's own mark (``mcpName``, ``mcp-name:``) with the server's name, letter by letter."""

    name = "ownership"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return nothing when the mark and the name are equal."""
        package, wanted, mark = artefact.resolution.package, artefact.candidate.name, artefact.resolution.ownership
        if package.ecosystem not in _PUBLISHED or mark == wanted:
            return ()
        if not mark:
            return (self._finding("ownership-missing", Severity.LOW, f"{package} does not name its server."),)
        if not _REGISTRY_NAME.fullmatch(wanted):
            message = (
                f"{package} names its server {mark[:200]}; it was found as {wanted[:200]}, not by a registry name."
            )
            return (self._finding("ownership-unverified", Severity.LOW, message),)
        message = f"{package} says it belongs to {mark[:200]}, but was found as {wanted[:200]}."
        if mark.casefold() == wanted.casefold():
            return (self._finding("ownership-case", Severity.MEDIUM, f"{message} Only the case differs."),)
        return (self._finding("ownership-differs", Severity.HIGH, message),)

    def _finding(self, code: str, severity: Severity, message: str) -> Finding:
        return Finding(
            check=self.name,
            code=code,
            severity=max(severity, Severity.HIGH) if self._policy.require_ownership else severity,
            message=message,
            remedy="Ask its publisher to mark the package, or take the server from a registry that verified it.",
        )
