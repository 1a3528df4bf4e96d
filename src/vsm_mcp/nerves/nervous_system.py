"""NervousSystem: what one system tells others over a bus, and what it hears from them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Literal, TypeAlias

import anyio
from anyio.abc import TaskStatus
from pydantic import Field

from vsm_mcp.errors import BusError, VSMError
from vsm_mcp.events import BusLost, BusRestored, Event, EventSink, MessageHeard, MessageRefused
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.report import Report
from vsm_mcp.nerves.bus import Bus
from vsm_mcp.nerves.mailbox import DEFAULT_MOST, Mailbox
from vsm_mcp.nerves.message import ALGEDONIC_SECONDS, Message, Nerve
from vsm_mcp.nerves.routes import nerve_of, told
from vsm_mcp.nerves.wire import OLDEST
from vsm_mcp.world.clock import Clock

FAREWELL = 2.0
"""Seconds in which what still waits is told when the system is left."""

_Way: TypeAlias = Literal["in", "out"]

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class NervesCount(Report, frozen=True):
    """What went over the nerves since the system was entered.

    Attributes:
        connected: Whether all nerves worked when they were used last.
        sent: Messages that the bus took.
        heard: Messages of others.
        waiting: Messages that are still to be sent.
        dropped: Messages that were given up: too many waited, or the bus was away for too long.
        refused: Messages that the bus would never take.
    """

    connected: bool
    sent: int = Field(ge=0)
    heard: int = Field(ge=0)
    waiting: int = Field(ge=0)
    dropped: int = Field(ge=0)
    refused: int = Field(ge=0)


class NervousSystem:
    """Tells others what happens in a system, and says what they tell as `MessageHeard`.

    Nothing of the system ever waits for the bus. Each nerve has its own place for messages that wait and its own task,
    so that no flood on one delays pain on another; within a nerve the order is kept.

    Args:
        bus: Carries the messages.
        node: The name of this system.
        run: Begins the names of its messages, which no other run may have; what it said itself it does not hear.
        clock: Says when a message is sent, and when it is too old to be worth sending.
        emit: Hears of what others say, and of a bus that is lost.
        most: Messages that may wait on each nerve.
    """

    def __init__(
        self, bus: Bus, *, node: str, run: str, clock: Clock, emit: EventSink, most: int = DEFAULT_MOST
    ) -> None:
        """Connect nothing yet."""
        self._bus = bus
        self._node = node
        self._run = run
        self._clock = clock
        self._emit = emit
        self._boxes: Mapping[Nerve, Mailbox] = {nerve: Mailbox(most=most) for nerve in Nerve}
        self._made = 0
        self._sent = 0
        self._heard = 0
        self._late = 0
        self._refused = 0
        self._lost: set[tuple[Nerve, _Way]] = set()

    def __repr__(self) -> str:
        """Show who it speaks for and what went over it."""
        count = self.count
        return f"NervousSystem({self._node!r}, sent={count.sent}, heard={count.heard}, waiting={count.waiting})"

    @property
    def node(self) -> str:
        """The name under which it speaks."""
        return self._node

    @property
    def count(self) -> NervesCount:
        """What went over the nerves until now."""
        boxes = self._boxes.values()
        return NervesCount(
            connected=not self._lost,
            sent=self._sent,
            heard=self._heard,
            waiting=sum(len(box) for box in boxes),
            dropped=self._late + sum(box.dropped for box in boxes),
            refused=self._refused,
        )

    async def publish(self, nerve: Nerve, topic: str, body: JsonObject) -> None:
        """Tell others something of the host's own, and return when the bus has it.

        Args:
            nerve: On which nerve.
            topic: About what: words joined by dots.
            body: What there is to say, as JSON.

        Raises:
            BusError: The bus cannot take it now.
            PayloadError: It is too large or no JSON.
            ConfigurationError: The topic is none.
        """
        await self._bus.publish(self._message(nerve, topic, body))
        self._sent += 1

    def say(self, nerve: Nerve, topic: str, body: JsonObject) -> None:
        """Tell others as soon as the bus takes it; returns at once.

        Raises:
            ConfigurationError: The topic is none.
        """
        self._boxes[nerve].put(self._message(nerve, topic, body))

    def hear(self, event: Event, /) -> None:
        """Tell others of an event, if it concerns them."""
        nerve = nerve_of(event)
        if nerve is not None:
            self.say(nerve, *told(event))

    @asynccontextmanager
    async def alive(self) -> AsyncGenerator[None]:
        """Send and hear within the context. What waits at its end has two seconds to be sent.

        Raises:
            BusError: The bus cannot be subscribed to.
        """
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        try:
            for nerve in Nerve:
                await tasks.start(self._listen, nerve)
                tasks.start_soon(self._send, nerve)
            try:
                yield
            finally:
                await self._say_farewell()
        finally:
            tasks.cancel_scope.cancel()
            await tasks.__aexit__(None, None, None)  # what the body raised passes bare

    async def _say_farewell(self) -> None:
        """Wait until all is sent, as far as there is hope and time."""
        with anyio.move_on_after(FAREWELL, shield=True):
            for nerve, box in self._boxes.items():
                if (nerve, "out") not in self._lost:
                    await box.emptied()

    def _message(self, nerve: Nerve, topic: str, body: JsonObject) -> Message:
        self._made += 1
        return Message(
            nerve=nerve,
            topic=topic,
            body=dict(body),
            node=self._node,
            sent_at=self._clock.now(),
            id=f"{self._run}-{self._made}",
        )

    async def _send(self, nerve: Nerve) -> None:
        box = self._boxes[nerve]
        while True:
            message = await box.first()
            await self._deliver(message)
            box.done(message)

    async def _deliver(self, message: Message) -> None:
        """Give a message to the bus, however often that takes, until it is too old."""
        pause = _FIRST_PAUSE
        until = anyio.current_time() + self._left(message)
        while anyio.current_time() < until:
            try:
                await self._bus.publish(message)
            except (BusError, OSError) as error:  # a TimeoutError is one, too
                self._lose(message.nerve, "out", error)
            except Exception as error:  # noqa: BLE001 - a bus may be a host's own, and this task must go on
                self._refused += 1
                self._tell(MessageRefused(nerve=message.nerve, topic=message.topic, reason=_reason(error)))
                return
            else:
                self._sent += 1
                self._find(message.nerve, "out")
                return
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._late += 1

    def _left(self, message: Message) -> float:
        """Return for how many seconds a message is worth sending, also when the clock was set meanwhile."""
        longest = ALGEDONIC_SECONDS if message.nerve is Nerve.ALGEDONIC else OLDEST.total_seconds()
        age = (self._clock.now() - message.sent_at).total_seconds()
        return longest - max(0.0, age)

    async def _listen(self, nerve: Nerve, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Say what others say; when the bus ends a subscription, subscribe again."""
        begun = False
        while True:
            try:
                async with self._bus.subscribe(nerve) as messages:
                    if begun:
                        self._find(nerve, "in")
                    else:
                        begun = True
                        task_status.started()
                    async for message in messages:
                        self._take(message)
                self._lose(nerve, "in", BusError("A subscription ended.", remedies=("Look whether the bus is up.",)))
            except Exception as error:
                if not begun:
                    raise
                self._lose(nerve, "in", error)
            await anyio.sleep(_LONGEST_PAUSE)

    def _take(self, message: Message) -> None:
        if message.id.startswith(f"{self._run}-"):
            return
        self._heard += 1
        self._tell(
            MessageHeard(
                node=message.node,
                nerve=message.nerve,
                topic=message.topic,
                body=message.body,
                sent_at=message.sent_at,
            )
        )

    def _lose(self, nerve: Nerve, way: _Way, error: Exception) -> None:
        first = not self._lost
        self._lost.add((nerve, way))
        if first:
            self._tell(BusLost(reason=_reason(error)))

    def _find(self, nerve: Nerve, way: _Way) -> None:
        if self._lost:
            self._lost.discard((nerve, way))
            if not self._lost:
                self._tell(BusRestored(dropped=self.count.dropped))

    def _tell(self, event: Event) -> None:
        """Tell the host. A sink must not raise; if one does, nobody outside shall be able to make it end the system."""
        with suppress(Exception):
            self._emit(event)


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, VSMError) else f"{type(error).__name__}: {error}"
