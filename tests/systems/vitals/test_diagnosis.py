"""Twenty-six pathologies: each is found by its own figures, and what was not measured is not called well."""

import math
from collections import Counter
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.vitals.diagnosis.anatomy import Anatomy, Limits
from vsm_mcp.systems.vitals.diagnosis.diagnosis import diagnose
from vsm_mcp.systems.vitals.diagnosis.pathologies import SIGNS, Family, Pathology

WELL = Anatomy(
    recursion_levels=2,
    kinds_per_unit=20.0,
    unowned_demand_share=0.0,
    levels_without_metasystem=0,
    units_with_two_parents=0,
    identity_gaps=0,
    contradicting_policies=0,
    operational_policy_share=0.1,
    host_report_age_s=3600.0,
    scan_age_s=600.0,
    proposals_answered_share=0.9,
    overridden_decisions_share=0.05,
    reversed_commands_share=0.02,
    oldest_unit_report_age_s=60.0,
    system3_own_work_share=0.1,
    audited_units_share=1.0,
    collided_operations_share=0.01,
    system2_refusal_share=0.01,
    worst_unit_overdraw=1.0,
    ignored_commands_share=0.0,
    host_limits_broken=0,
    silent_metasystems=0,
    unrecorded_operations_share=0.0,
    unjoined_sources=0,
    silent_channels=0,
    late_pain_share=0.1,
    channel_utilisation=0.4,
)

ILL: list[tuple[Pathology, Anatomy]] = [
    (Pathology.NO_VERTICAL_UNFOLDING, replace(WELL, recursion_levels=1, kinds_per_unit=900.0)),
    (Pathology.LACK_OF_FIRST_LEVEL, replace(WELL, unowned_demand_share=0.3)),
    (Pathology.LACK_OF_MIDDLE_LEVELS, replace(WELL, levels_without_metasystem=1)),
    (Pathology.ENTANGLED_UNFOLDING, replace(WELL, units_with_two_parents=2)),
    (Pathology.ILL_DEFINED_IDENTITY, replace(WELL, identity_gaps=1)),
    (Pathology.INSTITUTIONAL_SCHIZOPHRENIA, replace(WELL, contradicting_policies=1)),
    (Pathology.SYSTEM5_COLLAPSES_INTO_SYSTEM3, replace(WELL, operational_policy_share=0.8)),
    (Pathology.INADEQUATE_REPRESENTATION, replace(WELL, host_report_age_s=1e6)),
    (Pathology.HEADLESS_CHICKEN, replace(WELL, scan_age_s=1e6)),
    (Pathology.DISSOCIATION_OF_4_AND_3, replace(WELL, proposals_answered_share=0.1)),
    (Pathology.INADEQUATE_MANAGEMENT_STYLE, replace(WELL, overridden_decisions_share=0.5)),
    (Pathology.SCHIZOPHRENIC_SYSTEM3, replace(WELL, reversed_commands_share=0.5)),
    (Pathology.WEAK_CONNECTION_3_TO_1, replace(WELL, oldest_unit_report_age_s=1e6)),
    (Pathology.HYPERTROPHY_OF_SYSTEM3, replace(WELL, system3_own_work_share=0.7)),
    (Pathology.LACK_OF_SYSTEM3_STAR, replace(WELL, audited_units_share=0.0)),
    (Pathology.DISJOINTED_SYSTEM1, replace(WELL, collided_operations_share=0.2)),
    (Pathology.AUTHORITARIAN_SYSTEM2, replace(WELL, system2_refusal_share=0.4)),
    (Pathology.AUTOPOIETIC_BEASTS, replace(WELL, worst_unit_overdraw=2.5)),
    (Pathology.DOMINANCE_OF_SYSTEM1, replace(WELL, ignored_commands_share=0.6)),
    (Pathology.ORGANIZATIONAL_BEAST, replace(WELL, host_limits_broken=1)),
    (Pathology.LACK_OF_METASYSTEM, replace(WELL, silent_metasystems=3)),
    (Pathology.LACK_OF_INFORMATION_SYSTEMS, replace(WELL, unrecorded_operations_share=0.5)),
    (Pathology.FRAGMENTED_INFORMATION, replace(WELL, unjoined_sources=2)),
    (Pathology.LACK_OF_KEY_CHANNELS, replace(WELL, silent_channels=1)),
    (Pathology.INSUFFICIENT_ALGEDONICS, replace(WELL, late_pain_share=0.9)),
    (Pathology.INADEQUATE_CHANNELS, replace(WELL, channel_utilisation=1.3)),
]


