"""Principles and axioms: held, broken, or not assessable, with the figures that say so."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.vitals.ledger import Ledger, UnitEntry, VerticalChannel
from vsm_mcp.systems.vitals.principles import (
    Assessment,
    Cycle,
    Direction,
    Evidence,
    Statement,
    Tolerance,
    Transducer,
    Verdict,
    assess,
)

BOOKS = Ledger(
    units=(UnitEntry(unit="north", demand=10, horizontal=9), UnitEntry(unit="south", demand=10, horizontal=8)),
    vertical=dict.fromkeys(VerticalChannel, 0.25),
    to_system4=1.5,
    by_system4=1.0,
    to_system5=0.5,
    by_system5=0.5,
)
WELL = Evidence(
    ledger=BOOKS,
    utilisation=dict.fromkeys(Direction, 0.5),
    transducers=(
        Transducer(name="classifier", kinds_in=4, kinds_out=4, lost_bits=0.0),
        Transducer(name="summary", kinds_in=400, kinds_out=3, lost_bits=5.0, attenuates=True),
    ),
    cycles=(Cycle(name="scan", age_s=10, period_s=60),),
    units=2,
    units_alike=2,
    accessible=5.0,
    metasystems_below=5.2,
)


def of(evidence: Evidence, statement: Statement, *, tolerance: Tolerance | None = None) -> Assessment:
    judged = assess(evidence, tolerance=tolerance or Tolerance())
    return next(each for each in judged.assessments if each.statement is statement)


def test_a_whole_that_is_well_keeps_every_principle_and_axiom() -> None:
    principles = assess(WELL)
    assert principles.held == tuple(Statement)
    assert (principles.broken, principles.not_assessable, principles.lost) == ((), (), 0)
    assert "third_axiom: held. 0.5 came in and 0 was lost." in str(principles)


def test_of_a_whole_that_was_not_measured_nothing_is_said() -> None:
    principles = assess(Evidence())
    assert principles.not_assessable == tuple(Statement)
    assert (principles.held, principles.broken, principles.lost) == ((), (), None)
    assert all(each.why.startswith("Not measured: ") for each in principles.assessments)


BROKEN: list[tuple[Statement, Evidence, str]] = [
    (
        Statement.FIRST_PRINCIPLE,
        replace(
            WELL,
            ledger=replace(
                BOOKS,
                units=(UnitEntry(unit="north", demand=3, horizontal=0), UnitEntry(unit="s", demand=17, horizontal=17)),
            ),
        ),
        "north leaves 3 of 3",
    ),
    (
        Statement.SECOND_PRINCIPLE,
        replace(WELL, utilisation={**WELL.utilisation, Direction.OPERATION_TO_MANAGEMENT: 1.0}),
        "operation_to_management is used to 100%",
    ),
    (
        Statement.THIRD_PRINCIPLE,
        replace(WELL, transducers=(Transducer(name="words", kinds_in=8, kinds_out=3, lost_bits=0.0),)),
        "words tells 3 kinds apart and is sent 8",
    ),
    (
        Statement.THIRD_PRINCIPLE,
        replace(WELL, transducers=(Transducer(name="words", kinds_in=8, kinds_out=8, lost_bits=0.7),)),
        "words loses 0.7 bits",
    ),
    (
        Statement.FOURTH_PRINCIPLE,
        replace(WELL, cycles=(Cycle(name="scan", age_s=61, period_s=60),)),
        "scan went round 61 s ago and must every 60 s",
    ),
    (Statement.RECURSION, replace(WELL, units_alike=1), "1 of 2 units are viable systems"),
    (Statement.RECURSION, replace(WELL, units=0, units_alike=0), "0 of 0 units are viable systems"),
    (
        Statement.FIRST_AXIOM,
        replace(WELL, ledger=replace(BOOKS, vertical=dict.fromkeys(VerticalChannel, 0.1))),
        "0.9 of 3 was absorbed by nobody; its owner is the six vertical channels and System 4",
    ),
    (
        Statement.FIRST_AXIOM,
        replace(WELL, ledger=replace(BOOKS, vertical=dict.fromkeys(VerticalChannel, 0.5))),
        "the six vertical channels and System 4 claim 1.5 more than the 3 that came in",
    ),
    (
        Statement.SECOND_AXIOM,
        replace(WELL, ledger=replace(BOOKS, by_system4=0.5)),
        "0.5 of 1.5 was absorbed by nobody; its owner is System 4 and System 5",
    ),
    (
        Statement.THIRD_AXIOM,
        replace(WELL, ledger=replace(BOOKS, by_system5=0.0)),
        "0.5 of 0.5 was absorbed by nobody; its owner is System 5",
    ),
    (
        Statement.COHESION,
        replace(WELL, accessible=2.0),
        "System 3 sees 2 where the metasystems below have 5.2",
    ),
]


@pytest.mark.parametrize(("statement", "evidence", "why"), BROKEN)
def test_each_statement_broken_alone_is_the_only_one_that_is_broken(
    statement: Statement, evidence: Evidence, why: str
) -> None:
    principles = assess(evidence)
    assert principles.broken == (statement,)
    assert of(evidence, statement).why == f"{why}."


PARTIAL: list[tuple[Statement, Evidence, str]] = [
    (Statement.SECOND_PRINCIPLE, Evidence(utilisation={Direction.OPERATION_TO_MANAGEMENT: 0.1}), "management_to_op"),
    (Statement.THIRD_PRINCIPLE, Evidence(transducers=(Transducer(name="t", kinds_in=1, kinds_out=1),)), "loss in t"),
    (Statement.FOURTH_PRINCIPLE, Evidence(cycles=(Cycle(name="scan", age_s=None, period_s=60),)), "age of scan"),
    (Statement.RECURSION, Evidence(units=3), "which units"),
    (Statement.COHESION, Evidence(accessible=3), "metasystems below"),
    (Statement.FIRST_AXIOM, Evidence(ledger=replace(BOOKS, vertical={})), "vertical"),
]


@pytest.mark.parametrize(("statement", "evidence", "missing"), PARTIAL)
def test_what_was_measured_in_part_does_not_hold_by_that(
    statement: Statement, evidence: Evidence, missing: str
) -> None:
    assessment = of(evidence, statement)
    assert assessment.verdict is Verdict.NOT_ASSESSABLE
    assert missing in assessment.why


def test_one_full_channel_is_enough_to_break_the_second_principle() -> None:
    evidence = Evidence(utilisation={Direction.OPERATION_TO_MANAGEMENT: 2.0})
    assert of(evidence, Statement.SECOND_PRINCIPLE).verdict is Verdict.BROKEN


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 50))
def test_an_axiom_holds_just_when_no_more_than_the_tolerance_is_lost_or_claimed(
    received: float, absorbed: float, lost: float
) -> None:
    ledger = Ledger(to_system5=received, by_system5=absorbed)
    page = ledger.balance().third
    assert page is not None
    verdict = of(Evidence(ledger=ledger), Statement.THIRD_AXIOM, tolerance=Tolerance(lost=lost)).verdict
    assert (verdict is Verdict.HELD) == (page.lost <= lost and page.surplus <= lost)


def test_many_breaks_are_told_shortly() -> None:
    evidence = Evidence(cycles=tuple(Cycle(name=f"loop {n}", age_s=2, period_s=1) for n in range(9)))
    assert of(evidence, Statement.FOURTH_PRINCIPLE).why.endswith("; and 6 more.")


@pytest.mark.parametrize("figure", [-1.0, math.nan, math.inf])
def test_a_figure_that_cannot_be_is_refused(figure: float) -> None:
    with pytest.raises(PayloadError, match="variety that System 3 can see"):
        Evidence(accessible=figure)
    with pytest.raises(PayloadError, match="variety of the metasystems below"):
        Evidence(metasystems_below=figure)
    with pytest.raises(PayloadError, match="utilisation of environment_to_operation"):
        Evidence(utilisation={Direction.ENVIRONMENT_TO_OPERATION: figure})
    with pytest.raises(PayloadError, match="variety lost in 't'"):
        Evidence(transducers=(Transducer(name="t", kinds_in=1, kinds_out=1, lost_bits=figure),))
    with pytest.raises(PayloadError, match="age of 'scan'"):
        Evidence(cycles=(Cycle(name="scan", age_s=figure, period_s=1),))
    with pytest.raises(ConfigurationError, match="is no tolerance"):
        Tolerance(lost=figure)


def test_more_units_cannot_be_alike_than_there_are() -> None:
    with pytest.raises(PayloadError, match="3 of 2 units"):
        Evidence(units=2, units_alike=3)
