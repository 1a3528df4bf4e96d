"""The twelve numbers of a status: what each says, from how much it is known, and what to do about it."""

from collections.abc import Mapping
from math import sqrt
from statistics import NormalDist

from pydantic import Field

from vsm_mcp.model.report import Report
from vsm_mcp.servers.supervision.spawner import ServerStatus
from vsm_mcp.systems.intelligence.scan import ScanReport
from vsm_mcp.wiring.parts import Parts

TIGHT = 0.85
"""The utilisation of a resource from which on System 3 should reallocate."""

FEW_KINDS = 3.0
BROKEN = frozenset({ServerStatus.FAILED, ServerStatus.RESTING})
"""What a server is doing that does not work."""

_Z = NormalDist().inv_cdf(0.975)
_WAIT = "Wait for further demand: what was acquired since is expected to absorb it."
_ACTIONS = {
    "system1": "repair or replace what ran and failed",
    "system2": "keep colliding work apart",
    "system3": "give more capacity or budget",
    "system4": "acquire what nothing can do",
    "system5": "review the policy that refuses it",
}


class Reading(Report, frozen=True):
    """One number.

    Attributes:
        number: Its place among the twelve.
        value: The figure that decides; ``None`` when it could not be taken.
        low: Lower end of its 95 % interval, where one is known.
        high: Upper end of it.
        unit: What it counts.
        parts: What it is made of.
        basis: From how many observations, over which window.
        act: What to do now; ``None`` when nothing.
    """

    number: int = Field(ge=1, le=12)
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str
    parts: Mapping[str, float | None] = Field(default_factory=dict[str, float | None])
    basis: str
    act: str | None = None

    @property
    def taken(self) -> bool:
        """Whether it could be taken."""
        return self.value is not None

    def __str__(self) -> str:
        """Show it in one line."""
        value = "not measured" if self.value is None else f"{self.value:.3g} {self.unit}"
        interval = "" if self.low is None or self.high is None else f" ({self.low:.3g} to {self.high:.3g})"
        parts = ", ".join(f"{name} {part:.3g}" for name, part in self.parts.items() if part is not None)
        act = f"  -> {self.act}" if self.act else ""
        return f"{value}{interval}{f' [{parts}]' if parts else ''} from {self.basis}{act}"


def take_readings(parts: Parts) -> dict[str, Reading]:
    """Take the twelve numbers, at a cost that does not grow with the demand that was observed."""
    return {
        "viable systems": _viable(parts),
        "absorbed share": _absorbed(parts),
        "gap by system": _by_system(parts),
        "diversity of the gap": _diversity(parts),
        "best next capability": _next(parts),
        "model of demand": _model(parts),
        "triple index": _triple(parts),
        "coordination": _coordination(parts),
        "resources": _resources(parts),
        "audit": _audit(parts),
        "algedonic": _algedonic(parts),
        "trust in itself": _trust(parts),
    }


def _viable(parts: Parts) -> Reading:
    system1, servers = parts.system1, parts.spawner.states()
    broken = sorted(name for name, state in servers.items() if state.status in BROKEN)
    viable = system1.units_viable + len(servers) - len(broken)
    judged = system1.units_viable + system1.units_failing + len(servers)
    act = "Repair the failing units or give their work to others." if system1.units_failing else None
    if act is None and broken:
        act = f"Look at {', '.join(broken[:3])}: failed, and not running."
    return Reading(
        number=1,
        value=viable / judged if judged else None,
        unit="of the judged units and servers are viable",
        parts={"units failing": system1.units_failing, "servers failed": len(broken)},
        basis=f"{judged - len(servers)} of {len(system1.units)} units, and {len(servers)} servers",
        act=act,
    )


def _absorbed(parts: Parts) -> Reading:
    gap, level = parts.variety.gap(), parts.variety.level
    share, n = gap.observed_absorbed_share, gap.n_effective
    low, high = (None, None) if share is None or n is None else _wilson(share, n)
    burn = parts.vitals.burn.report(parts.organs.clock.now().timestamp())
    act = None
    if level.raised:
        how = "now: the budget of lost demand burns fast" if burn.page else "in time"
        act = _WAIT if _expected_to_close(parts) else f"Close the gap {how}; see 'gap by system'."
    return Reading(
        number=2,
        value=share,
        low=low,
        high=high,
        unit="of demand",
        basis=f"{gap.n} demands (worth {0 if n is None else n:.0f} equally weighted)",
        act=act,
    )


