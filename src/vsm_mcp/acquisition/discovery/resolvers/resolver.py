"""Who is asked about a package that is named exactly."""

from typing import Protocol

from vsm_mcp.model.server import Candidate, PackageRef


class Resolver(Protocol):
    """Confirms that an exact package of one ecosystem exists."""

    @property
    def name(self) -> str:
        """The ecosystem."""
        ...

    async def candidate(self, package: PackageRef) -> Candidate:
        """Return the package as a candidate.

        Raises:
            DiscoveryError: There is no such package or version.
            VSMError: Nobody could be asked.
        """
        ...
