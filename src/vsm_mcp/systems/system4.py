"""System 4, intelligence: looks outside for what the system lacks, and brings it in when the others agree."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from vsm_mcp.acquisition.acquisition import Acquired, Acquisition
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.store import Record
from vsm_mcp.acquisition.report import AcquisitionReport
from vsm_mcp.acquisition.unheld import unheld
from vsm_mcp.errors import AcquisitionError, CapabilityMissingError, DiscoveryError, IntegrityError, ServerError
from vsm_mcp.events import (
    CapabilityAdopted,
    CapabilityReleased,
    EventSink,
    GapMeasured,
    Progress,
    ServerReviewed,
    ignore,
)
from vsm_mcp.model.operation import Operation, kind_of
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.behaviour import Watch
from vsm_mcp.servers.routing.router import CapabilityRouter
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.systems.intelligence.failures import Failures
from vsm_mcp.systems.intelligence.homeostat import Answer, Homeostat, Side
from vsm_mcp.systems.intelligence.scan import TOLERATED_GAP, Scanner, ScanReport
from vsm_mcp.systems.intelligence.upkeep import Idle, Upkeep
from vsm_mcp.systems.operations.routing import RouteLearner
from vsm_mcp.systems.system2 import System2
from vsm_mcp.systems.system3 import System3
from vsm_mcp.systems.system5 import Approver, System5
from vsm_mcp.systems.vitals.security import SecurityAlarms
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.gap import VarietyGap
from vsm_mcp.world.clock import Clock

SUGGESTIONS = 3
_LONGEST_KEY = 200

Objection = Callable[[Proven, str], str | None]
Pinned = Callable[[Proven], Awaitable[str | None]]


def _none(proven: Proven, tool: str) -> str | None:
    """Object to nothing."""


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
        tolerated_gap: The share of demand that may stay undone.
        random: Where scenarios are drawn from.
        upkeep: Knows which server is used how much.
        objection: Says why the policy does not let a held server, or a tool of it (``""`` for the server), be used.
        pinned: Says why a held server is not the one that the lock in force pins.
        watch: Compares what servers do with what they did when they were proven.
        alarms: Raise pain for what concerns security.
        learner: Hears what verification showed of a tool, so that it is chosen by it.
        emit: Hears of gaps and adoptions.

    Attributes:
        reports: Those of the acquisitions that succeeded, oldest first.
        homeostat: The balance with System 3.
        upkeep: Knows which server is used how much.
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
        tolerated_gap: float = TOLERATED_GAP,
        random: Random | None = None,
        upkeep: Upkeep | None = None,
        learner: RouteLearner | None = None,
        objection: Objection = _none,
        pinned: Pinned | None = None,
        watch: Watch | None = None,
        alarms: SecurityAlarms | None = None,
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
        self._emit = emit
        self._failures = Failures(clock=clock, patience=patience)
        self._scanner = Scanner(
            discovery=discovery,
            variety=variety,
            clock=clock,
            random=random or Random(),  # noqa: S311 - a simulation is no secret
            search_again=patience,
            tolerated_gap=tolerated_gap,
            refused=acquisition.refuses,
            disabled=router.is_disabled,
        )
        self.reports: list[AcquisitionReport] = []
        self.homeostat: Homeostat = Homeostat()
        self._learner = learner
        self._objection = objection
        self._pinned = pinned
        self._watch = watch
        self._alarms = alarms
        self.upkeep: Upkeep = upkeep or Upkeep()

    def __repr__(self) -> str:
        """Show how many acquisitions succeeded and which needs failed lately."""
        return f"System4(acquired={len(self.reports)}, failed={self._failures.kinds})"

    @property
    def last_scan(self) -> ScanReport | None:
        """What was seen last; ``None`` before the first scan."""
        return self._scanner.last

    @property
    def threats_detected(self) -> int | None:
        """How many threats the last scan saw; ``None`` before the first."""
        return None if self._scanner.last is None else len(self._scanner.last.threats)

    @property
    def opportunities(self) -> int | None:
        """How many acquisitions the last scan proposed; ``None`` before the first."""
        return None if self._scanner.last is None else len(self._scanner.last.proposals.best)

    async def scan(self) -> ScanReport:
        """Look at demand and outside: drift, threats, forecast, and the servers that would close the gap best.

        What it proposes, System 3 is asked to answer: `acquire` accepts, `decline` does not.
        """
        await self.look()
        held = [record.proven.candidate.name for record in await self._installer.records()]
        report = await self._scanner.scan(held=held, failed=self._failures.servers)
        now = report.at.timestamp()
        for proposal in report.proposals.best:
            self.homeostat.propose(_key(proposal.server), by=Side.INTELLIGENCE, now=now)
        return report

    async def look(self) -> None:
        """Look at what the servers that run are doing, and tell what they were not seen to do before; cheap."""
        if self._watch is not None:
            await self._watch.look()
        if self._alarms is not None:
            self._alarms.ease()

    def decline(self, server: str) -> None:
        """Note that what the scan proposed is not done; fine if it was not proposed."""
        self.homeostat.answer(_key(server), Answer.DECLINED)

    async def idle(self) -> tuple[Idle, ...]:
        """Return the servers that are held and no longer earn their keep, the least used first."""
        held, off = await self._held(), self._spawner.is_disabled  # what is disabled cannot earn anything
        since = {name: at.timestamp() for name, at in held.items() if not off(name)}
        return self.upkeep.idle(since, now=self._clock.now().timestamp())

    async def close_gap(self, operation: Operation, *, approve: Approver | None = None) -> None:
        """Acquire what ``operation`` lacks; its own call, made on a throw-away instance, is the proof.

        Raises:
            AcquisitionError: Nothing could be acquired; within ``patience`` the same failure is told again without a
                new attempt.
            PolicyError: System 3 or System 5 does not permit it.
        """
        kind = operation.kind
        async with self._system2.exclusively(kind):
            if self._router.can(operation):
                return
            self._failures.recall(kind, operation.tool)
            probe = Probe(tool=operation.tool, arguments=operation.arguments)
            try:
                await self._acquire(kind, None, probe, approve=approve)
            except AcquisitionError as error:
                self._failures.remember(kind, error, tool=operation.tool)
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
        self,
        wanted: str,
        *,
        server: str | None = None,
        probe: Probe | Sequence[Probe] | None = None,
        approve: Approver | None = None,
    ) -> AcquisitionReport:
        """Acquire a capability because the host asks for it.

        Raises:
            AcquisitionError: Nothing could be acquired.
            PolicyError: System 3 or System 5 does not permit it.
        """
        kind = kind_of(wanted)
        async with self._system2.exclusively(kind):
            report = await self._acquire(wanted, server, probe, approve=approve)
        self._failures.forget(kind)
        return report

    async def release(self, server: str) -> None:
        """Let a held server go: its tools first, then its process, what it granted, and its files.

        Raises:
            DiscoveryError: No server of this name is held.
            RollbackError: Files could not be removed now; the next start removes them.
            ConfigurationError: What it granted could not be forgotten, so it is still held: release it again.
        """
        records = {record.name: record for record in await self._installer.records()}
        if server not in {*records, *(broken.server for broken in await self._installer.broken())}:
            raise unheld(server, records, stage="release")
        record = records.pop(server, None)
        await self._let_go(server, needs=() if record is None else record.needs, others=records.values())
        if record is not None:
            await self._spawner.forget(record.proven.installed)
        await self._installer.remove(server)
        if record is not None:
            self._system3.note_release(record.at)

    async def replace(self, *, gone: Mapping[str, Sequence[str]], come: Sequence[Record]) -> None:
        """Follow what was changed in the store: let servers go, with their needs, and hold others instead."""
        held = await self._installer.records()
        for server, needs in gone.items():
            await self._let_go(server, needs=needs, others=held)
        for record in come:
            await self._take_if_fit(record)

    async def unpinned(self, proven: Proven) -> str | None:
        """Say why a server, as it would be held, is not what the lock in force pins; ``None`` when it is or none is."""
        return None if self._pinned is None else await self._pinned(proven)

    def offer(self, proven: Proven, needs: Sequence[str] = ()) -> None:
        """Make the tools of a held server reachable, those that the policy allows; of a disabled one none."""
        name = proven.candidate.name
        tools = tuple(tool for tool in proven.tools if self._objection(proven, tool.name) is None)
        self._router.adopt(name, tools, needs=tuple(kind_of(need) for need in needs))
        if self._spawner.is_disabled(name):
            self._router.disable(name)
            return
        self._emit(CapabilityAdopted(server=name, tools=tuple(tool.name for tool in tools)))

    async def _let_go(self, server: str, *, needs: Sequence[str], others: Iterable[Record]) -> None:
        self._router.release(server)
        off = self._spawner.is_disabled
        served = {kind_of(need) for record in others if not off(record.name) for need in record.needs}
        for need in {kind_of(need) for need in needs} - served:
            self._variety.forget_capability(need)
        await self._spawner.release(server)
        self.upkeep.forget(server)
        self._system3.forget_unit(server)
        if self._learner is not None:
            self._learner.forget(server)
        if self._watch is not None:
            self._watch.forget(server)
        self._emit(CapabilityReleased(server=server))

    def _take(self, record: Record) -> None:
        self._adopt(record.proven, record.needs)
        for need in () if self._spawner.is_disabled(record.name) else record.needs:
            self._note(record.proven, kind_of(need))

    async def adopt_held(self) -> None:
        """Make everything that the store holds reachable again; servers start when they are first called.

        One that was changed, or that the policy or the lock in force does not allow, is left out.
        """
        for record in await self._installer.records():
            await self._take_if_fit(record)
        for broken in await self._installer.broken():
            self._withhold(broken.server or str(broken.path), broken.problem)

    async def _take_if_fit(self, record: Record) -> None:
        """Take what is in the store, unless it should not be used; then an older one of its name is let go too."""
        proven = record.proven
        reason = self._objection(proven, "") or await self._broken(proven) or await self.unpinned(proven)
        if reason is None:
            self._take(record)
            return
        if self._spawner.proven(record.name) is not None:
            await self._let_go(record.name, needs=record.needs, others=await self._installer.records())
        self._withhold(record.name, reason)

    def _withhold(self, server: str, reason: str) -> None:
        self._emit(Progress(subject=server, detail=f"not adopted: {reason}"))
        self._emit(ServerReviewed(server=server, door="entry", reasons=(reason,)))

    async def _broken(self, proven: Proven) -> str | None:
        try:
            return await self._installer.verify(proven)
        except IntegrityError as error:
            return error.message

    async def _acquire(
        self, wanted: str, server: str | None, probe: Probe | Sequence[Probe] | None, *, approve: Approver | None
    ) -> AcquisitionReport:
        self._system5.may_acquire(approve)
        async with self._system3.grant(self._held) as place:

            def adopt(proven: Proven) -> None:
                place.server = proven.candidate.name
                self._adopt(proven, (wanted,))

            before = self._measure()
            try:
                acquired = await self._acquisition.acquire(
                    wanted, server=server, probe=probe, consent=self._system5.consent(approve), adopt=adopt
                )
            except (AcquisitionError, ServerError) as error:
                self._learn_failure(error, server)
                raise
        self._note(acquired.proven, kind_of(wanted))
        after = self._measure()
        self._learn_success(acquired, gain=(before.share or 0.0) - (after.share or 0.0))
        report = acquired.report.model_copy(update={"gap_before": before, "gap_after": after})
        self.reports.append(report)
        return report

    async def _held(self) -> Mapping[str, datetime]:
        return {record.name: record.at for record in await self._installer.records()}

    def _learn_success(self, acquired: Acquired, *, gain: float) -> None:
        name = acquired.proven.candidate.name
        self._scanner.record.note(acquired.proven.candidate, success=True)
        self._failures.forget_server(name)
        self.homeostat.answer(_key(name), Answer.ACCEPTED, gain=gain, cost=1.0)

    def _learn_failure(self, error: AcquisitionError | ServerError, server: str | None) -> None:
        failures = {server: error.message} if server is not None else {}
        if isinstance(error, AcquisitionError):
            failures.update(error.failures)
        for name, why in failures.items():
            candidate = self._scanner.candidate(name)
            if candidate is not None:
                self._scanner.record.note(candidate, success=False)
                self._failures.remember_server(name, why)
            self.homeostat.answer(_key(name), Answer.ACCEPTED, cost=1.0)

    def _adopt(self, proven: Proven, needs: tuple[str, ...]) -> None:
        self._spawner.adopt(proven)
        if self._watch is not None:
            self._watch.expect(proven)
        self.offer(proven, needs)

    def _note(self, proven: Proven, kind: str) -> None:
        trials = proven.evidence.trials
        self._variety.note_capability(kind, successes=sum(trial.passed for trial in trials), trials=len(trials))
        if self._learner is not None:
            for trial in trials:
                self._learner.note(kind, proven.candidate.name, trial.tool, successes=int(trial.passed), trials=1)

    def _measure(self) -> VarietyGap:
        gap = self._variety.gap()
        self._emit(GapMeasured(share=gap.share, bits=gap.bits, basis=gap.n, kinds=gap.kinds_gap))
        return gap


def _key(server: str) -> str:
    """Return what a proposal to acquire ``server`` is called: names come from outside and may be of any length."""
    return server[:_LONGEST_KEY]
