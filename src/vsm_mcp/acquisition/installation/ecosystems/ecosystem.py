"""What an ecosystem must be able to do: say what would be installed, fetch one package, install all from a lock."""

from pathlib import Path
from typing import Protocol

from vsm_mcp.model.server import Artefact, Candidate, Launch, PackageRef, Resolution, Rung, Vetted


class Ecosystem(Protocol):
    """A kind of packages. None of its methods ever runs code of a package."""

    @property
    def name(self) -> str:
        """The name that ``PackageRef.ecosystem`` has for it."""
        ...

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Choose exact versions for a package and all it needs, and pin their digests.

        Raises:
            InstallationError: There is no such package or version, or its registry did not answer.
            ConfigurationError: A program is missing.
        """
        ...

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Unpack the package itself, not what it needs, in the empty directory ``into``.

        Raises:
            IntegrityError: It is not what the resolution pinned.
            InstallationError: It could not be fetched, or there is no server in it.
        """
        ...

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Put the package and all it needs, exactly as locked, in the empty directory ``into``, which becomes ``/pkg``.

        Raises:
            IntegrityError: Something is not what the lock pinned.
            InstallationError: It could not be installed.
        """
        ...
