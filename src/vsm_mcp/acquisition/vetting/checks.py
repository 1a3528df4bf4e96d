"""Checks: the ones that every host wants."""

from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan
from vsm_mcp.acquisition.vetting.code.files import FileAudit
from vsm_mcp.acquisition.vetting.metadata.age import Age
from vsm_mcp.acquisition.vetting.metadata.dependencies import Dependencies
from vsm_mcp.acquisition.vetting.metadata.ownership import Ownership
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.world.clock import Clock


def standard_checks(policy: Policy, *, clock: Clock) -> tuple[Check, ...]:
    """Return the checks that need nothing but the artefact and a clock; the lists are part of ``Vetting`` itself."""
    return (Ownership(policy), Age(policy, clock=clock), Dependencies(policy), FileAudit(), CodeScan(policy))
