"""Approving what a server says now: judged like a new server's words, written down, then let through."""

from collections.abc import Callable
from dataclasses import replace

from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.vetting.tool_descriptions import CHECK
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import Proven
from vsm_mcp.model.verdict import Finding
from vsm_mcp.servers.supervision.spawner import DynamicSpawner

Judge = Callable[[Proven], tuple[Finding, ...]]
"""Accepts what a server says about itself and returns what is worth knowing of it; raises ``VettingError`` if not."""


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
        judge: Reads what it says now, by the same policy as a new server's words.

    Raises:
        CapabilityMissingError: No server of this name is held.
        PayloadError: The server says something else by now.
        VettingError: What it says now is not accepted.
        InstallationError: It could not be written down.
    """
    proven = spawner.reviewed(server, pins)
    judged = _with_findings(proven, judge(proven))
    await installer.serve(judged, needs=())
    return replace(spawner.approve(server, pins), evidence=judged.evidence)


def _with_findings(proven: Proven, findings: tuple[Finding, ...]) -> Proven:
    """Keep with the evidence what was found in the words of now, in the place of what was found in earlier ones."""
    others = tuple(finding for finding in proven.evidence.findings if finding.check != CHECK)
    return replace(proven, evidence=replace(proven.evidence, findings=(*findings, *others)))
