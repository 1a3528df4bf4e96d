"""The bus within a process: everybody hears what was asked for, in order, and nobody is held up by the slow."""

from datetime import UTC, datetime
from itertools import count

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp import MemoryBus, Message, Nerve
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.nerves.mailbox import Mailbox

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

NUMBERS = count()


def message(topic: str, nerve: Nerve = Nerve.HORIZONTAL) -> Message:
    return Message(nerve=nerve, topic=topic, body={}, node="n", sent_at=datetime.now(UTC), id=str(next(NUMBERS)))


@pytest.mark.promise("C37")
async def test_a_subscriber_hears_its_nerve_and_topics_in_order_and_nothing_else() -> None:
    bus = MemoryBus()
    async with bus.subscribe(Nerve.HORIZONTAL, "unit.*") as heard:
        for topic in ("unit.a", "unit", "unit.a.b", "unit.b"):
            await bus.publish(message(topic))
        await bus.publish(message("unit.c", Nerve.AUDIT))
        await bus.publish(message("unit.d"))
        assert [(await anext(heard)).topic for _ in range(3)] == ["unit.a", "unit.b", "unit.d"]


async def test_a_subscriber_waits_for_what_is_published_later() -> None:
    bus = MemoryBus()
    async with bus.subscribe(Nerve.COMMANDS) as heard, anyio.create_task_group() as tasks:

        async def publish_later() -> None:
            await anyio.sleep(5)
            await bus.publish(message("late", Nerve.COMMANDS))

        tasks.start_soon(publish_later)
        assert (await anext(heard)).topic == "late"


async def test_who_is_slow_loses_its_own_oldest_messages_which_are_counted() -> None:
    bus = MemoryBus(most=2)
    async with bus.subscribe(Nerve.HORIZONTAL) as slow, bus.subscribe(Nerve.HORIZONTAL) as quick:
        for topic in ("a", "b", "c"):
            await bus.publish(message(topic))
            assert (await anext(quick)).topic == topic
        assert [(await anext(slow)).topic for _ in range(2)] == ["b", "c"]
        assert bus.dropped == 1
    assert bus.dropped == 1
    assert repr(bus) == "MemoryBus(subscribers=0, dropped=1)"


async def test_who_answers_to_what_it_hears_lets_others_in() -> None:
    bus, echoed = MemoryBus(), 0
    async with bus.subscribe(Nerve.AUDIT) as heard:
        await bus.publish(message("echo", Nerve.AUDIT))
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_end, scope)
                async for said in heard:
                    echoed += 1
                    await bus.publish(said)
    assert scope.cancelled_caught
    assert echoed < 100


async def _end(scope: anyio.CancelScope) -> None:
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


async def test_a_subscription_ends_with_its_context_and_needs_a_pattern() -> None:
    bus = MemoryBus()
    async with bus.subscribe(Nerve.AUDIT):
        pass
    await bus.publish(message("a", Nerve.AUDIT))
    with pytest.raises(ConfigurationError, match="is no pattern"):
        async with bus.subscribe(Nerve.AUDIT, "a..b"):
            pass
    assert "subscribers=0" in repr(bus)


async def test_a_mailbox_gives_up_what_is_being_delivered_too_and_never_removes_another() -> None:
    box = Mailbox(most=1)
    first, second = message("a"), message("b")
    box.put(first)
    assert await box.first() is first
    box.put(second)
    box.done(first)
    assert (len(box), box.dropped) == (1, 0)  # the first was delivered after all
    box.put(message("c"))
    assert box.dropped == 1
    box.done(await box.first())
    await box.emptied()
    with pytest.raises(ConfigurationError, match="too few"):
        Mailbox(most=0)
