"""Approving what a server says now: judged like a new server's words, written down, then let through."""

from collections.abc import Callable, Sequence

from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.errors import VettingError
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import Proven
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.servers.spawner import DynamicSpawner

MOST_SHOWN = 5

Judge = Callable[[Proven], Sequence[Finding]]
"""Finds what is suspicious in the tools, prompts and instructions of a server."""


async def approve_tools(
    server: str, pins: Pins, *, spawner: DynamicSpawner, installer: Installer, judge: Judge
) -> Proven:
    """Approve exactly what ``pins`` pins, after a human or a policy saw what differs.

    The new record is written before anything becomes callable: what is approved stays so after a restart, and what
    could not be written down is not approved.

    Args:
        server: The server.
        pins: ``Quarantine.pins`` of what was looked at.
        spawner: Holds the server.
        installer: Writes its record.
        judge: Reads what it says now; a grave finding refuses.

    Raises:
        CapabilityMissingError: No server of this name is held.
        PayloadError: The server says something else by now.
        VettingError: What it says now is not accepted.
        InstallationError: It could not be written down.
    """
    proven = spawner.reviewed(server, pins)
    grave = [finding for finding in judge(proven) if finding.severity >= Severity.HIGH]
    if grave:
        said = "; ".join(f"{finding.where}: {finding.message}" for finding in grave[:MOST_SHOWN])
        raise VettingError(
            f"{server} describes itself in a way that is not accepted: {said}",
            stage="approve",
            remedies=("Release the server.", "Read the descriptions; waive the finding only if they are harmless."),
        )
    await installer.serve(proven, needs=())
    return spawner.approve(server, pins)
