"""The bus over AMQP, with a real broker: its exchanges, its bounds, and what happens when the connection breaks."""

import logging
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import aio_pika
import aiormq
import anyio
import anyio.abc
import anyio.to_thread
import pytest
from pamqp.common import FieldValue
from pydantic import SecretStr
from tests.nerves.broker import Broker, restartable_broker, running_broker

from vsm_mcp import Message, Nerve
from vsm_mcp.errors import BusError, ConfigurationError, PayloadError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.nerves.amqp import AmqpBus

pytestmark = [pytest.mark.anyio, pytest.mark.broker, pytest.mark.timeout(180)]

KEY = SecretStr("only these systems know it")
NUMBERS = count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def message(
    topic: str, nerve: Nerve = Nerve.INTELLIGENCE, *, ago: float = 0, body: JsonObject | None = None
) -> Message:
    sent_at = datetime.now(UTC) - timedelta(seconds=ago)
    return Message(nerve=nerve, topic=topic, body=body or {}, node="n", sent_at=sent_at, id=f"m{next(NUMBERS)}")


async def following(messages: AsyncIterator[Message], number: int = 1) -> list[str]:
    with anyio.fail_after(30):
        return [(await anext(messages)).topic for _ in range(number)]


async def following_until_quiet(messages: AsyncIterator[Message]) -> list[str]:
    topics = list[str]()
    with anyio.move_on_after(0.5):
        async for said in messages:
            topics.append(said.topic)
    return topics


async def asked(broker: Broker, *arguments: str) -> list[list[str]]:
    said = await anyio.to_thread.run_sync(partial(broker.control, *arguments))
    return [line.split("\t") for line in said.splitlines()]


async def publish_until_it_fails(bus: AmqpBus, failed: list[BusError]) -> None:
    with anyio.fail_after(60):
        try:
            while True:
                await bus.publish(message("during", Nerve.HORIZONTAL))
        except BusError as error:
            failed.append(error)


async def publish_at_last(bus: AmqpBus, said: Message) -> None:
    with anyio.fail_after(60):
        while True:
            try:
                return await bus.publish(said)
            except BusError:
                await anyio.sleep(0.1)


class Way:
    """A way to a port of this machine on which everything can stand still, as it does when a network goes."""

    def __init__(self, port: int) -> None:
        self.passable = anyio.Event()
        self.passable.set()
        self._port = port

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[int]:
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, self._join)
            yield listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - it is not Django's
            tasks.cancel_scope.cancel()

    async def _join(self, near: anyio.abc.SocketStream) -> None:
        async with near, await anyio.connect_tcp("127.0.0.1", self._port) as far, anyio.create_task_group() as tasks:
            tasks.start_soon(self._carry, near, far)
            tasks.start_soon(self._carry, far, near)

    async def _carry(self, start: anyio.abc.SocketStream, end: anyio.abc.SocketStream) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                carried = await start.receive()
                await self.passable.wait()
                await end.send(carried)


@pytest.mark.promise("C35")
async def test_each_nerve_is_an_exchange_of_its_kind_and_subscriptions_are_bounded_queues(broker: Broker) -> None:
    async with AmqpBus(f"{broker.url}?heartbeat=17", prefix="kinds") as bus, AsyncExitStack() as heard:
        for nerve in Nerve:
            await heard.enter_async_context(bus.subscribe(nerve))
        exchanges = {line[0]: line[1:] for line in await asked(broker, "list_exchanges", "name", "type", "durable")}
        assert {name: kind for name, kind in exchanges.items() if name.startswith("kinds.")} == {
            "kinds.commands": ["topic", "true"],
            "kinds.audit": ["fanout", "true"],
            "kinds.algedonic": ["direct", "true"],
            "kinds.horizontal": ["topic", "true"],
            "kinds.intelligence": ["topic", "true"],
        }
        queues = {
            line[0].rpartition(".")[0]: line[1] for line in await asked(broker, "list_queues", "name", "arguments")
        }
        pain = queues["kinds.algedonic"]
        assert '{"x-max-priority",1}' in pain
        assert '{"x-message-ttl",60000}' in pain
        for nerve in Nerve:
            assert '{"x-max-length",10000}' in queues[f"kinds.{nerve}"]
            assert '{"x-expires",60000}' in queues[f"kinds.{nerve}"]


