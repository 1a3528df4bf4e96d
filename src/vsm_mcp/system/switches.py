"""Which of the servers that are held may be used."""

from vsm_mcp.system.entered import Entered


class Switches(Entered):
    """Everything that takes held servers out of use without letting them go."""

    async def disable_server(self, server: str) -> None:
        """Take a held server out of use until it is enabled, also in later lives of the host; fine if it is already.

        It keeps its files, its pins and its proof. Its tools are not listed any more, calls of them raise
        `DisabledError`, its processes end when calls under way have finished or had five seconds to, and nothing starts
        it again. Nothing is acquired by itself for what it did.

        Args:
            server: Its name.

        Raises:
            DiscoveryError: No server of this name is held.
            ConfigurationError: It could not be written down; nothing was changed.
        """
        await self.parts.switching.disable(server)

    async def enable_server(self, server: str) -> None:
        """Take a disabled server back into use: its tools are listed, and its first call starts it.

        It is looked at first as when the system is entered: its files, the policy and the lock. Fine if it was enabled.

        Args:
            server: Its name.

        Raises:
            DiscoveryError: No server of this name is held, and none is disabled.
            ConfigurationError: It could not be written down; it is still disabled.
            PolicyError: MCP servers are switched off; or it is enabled, and its files, the policy or the lock forbid
                that it is used.
        """
        self._refuse_without_servers()
        await self.parts.switching.enable(server)
