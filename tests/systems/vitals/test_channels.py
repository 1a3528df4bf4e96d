"""The channels: which there are, what is refused, and what is measured of the traffic."""

import math
from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError, PolicyError
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.vitals.channels import (
    ESSENTIAL,
    LINKS,
    Capacity,
    Channels,
    ChannelsReport,
    Link,
    Purpose,
    Traffic,
    way,
)

S1, S2, S3, S4, S5 = SystemId.SYSTEM1, SystemId.SYSTEM2, SystemId.SYSTEM3, SystemId.SYSTEM4, SystemId.SYSTEM5
AUDIT, OUTSIDE = SystemId.SYSTEM3_STAR, SystemId.ENVIRONMENT
COMMAND = Link(source=S5, target=S3, purpose=Purpose.COMMAND)


def send(channels: Channels, link: Link, *, kind: str = "kind", now: float = 0.0) -> None:
    channels.send(link.source, link.target, purpose=link.purpose, kind=kind, now=now)


def line(report: ChannelsReport, link: Link) -> Traffic:
    wanted = (link.source, link.target, link.purpose)
    return next(each for each in report.traffic if (each.source, each.target, each.purpose) == wanted)


def arrows(*purposes: Purpose) -> set[tuple[SystemId, SystemId]]:
    return {(link.source, link.target) for link in LINKS if link.purpose in purposes}


@pytest.mark.promise("C98")
def test_commands_go_down_the_axis_and_accounts_come_up_it() -> None:
    assert way(S5, S1, purpose=Purpose.COMMAND) == (S5, S3, S1)
    assert way(S1, S5, purpose=Purpose.FEEDBACK) == (S1, S3, S5)
    assert arrows(Purpose.COMMAND) == {(S5, S3), (S3, S1)}
    assert arrows(Purpose.FEEDBACK) == {(S1, S3), (S3, S5)}


@pytest.mark.promise("C98")
def test_a_command_past_system_3_is_refused_and_the_legal_way_is_named() -> None:
    channels = Channels(now=0.0)
    with pytest.raises(PolicyError, match="system5 has no command channel to system1") as refusal:
        channels.send(S5, S1, purpose=Purpose.COMMAND, kind="stop", now=0.0)
    assert refusal.value.remedies == ("Send it in steps: system5 -> system3, then system3 -> system1 (command).",)
    assert channels.refused == 1


@pytest.mark.promise("C99")
def test_units_settle_collisions_through_system_2_and_not_with_each_other() -> None:
    assert way(S1, S1, purpose=Purpose.COORDINATION) == (S1, S2, S1)
    with pytest.raises(PolicyError) as refusal:
        Channels(now=0.0).send(S1, S1, purpose=Purpose.COORDINATION, kind="lease", now=0.0)
    assert "system1 -> system2, then system2 -> system1" in str(refusal.value)


def test_only_system_4_looks_outside_and_only_system_1_works_there() -> None:
    outside = {(link.source, link.target): link.purpose for link in LINKS if OUTSIDE in {link.source, link.target}}
    assert outside == {
        (OUTSIDE, S4): Purpose.INTELLIGENCE,
        (S4, OUTSIDE): Purpose.INTELLIGENCE,
        (OUTSIDE, S1): Purpose.OPERATIONS,
        (S1, OUTSIDE): Purpose.OPERATIONS,
    }


@pytest.mark.promise("C101")
def test_pain_goes_from_every_system_straight_to_system_5() -> None:
    assert arrows(Purpose.ALGEDONIC) == {(source, S5) for source in (S1, S2, S3, AUDIT, S4)}
    channels = Channels(now=0.0)
    channels.send(S1, S5, purpose=Purpose.ALGEDONIC, kind="pain", now=0.0)
    with pytest.raises(PolicyError) as refusal:
        channels.send(S1, S5, purpose=Purpose.COMMAND, kind="pain", now=0.0)
    assert refusal.value.remedies == ("Use a channel that leads from system1 to system5: algedonic.",)


@pytest.mark.promise("C102")
def test_the_arrows_are_those_of_the_data_flow() -> None:
    flow = {
        (OUTSIDE, S4), (S4, S5), (S5, S4), (S5, S3), (S3, S1), (S1, S3), (S3, S5), (S1, S2), (S2, S1), (S1, OUTSIDE),
    }  # fmt: skip
    beer = {(S3, S4), (S4, S3), (S2, S3), (S3, S2), (AUDIT, S1), (S1, AUDIT), (AUDIT, S3), (S3, AUDIT)}
    rest = {(OUTSIDE, S1), (S1, S1), (S4, OUTSIDE)}
    algedonic = arrows(Purpose.ALGEDONIC)
    assert {(link.source, link.target) for link in LINKS} == flow | beer | rest | algedonic
    assert len(set(LINKS)) == len(LINKS)


@pytest.mark.promise("C102")
@given(st.sampled_from(SystemId), st.sampled_from(SystemId), st.sampled_from(Purpose))
def test_what_is_not_in_the_table_is_refused_with_a_way_that_is(
    source: SystemId, target: SystemId, purpose: Purpose
) -> None:
    channels = Channels(now=0.0)
    if Link(source=source, target=target, purpose=purpose) in LINKS:
        channels.send(source, target, purpose=purpose, kind="kind", now=0.0)
        return
    with pytest.raises(PolicyError) as refusal:
        channels.send(source, target, purpose=purpose, kind="kind", now=0.0)
    assert refusal.value.remedies
    steps = way(source, target, purpose=purpose)
    for start, end in pairwise(steps or ()):
        assert Link(source=start, target=end, purpose=purpose) in LINKS


