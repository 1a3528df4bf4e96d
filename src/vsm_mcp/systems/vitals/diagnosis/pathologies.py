"""The 26 pathologies of organizations: for each its family, the figure that shows it, and what to do about it.

Source: Perez Rios, Design and Diagnosis for Sustainable Organizations (2012), chapter 3: 4 structural, 17 functional
and 5 of information. The figures that stand for them here are ours; each pathology reads figures that no other reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.vitals.diagnosis.anatomy import Anatomy, Limits


class Family(StrEnum):
    """What kind of illness it is."""

    STRUCTURAL = "structural"
    FUNCTIONAL = "functional"
    INFORMATION = "information"


class Pathology(StrEnum):
    """An illness of organizations."""

    NO_VERTICAL_UNFOLDING = "no_vertical_unfolding"
    LACK_OF_FIRST_LEVEL = "lack_of_first_recursion_level"
    LACK_OF_MIDDLE_LEVELS = "lack_of_middle_recursion_levels"
    ENTANGLED_UNFOLDING = "entangled_vertical_unfolding"
    ILL_DEFINED_IDENTITY = "ill_defined_identity"
    INSTITUTIONAL_SCHIZOPHRENIA = "institutional_schizophrenia"
    SYSTEM5_COLLAPSES_INTO_SYSTEM3 = "system5_collapses_into_system3"
    INADEQUATE_REPRESENTATION = "inadequate_representation_to_higher_levels"
    HEADLESS_CHICKEN = "headless_chicken"
    DISSOCIATION_OF_4_AND_3 = "dissociation_of_system4_and_system3"
    INADEQUATE_MANAGEMENT_STYLE = "inadequate_management_style"
    SCHIZOPHRENIC_SYSTEM3 = "schizophrenic_system3"
    WEAK_CONNECTION_3_TO_1 = "weak_connection_of_system3_and_system1"
    HYPERTROPHY_OF_SYSTEM3 = "hypertrophy_of_system3"
    LACK_OF_SYSTEM3_STAR = "insufficient_system3*"
    DISJOINTED_SYSTEM1 = "disjointed_behaviour_in_system1"
    AUTHORITARIAN_SYSTEM2 = "authoritarian_system2"
    AUTOPOIETIC_BEASTS = "autopoietic_beasts"
    DOMINANCE_OF_SYSTEM1 = "dominance_of_system1"
    ORGANIZATIONAL_BEAST = "organizational_autopoietic_beast"
    LACK_OF_METASYSTEM = "lack_of_metasystem"
    LACK_OF_INFORMATION_SYSTEMS = "lack_of_information_systems"
    FRAGMENTED_INFORMATION = "fragmentation_of_information_systems"
    LACK_OF_KEY_CHANNELS = "lack_of_key_communication_channels"
    INSUFFICIENT_ALGEDONICS = "insufficient_algedonic_channels"
    INADEQUATE_CHANNELS = "incomplete_or_narrow_channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How one pathology shows.

    Attributes:
        pathology: Which one.
        family: Its family.
        system: The system that is ill; ``None`` when it is the whole.
        read: Returns the figure that shows it; ``None`` when it was not measured.
        limit: Returns the limit it is held against.
        says: The finding in words, with ``{figure}`` and ``{limit}``.
        action: What to do.
        least: True when the figure must not fall below the limit; otherwise it must not rise above it.
    """

    pathology: Pathology
    family: Family
    system: SystemId | None
    read: Callable[[Anatomy], float | None]
    limit: Callable[[Limits], float]
    says: str
    action: str
    least: bool = False


def _crowding(anatomy: Anatomy) -> float | None:
    """Return the kinds of demand per unit when nothing is unfolded below it, else 0."""
    if anatomy.recursion_levels is None or anatomy.kinds_per_unit is None:
        return None
    return anatomy.kinds_per_unit if anatomy.recursion_levels <= 1 else 0.0