@pytest.mark.promise("C26", "C35")
async def test_what_one_publishes_all_hear_who_asked_for_its_nerve_and_topic(broker: Broker) -> None:
    async with AmqpBus(broker.url) as here, AmqpBus(broker.url) as there:
        for nerve in Nerve:
            async with there.subscribe(nerve, "unit.*") as some, there.subscribe(nerve) as every:
                for topic in ("unit.a", "other", "unit.b"):
                    await here.publish(message(topic, nerve))
                assert await following(every, 3) == ["unit.a", "other", "unit.b"]
                assert await following(some, 2) == ["unit.a", "unit.b"]


async def test_what_is_said_arrives_whole(broker: Broker) -> None:
    said = message("a", body={"text": "ä\n\0", "list": [1, 2.5, None, True, {"deep": []}]})
    async with AmqpBus(broker.url, key=KEY) as bus, bus.subscribe(Nerve.INTELLIGENCE) as heard:
        await bus.publish(said)
        with anyio.fail_after(30):
            assert await anext(heard) == said


@pytest.mark.promise("C57", "C67", "C68")
async def test_as_many_messages_are_under_way_at_once_as_the_pool_has_channels(broker: Broker) -> None:
    assert AmqpBus("amqp://localhost", pool_size=1).connected is False
    async with AmqpBus(broker.url, pool_size=3, prefetch=7, heartbeat=11) as bus, bus.subscribe(Nerve.COMMANDS):
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(bus.publish, message(f"n{number}", Nerve.HORIZONTAL))
        connections = await asked(broker, "list_connections", "channels", "timeout", "state")
        assert connections == [["5", "11", "running"]]  # three for publishing, one that declared, one subscription
        prefetched = [line[0] for line in await asked(broker, "list_channels", "prefetch_count")]
        assert sorted(prefetched) == ["0", "0", "0", "0", "7"]


@pytest.mark.promise("C50")
@pytest.mark.security
async def test_what_is_not_sealed_with_the_shared_key_is_refused_and_counted(broker: Broker) -> None:
    async with (
        AmqpBus(broker.url, key=KEY) as ours,
        AmqpBus(broker.url, key=SecretStr("another key of theirs")) as foreign,
        AmqpBus(broker.url) as keyless,
        ours.subscribe(Nerve.COMMANDS) as heard,
    ):
        await foreign.publish(message("forged", Nerve.COMMANDS))
        await keyless.publish(message("open", Nerve.COMMANDS))
        await ours.publish(message("late", Nerve.COMMANDS, ago=1000))
        await ours.publish(message("ours", Nerve.COMMANDS))
        assert await following(heard) == ["ours"]
        assert ours.refused == 3
        assert "sent 1000 s ago" in ours.why_refused
        assert "refused=3" in repr(ours)


async def test_rubbish_that_others_publish_is_refused_and_hurts_nobody(broker: Broker) -> None:
    connection = await aio_pika.connect(broker.url)
    async with connection, AmqpBus(broker.url, prefetch=1) as bus, bus.subscribe(Nerve.AUDIT) as heard:
        channel = await connection.channel()
        exchange = await channel.get_exchange("vsm.audit")
        seals: list[FieldValue] = ["x", 7, None, {"a": [1]}]
        for body, seal in zip((b"", b"\xff" * 100, b"[" * 60_000, b"x" * 1_000_000), seals, strict=True):
            await exchange.publish(aio_pika.Message(body, headers={"x-vsm-seal": seal}), "any")
        await bus.publish(message("whole", Nerve.AUDIT))
        assert await following(heard) == ["whole"]
        assert bus.refused == 4