def _by_system(parts: Parts) -> Reading:
    lost = {str(system): share for system, share in parts.variety.lost_by_system().items()}
    worst = max(lost, key=lambda system: lost[system], default=None)
    share = sum(lost.values()) if lost else None
    act = f"Most is lost at {worst}: {_ACTIONS[worst]}." if worst is not None and lost[worst] > 0 else None
    level = parts.variety.level
    if worst == "system4" and _expected_to_close(parts):
        act = _WAIT
    return Reading(
        number=3,
        value=share,
        unit="of demand is lost",
        parts=lost,
        basis=f"{parts.variety.gap().n} demands",
        act=act if level.raised else None,
    )


def _diversity(parts: Parts) -> Reading:
    gap, failing = parts.variety.gap(), parts.variety.failing_kinds
    act = None
    if failing and parts.variety.level.raised and not _expected_to_close(parts):
        few = "Acquire: a few capabilities close the gap."
        act = few if failing <= FEW_KINDS else "Acquire a generalist, or attenuate: merge or refuse kinds of demand."
    return Reading(
        number=4,
        value=failing,
        unit="effective failing kinds",
        parts={
            "gap bits": gap.bits,
            "required bits": gap.required_bits,
            "corrected bits": parts.variety.corrected_bits,
        },
        basis=f"{gap.n} demands of {gap.kinds_required} kinds",
        act=act,
    )


def _next(parts: Parts) -> Reading:
    scan = parts.system4.last_scan
    if scan is None:
        return Reading(number=5, value=None, unit="of demand", basis="no scan yet", act=None)
    proposals = scan.proposals
    best = proposals.best[0] if proposals.best else None
    return Reading(
        number=5,
        value=best.gain if best is not None else 0.0,
        unit="of demand would be gained",
        parts={"certificate": proposals.certificate, "gain of all": proposals.gain},
        basis=f"{proposals.servers} servers for {proposals.kinds} kinds, scanned {_moment(scan)}",
        act=None if best is None else f"Acquire {best.server} for {best.kind!r}, verify, and measure again.",
    )


def _model(parts: Parts) -> Reading:
    scan = parts.system4.last_scan
    if scan is None or scan.unseen_share is None:
        return Reading(number=6, value=None, unit="of demand", basis="no scan yet" if scan is None else "no demand")
    tolerated = 1.0 - parts.organs.thresholds.alert
    act = (
        "Scan outside, and shorten the half-life of the calculator: demand is not what it was."
        if scan.drifting
        else None
    )
    if act is None and scan.unseen_share > tolerated:
        act = "Widen the classifier of demand: much of it is of kinds that were never seen before."
    return Reading(
        number=6,
        value=scan.unseen_share,
        unit="of demand is of unseen kinds",
        parts={"drift bits": scan.drift_bits},
        basis=f"the newest {scan.n_window} demands, scanned {_moment(scan)}",
        act=act,
    )


def _triple(parts: Parts) -> Reading:
    index = parts.system3.index_of()
    if index is None:
        return Reading(number=7, value=None, unit="performance", basis="no cycle of regulation yet")
    act = None
    if index.performance is not None and index.performance < parts.organs.thresholds.alert:
        inside = (index.productivity or 0.0) <= (index.latency or 0.0)
        act = "Look inside, at Systems 1 to 3." if inside else "Look outside, at Systems 4 and 5."
    return Reading(
        number=7,
        value=index.performance,
        unit="performance",
        parts={"productivity": index.productivity, "latency": index.latency},
        basis=f"{index.n} demands" + ("" if index.potentiality else ", and nothing that is held or known could do any"),
        act=act,
    )


