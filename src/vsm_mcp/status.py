"""The state of the whole system in one snapshot: is it viable, where is it lost, and what to do next."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from vsm_mcp.acquisition.report import EnforcementRecord
from vsm_mcp.model.report import Report, printable
from vsm_mcp.readings import BROKEN, Reading, take_readings
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.variety.alarm import AlarmLevel
from vsm_mcp.wiring.parts import Parts


class ServerStatus(Report, frozen=True):
    """One server that is held: its state, its tools, and what really confines it while it runs."""

    name: str
    state: str
    tools: tuple[str, ...] = ()
    pid: int | None = None
    starts: int = 0
    last_error: str | None = None
    enforcement: EnforcementRecord | None = None


class System1Status(Report, frozen=True):
    """System 1, operations.

    Attributes:
        status: ``operational``, or ``idle`` before the first operation.
        units: Units and servers that do the work.
        units_viable: Units whose next operation is more likely done well than not, and servers that have not failed.
        variety_absorbed: The share of demand that is absorbed, as observed.
        absorbed: Operations that were done.
        failed: Operations that ran and failed.
        busy: Operations under way.
    """

    status: str
    units: int
    units_viable: int
    variety_absorbed: float | None
    absorbed: int
    failed: int
    busy: int


class System2Status(Report, frozen=True):
    """System 2, coordination.

    Attributes:
        status: ``coordinating``, or ``damping`` while something oscillates.
        conflicts: How often two wanted the same thing at once.
        conflicts_resolved: How many of these ended with everybody getting a turn.
    """

    status: str
    conflicts: int
    conflicts_resolved: int


class System3Status(Report, frozen=True):
    """System 3, control.

    Attributes:
        status: ``optimizing``, or ``distrusting`` while audits contradict what a unit reports.
        efficiency: What is absorbed of what could be with what is held: Beer's productivity.
        most_servers: The budget of servers.
        audited: Units that are audited.
    """

    status: str
    efficiency: float | None
    most_servers: int
    audited: int


class System4Status(Report, frozen=True):
    """System 4, intelligence.

    Attributes:
        status: ``scanning``, or ``waiting`` before the first scan.
        threats_detected: Threats that the last scan saw.
        opportunities: Acquisitions that the last scan proposed.
        acquired: Acquisitions of this session.
        scanned_at: When the last scan was made.
    """

    status: str
    threats_detected: int | None
    opportunities: int | None
    acquired: int
    scanned_at: datetime | None


class System5Status(Report, frozen=True):
    """System 5, policy.

    Attributes:
        status: ``governing``.
        policies_active: Rules that hold.
        autonomy: How far the system may go by itself.
        decisions: Decisions that were made.
    """

    status: str
    policies_active: int
    autonomy: str
    decisions: int


class SystemsStatus(Report, frozen=True):
    """What each of the five systems has to say."""

    system1: System1Status
    system2: System2Status
    system3: System3Status
    system4: System4Status
    system5: System5Status


class VarietyBalance(Report, frozen=True):
    """Required and available variety, in kinds of demand.

    Attributes:
        required: Kinds in demand.
        available: Kinds in demand that a capability covers.
        gap: Kinds in demand that none covers.
        ratio: The share of demand that was absorbed: what alarms go by.
        unit: What the three numbers count.
    """

    required: int
    available: int
    gap: int
    ratio: float | None
    unit: str = "demand kinds"


class SystemStatus(Report, frozen=True):
    """A snapshot.

    Attributes:
        viable: Whether the whole is viable; ``None`` while there is no demand to judge by.
        reasons: Why it is not, and what a human should know.
        systems: What each of the five systems has to say.
        variety: Required and available variety.
        health: The share of the readings that could be taken and ask for nothing; ``None`` before the first demand.
        readings: The twelve numbers, by name, each with its basis and what to do.
        servers: The servers that are held.
        sandbox: How servers are confined.
        at: When the snapshot was taken.
    """

    viable: bool | None
    reasons: tuple[str, ...]
    systems: SystemsStatus
    variety: VarietyBalance
    health: float | None = Field(ge=0, le=1)
    readings: Mapping[str, Reading]
    servers: tuple[ServerStatus, ...]
    sandbox: str
    at: datetime

    def __str__(self) -> str:
        """Show the verdict, then one line per number with what to do."""
        verdict = {True: "viable", False: "not viable", None: "no demand to judge by"}[self.viable]
        health = "" if self.health is None else f", health {self.health:.0%}"
        lines = [f"{verdict}{health}, servers: {len(self.servers)}, sandbox: {self.sandbox}"]
        lines += (f"  ! {reason}" for reason in self.reasons)
        lines += (f"  {reading.number:2} {name}: {reading}" for name, reading in self.readings.items())
        return "\n".join(printable(line) for line in lines)


class ConnectionTest(Report, frozen=True):
    """Whether a held server comes up and lists its tools."""

    server: str
    ok: bool
    tools: int | None
    elapsed: float
    error: str | None = None


def status_of(parts: Parts, settings: Settings) -> SystemStatus:
    """Take the snapshot. Its cost does not grow with the demand that was observed."""
    gap, readings = parts.variety.gap(), take_readings(parts)
    viable, reasons = judge(parts, settings)
    taken = [reading for reading in readings.values() if reading.taken]
    return SystemStatus(
        viable=viable,
        reasons=reasons,
        systems=_systems(parts),
        variety=VarietyBalance(
            required=gap.kinds_required,
            available=gap.kinds_available,
            gap=gap.kinds_gap,
            ratio=gap.observed_absorbed_share,
        ),
        health=sum(reading.act is None for reading in taken) / len(taken) if gap.n else None,
        readings=readings,
        servers=_servers(parts),
        sandbox=parts.sandbox.name,
        at=parts.organs.clock.now(),
    )


def judge(parts: Parts, settings: Settings) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether the whole is viable, and why not.

    It is viable while the absorbed share is not critical, no pain has reached the host, and not all of its units fail;
    a unit that has not worked yet does not fail.
    """
    reasons: list[str] = []
    level, system1 = parts.variety.level, parts.system1
    share = parts.variety.gap().observed_absorbed_share
    if level is AlarmLevel.CRITICAL and share is not None:
        reasons.append(f"Only {share:.0%} of demand is absorbed; below {settings.thresholds.critical:.0%} is critical.")
    pain = parts.vitals.algedonic.report()
    if pain.at_host:
        reasons.append(f"Pains that reached the host and were not relieved: {pain.at_host}. {pain.open[0].reason}")
    if system1.units_failing and system1.units_failing == len(system1.units):
        reasons.append(f"None of {system1.units_failing} units is viable.")
    viable = None if share is None and not reasons else not reasons
    if settings.sandbox is Confinement.NONE:
        reasons.append("Servers run without any sandbox: set sandbox='bubblewrap'.")
    return viable, tuple(reasons)


