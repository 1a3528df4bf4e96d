"""System 4, intelligence: looks outside for what the system lacks, and brings it in when the others agree."""

from datetime import datetime, timedelta

from vsm_mcp.acquisition.acquisition import Acquired, Acquisition
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.report import AcquisitionReport
from vsm_mcp.errors import AcquisitionError, CapabilityMissingError, DiscoveryError, IntegrityError
from vsm_mcp.events import CapabilityAdopted, CapabilityReleased, EventSink, GapMeasured, Progress, ignore
from vsm_mcp.model.operation import Operation, kind_of
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.router import CapabilityRouter
from vsm_mcp.servers.spawner import DynamicSpawner
from vsm_mcp.systems.system2 import System2
from vsm_mcp.systems.system3 import System3
from vsm_mcp.systems.system5 import Approver, System5
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.gap import VarietyGap
from vsm_mcp.world.clock import Clock

SUGGESTIONS = 3


class System4:
    """Closes gaps.

    Args:
        discovery: Knows servers.
        acquisition: The way in.
        installer: Knows what is held already.
        router: Gets the tools of what was acquired.
        spawner: Gets the server.
        variety: Measures the gap before and after.
        system2: Keeps two acquisitions of one kind apart.
        system3: Holds the budget.
        system5: Permits, or does not.
        clock: Says when a failed acquisition may be tried again.
        patience: How long a failed acquisition is remembered instead of repeated.
        emit: Hears of gaps and adoptions.
    """

    def __init__(
        self,
        *,
        discovery: MCPDiscovery,
        acquisition: Acquisition,
        installer: Installer,
        router: CapabilityRouter,
        spawner: DynamicSpawner,
        variety: VarietyCalculator,
        system2: System2,
        system3: System3,
        system5: System5,
        clock: Clock,
        patience: timedelta = timedelta(minutes=10),
        emit: EventSink = ignore,
    ) -> None:
        """Join the way in with those who must agree."""
        self._discovery = discovery
        self._acquisition = acquisition
        self._installer = installer
        self._router = router
        self._spawner = spawner
        self._variety = variety
        self._system2 = system2
        self._system3 = system3
        self._system5 = system5
        self._clock = clock
        self._patience = patience
        self._emit = emit
        self._failed: dict[str, tuple[datetime, AcquisitionError]] = {}
        self.reports: list[AcquisitionReport] = []

    def __repr__(self) -> str:
        """Show how many acquisitions succeeded and which needs failed lately."""
        return f"System4(acquired={len(self.reports)}, failed={sorted(self._failed)})"

    async def close_gap(self, operation: Operation, *, approve: Approver | None = None) -> None:
        """Acquire what ``operation`` lacks; its own call, made on a throw-away instance, is the proof.

        Raises:
            AcquisitionError: Nothing could be acquired; within ``patience`` the same failure is told again without a
                new attempt.
            PolicyError: System 3 or System 5 does not permit it.
        """
        kind = operation.kind
        async with self._system2.exclusively(kind):
            if self._can(operation):
                return
            self._recall_failure(kind)
            probe = Probe(tool=operation.tool, arguments=operation.arguments)
            try:
                await self._acquire(kind, None, probe, approve=approve)
            except AcquisitionError as error:
                self._failed[kind] = (self._clock.now(), error)
                raise

    async def suggest(self, operation: Operation, missing: CapabilityMissingError) -> CapabilityMissingError:
        """Return ``missing`` with servers that could help among its remedies; nothing is fetched of them."""
        try:
            found = await self._discovery.find(operation.needs, limit=SUGGESTIONS)
        except DiscoveryError as error:
            return CapabilityMissingError(missing.message, remedies=(*missing.remedies, error.message))
        named = (f"Acquire {one.candidate.name}: {one.candidate.package} ({one.candidate.source})." for one in found)
        return CapabilityMissingError(missing.message, remedies=(*named, *missing.remedies))

    async def acquire(
        self, wanted: str, *, server: str | None = None, probe: Probe | None = None, approve: Approver | None = None
    ) -> AcquisitionReport:
        """Acquire a capability because the host asks for it.

        Raises:
            AcquisitionError: Nothing could be acquired.
            PolicyError: System 3 or System 5 does not permit it.
        """
        kind = kind_of(wanted)
        async with self._system2.exclusively(kind):
            report = await self._acquire(wanted, server, probe, approve=approve)
        self._failed.pop(kind, None)
        return report

    async def release(self, server: str) -> None:
        """Let a held server go: its tools first, then its process, then its files.

        Raises:
            DiscoveryError: No server of this name is held.
            RollbackError: Files could not be removed now; the next start removes them.
        """
        records = {record.proven.candidate.name: record for record in await self._installer.records()}
        if server not in records:
            raise DiscoveryError(
                f"No server named {server!r} is held.",
                stage="release",
                remedies=(f"Held are: {', '.join(sorted(records)) or 'none'}.",),
            )
        self._router.release(server)
        for need in records[server].needs:
            self._variety.forget_capability(need)
        await self._spawner.release(server)
        await self._installer.remove(server)
        self._emit(CapabilityReleased(server=server))

    async def adopt_held(self) -> None:
        """Make everything that the store holds reachable again; servers start when they are first called.

        One whose files are no longer what they were is left out: acquiring it again says what to do about it.
        """
        for record in await self._installer.records():
            try:
                await self._installer.verify(record.proven)
            except IntegrityError as error:
                self._emit(Progress(subject=record.proven.candidate.name, detail=f"not adopted: {error.message}"))
                continue
            self._adopt(record.proven, record.needs)

    def _can(self, operation: Operation) -> bool:
        try:
            self._router.route(operation)
        except CapabilityMissingError:
            return False
        return True

    def _recall_failure(self, kind: str) -> None:
        when, error = self._failed.get(kind, (None, None))
        if when is None or error is None:
            return
        if self._clock.now() - when < self._patience:
            raise error
        del self._failed[kind]

    async def _acquire(
        self, wanted: str, server: str | None, probe: Probe | None, *, approve: Approver | None
    ) -> AcquisitionReport:
        self._system5.may_acquire(approve)
        self._system3.grant([record.at for record in await self._installer.records()])
        before = self._measure()
        acquired = await self._acquisition.acquire(
            wanted, server=server, probe=probe, consent=self._system5.consent(approve)
        )
        self._adopt(acquired.proven, (wanted,))
        self._note(acquired, kind_of(wanted))
        report = acquired.report.model_copy(update={"gap_before": before, "gap_after": self._measure()})
        self.reports.append(report)
        return report

    def _adopt(self, proven: Proven, needs: tuple[str, ...]) -> None:
        name = proven.candidate.name
        self._spawner.adopt(proven)
        self._router.adopt(name, proven.tools, needs=tuple(kind_of(need) for need in needs))
        self._emit(CapabilityAdopted(server=name, tools=tuple(tool.name for tool in proven.tools)))

    def _note(self, acquired: Acquired, kind: str) -> None:
        trials = acquired.proven.evidence.trials
        self._variety.note_capability(kind, successes=sum(trial.passed for trial in trials), trials=len(trials))

    def _measure(self) -> VarietyGap:
        gap = self._variety.gap()
        self._emit(GapMeasured(share=gap.share, bits=gap.bits, basis=gap.n))
        return gap