def test_one_who_has_no_channel_there_is_told_which_it_has() -> None:
    with pytest.raises(PolicyError) as refusal:
        Channels(now=0.0).send(S2, S4, purpose=Purpose.POLICY, kind="kind", now=0.0)
    assert refusal.value.remedies == (
        "Send to whom system2 has a channel: system1 (coordination), system3 (coordination), system5 (algedonic).",
    )


@pytest.mark.parametrize("kind", ["", "x" * 201])
def test_a_kind_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(PayloadError, match="1 to 200 characters"):
        send(Channels(now=0.0), COMMAND, kind=kind)


def test_before_any_traffic_every_essential_channel_is_silent_and_nothing_is_measured() -> None:
    report = Channels(now=0.0).report(10.0)
    assert (report.traffic, report.utilisation, report.overloaded) == ((), None, ())
    assert set(report.silent) == {str(link) for link in ESSENTIAL}
    assert not any("algedonic" in name for name in report.silent)


def test_a_channel_that_was_used_is_not_silent() -> None:
    channels = Channels(now=0.0)
    send(channels, COMMAND)
    assert str(COMMAND) == "system5 -> system3 (command)"
    assert str(COMMAND) not in channels.report(1.0).silent


def test_a_steady_stream_has_its_rate_from_the_start() -> None:
    channels = Channels(now=0.0, half_life=600)
    rates = list[float]()
    for tick in range(1, 4001):
        send(channels, COMMAND, now=tick / 2)
        if tick % 500 == 0:
            rate = line(channels.report(tick / 2), COMMAND).rate
            assert rate is not None
            rates.append(rate)
    assert rates == pytest.approx([2.0] * 8, rel=0.005)


def test_the_rate_fades_when_the_messages_stop() -> None:
    channels = Channels(now=0.0, half_life=10)
    for second in range(1000):
        send(channels, COMMAND, now=second)
    before, after = (line(channels.report(now), COMMAND) for now in (1000.0, 1020.0))
    assert before.rate is not None
    assert after.rate == pytest.approx(before.rate / 4)
    assert after.age_s == 21


def test_no_rate_is_given_before_a_second_was_watched() -> None:
    channels = Channels(now=0.0, capacity={COMMAND: Capacity(messages_per_second=1)})
    for _ in range(50):
        send(channels, COMMAND, now=0.01)
    traffic = line(channels.report(0.5), COMMAND)
    assert (traffic.n, traffic.rate, traffic.utilisation) == (50, None, None)


@settings(max_examples=50)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60))
def test_the_variety_of_a_channel_is_the_entropy_of_its_messages(kinds: list[str]) -> None:
    channels = Channels(now=0.0)
    for kind in kinds:
        send(channels, COMMAND, kind=kind)
    bits = line(channels.report(0.0), COMMAND).bits
    shares = [count / len(kinds) for count in Counter(kinds).values()]
    assert bits == pytest.approx(-sum(p * math.log2(p) for p in shares), abs=0.02)


def test_utilisation_is_rate_times_variety_over_capacity() -> None:
    channels = Channels(now=0.0, capacity={COMMAND: Capacity(bits_per_second=8)})
    for tick in range(8000):
        send(channels, COMMAND, kind="abcd"[tick % 4], now=tick / 2)
    report = channels.report(4000)
    assert line(report, COMMAND).utilisation == pytest.approx(2.0 * 2.0 / 8, rel=0.01)
    assert report.utilisation == line(report, COMMAND).utilisation
    assert report.overloaded == ()


def test_a_channel_of_one_word_is_full_when_it_carries_all_the_messages_it_can() -> None:
    channels = Channels(now=0.0, capacity={COMMAND: Capacity(bits_per_second=8, messages_per_second=2)})
    for tick in range(8000):
        send(channels, COMMAND, now=tick / 4)
    report = channels.report(2000)
    assert line(report, COMMAND).bits == 0
    assert report.utilisation == pytest.approx(2.0, rel=0.01)
    assert report.overloaded == (str(COMMAND),)


def test_endless_kinds_and_a_clock_that_jumps_neither_fill_the_memory_nor_break_a_figure() -> None:
    channels, random = Channels(now=0.0, most_kinds=16), Random(1)  # noqa: S311
    now = 0.0
    for number in range(2000):
        now += random.choice([1.0, -5000.0, 3.0])
        send(channels, COMMAND, kind=f"kind {number}", now=now)
    traffic = line(channels.report(now), COMMAND)
    assert traffic.kinds <= 17
    assert traffic.rate is not None
    assert 0 < traffic.rate < 10
    assert traffic.age_s >= 0


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_capacity_and_no_half_life_is_refused(value: float) -> None:
    with pytest.raises(ConfigurationError, match="not a capacity"):
        Capacity(bits_per_second=value)
    with pytest.raises(ConfigurationError, match="not a capacity"):
        Capacity(messages_per_second=value)
    with pytest.raises(ConfigurationError, match="makes no rate"):
        Channels(now=0.0, half_life=value)


def test_a_capacity_for_a_channel_that_is_not_there_is_refused() -> None:
    link = Link(source=S5, target=S1, purpose=Purpose.COMMAND)
    with pytest.raises(ConfigurationError, match=r"no channel system5 -> system1 \(command\)"):
        Channels(now=0.0, capacity={link: Capacity()})


def test_it_reads_well() -> None:
    channels = Channels(now=0.0)
    send(channels, COMMAND)
    assert repr(channels) == "Channels(sent=1, refused=0)"
    assert "purpose: command" in str(channels.report(2.0))
