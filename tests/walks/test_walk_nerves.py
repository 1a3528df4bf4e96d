"""Systems on one bus: each tells the others what happens, and none obeys another."""

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import anyio
import pytest

from vsm_mcp import (
    Autonomy,
    Confinement,
    Guards,
    MemoryBus,
    Message,
    Nerve,
    Operation,
    Settings,
    Shelf,
    ViableSystem,
)
from vsm_mcp.errors import ConfigurationError, RateLimitError
from vsm_mcp.events import HandlerDetached, MessageHeard
from vsm_mcp.guard.rates import RateLimit, RateOptions
from vsm_mcp.testing.servers import memory_server

pytestmark = pytest.mark.anyio


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


COUNT = Operation(needs="count words", arguments={"text": "a secret text"}, agent="clerk")


def system(state: Path, bus: MemoryBus | None, *, node: str | None = None) -> ViableSystem:
    shelf = Shelf()
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(
        state=state, node_id=node, autonomy=Autonomy.AUTO, allow=("memory:*",), sandbox=Confinement.NONE
    )
    guards = Guards(rates=RateOptions(limits=(RateLimit(calls=1),)))
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), guards=guards, bus=bus)


@pytest.mark.promise("C26", "C37", "C99")
async def test_what_happens_in_one_system_is_heard_in_the_other_and_no_call_that_went_well(tmp_path: Path) -> None:
    bus, heard = MemoryBus(), list[MessageHeard]()
    async with system(tmp_path / "b", bus, node="b") as listening:
        listening.events.attach("neighbours", MessageHeard, heard.append)
        async with system(tmp_path / "a", bus, node="a") as working:
            await working.acquire_capability("count words")
            await working.execute(COUNT)
            with pytest.raises(RateLimitError):
                await working.execute(COUNT)
            await working.nerves.publish(Nerve.COMMANDS, "pause", {"why": "night"})
        await anyio.wait_all_tasks_blocked()
        assert listening.parts.spawner.names == ()  # it heard, and did nothing
        figures = listening.metrics().to_dict()
    assert (figures["nerves.heard"], figures["nerves.connected"]) == (len(heard), 1)
    topics = {(each.nerve, each.topic) for each in heard}
    assert {
        ("horizontal", "capability_adopted"),
        ("intelligence", "candidates_found"),
        ("audit", "recorded.install"),
        ("audit", "recorded.call"),
        ("commands", "pause"),
    } <= topics
    assert {each.node for each in heard} == {"a"}
    calls = [each.body for each in heard if each.topic == "recorded.call" and each.body["agent"] == "clerk"]
    assert [(call["outcome"], call["error"]) for call in calls] == [("refused", "RateLimitError")]
    assert "secret" not in json.dumps([dict(each.body) for each in heard])


async def test_pain_of_one_system_is_felt_as_news_by_the_other(tmp_path: Path) -> None:
    bus, heard = MemoryBus(), list[MessageHeard]()
    async with system(tmp_path / "b", bus, node="b") as listening, system(tmp_path / "a", bus, node="a") as hurt:
        listening.events.attach("pain", MessageHeard, heard.append)
        hurt.parts.vitals.algedonic.signal("disk", pain=True, reason="full")
        await anyio.wait_all_tasks_blocked()
        assert [(each.node, each.nerve, each.body["key"]) for each in heard] == [("a", "algedonic", "disk")]
        assert not listening.parts.vitals.algedonic.report().pains


async def test_a_handler_may_answer_from_the_first_moment_to_the_last(tmp_path: Path) -> None:
    bus, answered, detached = MemoryBus(), list[str](), list[HandlerDetached]()
    vsm, chatty = system(tmp_path / "a", bus, node="a"), Chatty(bus)

    def answer(message: MessageHeard) -> None:
        vsm.nerves.say(Nerve.HORIZONTAL, "answer", {})
        answered.append(message.topic)

    vsm.events.attach("answer", MessageHeard, answer)
    vsm.events.attach("failures", HandlerDetached, detached.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(chatty.talk)
        async with vsm:
            await vsm.acquire_capability("count words")
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert answered
    assert detached == []


class Chatty:
    """Somebody on the bus who never stops."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    async def talk(self) -> None:
        for number in count():
            await self._bus.publish(
                Message(
                    nerve=Nerve.COMMANDS,
                    topic="talk",
                    body={},
                    node="chatty",
                    sent_at=datetime.now(UTC),
                    id=f"c-{number}",
                )
            )
            await anyio.sleep(0.001)


async def test_without_a_bus_there_are_no_nerves_and_with_one_a_name_of_its_own(tmp_path: Path) -> None:
    async with system(tmp_path / "a", None) as alone:
        with pytest.raises(ConfigurationError, match="has no bus"):
            _ = alone.nerves
        assert alone.metrics().nerves is None
    bus = MemoryBus()
    vsm = system(tmp_path / "b", bus)
    async with vsm, bus.subscribe(Nerve.COMMANDS) as heard:
        await vsm.nerves.publish(Nerve.COMMANDS, "go", {})
        said: Message = await anext(heard)
        assert said.node == vsm.nerves.node
        assert said.node.startswith("vsm-")
    with pytest.raises(ConfigurationError, match="not entered"):
        _ = vsm.nerves
