"""What a client for one kind of packages needs of whoever runs programs for it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from vsm_mcp.acquisition.installation.ecosystems.clients.benches import Workplace
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import Given
from vsm_mcp.world.processes import Completed


class Runner(Protocol):
    """Runs a package client, confined or not."""

    @property
    def confined(self) -> bool:
        """Whether it runs in a sandbox."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether a confined run finds a directory that is kept between runs."""
        ...

    def knows(self, *names: str) -> bool:
        """Tell whether the user's environment sets one of these variables for the client."""
        ...

    async def reach(self, program: Path) -> Path:
        """Return where a confined run can start a program that needs no other files.

        Raises:
            ConfigurationError: It has to be copied, and cannot be.
        """
        ...

    def workplace(self, into: Path | None = None) -> AbstractAsyncContextManager[Workplace]:
        """Make the directory of one run, for what goes ``into`` a directory in the end.

        Raises:
            ConfigurationError: It cannot be made.
        """
        ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        subject: str,
        doing: str,
        defaults: Mapping[str, str] | None = None,
        given: Given | None = None,
    ) -> Completed:
        """Run the client to its good end.

        Raises:
            IntegrityError: Bytes differ from what was pinned.
            InstallationError: It failed.
        """
        ...
