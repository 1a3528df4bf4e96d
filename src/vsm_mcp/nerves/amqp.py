"""The bus over AMQP 0-9-1 (RabbitMQ and its like): messages between systems on many machines; extra ``amqp``."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from math import inf
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from pydantic import SecretStr

from vsm_mcp.errors import BusError, ConfigurationError, ExtraMissingError, PayloadError
from vsm_mcp.nerves.message import ALGEDONIC_SECONDS, Message, Nerve, fits, refuse_no_pattern
from vsm_mcp.nerves.wire import Reader, Wire
from vsm_mcp.world.clock import Clock, SystemClock
from vsm_mcp.world.loops import refuse_other_loops

try:
    from aio_pika import DeliveryMode, ExchangeType, RobustConnection
    from aio_pika import Message as Letter
    from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel
    from aio_pika.connection import make_url
    from aio_pika.exceptions import AMQPException, AuthenticationError, ProbableAuthenticationError
    from aio_pika.pool import Pool
except ImportError as _missing:
    raise ExtraMissingError("amqp") from _missing

T = TypeVar("T")

DEFAULT_POOL = 10
DEFAULT_PREFETCH = 50
DEFAULT_HEARTBEAT = 30

ALGEDONIC_PRIORITY = 255
MOST_PREFETCHED = 65_535

_KINDS = {
    Nerve.COMMANDS: ExchangeType.TOPIC,
    Nerve.AUDIT: ExchangeType.FANOUT,
    Nerve.ALGEDONIC: ExchangeType.DIRECT,
    Nerve.HORIZONTAL: ExchangeType.TOPIC,
    Nerve.INTELLIGENCE: ExchangeType.TOPIC,
}
_SEAL = "x-vsm-seal"
_MOST_QUEUED = 10_000
_MOST_QUEUED_BYTES = 16 * 1024 * 1024
_QUEUE_KEPT_MS = 60_000
_RECONNECT_AFTER = 1.0
_FAREWELL = 1.0
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BROKEN = (AMQPException, OSError, RuntimeError)

for _name in ("aio_pika", "aiormq"):  # or Python prints what they log where the host has configured nothing
    logging.getLogger(_name).addHandler(logging.NullHandler())


class AmqpBus:
    """Carries messages between systems on many machines, over a broker that speaks AMQP 0-9-1. asyncio only.

    Each nerve is an exchange: ``vsm.commands`` (topic), ``vsm.audit`` (fanout), ``vsm.algedonic`` (direct, priority
    255, kept for 60 s at most), ``vsm.horizontal`` and ``vsm.intelligence`` (topic). Every subscription has a queue of
    its own that the broker forgets a minute after its subscriber went; what is older than two minutes when it is taken
    is refused. When the connection breaks it is made again, and subscriptions go on.

    Use it as an asynchronous context manager.

    Args:
        url: Where the broker is: ``amqps://user:password@host/vhost``. Never shown.
        pool_size: Channels for publishing, and so messages that may wait for the broker's word at once.
        key: The key that all systems on the bus share; with one, messages are sealed and others are refused.
        prefix: What the names of exchanges begin with: systems with another prefix are strangers.
        prefetch: Messages that the broker hands to one subscription before the first is taken.
        heartbeat: Seconds between signs of life; a connection without is broken.
        timeout: Seconds that connecting and each publishing may take.
        clock: Says when a message is too old.

    Attributes:
        refused: Messages that arrived and were refused.
        why_refused: Why the newest of them was.

    Raises:
        ConfigurationError: The URL is none, or an option makes no sense.
        ExtraMissingError: The extra ``amqp`` is not installed.
    """

    def __init__(
        self,
        url: SecretStr | str,
        *,
        pool_size: int = DEFAULT_POOL,
        key: SecretStr | None = None,
        prefix: str = "vsm",
        prefetch: int = DEFAULT_PREFETCH,
        heartbeat: int = DEFAULT_HEARTBEAT,
        timeout: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        """Keep where the broker is."""
        self._url = url if isinstance(url, SecretStr) else SecretStr(url)
        self._where = _place(self._url)
        if not (min(pool_size, heartbeat) >= 1 and 1 <= prefetch <= MOST_PREFETCHED and 0 < timeout < inf):
            raise ConfigurationError(
                f"pool_size, heartbeat and timeout must be more than 0, and prefetch 1 to {MOST_PREFETCHED}.",
                remedies=("Leave out what makes no sense.",),
            )
        if _PREFIX.fullmatch(prefix) is None:
            raise ConfigurationError(f"{prefix[:60]!r} is no prefix.", remedies=("Use letters, digits, _ . and -.",))
        self._clock = clock or SystemClock()
        self._wire = Wire(self._clock, key=key, scope=prefix)
        self._prefix = prefix
        self._pool_size = pool_size
        self._prefetch = prefetch
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._life: AsyncExitStack | None = None
        self._entered = False
        self._streams: set[MemoryObjectSendStream[Message]] = set()
        self._connection: RobustConnection | None = None
        self._pool: Pool[AbstractRobustChannel] | None = None
        self.refused: int = 0
        self.why_refused: str = ""

    def __repr__(self) -> str:
        """Show where the broker is, without the password."""
        return f"AmqpBus({self._where}, connected={self.connected}, refused={self.refused})"

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and self._connection.connected.is_set()

    async def __aenter__(self) -> Self:
        """Connect, and make the exchanges that are not there yet.

        Raises:
            BusError: The broker cannot be reached, or has other exchanges of these names.
            ConfigurationError: It does not let us in; the event loop is not asyncio's; or the bus is entered already.
        """
        if self._entered:
            raise ConfigurationError("This AmqpBus is entered already.", remedies=("Make another one.",))
        refuse_other_loops("AMQP is spoken", instead="Give ViableSystem a bus of your own.")
        self._entered = True
        async with AsyncExitStack() as stack:
            stack.callback(self._left)
            self._connection = await self._connected(stack)
            declaring = await self._asked(self._channel(), "did not open a channel")
            stack.push_async_callback(self._ended, declaring.close)
            for nerve, kind in _KINDS.items():
                await self._asked(
                    declaring.declare_exchange(self._exchange(nerve), kind, durable=True),
                    f"does not give us the exchange {self._exchange(nerve)} of type {kind.value}",
                )
            self._pool = Pool(self._channel, max_size=self._pool_size)
            stack.push_async_callback(self._ended, self._pool.close)
            self._life = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all subscriptions, and close the connection."""
        life, self._life = self._life, None
        for stream in self._streams:
            stream.close()
        if life is not None:
            await life.aclose()

    def _left(self) -> None:
        self._entered, self._connection, self._pool = False, None, None

    async def publish(self, message: Message, /) -> None:
        """Hand a message to the broker, and return when it has it.

        Raises:
            BusError: The broker did not take it in time; it may have it nevertheless.
            PayloadError: It is too large, or no other system could read it.
            ConfigurationError: The bus is not entered.
        """
        data, seal = self._wire.write(message)
        algedonic = message.nerve is Nerve.ALGEDONIC
        age = (self._clock.now() - message.sent_at).total_seconds()
        letter = Letter(
            data,
            headers={} if seal is None else {_SEAL: seal},
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT if message.nerve is Nerve.AUDIT else DeliveryMode.NOT_PERSISTENT,
            priority=ALGEDONIC_PRIORITY if algedonic else 0,
            expiration=max(0.0, ALGEDONIC_SECONDS - max(0.0, age)) if algedonic else None,
            message_id=message.id,
            timestamp=message.sent_at,
        )
        await self._asked(self._publish(letter, message), f"did not take a message about {message.topic}")

    @asynccontextmanager
    async def subscribe(self, nerve: Nerve, /, topic: str = "#") -> AsyncGenerator[AsyncIterator[Message]]:
        """Hear a nerve within the context; the iteration ends when the bus is left.

        What the broker holds waits for a slow subscriber, up to 10,000 messages and two minutes.

        Raises:
            BusError: The broker does not answer.
            ConfigurationError: ``topic`` is no pattern, or the bus is not entered.
        """
        refuse_no_pattern(topic)
        to, taken = anyio.create_memory_object_stream[Message]()
        take = partial(self._take, topic=topic, reader=self._wire.reader(nerve), to=to)
        async with AsyncExitStack() as stack:
            stack.enter_context(to)
            stack.enter_context(taken)
            self._streams.add(to)
            stack.callback(self._streams.discard, to)
            channel = await self._asked(self._channel(), "did not open a channel")
            stack.push_async_callback(self._ended, channel.close)
            await self._asked(channel.set_qos(self._prefetch), "did not take a bound on deliveries")
            queue = await self._asked(
                channel.declare_queue(
                    f"{self._exchange(nerve)}.{uuid4().hex}", durable=True, arguments=_queue_of(nerve)
                ),
                "did not make a queue",
            )
            stack.push_async_callback(self._ended_there, partial(queue.delete, if_unused=False, if_empty=False))
            await self._asked(queue.bind(self._exchange(nerve), _key(nerve, topic)), "did not bind a queue")
            tag = await self._asked(queue.consume(take), "did not deliver")
            stack.push_async_callback(self._ended_there, partial(queue.cancel, tag))
            yield taken

    async def _connected(self, stack: AsyncExitStack) -> RobustConnection:
        url = self._url.get_secret_value()
        ours = {"heartbeat": str(self._heartbeat), "reconnect_interval": str(_RECONNECT_AFTER), "name": "vsm_mcp"}
        for name in parse_qs(urlsplit(url).query):
            ours.pop(name, None)
        connection = RobustConnection(make_url(f"{url}{'&' if '?' in url else '?'}{urlencode(ours)}"))
        stack.push_async_callback(self._ended, connection.close)
        try:
            await self._asked(connection.connect(self._timeout), "cannot be reached")
        except BusError as error:
            if isinstance(error.__cause__, ProbableAuthenticationError | AuthenticationError):
                raise ConfigurationError(
                    f"The broker at {self._where} does not let us in.",
                    remedies=("Look at user, password and virtual host in the URL.",),
                ) from error
            raise
        return connection

    async def _channel(self) -> AbstractRobustChannel:
        if self._connection is None:
            raise _not_entered()
        channel = self._connection.channel()
        await channel
        return channel

    async def _publish(self, letter: Letter, message: Message) -> None:
        if self._pool is None:
            raise _not_entered()
        async with self._pool.acquire() as channel:
            exchange = await channel.get_exchange(self._exchange(message.nerve), ensure=False)
            await exchange.publish(letter, _key(message.nerve, message.topic), mandatory=False)

    async def _take(
        self,
        letter: AbstractIncomingMessage,
        *,
        topic: str,
        reader: Reader,
        to: MemoryObjectSendStream[Message],
    ) -> None:
        """Hand what arrived to its subscriber; the broker hears that it was taken, not merely that it arrived."""
        seal = letter.headers.get(_SEAL)
        try:
            message = reader.read(letter.body, seal if isinstance(seal, str) else None)
        except PayloadError as error:
            self.refused += 1
            self.why_refused = error.message
            with suppress(*_BROKEN):
                await letter.reject(requeue=False)
            return
        try:
            if fits(message.topic, topic):
                await to.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the subscriber went
        except asyncio.CancelledError:  # the connection broke, and the broker will deliver it once more
            reader.forget(message)
            raise
        with suppress(*_BROKEN):
            await letter.ack()

    async def _asked(self, asked: Awaitable[T], otherwise: str, seconds: float | None = None) -> T:
        """Return what the broker answers in time.

        Raises:
            BusError: It does not answer, or says no; ``otherwise`` says what it did not do.
        """
        reason: BaseException
        try:
            with anyio.fail_after(self._timeout if seconds is None else seconds):
                return await asked
        except asyncio.CancelledError as error:  # the library ends its own futures like this when a connection breaks
            if _cancelled():
                raise
            reason = error
        except _BROKEN as error:
            reason = error
        raise BusError(
            f"The broker at {self._where} {otherwise}: {type(reason).__name__}.",
            remedies=("Look whether the broker is up and lets this host in: user, password, virtual host, rights.",),
        ) from reason

    async def _ended(self, end: Callable[[], Awaitable[object]]) -> None:
        """End something, also when this task is cancelled; fine if the broker is gone."""
        with anyio.CancelScope(shield=True), suppress(BusError):
            await self._asked(end(), "did not say farewell", _FAREWELL)

    async def _ended_there(self, end: Callable[[], Awaitable[object]]) -> None:
        """End something at the broker. Without a connection there is nothing to ask, and it ends by itself."""
        if self.connected:
            await self._ended(end)

    def _exchange(self, nerve: Nerve) -> str:
        return f"{self._prefix}.{nerve}"


