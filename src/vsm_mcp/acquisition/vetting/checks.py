"""Checks: the ones that every host wants."""

from collections.abc import Sequence

from vsm_mcp.acquisition.vetting.advisories.advisory import Advisories
from vsm_mcp.acquisition.vetting.advisories.vulnerabilities import Vulnerabilities
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan
from vsm_mcp.acquisition.vetting.code.files import FileAudit
from vsm_mcp.acquisition.vetting.metadata.age import Age
from vsm_mcp.acquisition.vetting.metadata.dependencies import Dependencies
from vsm_mcp.acquisition.vetting.metadata.ownership import Ownership
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.provenance.history import Histories
from vsm_mcp.acquisition.vetting.provenance.imitation import Imitation
from vsm_mcp.acquisition.vetting.provenance.provenance import Provenance
from vsm_mcp.model.verdict import Severity
from vsm_mcp.world.clock import Clock


def standard_checks(policy: Policy, *, clock: Clock) -> tuple[Check, ...]:
    """Return the checks that need nothing but the artefact and a clock; the lists are part of ``Vetting`` itself."""
    return (
        Ownership(policy),
        Age(policy, clock=clock),
        Dependencies(policy),
        Imitation(policy),
        FileAudit(),
        CodeScan(policy),
    )


def registry_checks(
    policy: Policy,
    *,
    clock: Clock,
    advisories: Sequence[Advisories],
    histories: Sequence[Histories],
    refuse_direct_at: Severity = Severity.HIGH,
    refuse_transitive_at: Severity = Severity.CRITICAL,
) -> tuple[Check, ...]:
    """Return the checks that ask others: what is known against a package, and where it comes from.

    Args:
        policy: Whose waivers may name advisories.
        clock: Tells how old a database is.
        advisories: Who knows advisories.
        histories: Who knows the history of packages.
        refuse_direct_at: Advisories of this severity and above refuse a package and its direct dependencies.
        refuse_transitive_at: The same for all other dependencies.
    """
    known = Vulnerabilities(
        policy, sources=advisories, clock=clock, direct=refuse_direct_at, transitive=refuse_transitive_at
    )
    return (known, Provenance(histories))
