"""What is measured of a living system, in the shape in which diagnoses, principles and decisions read it."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Protocol, runtime_checkable

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.control.audit import DEFAULT_MEAN_GAP
from vsm_mcp.systems.intelligence.proposals import Proposal
from vsm_mcp.systems.operations.recursion import Recursive, Subsystem, depth
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.policy.context import LONGEST_NAME, DecisionContext, FunnelStrategy, Option, regaining
from vsm_mcp.systems.policy.identity import Closure, Identity
from vsm_mcp.systems.system1 import System1
from vsm_mcp.systems.vitals.channels import ChannelsReport, Link, Purpose
from vsm_mcp.systems.vitals.diagnosis.anatomy import Anatomy
from vsm_mcp.systems.vitals.diagnosis.diagnosis import Diagnosis
from vsm_mcp.systems.vitals.ledger import Ledger, UnitEntry, VerticalChannel
from vsm_mcp.systems.vitals.principles import Cycle, Direction, Evidence, Principles, assess
from vsm_mcp.variety.analysis import LOST_BY, VarietyAnalysis
from vsm_mcp.wiring.parts import Parts

LATE = 2.0
"""Periods after which a loop is late: a cycle takes time itself, so one period after the last it may be under way."""

AUDITED_WITHIN = 5 * DEFAULT_MEAN_GAP
"""Seconds within which some audit takes place with a probability of more than 0.99, were it for one unit only."""

_WATCHED_ENOUGH = 3600.0
_HANDED_ON = 100
_S1, _S3, _S5, _OUTSIDE = SystemId.SYSTEM1, SystemId.SYSTEM3, SystemId.SYSTEM5, SystemId.ENVIRONMENT
_REGULATED = Link(source=_S3, target=_S5, purpose=Purpose.FEEDBACK)
_AUDITED = Link(source=SystemId.SYSTEM3_STAR, target=_S1, purpose=Purpose.AUDIT)
_DIRECTIONS: Mapping[Link, Direction] = {
    Link(source=_OUTSIDE, target=_S1, purpose=Purpose.OPERATIONS): Direction.ENVIRONMENT_TO_OPERATION,
    Link(source=_S1, target=_OUTSIDE, purpose=Purpose.OPERATIONS): Direction.OPERATION_TO_ENVIRONMENT,
    Link(source=_S1, target=_S3, purpose=Purpose.FEEDBACK): Direction.OPERATION_TO_MANAGEMENT,
    Link(source=_S1, target=_S3, purpose=Purpose.BARGAIN): Direction.OPERATION_TO_MANAGEMENT,
    Link(source=_S3, target=_S1, purpose=Purpose.COMMAND): Direction.MANAGEMENT_TO_OPERATION,
    Link(source=_S3, target=_S1, purpose=Purpose.BARGAIN): Direction.MANAGEMENT_TO_OPERATION,
}
_TAKEN_BY: Mapping[VerticalChannel, Stage] = {
    VerticalChannel.INTERVENTION: Stage.REFUSED,
    VerticalChannel.BARGAIN: Stage.STARVED,
    VerticalChannel.COORDINATION: Stage.CONTENDED,
}
_ALWAYS_USED = frozenset(
    str(Link(source=source, target=target, purpose=purpose))
    for source, target, purpose in (
        (SystemId.ENVIRONMENT, SystemId.SYSTEM1, Purpose.OPERATIONS),
        (SystemId.SYSTEM1, SystemId.ENVIRONMENT, Purpose.OPERATIONS),
        (SystemId.SYSTEM1, SystemId.SYSTEM3, Purpose.FEEDBACK),
        (SystemId.SYSTEM3, SystemId.SYSTEM5, Purpose.FEEDBACK),
        (SystemId.SYSTEM2, SystemId.SYSTEM3, Purpose.COORDINATION),
        (SystemId.SYSTEM3, SystemId.SYSTEM2, Purpose.COORDINATION),
        (SystemId.SYSTEM4, SystemId.ENVIRONMENT, Purpose.INTELLIGENCE),
        (SystemId.ENVIRONMENT, SystemId.SYSTEM4, Purpose.INTELLIGENCE),
    )
)


def with_what_is_measured(parts: Parts, context: DecisionContext, *, strategy: bool) -> DecisionContext:
    """Return the context of a decision about the system itself with what is measured of it; any other as it is.

    Args:
        parts: The system.
        context: What is to be decided.
        strategy: A strategy of the host's own thinks of the options.
    """
    if context.options is not None or context.venture or context.environment or context.funnel or context.gains:
        return context
    lost, scan = parts.variety.lost_by_system(), parts.system4.last_scan
    funnel = {stage: lost[system] for stage, system in LOST_BY.items() if system in lost}
    if Stage.UNKNOWN in funnel:
        funnel[Stage.UNKNOWN] = _still_unknown(parts, funnel[Stage.UNKNOWN])
    proposals = () if scan is None else scan.proposals.best
    if proposals:
        funnel.pop(Stage.UNKNOWN, None)
    known = replace(context, funnel=funnel, burn_rate=_burn_rate(parts))
    if strategy:
        return known
    options = (*FunnelStrategy().propose(known), *map(_acquiring, proposals))
    return replace(known, options=options or None)


def _burn_rate(parts: Parts) -> float | None:
    burn = parts.vitals.burn.report(parts.organs.clock.now().timestamp())
    return max((line.long_rate for line in burn.lines if line.long_rate is not None), default=None)


def _acquiring(proposal: Proposal) -> Option:
    """Return a proposal as an option: what it regains if it succeeds, and how probable that is, told apart."""
    gained = proposal.gain / proposal.p_acquire if proposal.p_acquire else 0.0
    option = regaining(f"acquire({proposal.server})"[:LONGEST_NAME], gained, SystemId.SYSTEM4)
    return replace(option, prior=proposal.p_acquire, prior_weight=2.0 + proposal.attempts)


def principles_of(parts: Parts, *, every: float) -> Principles:
    """Judge Beer's principles, theorem and axioms by what is measured of a running system.

    Args:
        parts: The system.
        every: Seconds that are meant to lie between two cycles of regulation.
    """
    units = parts.system1.subsystems()
    seen, below = _cohesion(units)
    return assess(
        Evidence(
            ledger=ledger_of(parts),
            utilisation=_utilisation(parts),
            cycles=_cycles(parts, every * LATE),
            units=len(units) or None,
            units_alike=sum(isinstance(_performing(unit), Recursive) for unit in units) if units else None,
            accessible=seen,
            metasystems_below=below,
        )
    )


def ledger_of(parts: Parts) -> Ledger | None:
    """Book all demand that Systems 1 to 5 met, in shares of it, newer demand weighing more; ``None`` before the first.

    Each demand ended at one stage of the funnel and is booked once, so the sums are exact. What a unit absorbed is its
    horizontal variety. What policy refused, resources did not suffice for, or collided, was taken by these three
    vertical channels; the other three take nothing of what is recorded, because no stage ends at them. What ran and
    failed was absorbed by nobody. What nothing could do goes to System 4: it absorbed the kinds for which there is a
    capability by now, and once it has scanned it hands the rest to System 5. That absorbs it if the identity is known
    to bear what is lost: all its essential variables are measured, and within their limits.
    """
    met = parts.system1.met
    shares = met.stage_shares()
    if not shares:
        return None
    unknown = shares[Stage.UNKNOWN]
    closed = unknown * _closed_share(parts)
    residue = unknown - closed if parts.system4.last_scan is not None else 0.0
    stages = {unit: met.stages_of(unit) for unit, _ in met.in_demand()}
    return Ledger(
        units=tuple(
            UnitEntry(unit=unit, demand=fsum(ended.values()), horizontal=ended[Stage.ABSORBED])
            for unit, ended in stages.items()
        ),
        vertical={channel: shares[_TAKEN_BY[channel]] if channel in _TAKEN_BY else 0.0 for channel in VerticalChannel},
        to_system4=unknown,
        by_system4=closed,
        to_system5=residue,
        by_system5=_borne(parts, residue),
    )


def closure_of(parts: Parts) -> Closure:
    """Find what is lost of demand and owned by nobody: each system owns its own, System 4 only what it has looked at.

    It has looked at what nothing can do once it has scanned.
    """
    lost = {str(system): share for system, share in parts.variety.lost_by_system().items()}
    blind = parts.system4.last_scan is None
    owners = {system: system for system in lost if not (blind and system == LOST_BY[Stage.UNKNOWN])}
    return parts.system5.closure(lost, owners)


def anatomy_of(parts: Parts, *, identity: Identity | None) -> Anatomy:
    """Measure what can be measured of a running system."""
    now = parts.organs.clock.now()
    scan, pain = parts.system4.last_scan, parts.vitals.algedonic.report()
    channels = parts.vitals.channels.report(now.timestamp())
    balance = parts.system4.homeostat.balance(now=now.timestamp())
    lost = parts.variety.lost_by_system()
    audits = parts.system3.audits
    units, observed = len(parts.system1.units), parts.variety.gap().n
    audited = sum(any(audits.evidence(unit)) for unit in audits.units)
    bare, shared = _unfolding(parts.system1)
    silent = (scan is None, parts.system3.index_of() is None, not parts.system5.decided and not parts.system4.reports)
    return Anatomy(
        recursion_levels=_recursion_levels(parts),
        kinds_per_unit=parts.variety.gap().kinds_required / units if units else None,
        unowned_demand_share=_still_unknown(parts, lost["system4"]) if lost else None,
        levels_without_metasystem=bare,
        units_with_two_parents=shared,
        identity_gaps=_identity_gaps(identity) + int(not parts.system5.policies_active),
        scan_age_s=None if scan is None else max((now - scan.at).total_seconds(), 0.0),
        proposals_answered_share=balance.answered_share,
        audited_units_share=audited / len(audits.units)
        if audits.units and channels.watched_s > AUDITED_WITHIN
        else None,
        collided_operations_share=lost.get("system2"),
        system2_refusal_share=parts.system2.veto_rate,
        worst_unit_overdraw=_worst_overdraw(parts.system1),
        host_limits_broken=_limits_broken(parts),
        silent_metasystems=sum(silent) if observed else None,
        silent_channels=_silent(channels) if observed else None,
        late_pain_share=1.0 - pain.recovered / pain.relieved if pain.relieved else None,
        channel_utilisation=channels.utilisation,
    )


@runtime_checkable
class _Governed(Protocol):
    """A system that has a metasystem, known by what only that can say."""

    def analyze_variety(self) -> VarietyAnalysis: ...

    def diagnose(self) -> Diagnosis: ...


def _cohesion(units: Sequence[OperationalUnit]) -> tuple[float | None, float | None]:
    """Return the variety of demand on the systems below, in bits, as seen from here and as each measures it itself.

    They differ when a system below meets demand of its own. ``None`` unless every unit is a system that met demand.
    """
    seen, below = list[float](), list[float]()
    for unit in units:
        bits, measured = unit.report().bits, _required_bits(_performing(unit))
        if bits is None or measured is None:
            return None, None
        seen.append(bits)
        below.append(measured)
    return (fsum(seen), fsum(below)) if units else (None, None)


def _required_bits(system: object) -> float | None:
    if not isinstance(system, _Governed):
        return None
    try:
        return system.analyze_variety().required_bits
    except ConfigurationError:  # a system that was left
        return None


def _closed_share(parts: Parts) -> float:
    """Return of the demand that nothing could do the share of the kinds that something can do now."""
    kinds = parts.variety.gap().kinds_required
    gap = parts.variety.analyze(worst=max(kinds, 1)).gaps_by_system[LOST_BY[Stage.UNKNOWN]]
    if not gap.share:
        return 0.0
    return min(max(1.0 - fsum(need.lost_share for need in gap.missing) / gap.share, 0.0), 1.0)


def _borne(parts: Parts, residue: float) -> float | None:
    """Return how much of the residue policy bears: all or nothing; ``None`` when the identity does not say."""
    if not residue:
        return 0.0
    share, identity = parts.variety.gap().observed_absorbed_share, parts.system5.identity
    if identity is None or share is None:
        return None
    figures = {"absorbed": share, "gap": 1.0 - share}
    spelt = {f"{name}{space}share": figure for name, figure in figures.items() for space in " _"}
    aligned = identity.align("what is lost of demand", spelt).aligned
    return None if aligned is None else residue * aligned


def _utilisation(parts: Parts) -> Mapping[Direction, float]:
    """Return for each directional channel that is used the fullest part whose capacity is declared."""
    used: dict[Direction, float] = {}
    for line in parts.vitals.channels.report(parts.organs.clock.now().timestamp()).traffic:
        direction = _DIRECTIONS.get(Link(source=line.source, target=line.target, purpose=line.purpose))
        if direction is not None and line.utilisation is not None:
            used[direction] = max(line.utilisation, used.get(direction, 0.0))
    return used


def _cycles(parts: Parts, period: float) -> tuple[Cycle, ...]:
    """Return the loops of regulation; that of audits only if there is a unit that can be audited."""
    now, scan = parts.organs.clock.now(), parts.system4.last_scan
    ages = {
        Link(source=line.source, target=line.target, purpose=line.purpose): line.age_s
        for line in parts.vitals.channels.report(now.timestamp()).traffic
    }
    scanned = None if scan is None else max((now - scan.at).total_seconds(), 0.0)
    cycles = (
        Cycle(name="regulation", age_s=ages.get(_REGULATED), period_s=period),
        Cycle(name="the scan", age_s=scanned, period_s=period),
    )
    audits = Cycle(name="audits", age_s=ages.get(_AUDITED), period_s=AUDITED_WITHIN)
    return (*cycles, audits) if parts.system3.audits.units else cycles


def _unfolding(root: System1) -> tuple[int | None, int | None]:
    """Count the levels below that have no metasystem, and what does the work of several wholes.

    Both are ``None`` when nothing is unfolded or a part cannot be looked into, and the first one also when a system of
    the host's own does not show whether it has a metasystem.
    """
    wholes: dict[int, Recursive] = {}
    performers: dict[int, object] = {}  # kept alive, so that no other one gets its identity
    parents: dict[int, set[int]] = {}
    try:
        for whole, part in _members(root):
            wholes[id(whole)] = whole
            performer = _performing(part)
            performers[id(performer)] = performer
            parents.setdefault(id(performer), set()).add(id(whole))
    except ConfigurationError:
        return None, None
    if not parents:
        return None, None
    shared = sum(len(above) > 1 for above in parents.values())
    below = [whole for whole in wholes.values() if whole is not root]
    if any(not isinstance(whole, System1 | _Governed) for whole in below):
        return None, shared
    return sum(isinstance(whole, System1) for whole in below), shared


def _members(root: Recursive) -> Iterator[tuple[Recursive, Subsystem]]:
    """Go through all parts of all systems in ``root``, each with the system it belongs to."""
    waiting, seen = deque([root]), {id(root)}
    while waiting:
        whole = waiting.popleft()
        for part in whole.subsystems():
            yield whole, part
            inner = _performing(part)
            if isinstance(inner, Recursive) and id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)


def _performing(part: Subsystem) -> object:
    """Return what does the work of a part, through units that only hand it on."""
    performer = part.performer
    for _ in range(_HANDED_ON):
        if not isinstance(performer, OperationalUnit):
            break
        performer = performer.performer
    return performer


def _worst_overdraw(system1: System1) -> float | None:
    drawn = (unit.drawn for unit in system1.subsystems())
    return max((ratio for ratio in drawn if ratio is not None), default=None)


def _limits_broken(parts: Parts) -> int | None:
    """Count the limits from outside that are broken now: that of the servers held; ``None`` when none is held."""
    held = len(parts.spawner.states())
    return int(held > parts.system3.budget.servers) if held else None


def _recursion_levels(parts: Parts) -> int | None:
    """Count the levels; ``None`` when a unit cannot be looked into, such as a system that was left."""
    try:
        return depth(parts.system1)
    except ConfigurationError:
        return None


def _still_unknown(parts: Parts, lost: float) -> float:
    """Return the share of demand that was lost because nothing could do it, and would be lost again."""
    share = parts.variety.gap().share
    return lost if share is None else min(lost, share)


def _identity_gaps(identity: Identity | None) -> int:
    """Count what is not declared of purpose, essential variables and their limits."""
    if identity is None:
        return 3
    return 0 if identity.essential else 2


def _silent(channels: ChannelsReport) -> int | None:
    """Count the silent channels among those that a system which works and is regulated always uses.

    The others carry something only when there is something to say, so their silence says nothing.
    """
    if channels.watched_s < _WATCHED_ENOUGH:
        return None
    return len(_ALWAYS_USED.intersection(channels.silent))
