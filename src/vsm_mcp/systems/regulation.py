"""Regulation: the loop in which the systems look after the whole while the host works.

Each cycle senses (Cyberfilter, oscillation, burn rate), audits what is due, scans, closes the gap as far as alarm,
gain, budget and policy allow, lets go what no longer earns its keep, and gives every pain an owner.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import anyio
from pydantic import Field

from vsm_mcp.errors import ConfigurationError, PayloadError, PolicyError, VSMError
from vsm_mcp.events import EventSink, GapMeasured, Progress, ignore
from vsm_mcp.model.report import Report
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.control.audit import AuditFinding
from vsm_mcp.systems.control.cyberfilter import Pattern
from vsm_mcp.systems.intelligence.homeostat import Balance
from vsm_mcp.systems.intelligence.proposals import Proposal
from vsm_mcp.systems.intelligence.scan import ScanReport
from vsm_mcp.systems.system2 import System2
from vsm_mcp.systems.system3 import System3
from vsm_mcp.systems.system4 import System4
from vsm_mcp.systems.system5 import System5
from vsm_mcp.systems.vitals.channels import Purpose
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.systems.vitals.vitals import Vitals
from vsm_mcp.variety.alarm import AlarmLevel, Thresholds
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.statistics.window import WINDOW
from vsm_mcp.world.clock import Clock

LEAST_GAIN = 0.001
"""The share of demand per acquisition below which closing the gap costs more than it brings."""

CYCLES_KEPT = 100
AUDITS_AT_ONCE = 4
SHORTEST_REST = 0.05
LEAST_DEMANDS = 30
"""With fewer demands since the capabilities changed, what is done with them is not known yet."""

_CHANGE = "change of the absorbed share"
_AUDIT_OF = "audit of "
_LONGEST_KEY = 200
_S2, _S3, _STAR = SystemId.SYSTEM2, SystemId.SYSTEM3, SystemId.SYSTEM3_STAR
_S1, _S4, _S5, _OUTSIDE = SystemId.SYSTEM1, SystemId.SYSTEM4, SystemId.SYSTEM5, SystemId.ENVIRONMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Organs:
    """The systems that regulate, and what they look at."""

    system2: System2
    system3: System3
    system4: System4
    system5: System5
    variety: VarietyCalculator
    vitals: Vitals
    clock: Clock
    thresholds: Thresholds = field(default_factory=Thresholds)


class CycleReport(Report, frozen=True):
    """What one cycle of regulation saw and did.

    Attributes:
        cycle: Its number, from 1.
        at: When it began.
        level: How the absorbed share stands.
        absorbed_share: The share of demand that was absorbed, as observed.
        expected_gap_share: The share of demand that the capabilities would not absorb at the end of the cycle.
        acquired: Servers that were acquired.
        released: Servers that were let go.
        audited: What audits of this cycle found.
        skipped: What was proposed and not done, with the reason.
        balance: How Systems 3 and 4 keep each other in balance.
        pains: Open signals of pain at the end.
        budget_left: How many acquisitions are left.
    """

    cycle: int = Field(ge=1)
    at: datetime
    level: AlarmLevel
    absorbed_share: float | None
    expected_gap_share: float | None
    acquired: tuple[str, ...]
    released: tuple[str, ...]
    audited: tuple[AuditFinding, ...]
    skipped: Mapping[str, str]
    balance: Balance
    pains: int = Field(ge=0)
    budget_left: int


class Regulation:
    """Closes gaps, lets go what is unused, and audits, cycle by cycle.

    Args:
        organs: The systems that take part.
        every: Seconds between two cycles.
        budget: How many servers may be acquired in all.
        least_gain: The share of demand per acquisition that is worth its cost.
        emit: Hears of the gap after each cycle, and of cycles that failed.

    Attributes:
        reports: The newest cycles, oldest first.
        last_error: Why the newest cycle failed; ``None`` when it did not.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        organs: Organs,
        *,
        every: float = 60.0,
        budget: int = 5,
        least_gain: float = LEAST_GAIN,
        emit: EventSink = ignore,
    ) -> None:
        """Begin without any cycle."""
        if not (every > 0 and budget >= 0 and 0 <= least_gain < 1):
            raise ConfigurationError(
                f"Regulation every {every} s with a budget of {budget} and a least gain of {least_gain} cannot be run.",
                remedies=("Give every > 0, budget >= 0 and 0 <= least_gain < 1.",),
            )
        self._organs = organs
        self._every = every
        self._budget = budget
        self._least_gain = least_gain
        self._emit = emit
        self._cycle = 0
        self._share: float | None = None
        self._felt: set[str] = set()
        self._changed_at = 0
        self.reports: deque[CycleReport] = deque(maxlen=CYCLES_KEPT)
        self.last_error: Exception | None = None

    def __repr__(self) -> str:
        """Show how far it is."""
        return f"Regulation(cycles={self._cycle}, budget={self._budget}, every={self._every:g} s)"

    @property
    def last(self) -> CycleReport | None:
        """The newest cycle; ``None`` before the first."""
        return self.reports[-1] if self.reports else None

    async def run(self) -> None:
        """Regulate until cancelled. A cycle that fails is told, remembered, and followed by the next one."""
        while True:
            try:
                await self.tick()
                self.last_error = None
                await self._rest()
            except Exception as error:  # noqa: BLE001 - the host's work must go on, whatever a source or server does
                self.last_error = error
                self._emit(Progress(subject="regulation", detail=f"cycle {self._cycle} failed: {error}"))
                await anyio.sleep(self._every)

    async def tick(self) -> CycleReport:
        """Do one cycle and report on it."""
        organs = self._organs
        self._cycle += 1
        at = organs.clock.now()
        self._sense(at.timestamp())
        audited = await self._audit(at.timestamp())
        scan = await self._scan()
        acquired, skipped = await self._close(scan)
        released = await self._let_go(skipped)
        organs.system3.settle()
        balance = organs.system4.homeostat.review(now=organs.clock.now().timestamp())
        self._feel("balance of Systems 3 and 4", "; ".join(balance.why), level=Level.POLICY)
        if acquired or released:
            self._changed_at = organs.variety.gap().n
        self._measure(scan)
        organs.vitals.algedonic.advance()
        head, gap = organs.variety.headline(), organs.variety.gap()
        self._emit(GapMeasured(share=gap.share, bits=gap.bits, basis=gap.n, kinds=gap.kinds_gap))
        report = CycleReport(
            cycle=self._cycle,
            at=at,
            level=organs.variety.level,
            absorbed_share=None if head is None else head.observed_absorbed_share,
            expected_gap_share=None if head is None else head.gap_share,
            acquired=acquired,
            released=released,
            audited=audited,
            skipped=skipped,
            balance=balance,
            pains=organs.vitals.algedonic.report().pains,
            budget_left=self._budget,
        )
        self.reports.append(report)
        return report

    async def _rest(self) -> None:
        """Wait for the next cycle; pain that is due to climb meanwhile does not wait for it."""
        algedonic = self._organs.vitals.algedonic
        end = anyio.current_time() + self._every
        while (left := end - anyio.current_time()) > 0.0:
            due = algedonic.due_in()
            await anyio.sleep(left if due is None else min(left, max(due, SHORTEST_REST)))
            algedonic.advance()

    def _sense(self, now: float) -> None:
        """Look at the indices, and turn what is wrong into pain with an owner."""
        organs = self._organs
        head = organs.variety.headline()
        if head is not None:
            organs.system2.watch("absorbed share", head.observed_absorbed_share)
            self._follow(head.observed_absorbed_share)
        level = organs.variety.level
        critical = "" if level is not AlarmLevel.CRITICAL or head is None else f"Lost is {1 - head[-1]:.0%} of demand."
        self._feel("absorbed share", critical, level=Level.INTELLIGENCE)
        burn = organs.vitals.burn.report(now)
        lost = f"Demand is lost faster than an objective of {burn.slo:.0%} bears."
        self._feel(
            "burn rate",
            lost if burn.page or burn.ticket else "",
            level=Level.INTELLIGENCE if burn.page else Level.CONTROL,
        )
        swinging = organs.system2.oscillating()
        advice = (organs.system2.damp(name) for name, _ in swinging)
        why = " ".join(f"{one.series} swings: {one.reason}" for one in advice if one is not None)
        self._feel("oscillation", why, level=Level.CONTROL)
        self._tell(_S2, _S3, Purpose.COORDINATION, kind="oscillation" if swinging else "steady")
        self._tell(_S3, _S2, Purpose.COORDINATION, kind="heard")
        self._tell(_S3, _S5, Purpose.FEEDBACK, kind=str(level))

    def _follow(self, share: float) -> None:
        """Let Cyberfilter judge the absorbed share: a change for the worse is pain, one for the better is pleasure."""
        before, self._share = self._share, share
        verdict = self._organs.system3.watch("absorbed share", share)
        if not verdict.matters or before is None:
            self._feel(_CHANGE, "", level=Level.CONTROL)
            return
        worse = (verdict.slope or 0.0) < 0.0 if verdict.kind is Pattern.TREND else share < before
        why = f"Cyberfilter sees a {verdict.kind} in the absorbed share, which is {share:.0%} after {before:.0%}."
        self._feel(_CHANGE, why if worse else "", level=Level.CONTROL)
        if not worse:
            self._organs.vitals.algedonic.signal(_CHANGE, pain=False, level=Level.CONTROL, reason=why)

    def end(self) -> None:
        """Take back the pain that regulation felt: nobody looks any more whether its causes are gone."""
        for key in self._felt:
            self._organs.vitals.algedonic.relieve(key)
        self._felt.clear()

    def _feel(self, key: str, why: str, *, level: Level) -> None:
        """Signal pain while there is a reason, and relieve it when there is none."""
        if why:
            self._felt.add(key)
            self._organs.vitals.algedonic.signal(key, pain=True, level=level, reason=why)
        else:
            self._organs.vitals.algedonic.relieve(key)

    async def _audit(self, now: float) -> tuple[AuditFinding, ...]:
        audits, findings = self._organs.system3.audits, list[AuditFinding]()
        at_once = anyio.CapacityLimiter(AUDITS_AT_ONCE)

        async def audit(unit: str) -> None:
            async with at_once:
                self._tell(_STAR, _S1, Purpose.AUDIT, kind="inspect")
                try:
                    finding = await audits.audit(unit, now=now)
                except PayloadError:  # it was let go since it fell due
                    return
            findings.append(finding)
            self._tell(_S1, _STAR, Purpose.AUDIT, kind=str(finding.passed))
            self._tell(_STAR, _S3, Purpose.AUDIT, kind=str(finding.distrusted))
            why = f"{unit} reports success that audits do not find." if finding.distrusted else ""
            self._feel(_audit_of(unit), why, level=Level.CONTROL)

        async with anyio.create_task_group() as tasks:
            for unit in audits.due(now):
                tasks.start_soon(audit, unit)
        self._relieve_the_gone()
        return tuple(findings)

    def _relieve_the_gone(self) -> None:
        """End the pain over units that are not there any more: no audit will."""
        there = {_audit_of(unit) for unit in self._organs.system3.audits.units}
        for signal in self._organs.vitals.algedonic.open():
            if signal.key.startswith(_AUDIT_OF) and signal.key not in there:
                self._organs.vitals.algedonic.relieve(signal.key)

    async def _scan(self) -> ScanReport:
        self._tell(_S4, _OUTSIDE, Purpose.INTELLIGENCE, kind="search")
        scan = await self._organs.system4.scan()
        self._tell(_OUTSIDE, _S4, Purpose.INTELLIGENCE, kind="found" if scan.proposals.best else "nothing")
        return scan

    async def _close(self, scan: ScanReport) -> tuple[tuple[str, ...], dict[str, str]]:
        """Acquire what is proposed, one at a time, each time from what is known then."""
        acquired: list[str] = []
        skipped: dict[str, str] = {}
        while (proposal := next((one for one in scan.proposals.best if one.server not in skipped), None)) is not None:
            why = self._why_not(proposal)
            if not why:
                why = await self._acquire(proposal)
            if not why:
                acquired.append(proposal.server)
                scan = await self._organs.system4.scan()
                continue
            skipped[proposal.server] = why
            self._organs.system4.decline(proposal.server)
        for proposal in scan.proposals.best:  # a later scan of this cycle has proposed again what was declined before
            self._organs.system4.decline(proposal.server)
        return tuple(acquired), skipped

    def _why_not(self, proposal: Proposal) -> str:
        """Return why a proposal is not followed; empty when it is."""
        organs = self._organs
        head = organs.variety.headline()
        if not organs.variety.level.raised or head is None:
            return f"The absorbed share is {organs.variety.level}: there is no alarm."
        if 1.0 - head.gap_share >= organs.thresholds.clear:
            return "What is held is expected to absorb enough; further demand will show."
        if proposal.gain / proposal.cost < self._least_gain:
            return f"It would add {proposal.gain:.2%} of demand, less than is worth its cost."
        if self._budget < 1:
            return "The budget of this regulation is used up."
        ruling = organs.system2.may_change(_change_of(proposal.server))
        return "" if ruling.allowed else ruling.reason

    async def _acquire(self, proposal: Proposal) -> str:
        """Acquire; return why it failed, or nothing. A failed attempt is paid for like any other."""
        self._tell(_S4, _S5, Purpose.POLICY, kind="acquire")
        self._tell(_S4, _S3, Purpose.ADAPTATION, kind="propose")
        self._budget -= 1
        try:
            await self._organs.system4.acquire(proposal.kind, server=proposal.server)
        except PolicyError as error:
            self._budget += 1
            self._tell(_S5, _S4, Purpose.POLICY, kind="refused")
            return error.message
        except VSMError as error:
            return error.message
        finally:
            self._tell(_S3, _S4, Purpose.ADAPTATION, kind="answered")
        self._tell(_S5, _S4, Purpose.POLICY, kind="permitted")
        self._organs.system2.flap(_change_of(proposal.server))
        return ""

    async def _let_go(self, skipped: dict[str, str]) -> tuple[str, ...]:
        """Let go what no longer earns its keep, unless the whole is in alarm or System 2 advises against it."""
        organs = self._organs
        if organs.variety.level is not AlarmLevel.CLEAR:
            return ()
        released: list[str] = []
        for idle in await organs.system4.idle():
            ruling = organs.system2.may_change(_change_of(idle.server))
            if not ruling.allowed:
                skipped[idle.server] = ruling.reason
                continue
            try:
                await organs.system4.release(idle.server)
            except VSMError as error:
                skipped[idle.server] = error.message
                continue
            organs.system2.flap(_change_of(idle.server))
            released.append(idle.server)
        return tuple(released)

    def _measure(self, scan: ScanReport) -> None:
        """Keep Beer's triple index of variety: done, possible with what is held, possible with all that is known.

        Done counts from the last change of capabilities on: what was lost before it says nothing about what is held.
        """
        variety = self._organs.variety
        head = variety.headline()
        if head is None:
            return
        capability = 1.0 - head.gap_share
        since = min(variety.gap().n - self._changed_at, WINDOW)
        self._organs.system3.performance(
            actuality=variety.absorbed_share_of_last(since) if since >= LEAST_DEMANDS else None,
            capability=capability,
            potentiality=min(capability + scan.proposals.potential, 1.0),
            n=since,
            window=f"the newest {since} demands, since the capabilities changed last",
        )

    def _tell(self, source: SystemId, target: SystemId, purpose: Purpose, *, kind: str) -> None:
        now = self._organs.clock.now().timestamp()
        self._organs.vitals.channels.send(source, target, purpose=purpose, kind=kind, now=now)


def _change_of(server: str) -> str:
    """Return what System 2 knows the coming and going of a server by."""
    return f"server {server}"[:_LONGEST_KEY]


def _audit_of(unit: str) -> str:
    return f"{_AUDIT_OF}{unit}"[:_LONGEST_KEY]
