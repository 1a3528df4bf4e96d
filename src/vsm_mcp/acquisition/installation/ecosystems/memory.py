"""Servers in the host's own process: nothing to fetch and nothing to install."""

import hashlib
from pathlib import Path

from vsm_mcp.errors import InstallationError
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    InProcessLaunch,
    Launch,
    PackageRef,
    Resolution,
    Rung,
    Vetted,
)


class MemoryEcosystem:
    """Knows servers that the host offers as objects."""

    name = "memory"

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Pin the name; there is nothing else."""
        digest = hashlib.sha256(package.name.encode()).hexdigest()
        return Resolution(package=package, integrity=f"sha256:{digest}", lock=f"{package.name}\n", rung=rung)

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Return the server as an artefact without files.

        Raises:
            InstallationError: The candidate brings no server.
        """
        return Artefact(candidate=candidate, resolution=resolution, root=into, launch=_launch(candidate))

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Return how to make the server; nothing is written.

        Raises:
            InstallationError: The candidate brings no server.
        """
        return _launch(vetted.candidate)


def _launch(candidate: Candidate) -> InProcessLaunch:
    if candidate.make is None:
        raise InstallationError(
            f"{candidate.name} is an in-process server, and nothing makes one.",
            stage="fetch",
            remedies=("Offer it on the shelf together with a function that makes it.",),
        )
    return InProcessLaunch(make=candidate.make)
