"""Switching: servers that are held are disabled and enabled; what they have stays as it is."""

import anyio

from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.store import Record
from vsm_mcp.acquisition.unheld import unheld
from vsm_mcp.errors import PolicyError
from vsm_mcp.events import CapabilityReleased, EventSink, ServerDisabled, ServerEnabled, ignore
from vsm_mcp.model.operation import kind_of
from vsm_mcp.servers.disabled import DisabledServers
from vsm_mcp.servers.routing.router import CapabilityRouter
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.systems.operations.routing import RouteLearner
from vsm_mcp.systems.system3 import System3
from vsm_mcp.systems.system4 import System4
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.world.clock import Clock


class Switching:
    """Takes a held server out of use, and back into it.

    To everybody but the store a disabled server is as good as gone, so that what is measured is what can be done; an
    enabled one is taken as every held one is when the system is entered.

    Args:
        disabled: Which are disabled.
        installer: Knows what is held.
        spawner: Runs it.
        router: Leads to its tools.
        learner: What was learnt of its tools.
        variety: What the system can do.
        system3: What it reported.
        system4: Takes it back.
        clock: Says when it was enabled.
        emit: Hears of both.
    """

    def __init__(
        self,
        *,
        disabled: DisabledServers,
        installer: Installer,
        spawner: DynamicSpawner,
        router: CapabilityRouter,
        learner: RouteLearner,
        variety: VarietyCalculator,
        system3: System3,
        system4: System4,
        clock: Clock,
        emit: EventSink = ignore,
    ) -> None:
        """Join them."""
        self._disabled = disabled
        self._installer = installer
        self._spawner = spawner
        self._router = router
        self._learner = learner
        self._variety = variety
        self._system3 = system3
        self._system4 = system4
        self._clock = clock
        self._emit = emit
        self._one = anyio.Lock()

    def __repr__(self) -> str:
        """Show how many are disabled."""
        return f"Switching({self._disabled!r})"

    async def disable(self, server: str) -> None:
        """Take a held server out of use; fine if it is already. Calls under way may finish.

        Raises:
            DiscoveryError: No server of this name is held.
            ConfigurationError: It could not be written down; nothing was changed.
        """
        async with self._one:
            record = await self._held(server)
            if server in self._disabled:
                return
            await self._disabled.add(server)
            self._router.disable(server)
            await self._withdraw(server, () if record is None else record.needs)
            self._learner.forget(server)
            self._system3.forget_unit(server)
            await self._spawner.stop(server)
            self._emit(CapabilityReleased(server=server))
            self._emit(ServerDisabled(server=server))

    async def enable(self, server: str) -> None:
        """Take a held server back into use; fine if it was not disabled. It is started when it is first called.

        Raises:
            DiscoveryError: No server of this name is held, and none is disabled.
            ConfigurationError: It could not be written down; it is still disabled.
            PolicyError: It is enabled, and something else forbids that it is used.
        """
        async with self._one:
            if server not in self._disabled:
                await self._held(server)
                return
            await self._disabled.remove(server)
            self._system4.upkeep.begin_anew(server, now=self._clock.now().timestamp())
            self._emit(ServerEnabled(server=server))
            records = {record.name: record for record in await self._installer.records()}
            if server in records:
                await self._take_back(records[server])

    async def forget(self, server: str) -> None:
        """Forget that a server was disabled that is not held any more."""
        async with self._one:
            await self._disabled.remove(server)

    async def _held(self, server: str) -> Record | None:
        """Return the record of a held server; ``None`` if it was damaged.

        Raises:
            DiscoveryError: No server of this name is held.
        """
        records = {record.name: record for record in await self._installer.records()}
        names = {*records, *(broken.server for broken in await self._installer.broken() if broken.server is not None)}
        if server not in names:
            raise unheld(server, names, stage="switch")
        return records.get(server)

    async def _withdraw(self, server: str, needs: tuple[str, ...]) -> None:
        """Do not count any more on what only this server did."""
        others = [record for record in await self._installer.records() if record.name != server]
        served = {kind_of(need) for record in others if record.name not in self._disabled for need in record.needs}
        for need in {kind_of(need) for need in needs} - served:
            self._variety.forget_capability(need)

    async def _take_back(self, record: Record) -> None:
        await self._system4.replace(gone={}, come=(record,))
        if self._spawner.proven(record.name) is None:
            raise PolicyError(
                f"{record.name} is enabled, and it is not used: it was changed, or the policy or the lock forbids it.",
                remedies=(
                    "Ask why: await vsm.security_report().",
                    f"Or let it go: release_capability({record.name!r}).",
                ),
            )