def _systems(parts: Parts) -> SystemsStatus:
    system1, system2, system3, system4, system5 = (
        parts.system1,
        parts.system2,
        parts.system3,
        parts.system4,
        parts.system5,
    )
    performance, scan = system3.index_of(), system4.last_scan
    ended = system1.absorbed + system1.failed
    return SystemsStatus(
        system1=System1Status(
            status="operational" if ended or system1.busy else "idle",
            units=len(system1.units) + len(parts.spawner.states()),
            units_viable=system1.units_viable
            + sum(state.status not in BROKEN for state in parts.spawner.states().values()),
            variety_absorbed=parts.variety.gap().observed_absorbed_share,
            absorbed=system1.absorbed,
            failed=system1.failed,
            busy=system1.busy,
        ),
        system2=System2Status(
            status="damping" if system2.oscillating() else "coordinating",
            conflicts=system2.conflicts,
            conflicts_resolved=system2.conflicts_resolved,
        ),
        system3=System3Status(
            status="distrusting" if system3.audits.distrusted else "optimizing",
            efficiency=None if performance is None else performance.productivity,
            most_servers=system3.budget.servers,
            audited=len(system3.audits.units),
        ),
        system4=System4Status(
            status="waiting" if scan is None else "scanning",
            threats_detected=system4.threats_detected,
            opportunities=system4.opportunities,
            acquired=len(system4.reports),
            scanned_at=None if scan is None else scan.at,
        ),
        system5=System5Status(
            status="governing",
            policies_active=system5.policies_active,
            autonomy=system5.autonomy.name,
            decisions=system5.decided,
        ),
    )


def _servers(parts: Parts) -> tuple[ServerStatus, ...]:
    return tuple(
        ServerStatus(
            name=name,
            state=state.status,
            tools=state.tools,
            pid=state.pid,
            starts=state.generation,
            last_error=state.last_error,
            enforcement=None if state.enforcement is None else EnforcementRecord.of(state.enforcement),
        )
        for name, state in sorted(parts.spawner.states().items())
    )