def _coordination(parts: Parts) -> Reading:
    report, learner = parts.system2.report(), parts.system1.learner
    advice = (parts.system2.damp(one.series) for one in report.oscillating)
    swinging = "; ".join(f"{one.series} by {one.damper}" for one in advice if one is not None)
    act = f"Damp what swings: {swinging}." if swinging else None
    if act is None and report.suppressed:
        act = f"Leave alone what changes too often: {', '.join(report.suppressed[:3])}."
    return Reading(
        number=8,
        value=report.conflicts_per_1000,
        unit="conflicts per 1000 claims",
        parts={
            "oscillations": len(report.oscillating),
            "suppressed": len(report.suppressed),
            "veto rate": report.veto_rate,
            "misroute regret per 1000": 1000.0 * learner.regretted / learner.outcomes if learner.outcomes else None,
        },
        basis=f"{report.claims} claims",
        act=act,
    )


def _resources(parts: Parts) -> Reading:
    system1, system3 = parts.system1, parts.system3
    bargains, adherence = system3.utilisation(), system3.adherence()
    places = {
        "operations": system1.busy / system1.most_at_once,
        "servers": len(parts.spawner.states()) / system3.budget.servers,
    }
    if bargains.tightest is not None and bargains.share is not None:
        places[bargains.tightest] = max(bargains.share, places.get(bargains.tightest, 0.0))
    tightest = max(places, key=lambda name: places[name])
    act = f"Reallocate or expand {tightest}: {places[tightest]:.0%} is used." if places[tightest] > TIGHT else None
    return Reading(
        number=9,
        value=places[tightest],
        unit=f"of {tightest} is used",
        parts={**places, "adherence": adherence.share},
        basis=f"this moment, and {adherence.n} bargains",
        act=act,
    )


def _audit(parts: Parts) -> Reading:
    audits = parts.system3.audits
    units, distrusted = audits.units, audits.distrusted
    worst = audits.worst
    return Reading(
        number=10,
        value=None if worst is None else worst.discrepancy,
        low=None if worst is None or worst.interval is None else worst.interval[0],
        high=None if worst is None or worst.interval is None else worst.interval[1],
        unit="of reported success was not found",
        parts={"distrusted": len(distrusted)},
        basis=f"{0 if worst is None else worst.audits} audits of the worst of {len(units)} units",
        act=f"Distrust {', '.join(distrusted[:3])}, and audit more." if distrusted else None,
    )


def _algedonic(parts: Parts) -> Reading:
    report = parts.vitals.algedonic.report()
    first = report.open[0] if report.pains else None
    return Reading(
        number=11,
        value=report.pains,
        unit="pains",
        parts={"oldest s": report.oldest_s, "next escalation s": report.next_escalation_s},
        basis=f"{report.raised} signals so far",
        act=None if first is None else f"Recover before it climbs, or hand it up: {first.key}: {first.reason}",
    )


def _trust(parts: Parts) -> Reading:
    report = parts.system5.calibration()
    balance = parts.system4.homeostat.balance(now=parts.organs.clock.now().timestamp())
    act = "Widen the priors, and stop autonomy above the limit of risk." if (report.skill or 0.0) < 0 else None
    if act is None and balance.enter_system5:
        act = f"System 5 must balance Systems 3 and 4: {'; '.join(balance.why)}"
    return Reading(
        number=12,
        value=report.skill,
        unit="Brier skill of decisions",
        parts={"calibration error": report.expected_error, "balance of 3 and 4": balance.message_balance},
        basis=f"{report.n} outcomes of decisions",
        act=act,
    )


def _moment(scan: ScanReport) -> str:
    return f"{scan.at:%Y-%m-%d %H:%M:%S} UTC"


def _expected_to_close(parts: Parts) -> bool:
    """Return whether what is held now is expected to absorb enough, whatever was lost before it was held."""
    gap, lost = parts.variety.gap(), parts.variety.lost_by_system()
    elsewhere = sum(share for system, share in lost.items() if system != "system4")
    limit = 1.0 - parts.organs.thresholds.clear
    return gap.share is not None and max(gap.share, elsewhere) <= limit


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share observed in ``n`` demands (Wilson 1927)."""
    centre = (share + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return (low if share > 0.0 else 0.0), (high if share < 1.0 else 1.0)  # exactly, whatever rounding leaves
