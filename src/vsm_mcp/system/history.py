"""What was held and what will be: generations, going back, newer versions, and the lock."""

from collections.abc import AsyncGenerator, Collection
from pathlib import Path

from vsm_mcp.acquisition.installation.generations.generations import Generation
from vsm_mcp.acquisition.installation.generations.reversal import RollbackPlan
from vsm_mcp.acquisition.lock.comparison import LockComparison, compare
from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.upgrading.upgrade import UpgradeStep
from vsm_mcp.system.entered import Entered
from vsm_mcp.systems.system5 import Approver


class History(Entered):
    """Everything that changes what is held as a whole, or writes it down."""

    async def generations(self) -> tuple[Generation, ...]:
        """Return the kept generations, oldest first: each is exactly what was held after one change.

        Raises:
            IntegrityError: One of them cannot be read.
        """
        return tuple(await self.parts.installer.generations.list())

    async def plan_rollback(self, generation: int) -> RollbackPlan:
        """Say what going back would mean: who goes and comes, what is not served then, open calls, data at risk.

        Raises:
            IntegrityError: The generation is not kept, or cannot be read.
        """
        return await self.parts.renewal.plan_rollback(generation)

    async def rollback_to(self, target: int | RollbackPlan) -> RollbackPlan:
        """Hold exactly what an earlier generation held: all of it or nothing.

        Args:
            target: The number of the generation; or a plan: then only while nothing has changed since it was made.

        Returns:
            What it changed.

        Raises:
            IntegrityError: The generation is not kept, or something of it is missing or was changed.
            InstallationError: Something changed since the plan was made.
            RollbackError: It is committed and could not be finished now; the next start does it.
            PolicyError: MCP servers are switched off.
        """
        self._refuse_without_servers()
        return await self.parts.renewal.rollback_to(target)

    async def upgrade(
        self, *servers: str, canary: bool = True, approve: Approver | None = None
    ) -> AsyncGenerator[UpgradeStep]:
        """Bring servers to the newest version that the policy allows, one after the other.

        The new version is staged beside the old one, vetted, and must answer the recorded calls as well; only then it
        takes the old one's place. The old one is kept: `rollback_to` brings it back.

        Args:
            servers: Which ones; without any, all.
            canary: Run old and new side by side on the recorded calls and compare.
            approve: Asked with the differences, at autonomy ``APPROVE``.

        Yields:
            What became of each server, when it is done.

        Raises:
            DiscoveryError: One of ``servers`` is not held.
            PolicyError: The level of autonomy does not permit it.
            RollbackError: Something could not be undone; the next start does it.
        """
        chosen: Collection[str] = servers
        async for step in self.parts.renewal.upgrade(servers=chosen, canary=canary, approve=approve):
            yield step

    async def prune(self, *, keep: int = 1) -> Generation | None:
        """Forget all but the newest generations and free what only they needed.

        Args:
            keep: How many to keep, the current one included.

        Returns:
            The current generation, if there is one.
        """
        return await self.parts.installer.prune(keep=keep)

    async def lock(self) -> Lockfile:
        """Return the lock of what is held: every package to the byte, every tool, and why it was trusted.

        Raises:
            IntegrityError: The files of a server cannot be read.
        """
        parts = self.parts
        held = await parts.installer.committed()
        grants = {proven.candidate.name: parts.permissions.grant(proven) for proven in held}
        return await Lockfile.of(held, grants=grants)

    async def save_lock(self, path: Path | None = None) -> Path:
        """Write the lock of what is held.

        Args:
            path: Where to; by default ``Settings(lock=...)``, else ``vsm.lock`` in the state directory.

        Returns:
            Where it was written.

        Raises:
            ConfigurationError: It cannot be written.
            IntegrityError: The files of a server cannot be read.
        """
        place = path or self.settings.lock or self.settings.state / "vsm.lock"
        await (await self.lock()).save(place, self._world.files)
        return place

    async def compare_lock(self, path: Path | None = None) -> LockComparison:
        """Compare a lock with what is held.

        Args:
            path: The lock; by default as in `save_lock`.

        Raises:
            ConfigurationError: There is none, or it cannot be read.
            IntegrityError: It is no lock, or not as it was written.
        """
        place = path or self.settings.lock or self.settings.state / "vsm.lock"
        return compare(await Lockfile.load(place, self._world.files), await self.lock())