async def test_pain_goes_before_pain_that_waits_and_is_gone_after_a_minute(broker: Broker) -> None:
    connection = await aio_pika.connect(broker.url)
    async with connection, AmqpBus(broker.url) as bus:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        for nerve in (Nerve.ALGEDONIC, Nerve.AUDIT):
            await queue.bind(f"vsm.{nerve}", str(nerve))
            await bus.publish(message("a", nerve))
        pain, audit = await queue.get(), await queue.get()
        assert (pain.priority, pain.delivery_mode) == (255, aio_pika.DeliveryMode.NOT_PERSISTENT)
        assert 50 < float(str(pain.expiration)) <= 60
        assert (audit.priority, audit.expiration, audit.delivery_mode) == (0, None, aio_pika.DeliveryMode.PERSISTENT)


async def test_a_slow_subscriber_is_waited_for_and_loses_nothing(broker: Broker) -> None:
    async with AmqpBus(broker.url, prefetch=2) as bus, bus.subscribe(Nerve.HORIZONTAL) as heard:
        for number in range(40):
            await bus.publish(message(f"n{number}", Nerve.HORIZONTAL))
        assert await following(heard, 40) == [f"n{number}" for number in range(40)]


async def test_what_was_delivered_and_not_taken_when_the_connection_broke_comes_again(broker: Broker) -> None:
    async with AmqpBus(broker.url, prefetch=10, key=KEY) as bus, bus.subscribe(Nerve.HORIZONTAL) as heard:
        for number in range(20):
            await bus.publish(message(f"n{number}", Nerve.HORIZONTAL))
        assert await following(heard, 2) == ["n0", "n1"]
        await asked(broker, "close_all_connections", "the tests want it")
        rest = await following(heard, 18)
        assert {f"n{number}" for number in range(2, 20)} <= {*rest, *await following_until_quiet(heard)}
        assert bus.refused == 0


async def test_after_the_connection_broke_it_is_made_again_and_subscriptions_go_on(broker: Broker) -> None:
    async with AmqpBus(broker.url) as bus, bus.subscribe(Nerve.COMMANDS) as heard:
        await bus.publish(message("before", Nerve.COMMANDS))
        assert await following(heard) == ["before"]
        failed = list[BusError]()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(publish_until_it_fails, bus, failed)
            await asked(broker, "close_all_connections", "the tests want it")
        assert len(failed) == 5
        await publish_at_last(bus, message("after", Nerve.COMMANDS))
        assert await following(heard) == ["after"]


async def test_a_connection_without_a_sign_of_life_is_broken_and_no_publisher_is_cancelled_by_it(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiormq.Connection, "HEARTBEAT_GRACE_MULTIPLIER", 1)  # two seconds instead of six
    way, failed = Way(broker.port), list[BusError]()
    async with way.open() as port, AmqpBus(f"amqp://guest:guest@127.0.0.1:{port}/", heartbeat=1, timeout=30) as bus:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(publish_until_it_fails, bus, failed)
            await bus.publish(message("before"))
            way.passable = anyio.Event()
        assert len(failed) == 3
        assert not bus.connected
        way.passable.set()
        await publish_at_last(bus, message("after"))


async def test_leaving_while_nothing_gets_through_takes_no_longer_than_a_farewell_for_each_part(broker: Broker) -> None:
    way = Way(broker.port)
    async with way.open() as port, AsyncExitStack() as life:
        bus = await life.enter_async_context(AmqpBus(f"amqp://guest:guest@127.0.0.1:{port}/", timeout=30))
        await life.enter_async_context(bus.subscribe(Nerve.AUDIT))
        way.passable = anyio.Event()
        began = anyio.current_time()
        await life.aclose()
        assert anyio.current_time() - began < 10
        way.passable.set()


