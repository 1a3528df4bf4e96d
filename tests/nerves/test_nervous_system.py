"""What a system tells and hears: in order, without ever waiting for the bus, and with what was lost counted."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from vsm_mcp import MemoryBus, Message, Nerve, NervousSystem
from vsm_mcp.errors import BusError, PayloadError
from vsm_mcp.events import (
    AlgedonicRaised,
    BusLost,
    BusRestored,
    Event,
    GapMeasured,
    MessageHeard,
    MessageRefused,
    OperationEnded,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class LoopClock:
    """Wall time that goes with the loop's."""

    def __init__(self) -> None:
        self._began = anyio.current_time()

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=anyio.current_time() - self._began)


class Unreliable:
    """A bus that is away whenever it is told to be."""

    def __init__(self) -> None:
        self.away = False
        self.taken = list[Message]()
        self.stuck: set[Nerve] = set()
        self.torn: set[Nerve] = set()
        self.broken: set[str] = set()

    async def publish(self, message: Message, /) -> None:
        if message.topic == "never":
            raise PayloadError("It is too large.", remedies=("Say less.",))
        if message.topic in self.broken:
            raise ZeroDivisionError(message.topic)
        if message.nerve in self.torn:
            raise BusError("The nerve is torn.", remedies=("Wait.",))
        if message.nerve in self.stuck:
            await anyio.sleep_forever()
        if self.away:
            raise BusError("The broker is away.", remedies=("Wait.",))
        self.taken.append(message)

    @asynccontextmanager
    async def subscribe(self, nerve: Nerve, /, topic: str = "#") -> AsyncGenerator[AsyncIterator[Message]]:
        if self.away:
            raise BusError("The broker is away.", remedies=("Wait.",))
        to, taken = anyio.create_memory_object_stream[Message]()
        with to, taken:
            yield taken


def nervous(bus: MemoryBus | Unreliable, heard: list[Event] | None = None, *, node: str = "a") -> NervousSystem:
    heard = [] if heard is None else heard
    return NervousSystem(bus, node=node, run=node, clock=LoopClock(), emit=heard.append, most=10)


PAIN = AlgedonicRaised(key="k", level=1, pain=True, intensity=1.0, reason="r")
DONE = OperationEnded(kind="k", stage="absorbed", server=None, tool=None, elapsed=0.1)
GAP = GapMeasured(share=float("nan"), bits=None, basis=3, kinds=1)


async def failing(teller: NervousSystem) -> None:
    async with teller.alive():
        teller.say(Nerve.HORIZONTAL, "last", {})
        raise ZeroDivisionError


@pytest.mark.promise("C37", "C101")
async def test_what_concerns_others_is_told_on_its_nerve_and_heard_by_them_alone() -> None:
    bus, mine, theirs = MemoryBus(), list[Event](), list[Event]()
    teller = nervous(bus, mine)
    async with teller.alive(), nervous(bus, theirs, node="b").alive():
        for event in (PAIN, DONE, GAP):
            teller.hear(event)
        await teller.publish(Nerve.COMMANDS, "system3.allocate", {"unit": "u", "share": 0.5})
        await anyio.sleep(1)
    assert mine == []
    told = {(each.node, each.nerve, each.topic): each.body for each in theirs if isinstance(each, MessageHeard)}
    assert told == {
        ("a", "algedonic", "algedonic_raised"): {"key": "k", "level": 1, "pain": True, "intensity": 1.0, "reason": "r"},
        ("a", "intelligence", "gap_measured"): {"share": None, "bits": None, "basis": 3, "kinds": 1},
        ("a", "commands", "system3.allocate"): {"unit": "u", "share": 0.5},
    }
    assert (teller.count.sent, teller.count.waiting, teller.count.heard) == (3, 0, 0)
    assert repr(teller) == "NervousSystem('a', sent=3, heard=0, waiting=0)"


async def test_while_the_bus_is_away_messages_wait_in_order_and_both_is_said_once() -> None:
    bus, heard = Unreliable(), list[Event]()
    teller = nervous(bus, heard)
    async with teller.alive():
        bus.away = True
        for number in range(3):
            teller.say(Nerve.HORIZONTAL, f"n{number}", {})
        await anyio.sleep(60)
        assert heard == [BusLost(reason="The broker is away.")]
        assert (teller.count.connected, teller.count.waiting) == (False, 3)
        bus.away = False
        await anyio.sleep(10)
        assert [each.topic for each in bus.taken] == ["n0", "n1", "n2"]
        assert heard[1:] == [BusRestored(dropped=0)]


async def test_what_waited_too_long_or_found_no_place_is_given_up_and_counted() -> None:
    bus = Unreliable()
    teller = nervous(bus)
    async with teller.alive():
        bus.away = True
        for number in range(12):
            teller.say(Nerve.AUDIT, f"n{number}", {})
        assert (teller.count.waiting, teller.count.dropped) == (10, 2)
        await anyio.sleep(200)
        bus.away = False
        teller.say(Nerve.AUDIT, "fresh", {})
        await anyio.sleep(10)
    assert [each.topic for each in bus.taken] == ["fresh"]
    assert teller.count.dropped == 12


