"""What concerns security is felt on the algedonic channel until somebody saw to it."""

from datetime import timedelta

import pytest

from vsm_mcp.events import (
    BehaviourDeviated,
    CallRefused,
    CapabilityAdopted,
    CapabilityReleased,
    Event,
    Progress,
    ResourceExceeded,
    ServerReviewed,
    ToolsQuarantined,
)
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.security import REFUSALS, REFUSED, SecurityAlarms, advisories_of, security_of
from vsm_mcp.systems.vitals.signals import Level, Signal
from vsm_mcp.testing.world import FakeClock

QUARANTINED = ToolsQuarantined(server="a", added=("erase", "send", "hide"), changed=("count",), removed=())
DEVIATED = BehaviourDeviated(server="a", what=("asks for evil.example",))
EXCEEDED = ResourceExceeded(subject="a", aspect="memory", detail="It used 600 MiB of 512 MiB.")
ADOPTED = CapabilityAdopted(server="a", tools=("count",))
RELEASED = CapabilityReleased(server="a")


class Ward:
    """Alarms on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.channel = AlgedonicChannel(clock=self.clock)
        self.alarms = SecurityAlarms(self.channel, self.clock)

    def hear(self, *events: Event) -> None:
        for event in events:
            self.alarms.event(event)

    @property
    def pains(self) -> dict[str, Signal]:
        return {signal.key: signal for signal in self.channel.open() if signal.pain}


@pytest.mark.security
@pytest.mark.parametrize(
    ("event", "level", "why"),
    [
        (QUARANTINED, Level.POLICY, "It lists other tools than were approved: erase, send, hide and 1 more."),
        (DEVIATED, Level.CONTROL, "It does what it was not seen to do: asks for evil.example."),
        (EXCEEDED, Level.CONTROL, "It was killed for memory: It used 600 MiB of 512 MiB."),
    ],
)
@pytest.mark.parametrize("relief", [ADOPTED, RELEASED])
def test_what_a_held_server_does_hurts_until_it_is_approved_or_let_go(
    event: Event, level: Level, *, why: str, relief: Event
) -> None:
    ward = Ward()
    ward.hear(ADOPTED, event)
    (signal,) = ward.pains.values()
    assert (signal.key, signal.level, signal.reason) == (security_of("a"), level, why)
    ward.hear(CapabilityAdopted(server="b", tools=()), CapabilityReleased(server="b"))
    assert ward.pains
    ward.hear(relief)
    assert ward.pains == {}


@pytest.mark.security
def test_what_a_stranger_does_on_trial_does_not_hurt() -> None:
    ward = Ward()
    ward.hear(QUARANTINED, DEVIATED, EXCEEDED, ADOPTED, RELEASED, QUARANTINED, Progress(subject="a", detail="works"))
    assert ward.pains == {}
    assert repr(ward.alarms) == "SecurityAlarms(servers=0)"


@pytest.mark.security
def test_a_server_in_the_store_that_is_not_trusted_hurts_until_it_is_let_go() -> None:
    ward = Ward()
    ward.hear(ServerReviewed(server="a", door="entry", reasons=("Its files were changed.",)))
    assert ward.pains[security_of("a")].reason == "Its files were changed."
    ward.hear(RELEASED)
    assert ward.pains == {}


@pytest.mark.security
@pytest.mark.parametrize("over", [RELEASED, ServerReviewed(server="a", door="advisories", reasons=())])
def test_what_became_known_against_a_server_hurts_until_it_is_known_to_be_over(over: Event) -> None:
    ward = Ward()
    ward.hear(ServerReviewed(server="a", door="advisories", reasons=("It is made to do harm.",)))
    assert ward.pains[advisories_of("a")].level is Level.POLICY
    ward.hear(ServerReviewed(server="a", door="advisories", reasons=None), ADOPTED)
    assert ward.pains[advisories_of("a")].reason == "It is made to do harm."
    ward.hear(over)
    assert ward.pains == {}


@pytest.mark.security
@pytest.mark.promise("B47")
def test_five_refused_calls_within_fifteen_minutes_are_an_alarm_and_fewer_are_none() -> None:
    ward = Ward()
    refused = CallRefused(server="a", tool="erase", reason="It is blocked.")
    for _ in range(20):
        ward.hear(refused)
        ward.clock.advance(timedelta(minutes=4))
    assert ward.pains == {}
    ward.hear(*[refused] * REFUSALS)
    assert ward.pains[REFUSED].reason == "5 calls were refused within 15 minutes, last 'erase' of a."
    ward.alarms.ease()
    assert REFUSED in ward.pains
    ward.clock.advance(timedelta(minutes=15, seconds=1))
    ward.alarms.ease()
    assert ward.pains == {}


def test_without_any_refusal_there_is_nothing_to_ease() -> None:
    ward = Ward()
    ward.alarms.ease()
    assert ward.channel.report().relieved == 0


@pytest.mark.security
def test_a_flood_of_alarms_stays_bounded() -> None:
    ward = Ward()
    for number in range(3000):
        name = f"server {number} {'x' * 300}"
        ward.hear(
            CapabilityAdopted(server=name, tools=()),
            ToolsQuarantined(server=name, added=("y" * 10_000,), changed=(), removed=()),
        )
    report = ward.channel.report()
    assert report.pains <= 1001
    assert report.unlisted > 0
    assert all(len(signal.reason) <= 500 for signal in report.open)
