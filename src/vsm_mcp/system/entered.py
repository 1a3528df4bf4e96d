"""What every part of the facade knows: the options, the ports, and the living parts once the system is entered."""

from vsm_mcp.errors import ConfigurationError, PolicyError
from vsm_mcp.events import Events
from vsm_mcp.nerves.nervous_system import NervousSystem
from vsm_mcp.settings.settings import Settings
from vsm_mcp.systems.charter import Charter
from vsm_mcp.wiring.parts import Parts
from vsm_mcp.world.world import World

SERVERS_ON = "Set Settings(servers=True), or VSM_MCP_ENABLED=true, if MCP servers should be used."


class Entered:
    """A system that is entered, or not yet.

    Attributes:
        settings: The options.
        events: Where to listen.
    """

    settings: Settings
    events: Events
    _world: World
    _charter: Charter
    _parts: Parts | None
    _nerves: NervousSystem | None

    @property
    def entered(self) -> bool:
        """Whether the system takes operations: from when it is entered until it is left."""
        return self._parts is not None

    @property
    def parts(self) -> Parts:
        """All parts of the living system, by name: system1 to system5, router, installer, sandbox and the others.

        Raises:
            ConfigurationError: The system is not entered.
        """
        if self._parts is None:
            raise ConfigurationError(
                "This ViableSystem is not entered.", remedies=("Use it as `async with ViableSystem(...) as vsm:`.",)
            )
        return self._parts

    @property
    def nerves(self) -> NervousSystem:
        """What this system tells others over its bus: ``await vsm.nerves.publish(Nerve.COMMANDS, "pause", {...})``.

        Raises:
            ConfigurationError: The system is not entered, or has no bus.
        """
        if self._nerves is None:
            raise ConfigurationError(
                "This ViableSystem has no bus, or is not entered.",
                remedies=("Give it one: ViableSystem(bus=MemoryBus()).", "Set amqp_enabled and amqp_url."),
            )
        return self._nerves

    def _refuse_without_servers(self) -> None:
        """Do nothing if MCP servers are used.

        Raises:
            PolicyError: They are switched off.
        """
        if not self.settings.servers:
            raise PolicyError("MCP servers are switched off, so none is acquired or started.", remedies=(SERVERS_ON,))
