"""Check: one question that vetting asks about an artefact, and how its answers are ordered."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity


class Check(Protocol):
    """Looks at an unpacked artefact. Never imports it, never runs it, never writes to it."""

    @property
    def name(self) -> str:
        """The name its findings carry."""
        ...

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return what was found; nothing found means fine.

        What could not be told is a finding with ``unknown=True``. A check that raises counts as unknown, too.
        """
        ...


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the highest severity among ``findings``; ``INFO`` when there are none.

    >>> worst(())
    <Severity.INFO: 0>
    """
    return max((finding.severity for finding in findings), default=Severity.INFO)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by severity, highest first; unknown before known, then by check, code and place."""
    return tuple(sorted(findings, key=lambda f: (-f.severity, not f.unknown, f.check, f.code, f.where, f.message)))