SIGNS: tuple[Sign, ...] = (
    Sign(
        pathology=Pathology.NO_VERTICAL_UNFOLDING,
        family=Family.STRUCTURAL,
        system=None,
        read=_crowding,
        limit=lambda limits: limits.kinds_per_unit,
        says="One unit faces {figure:.4g} kinds of demand with no level below it; {limit:.4g} are its limit.",
        action="Divide the unit into units of their own, by place, time or kind of demand.",
    ),
    Sign(
        pathology=Pathology.LACK_OF_FIRST_LEVEL,
        family=Family.STRUCTURAL,
        system=None,
        read=lambda anatomy: anatomy.unowned_demand_share,
        limit=lambda limits: limits.unowned_demand_share,
        says="{figure:.1%} of demand belongs to nobody; {limit:.1%} may.",
        action="Give that demand to a unit, or make one for it.",
    ),
    Sign(
        pathology=Pathology.LACK_OF_MIDDLE_LEVELS,
        family=Family.STRUCTURAL,
        system=None,
        read=lambda anatomy: anatomy.levels_without_metasystem,
        limit=lambda limits: limits.levels_without_metasystem,
        says="{figure:.0f} levels contain units and have no Systems 3 to 5; {limit:.0f} may.",
        action="Give each level between a metasystem of its own, or take the level out.",
    ),
    Sign(
        pathology=Pathology.ENTANGLED_UNFOLDING,
        family=Family.STRUCTURAL,
        system=None,
        read=lambda anatomy: anatomy.units_with_two_parents,
        limit=lambda limits: limits.units_with_two_parents,
        says="{figure:.0f} units answer to several wholes without a rule which goes first; {limit:.0f} may.",
        action="Let each unit belong to one whole, or declare which goes first.",
    ),
    Sign(
        pathology=Pathology.ILL_DEFINED_IDENTITY,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM5,
        read=lambda anatomy: anatomy.identity_gaps,
        limit=lambda limits: limits.identity_gaps,
        says="{figure:.0f} parts of the identity are not declared; {limit:.0f} may be.",
        action="Declare purpose, essential variables, their limits and policies.",
    ),
    Sign(
        pathology=Pathology.INSTITUTIONAL_SCHIZOPHRENIA,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM5,
        read=lambda anatomy: anatomy.contradicting_policies,
        limit=lambda limits: limits.contradicting_policies,
        says="{figure:.0f} pairs of policies contradict each other; {limit:.0f} may.",
        action="Let a person decide which policy holds, and withdraw the other.",
    ),
    Sign(
        pathology=Pathology.SYSTEM5_COLLAPSES_INTO_SYSTEM3,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM5,
        read=lambda anatomy: anatomy.operational_policy_share,
        limit=lambda limits: limits.operational_policy_share,
        says="{figure:.1%} of System 5's decisions were System 3's to make; {limit:.1%} may be.",
        action="Hand operational decisions back to System 3, and keep System 5 to identity and balance.",
    ),
    Sign(
        pathology=Pathology.INADEQUATE_REPRESENTATION,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM5,
        read=lambda anatomy: anatomy.host_report_age_s,
        limit=lambda limits: limits.host_report_age_s,
        says="The last report to the host is {figure:.0f} s old; {limit:.0f} s are allowed.",
        action="Report to whom the whole belongs, and listen to the answer.",
    ),
    Sign(
        pathology=Pathology.HEADLESS_CHICKEN,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM4,
        read=lambda anatomy: anatomy.scan_age_s,
        limit=lambda limits: limits.scan_age_s,
        says="The environment was last looked at {figure:.0f} s ago; {limit:.0f} s are allowed.",
        action="Let System 4 scan, and give it the means to.",
    ),
    Sign(
        pathology=Pathology.DISSOCIATION_OF_4_AND_3,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM4,
        read=lambda anatomy: anatomy.proposals_answered_share,
        limit=lambda limits: limits.least_proposals_answered_share,
        says="System 3 answered {figure:.1%} of System 4's proposals; at least {limit:.1%} must be.",
        action="Let Systems 3 and 4 settle the open proposals, with System 5 as referee.",
        least=True,
    ),
    Sign(
        pathology=Pathology.INADEQUATE_MANAGEMENT_STYLE,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM3,
        read=lambda anatomy: anatomy.overridden_decisions_share,
        limit=lambda limits: limits.overridden_decisions_share,
        says="System 3 overrode {figure:.1%} of the units' own decisions; {limit:.1%} may be.",
        action="Bargain over resources and results, and leave the units to their means.",
    ),
    Sign(
        pathology=Pathology.SCHIZOPHRENIC_SYSTEM3,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM3,
        read=lambda anatomy: anatomy.reversed_commands_share,
        limit=lambda limits: limits.reversed_commands_share,
        says="System 3 took back or contradicted {figure:.1%} of its commands; {limit:.1%} may be.",
        action="Let one part of System 3 bargain and another look ahead with System 4, and make them agree first.",
    ),
    Sign(
        pathology=Pathology.WEAK_CONNECTION_3_TO_1,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM3,
        read=lambda anatomy: anatomy.oldest_unit_report_age_s,
        limit=lambda limits: limits.oldest_unit_report_age_s,
        says="A unit has given no account for {figure:.0f} s; {limit:.0f} s are allowed.",
        action="Renew the bargain with that unit, and with it the duty to report.",
    ),
    Sign(
        pathology=Pathology.HYPERTROPHY_OF_SYSTEM3,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM3,
        read=lambda anatomy: anatomy.system3_own_work_share,
        limit=lambda limits: limits.system3_own_work_share,
        says="System 3 did {figure:.1%} of the work of Systems 1, 2 and 3* itself; {limit:.1%} may be.",
        action="Give the work back: operations to units, collisions to System 2, inspection to System 3*.",
    ),
    Sign(
        pathology=Pathology.LACK_OF_SYSTEM3_STAR,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM3_STAR,
        read=lambda anatomy: anatomy.audited_units_share,
        limit=lambda limits: limits.least_audited_units_share,
        says="{figure:.1%} of the units were audited; at least {limit:.1%} must be.",
        action="Audit more units, at moments they cannot foresee.",
        least=True,
    ),
    Sign(
        pathology=Pathology.DISJOINTED_SYSTEM1,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM2,
        read=lambda anatomy: anatomy.collided_operations_share,
        limit=lambda limits: limits.collided_operations_share,
        says="{figure:.1%} of the operations got in each other's way; {limit:.1%} may.",
        action="Damp the oscillation: leases, schedules, minimum dwell times.",
    ),
    Sign(
        pathology=Pathology.AUTHORITARIAN_SYSTEM2,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM2,
        read=lambda anatomy: anatomy.system2_refusal_share,
        limit=lambda limits: limits.system2_refusal_share,
        says="System 2 refused {figure:.1%} of the requests; {limit:.1%} may be.",
        action="Let System 2 advise and place in time, and leave refusals to Systems 3 and 5.",
    ),
    Sign(
        pathology=Pathology.AUTOPOIETIC_BEASTS,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM1,
        read=lambda anatomy: anatomy.worst_unit_overdraw,
        limit=lambda limits: limits.worst_unit_overdraw,
        says="A unit uses {figure:.2f} times what it was granted; {limit:.2f} times is allowed.",
        action="Hold the unit to its bargain, or bargain anew for what it brings to the whole.",
    ),
    Sign(
        pathology=Pathology.DOMINANCE_OF_SYSTEM1,
        family=Family.FUNCTIONAL,
        system=SystemId.SYSTEM1,
        read=lambda anatomy: anatomy.ignored_commands_share,
        limit=lambda limits: limits.ignored_commands_share,
        says="Units left {figure:.1%} of System 3's commands undone; {limit:.1%} may be.",
        action="Strengthen Systems 3 to 5, and tie resources to what was agreed.",
    ),
    Sign(
        pathology=Pathology.ORGANIZATIONAL_BEAST,
        family=Family.FUNCTIONAL,
        system=None,
        read=lambda anatomy: anatomy.host_limits_broken,
        limit=lambda limits: limits.host_limits_broken,
        says="The whole broke {figure:.0f} limits set to it from outside; {limit:.0f} may be.",
        action="Stop what breaks them, and ask the host before going on.",
    ),
    Sign(
        pathology=Pathology.LACK_OF_METASYSTEM,
        family=Family.FUNCTIONAL,
        system=None,
        read=lambda anatomy: anatomy.silent_metasystems,
        limit=lambda limits: limits.silent_metasystems,
        says="{figure:.0f} of Systems 3, 4 and 5 decided nothing; {limit:.0f} may.",
        action="Bring Systems 3, 4 and 5 to life before anything else.",
    ),
    Sign(
        pathology=Pathology.LACK_OF_INFORMATION_SYSTEMS,
        family=Family.INFORMATION,
        system=None,
        read=lambda anatomy: anatomy.unrecorded_operations_share,
        limit=lambda limits: limits.unrecorded_operations_share,
        says="The outcome of {figure:.1%} of the operations was not recorded; {limit:.1%} may be.",
        action="Record how every operation ended.",
    ),
    Sign(
        pathology=Pathology.FRAGMENTED_INFORMATION,
        family=Family.INFORMATION,
        system=None,
        read=lambda anatomy: anatomy.unjoined_sources,
        limit=lambda limits: limits.unjoined_sources,
        says="{figure:.0f} sources of figures are not taken into the model of the whole; {limit:.0f} may be.",
        action="Join the meters of all units into that of the whole.",
    ),
    Sign(
        pathology=Pathology.LACK_OF_KEY_CHANNELS,
        family=Family.INFORMATION,
        system=None,
        read=lambda anatomy: anatomy.silent_channels,
        limit=lambda limits: limits.silent_channels,
        says="{figure:.0f} essential channels are silent; {limit:.0f} may be.",
        action="Open them: see which ones the report on channels names.",
    ),
    Sign(
        pathology=Pathology.INSUFFICIENT_ALGEDONICS,
        family=Family.INFORMATION,
        system=None,
        read=lambda anatomy: anatomy.late_pain_share,
        limit=lambda limits: limits.late_pain_share,
        says="{figure:.1%} of the pains climbed before they were relieved; {limit:.1%} may.",
        action="Let pain reach who can end it, and let that one be there.",
    ),
    Sign(
        pathology=Pathology.INADEQUATE_CHANNELS,
        family=Family.INFORMATION,
        system=None,
        read=lambda anatomy: anatomy.channel_utilisation,
        limit=lambda limits: limits.channel_utilisation,
        says="A channel uses {figure:.0%} of its capacity; {limit:.0%} is the limit.",
        action="Widen the channel, or attenuate at its source.",
    ),
)
"""One sign for each pathology."""
