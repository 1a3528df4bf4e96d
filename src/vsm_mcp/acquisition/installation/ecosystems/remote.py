"""Servers that run elsewhere: nothing to fetch and nothing to install; what is pinned is their address."""

import hashlib
from dataclasses import replace
from pathlib import Path

from vsm_mcp.errors import InstallationError
from vsm_mcp.model.launch import RemoteLaunch, address_of
from vsm_mcp.model.server import Artefact, Candidate, Launch, PackageRef, Resolution, Rung, Vetted


class RemoteEcosystem:
    """Knows servers that the host connects to by their address."""

    name = "remote"

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Pin the name; `pinned` pins the address, which the package alone does not tell."""
        return Resolution(package=package, integrity=_digest(package.name), lock=f"{package.name}\n", rung=rung)

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Return the server as an artefact without files.

        Raises:
            InstallationError: The candidate has no address.
        """
        return Artefact(candidate=candidate, resolution=resolution, root=into, launch=_launch(candidate))

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Return how to reach the server; nothing is written.

        Raises:
            InstallationError: The candidate has no address.
        """
        return _launch(vetted.candidate)


def pinned(resolution: Resolution, remote: RemoteLaunch) -> Resolution:
    """Return ``resolution`` with the address of its server pinned."""
    return replace(resolution, integrity=_digest(f"{resolution.package.name}\n{address_of(remote)}"))


def _launch(candidate: Candidate) -> RemoteLaunch:
    if candidate.remote is None:
        raise InstallationError(
            f"{candidate.name} runs elsewhere, and where is not known.",
            stage="fetch",
            remedies=("Connect it on the shelf, by its address: shelf.connect(name, HttpLaunch(url=...)).",),
        )
    return candidate.remote


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
