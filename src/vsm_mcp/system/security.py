"""What a security reviewer asks a living system."""

import anyio

from vsm_mcp.errors import DiscoveryError, VSMError
from vsm_mcp.preflight import Preflight, PreflightReport
from vsm_mcp.status import ConnectionTest
from vsm_mcp.system.entered import Entered


class Security(Entered):
    """Everything that examines, and lasts no longer than the examination."""

    async def test_connection(self, server: str) -> ConnectionTest:
        """Start a throw-away instance of a held server and list its tools. Never raises for the server's own fault.

        Raises:
            DiscoveryError: No server of this name is held.
        """
        parts = self.parts
        for record in await parts.installer.records():
            if record.proven.candidate.name == server:
                began = anyio.current_time()
                try:
                    async with parts.spawner.trial(record.proven.installed) as running:
                        return ConnectionTest(server=server, ok=True, tools=len(running.tools), elapsed=running.elapsed)
                except VSMError as error:
                    elapsed = anyio.current_time() - began
                    return ConnectionTest(server=server, ok=False, tools=None, elapsed=elapsed, error=str(error))
        raise DiscoveryError(f"No server named {server!r} is held.", stage="test")

    async def preflight(self) -> PreflightReport:
        """Say what works on this machine, with a remedy for what does not."""
        return await Preflight(self.settings, world=self._world).run()

    async def read_file(self, server: str, name: str) -> bytes:
        """Read a file that a server wrote into its directory; a link on the way is refused.

        Raises:
            PayloadError: There is no such regular file, or it is too large.
        """
        return await self.parts.workspace.read(server, name)