async def test_who_still_listens_when_the_bus_is_left_is_told_that_nothing_more_comes(broker: Broker) -> None:
    bus, topics, first = AmqpBus(broker.url), list[str](), anyio.Event()

    async def listen(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with bus.subscribe(Nerve.AUDIT) as heard:
            task_status.started()
            async for said in heard:
                topics.append(said.topic)
                first.set()
        topics.append("(the end)")

    async with anyio.create_task_group() as tasks, bus:
        await tasks.start(listen)
        await bus.publish(message("one", Nerve.AUDIT))
        await first.wait()
    assert topics == ["one", "(the end)"]
    with pytest.raises(ConfigurationError, match="not entered"):
        await bus.publish(message("late"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pool_size": 0},
        {"prefetch": 70_000},
        {"heartbeat": 0},
        {"timeout": float("nan")},
        {"prefix": "a\0"},
        {"url": "http://broker"},
        {"url": "amqp://u:1234/secret@broker"},
        {"url": "amqp://broker:99999/"},
    ],
)
async def test_an_option_that_makes_no_sense_is_refused_and_the_url_not_quoted(wrong: dict[str, Any]) -> None:
    wrong.setdefault("url", "amqp://broker")
    with pytest.raises(ConfigurationError) as refused:
        AmqpBus(**wrong)
    assert "secret" not in str(refused.value)


async def test_what_its_library_logs_is_not_printed_by_itself() -> None:
    for name in ("aio_pika", "aiormq"):
        assert any(isinstance(each, logging.NullHandler) for each in logging.getLogger(name).handlers)


@pytest.mark.promise("C56")
@pytest.mark.security
async def test_a_wrong_password_is_said_and_never_shown(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"amqp://guest:correct-horse@127.0.0.1:{broker.port}/"
    bus = AmqpBus(url)
    with pytest.raises(ConfigurationError, match="does not let us in") as refused:
        await bus.__aenter__()
    shown = "".join(traceback.format_exception(refused.value)) + repr(bus) + caplog.text
    assert f"127.0.0.1:{broker.port}" in shown
    assert "correct-horse" not in shown


async def test_a_broker_that_is_not_there_or_has_other_exchanges_is_said_in_time(broker: Broker) -> None:
    with pytest.raises(BusError, match=r"127\.0\.0\.1:1 cannot be reached"):
        await AmqpBus("amqp://guest:guest@127.0.0.1:1/", timeout=5).__aenter__()
    connection = await aio_pika.connect(broker.url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_exchange("other.audit", aio_pika.ExchangeType.DIRECT, durable=True)
        with pytest.raises(BusError, match=r"does not give us the exchange other\.audit of type fanout"):
            await AmqpBus(broker.url, prefix="other", timeout=5).__aenter__()
        await channel.exchange_delete("other.audit")


async def test_cancelling_leaves_no_connection_and_passes_as_what_it_is(broker: Broker) -> None:
    with anyio.move_on_after(0.5) as scope:
        async with AmqpBus(broker.url, prefix="cancelled") as bus, bus.subscribe(Nerve.AUDIT) as heard:
            await anext(heard)
    assert scope.cancelled_caught
    assert await asked(broker, "list_connections", "name") == []
    assert not [line for line in await asked(broker, "list_queues", "name") if line[0].startswith("cancelled.")]


async def test_a_bus_that_is_not_entered_or_entered_twice_says_so(broker: Broker) -> None:
    bus = AmqpBus(broker.url)
    with pytest.raises(ConfigurationError, match="not entered"):
        await bus.publish(message("a"))
    with pytest.raises(ConfigurationError, match="not entered"):
        async with bus.subscribe(Nerve.AUDIT):
            pass
    async with bus:
        assert bus.connected
        with pytest.raises(PayloadError, match="are the most"):
            await bus.publish(message("a", body={"text": "x" * 100_000}))
        with pytest.raises(ConfigurationError, match="entered already"):
            await bus.__aenter__()
    assert not bus.connected


async def test_what_was_taken_by_the_broker_is_heard_also_by_who_comes_back_after_it_restarted(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with restartable_broker(tmp_path_factory.mktemp("restarted")) as broker:
        way = Way(broker.port)
        async with (
            way.open() as port,
            AmqpBus(f"amqp://guest:guest@127.0.0.1:{port}/") as there,
            AmqpBus(broker.url) as here,
            there.subscribe(Nerve.COMMANDS) as heard,
        ):
            await here.publish(message("before", Nerve.COMMANDS))
            assert await following(heard) == ["before"]
            way.passable = anyio.Event()  # who listens comes back late
            await anyio.to_thread.run_sync(broker.restart)
            await publish_at_last(here, message("first", Nerve.COMMANDS))
            way.passable.set()
            await publish_at_last(here, message("second", Nerve.COMMANDS))
            assert "first" in await following(heard, 2)