def _not_entered() -> ConfigurationError:
    return ConfigurationError("This AmqpBus is not entered.", remedies=("Use it as `async with AmqpBus(...)`.",))


def _key(nerve: Nerve, topic: str) -> str:
    """Return the routing key: a direct exchange has but one, so that no pain is missed."""
    return str(nerve) if _KINDS[nerve] is ExchangeType.DIRECT else topic


def _queue_of(nerve: Nerve) -> dict[str, int | str]:
    """Return what the broker is told of the queue of a subscription."""
    bounds: dict[str, int | str] = {
        "x-expires": _QUEUE_KEPT_MS,
        "x-max-length": _MOST_QUEUED,
        "x-max-length-bytes": _MOST_QUEUED_BYTES,
        "x-overflow": "drop-head",
    }
    if nerve is Nerve.ALGEDONIC:  # for higher priorities 1 is the highest; more cost the broker megabytes
        bounds |= {"x-max-priority": 1, "x-message-ttl": ALGEDONIC_SECONDS * 1000}
    return bounds


def _place(url: SecretStr) -> str:
    """Return host and port of a URL, which may be shown.

    Raises:
        ConfigurationError: It is no URL of a broker; it is not quoted, as there may be a password in it.
    """
    try:
        parts = urlsplit(url.get_secret_value())
        if (
            parts.scheme in {"amqp", "amqps"}
            and parts.hostname
            and "@" not in parts.path + parts.query + parts.fragment
        ):
            return f"{parts.hostname}:{parts.port or (5671 if parts.scheme == 'amqps' else 5672)}"
    except ValueError:
        pass  # and so it is none
    raise ConfigurationError(
        "The URL of the broker makes no sense.",
        remedies=(
            "Write it as amqps://user:password@host:5671/vhost, with what is special in them as %40 and the like.",
        ),
    )


def _cancelled() -> bool:
    """Return whether this very task is to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
