"""A server that is given up hurts until it is up again, or gone."""

import pytest

from vsm_mcp.events import CapabilityReleased, Event, Progress, ServerGivenUp, ServerStarted
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.servers import ServerAlarms, supervision_of
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.testing.world import FakeClock

GIVEN_UP = ServerGivenUp(server="a", failures=5, rest=300.0, reason="It ended with exit code 9.")


@pytest.mark.promise("A27")
@pytest.mark.parametrize(
    "relief", [ServerStarted(server="a", pid=7, elapsed=0.1), CapabilityReleased(server="a")], ids=["up", "gone"]
)
def test_a_server_that_is_given_up_hurts_until_it_is_up_again_or_gone(relief: Event) -> None:
    channel = AlgedonicChannel(clock=FakeClock())
    alarms = ServerAlarms(channel)
    for event in (Progress(subject="a", detail=""), ServerStarted(server="a", pid=1, elapsed=0.1)):
        alarms.event(event)
    assert channel.open() == ()
    alarms.event(GIVEN_UP)
    (signal,) = channel.open()
    assert (signal.key, signal.pain, signal.level) == (supervision_of("a"), True, Level.CONTROL)
    assert signal.reason == "It failed 5 times and is left alone for 300 seconds: It ended with exit code 9."
    alarms.event(ServerStarted(server="b", pid=1, elapsed=0.1))
    assert "given_up=1" in repr(alarms)
    alarms.event(relief)
    assert not [signal for signal in channel.open() if signal.pain]