async def test_a_nerve_that_is_stuck_or_flooded_delays_no_pain() -> None:
    bus = Unreliable()
    bus.stuck.add(Nerve.AUDIT)
    teller = nervous(bus)
    async with teller.alive():
        for number in range(100):
            teller.say(Nerve.AUDIT, f"n{number}", {})
        teller.hear(PAIN)
        await anyio.sleep(0.01)
        assert [each.topic for each in bus.taken] == ["algedonic_raised"]


async def test_what_the_bus_never_takes_is_said_and_holds_up_nothing() -> None:
    bus, heard = Unreliable(), list[Event]()
    teller = nervous(bus, heard)
    async with teller.alive():
        teller.say(Nerve.COMMANDS, "never", {})
        teller.say(Nerve.COMMANDS, "next", {})
        await anyio.sleep(1)
    assert heard == [MessageRefused(nerve="commands", topic="never", reason="It is too large.")]
    assert [each.topic for each in bus.taken] == ["next"]
    assert teller.count.refused == 1


async def test_at_the_end_what_waits_is_still_sent_unless_the_bus_hangs() -> None:
    bus = Unreliable()
    teller = nervous(bus)
    with pytest.raises(ZeroDivisionError):  # bare, in no group
        await failing(teller)
    assert [each.topic for each in bus.taken] == ["last"]
    bus.stuck.add(Nerve.HORIZONTAL)
    began = anyio.current_time()
    async with teller.alive():
        teller.say(Nerve.HORIZONTAL, "lost", {})
    assert anyio.current_time() - began == pytest.approx(2.0)


async def test_pain_that_is_a_minute_old_is_not_told_any_more() -> None:
    bus = Unreliable()
    teller = nervous(bus)
    async with teller.alive():
        bus.away = True
        teller.hear(PAIN)
        teller.say(Nerve.AUDIT, "kept", {})
        await anyio.sleep(70)
        bus.away = False
        await anyio.sleep(10)
    assert [each.topic for each in bus.taken] == ["kept"]
    assert teller.count.dropped == 1


async def test_one_nerve_that_fails_is_said_once_however_much_goes_over_the_others() -> None:
    bus, heard = Unreliable(), list[Event]()
    bus.torn.add(Nerve.AUDIT)
    teller = nervous(bus, heard)
    async with teller.alive():
        teller.say(Nerve.AUDIT, "torn", {})
        for number in range(5):
            teller.say(Nerve.HORIZONTAL, f"n{number}", {})
            await anyio.sleep(1)
        assert heard == [BusLost(reason="The nerve is torn.")]
        bus.torn.clear()
        await anyio.sleep(10)
    assert heard[1:] == [BusRestored(dropped=0)]


async def test_a_bus_that_fails_in_its_own_way_is_asked_once_for_a_message() -> None:
    bus, heard = Unreliable(), list[Event]()
    bus.broken.add("odd")
    teller = nervous(bus, heard)
    async with teller.alive():
        teller.say(Nerve.AUDIT, "odd", {})
        teller.say(Nerve.AUDIT, "next", {})
        await anyio.sleep(0.01)
    assert heard == [MessageRefused(nerve="audit", topic="odd", reason="ZeroDivisionError: odd")]
    assert [each.topic for each in bus.taken] == ["next"]


async def test_a_sink_that_raises_ends_nothing() -> None:
    bus = MemoryBus()

    def sink(event: Event, /) -> None:
        raise ZeroDivisionError(event)

    listener = NervousSystem(bus, node="b", run="b", clock=LoopClock(), emit=sink)
    async with listener.alive(), nervous(bus).alive():
        for number in range(3):
            await nervous(bus, node=f"other{number}").publish(Nerve.COMMANDS, "go", {})
        await anyio.sleep(1)
        assert listener.count.heard == 3


async def test_a_bus_that_cannot_be_subscribed_to_is_said_on_entering() -> None:
    bus = Unreliable()
    bus.away = True
    with pytest.raises(BusError, match="away"):
        async with nervous(bus).alive():
            pytest.fail("it was entered")


async def test_a_subscription_that_ends_is_taken_up_again() -> None:
    """A bus of a host's own may lose its subscriptions."""

    class Forgetful(MemoryBus):
        lost = 0

        @asynccontextmanager
        async def subscribe(self, nerve: Nerve, /, topic: str = "#") -> AsyncGenerator[AsyncIterator[Message]]:
            if nerve is Nerve.COMMANDS and self.lost < 2:
                self.lost += 1
                yield _nothing()
                if self.lost > 1:
                    raise ConnectionError("gone")
                return
            async with super().subscribe(nerve, topic) as messages:
                yield messages

    bus, heard = Forgetful(), list[Event]()
    async with nervous(bus, heard).alive():
        await anyio.sleep(30)
        await bus.publish(
            Message(nerve=Nerve.COMMANDS, topic="go", body={}, node="b", sent_at=LoopClock().now(), id="1")
        )
        await anyio.sleep(1)
    assert [each.topic for each in heard if isinstance(each, MessageHeard)] == ["go"]
    assert BusLost(reason="ConnectionError: gone") in heard


async def _nothing() -> AsyncGenerator[Message]:
    for message in list[Message]():
        yield message
