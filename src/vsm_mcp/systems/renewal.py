"""Renewal: what is held becomes something else: an earlier generation, newer versions, tools that were approved."""

from collections.abc import AsyncGenerator, Collection

from vsm_mcp.acquisition.installation.generations.reversal import Reversal, RollbackPlan
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.lock.approval import approve_tools
from vsm_mcp.acquisition.upgrading.upgrade import Upgrade, UpgradeStep
from vsm_mcp.acquisition.vetting.text.words import Words
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import IntegrityError
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import Proven
from vsm_mcp.model.verdict import Finding
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.systems.system4 import System4
from vsm_mcp.systems.system5 import Approver, System5


class Renewal:
    """Goes back and forth between generations, and lets System 4 follow.

    Args:
        installer: Knows what is held.
        spawner: Runs it.
        reversal: Goes back.
        upgrade: Goes on to newer versions.
        vetting: Judges what servers say about themselves.
        system4: Lets servers go and takes others.
        system5: Permits, or does not.
    """

    def __init__(
        self,
        *,
        installer: Installer,
        spawner: DynamicSpawner,
        reversal: Reversal,
        upgrade: Upgrade,
        vetting: Vetting,
        system4: System4,
        system5: System5,
    ) -> None:
        """Join them."""
        self._spawner = spawner
        self._installer = installer
        self._reversal = reversal
        self._upgrade = upgrade
        self._vetting = vetting
        self._system4 = system4
        self._system5 = system5

    def __repr__(self) -> str:
        """Show of what."""
        return f"Renewal({self._reversal!r})"

    async def plan_rollback(self, generation: int) -> RollbackPlan:
        """Say what going back would mean; nothing is changed.

        Raises:
            IntegrityError: The generation is not kept, or cannot be read.
        """
        return await self._reversal.plan(generation)

    async def rollback_to(self, target: int | RollbackPlan) -> RollbackPlan:
        """Hold exactly what an earlier generation held, and say what that changed.

        Raises:
            IntegrityError: The generation is not kept, or something of it is missing or was changed.
            InstallationError: Something changed since the plan was made.
            RollbackError: It is committed and could not be finished now; the next start does it.
        """
        held = {record.name: record for record in await self._installer.records()}
        done = await self._reversal.rollback_to(target)
        gone = {name: held[name].needs if name in held else () for name in done.release}
        await self._system4.replace(gone=gone, come=done.adopt)
        return done.plan

    async def upgrade(
        self, *, servers: Collection[str] = (), canary: bool = True, approve: Approver | None = None
    ) -> AsyncGenerator[UpgradeStep]:
        """Bring servers to the newest version that the policy allows; yields each one's step when it is done.

        Raises:
            DiscoveryError: One of ``servers`` is not held.
            PolicyError: System 5 does not permit it.
            RollbackError: Something could not be undone; the next start does it.
        """
        self._system5.may_acquire(approve)
        consent = self._system5.consent(approve)
        async for upgraded in self._upgrade.run(consent=consent, servers=servers, canary=canary):
            if upgraded.record is not None:
                await self._system4.replace(gone={}, come=(upgraded.record,))
            yield upgraded.step

    async def approve_tools(self, server: str, pins: Pins) -> None:
        """Let be called what a server says now, exactly as ``pins`` pins it, and write that down.

        Raises:
            CapabilityMissingError: No server of this name is held.
            PayloadError: The server says something else by now.
            VettingError: What it says now is not accepted.
            IntegrityError: A lock is in force, and it pins other words.
            InstallationError: It could not be written down.
        """
        other = await self._system4.unpinned(self._spawner.reviewed(server, pins))
        if other is not None:
            raise IntegrityError(
                f"What {server} says now cannot be approved while a lock is in force: {other}",
                stage="approve",
                remedies=(
                    "Approve it without the lock, and write the lock anew: save_lock(path).",
                    f"If you do not know why it changed, let it go: release_capability({server!r}).",
                ),
            )
        held = await self._installer.committed()
        others = [tool for other in held if other.candidate.name != server for tool in other.tools]

        def judge(proven: Proven) -> tuple[Finding, ...]:
            return self._vetting.judge_words(Words.of(proven), others, stage="approve")

        proven = await approve_tools(server, pins, spawner=self._spawner, installer=self._installer, judge=judge)
        self._system4.offer(proven)
