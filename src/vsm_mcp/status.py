"""The state of the whole system in one snapshot."""

from pydantic import BaseModel

from vsm_mcp.acquisition.report import EnforcementRecord
from vsm_mcp.settings import Confinement, Settings
from vsm_mcp.variety.analysis import VarietyAnalysis
from vsm_mcp.wiring import Parts


class ServerStatus(BaseModel, frozen=True, extra="forbid"):
    """One server that is held: its state, its tools, and what really confines it while it runs."""

    name: str
    state: str
    tools: tuple[str, ...] = ()
    pid: int | None = None
    starts: int = 0
    last_error: str | None = None
    enforcement: EnforcementRecord | None = None


class SystemsStatus(BaseModel, frozen=True, extra="forbid"):
    """What each of the five systems has to say.

    Attributes:
        absorbed: System 1: operations done; ``failed``: operations that a tool did not do well.
        conflicts: System 2: how often one acquisition waited for another of the same kind.
        most_servers: System 3: the budget of servers.
        acquired: System 4: acquisitions of this session.
        autonomy: System 5: how far the system may go by itself.
    """

    absorbed: int
    failed: int
    conflicts: int
    most_servers: int
    acquired: int
    autonomy: str


class SystemStatus(BaseModel, frozen=True, extra="forbid"):
    """A snapshot.

    Attributes:
        viable: True when the absorbed share is not critical; ``None`` while there is no demand to judge by.
        reasons: Why it is not viable, or what a human should know.
        sandbox: How servers are confined.
        variety: The measured variety and its gap.
    """

    viable: bool | None
    reasons: tuple[str, ...]
    sandbox: str
    systems: SystemsStatus
    servers: tuple[ServerStatus, ...]
    variety: VarietyAnalysis


class ConnectionTest(BaseModel, frozen=True, extra="forbid"):
    """Whether a held server comes up and lists its tools."""

    server: str
    ok: bool
    tools: int | None
    elapsed: float
    error: str | None = None


def status_of(parts: Parts, settings: Settings) -> SystemStatus:
    """Take the snapshot."""
    variety = parts.variety.analyze()
    return SystemStatus(
        viable=None if variety.absorbed_share is None else not variety.critical,
        reasons=_reasons(variety, settings),
        sandbox=parts.sandbox.name,
        systems=SystemsStatus(
            absorbed=parts.system1.absorbed,
            failed=parts.system1.failed,
            conflicts=parts.system2.conflicts,
            most_servers=parts.system3.budget.servers,
            acquired=len(parts.system4.reports),
            autonomy=parts.system5.autonomy.name,
        ),
        servers=_servers(parts),
        variety=variety,
    )


def _reasons(variety: VarietyAnalysis, settings: Settings) -> tuple[str, ...]:
    lost = [gap.recommendation for gap in variety.gaps_by_system.values() if gap.share]
    if settings.sandbox is Confinement.NONE:
        lost.append("Servers run without any sandbox: set sandbox='bubblewrap'.")
    return tuple(lost)


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
