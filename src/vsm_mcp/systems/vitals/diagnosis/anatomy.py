"""The anatomy: what is measured of a system in order to diagnose it, and from where on a figure is a bad sign."""

from dataclasses import dataclass, fields
from sys import float_info

from vsm_mcp.errors import ConfigurationError, PayloadError

_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A snapshot of the whole. ``None`` is *not measured*; it is never taken for well.

    Shares lie between 0 and 1 and belong to the period the snapshot is about. Ages are seconds since something happened
    last, or since the start of the whole if it never did.

    Attributes:
        recursion_levels: Levels of viable systems, this one included: 1 when no unit contains units.
        kinds_per_unit: Kinds of demand that one unit has to tell apart, on average.
        unowned_demand_share: Demand that neither this level nor any unit is responsible for.
        levels_without_metasystem: Levels of the recursion that contain units and have no Systems 3 to 5 of their own.
        units_with_two_parents: Units that answer to several wholes with no rule for which goes first.
        identity_gaps: How many of purpose, essential variables, their limits and policies are not declared.
        contradicting_policies: Pairs of policies of which one permitted and the other refused the same thing.
        operational_policy_share: Decisions of System 5 that were System 3's to make.
        host_report_age_s: Age of the last report to whom the whole belongs.
        scan_age_s: Age of System 4's last look at the environment.
        proposals_answered_share: Proposals of System 4 that System 3 answered in time.
        overridden_decisions_share: Decisions of units, inside their bargain, that System 3 overrode.
        reversed_commands_share: Commands of System 3 that it took back, or that contradict its own bargains.
        oldest_unit_report_age_s: Age of the last account of the unit that is silent for longest.
        system3_own_work_share: Operations, coordination and audits that System 3 did itself.
        audited_units_share: Units that System 3* audited.
        collided_operations_share: Operations that collided with others, oscillated or waited in vain.
        system2_refusal_share: Requests that System 2 refused instead of placing them.
        worst_unit_overdraw: The largest ratio of what a unit used to what its bargain grants.
        ignored_commands_share: Commands of System 3 that units did not carry out.
        host_limits_broken: Times the whole went beyond a limit that was set to it from outside.
        silent_metasystems: How many of Systems 3, 4 and 5 decided nothing at all.
        unrecorded_operations_share: Operations whose outcome was not recorded.
        unjoined_sources: Sources of figures, such as meters of units, that the model of the whole does not take in.
        silent_channels: Essential channels that were never used.
        late_pain_share: Pains that climbed before they were relieved.
        channel_utilisation: The highest share of its capacity that a channel uses.

    Raises:
        PayloadError: A figure is negative, no finite number, or a share above 1.
    """

    recursion_levels: int | None = None
    kinds_per_unit: float | None = None
    unowned_demand_share: float | None = None
    levels_without_metasystem: int | None = None
    units_with_two_parents: int | None = None
    identity_gaps: int | None = None
    contradicting_policies: int | None = None
    operational_policy_share: float | None = None
    host_report_age_s: float | None = None
    scan_age_s: float | None = None
    proposals_answered_share: float | None = None
    overridden_decisions_share: float | None = None
    reversed_commands_share: float | None = None
    oldest_unit_report_age_s: float | None = None
    system3_own_work_share: float | None = None
    audited_units_share: float | None = None
    collided_operations_share: float | None = None
    system2_refusal_share: float | None = None
    worst_unit_overdraw: float | None = None
    ignored_commands_share: float | None = None
    host_limits_broken: int | None = None
    silent_metasystems: int | None = None
    unrecorded_operations_share: float | None = None
    unjoined_sources: int | None = None
    silent_channels: int | None = None
    late_pain_share: float | None = None
    channel_utilisation: float | None = None

    def __post_init__(self) -> None:
        """Refuse figures that cannot be."""
        for field in fields(self):
            figure: float | None = getattr(self, field.name)
            if figure is not None and not _possible(field.name, figure):
                raise PayloadError(
                    f"{field.name} cannot be {figure}.",
                    remedies=("Give a finite number from 0 on, a share up to 1, or None for what is not measured.",),
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on a figure of the anatomy is a sign of illness: above the limit, or below it where it says least.

    The literature names the pathologies and gives no numbers. These are ours: set them to what is normal for you.

    Attributes:
        kinds_per_unit: More kinds than one level can tell apart without unfolding further.
        unowned_demand_share: Demand that may be without an owner.
        levels_without_metasystem: Empty levels that are allowed.
        units_with_two_parents: Entangled units that are allowed.
        identity_gaps: Parts of the identity that may be undeclared.
        contradicting_policies: Contradictions that are allowed.
        operational_policy_share: Decisions of System 3's that System 5 may make.
        host_report_age_s: Seconds without a report to the host.
        scan_age_s: Seconds without a look outside.
        least_proposals_answered_share: Proposals of System 4 that must be answered.
        overridden_decisions_share: Decisions of units that may be overridden.
        reversed_commands_share: Commands that may be taken back.
        oldest_unit_report_age_s: Seconds a unit may be silent.
        system3_own_work_share: Work of others that System 3 may do.
        least_audited_units_share: Units that must be audited.
        collided_operations_share: Operations that may collide.
        system2_refusal_share: Requests that System 2 may refuse.
        worst_unit_overdraw: What a unit may use, as a ratio of what it was granted.
        ignored_commands_share: Commands that may be left undone.
        host_limits_broken: Limits from outside that may be broken.
        silent_metasystems: Systems of 3, 4 and 5 that may be silent; with more there is no metasystem.
        unrecorded_operations_share: Operations that may go unrecorded.
        unjoined_sources: Sources that may stand alone.
        silent_channels: Essential channels that may be silent.
        late_pain_share: Pains that may climb.
        channel_utilisation: Beer's second principle asks for less than 1; some room is left for bursts.

    Raises:
        ConfigurationError: A limit is negative or no finite number.
    """

    kinds_per_unit: float = 200.0
    unowned_demand_share: float = 0.05
    levels_without_metasystem: int = 0
    units_with_two_parents: int = 0
    identity_gaps: int = 0
    contradicting_policies: int = 0
    operational_policy_share: float = 0.5
    host_report_age_s: float = 7 * _DAY
    scan_age_s: float = _DAY
    least_proposals_answered_share: float = 0.5
    overridden_decisions_share: float = 0.2
    reversed_commands_share: float = 0.2
    oldest_unit_report_age_s: float = _DAY
    system3_own_work_share: float = 0.3
    least_audited_units_share: float = 0.5
    collided_operations_share: float = 0.05
    system2_refusal_share: float = 0.2
    worst_unit_overdraw: float = 1.2
    ignored_commands_share: float = 0.2
    host_limits_broken: int = 0
    silent_metasystems: int = 1
    unrecorded_operations_share: float = 0.1
    unjoined_sources: int = 0
    silent_channels: int = 0
    late_pain_share: float = 0.2
    channel_utilisation: float = 0.95

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        for field in fields(self):
            limit: float = getattr(self, field.name)
            if not 0 <= limit <= float_info.max:
                raise ConfigurationError(
                    f"{field.name} cannot be limited to {limit}.", remedies=("Give a finite number from 0 on.",)
                )


DEFAULT_LIMITS = Limits()


def _possible(name: str, figure: float) -> bool:
    return 0 <= figure <= (1 if name.endswith("_share") else float_info.max)