def test_there_are_26_pathologies_in_three_families_and_each_has_one_sign() -> None:
    assert Counter(sign.family for sign in SIGNS) == {
        Family.STRUCTURAL: 4,
        Family.FUNCTIONAL: 17,
        Family.INFORMATION: 5,
    }
    assert [sign.pathology for sign in SIGNS] == list(Pathology)
    assert [pathology for pathology, _ in ILL] == list(Pathology)


def test_a_system_that_is_well_has_no_findings() -> None:
    diagnosis = diagnose(WELL)
    assert (diagnosis.findings, diagnosis.not_assessable, diagnosis.assessed) == ((), (), 26)
    assert diagnosis.well == tuple(Pathology)


@pytest.mark.parametrize(("pathology", "anatomy"), ILL)
def test_each_pathology_alone_is_found_as_itself_with_its_figure_and_an_action(
    pathology: Pathology, anatomy: Anatomy
) -> None:
    (finding,) = diagnose(anatomy).findings
    assert finding.pathology is pathology
    assert finding.why.endswith(".")
    assert any(character.isdigit() for character in finding.why)
    assert finding.action.endswith(".")
    assert finding.figure != finding.limit


def test_of_a_system_that_was_not_measured_nothing_is_called_well() -> None:
    diagnosis = diagnose(Anatomy())
    assert diagnosis.not_assessable == tuple(Pathology)
    assert (diagnosis.findings, diagnosis.well, diagnosis.assessed) == ((), (), 0)


@pytest.mark.parametrize("name", [field.name for field in fields(Anatomy)])
def test_each_figure_that_is_missing_leaves_exactly_one_pathology_open(name: str) -> None:
    diagnosis = diagnose(replace(WELL, **{name: None}))  # pyright: ignore[reportArgumentType]
    assert len(diagnosis.not_assessable) == 1
    assert (diagnosis.findings, diagnosis.assessed) == ((), 25)


@given(st.sets(st.sampled_from(range(len(ILL)))))
def test_findings_do_not_hide_each_other(chosen: set[int]) -> None:
    healthy = {field.name: getattr(WELL, field.name) for field in fields(Anatomy)}
    figures = dict(healthy)
    for place in chosen:
        _, ill = ILL[place]
        figures |= {name: getattr(ill, name) for name in healthy if getattr(ill, name) != healthy[name]}
    findings = diagnose(Anatomy(**figures)).findings
    assert [finding.pathology for finding in findings] == [ILL[place][0] for place in sorted(chosen)]


def test_many_kinds_of_demand_are_no_illness_where_levels_unfold_below() -> None:
    assert diagnose(replace(WELL, kinds_per_unit=900.0)).findings == ()


def test_the_limits_are_ours_and_can_be_changed() -> None:
    anatomy = replace(WELL, scan_age_s=7200.0)
    assert diagnose(anatomy).findings == ()
    (finding,) = diagnose(anatomy, limits=Limits(scan_age_s=3600.0)).findings
    assert (finding.figure, finding.limit) == (7200, 3600)
    assert "this library's" in diagnose(anatomy).basis


def test_a_figure_at_its_limit_is_still_well() -> None:
    limits = Limits()
    anatomy = replace(
        WELL, scan_age_s=limits.scan_age_s, audited_units_share=limits.least_audited_units_share, silent_metasystems=1
    )
    assert diagnose(anatomy).findings == ()


@pytest.mark.parametrize("figure", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", [field.name for field in fields(Anatomy)])
def test_a_figure_that_cannot_be_is_refused_by_name(name: str, figure: float) -> None:
    with pytest.raises(PayloadError, match=f"{name} cannot be"):
        Anatomy(**{name: figure})  # pyright: ignore[reportArgumentType]


def test_a_share_above_one_is_refused_and_an_overdraw_is_not() -> None:
    with pytest.raises(PayloadError, match=r"late_pain_share cannot be 1\.5"):
        Anatomy(late_pain_share=1.5)
    assert Anatomy(worst_unit_overdraw=1.5).worst_unit_overdraw == 1.5


@pytest.mark.parametrize("limit", [-1.0, math.nan, math.inf])
def test_what_is_no_limit_is_refused(limit: float) -> None:
    with pytest.raises(ConfigurationError, match="scan_age_s cannot be limited"):
        Limits(scan_age_s=limit)


def test_it_reads_well() -> None:
    text = str(diagnose(replace(WELL, scan_age_s=1e6, late_pain_share=None)))
    assert "1 of 25 assessed pathologies were found." in text
    assert "headless_chicken: The environment was last looked at 1000000 s ago; 86400 s are allowed." in text
    assert "-> Let System 4 scan" in text
    assert "not assessable: insufficient_algedonic_channels" in text
    assert "not assessable" not in str(diagnose(WELL))
