"""What is asked and answered between two who need no pipe: bounds, floods, deadlines and callers who go away."""

import json
import math
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from vsm_mcp.servers.links.lean.dispatcher import MOST_UNSENT, Dispatcher
from vsm_mcp.servers.links.lean.messages import request
from vsm_mcp.servers.links.lean.outcomes import Answered, Gone, Late, Outcome, Oversized, Refused, Unreadable
from vsm_mcp.servers.links.wire.framing import MOST_REQUESTS
from vsm_mcp.servers.links.wire.wire import Bounds


class Slot:
    """Waits as the event loop at hand does."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._outcome: Outcome = Late()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: Outcome, /) -> None:
        assert not self._event.is_set()
        self._outcome = result
        self._event.set()

    def __await__(self) -> Generator[object, None, Outcome]:
        yield from self._event.wait().__await__()
        return self._outcome


@dataclass(slots=True)
class Lines:
    """A wire that keeps what is sent; `room` says how many bytes the other side has taken."""

    sent: list[bytes] = field(default_factory=list[bytes])
    queued: int = 0
    written: int = 0
    moved: float = 0.0
    reading: bool = True

    def now(self) -> float:
        return anyio.current_time()

    def waiter(self) -> Slot:
        return Slot()

    def send(self, line: bytes, /) -> int:
        self.sent.append(line)
        self.queued += len(line)
        if self.reading:
            self.written, self.moved = self.queued, anyio.current_time()
        return self.queued

    def resume(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    async def run(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Talk:
    dispatcher: Dispatcher
    lines: Lines
    heard: list[str]
    kills: list[None]
    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])

    async def ask(self, *, seconds: float = 20) -> None:
        number = self.dispatcher.next()
        until = anyio.current_time() + seconds
        self.outcomes[number] = await self.dispatcher.ask(number, request(number, "m", b"{}"), until=until)

    def hear(self, *messages: object) -> float:
        return self.dispatcher.heard(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def answer(self, number: object, **more: object) -> float:
        return self.hear({"jsonrpc": "2.0", "id": number, "result": {}, **more})


@asynccontextmanager
async def talking(bounds: Bounds | None = None) -> AsyncGenerator[Talk]:
    heard, kills, lines = list[str](), list[None](), Lines()
    dispatcher = Dispatcher(
        kill=lambda: kills.append(None), noticed=heard.append, bounds=bounds or Bounds(), remembered=10
    )
    dispatcher.join(lines)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.expire)
        yield Talk(dispatcher=dispatcher, lines=lines, heard=heard, kills=kills)
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_answers_reach_those_who_asked_in_whatever_order() -> None:
    async with talking() as talk:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(talk.ask)
            await anyio.wait_all_tasks_blocked()
            talk.answer(3)
            talk.answer("1")
            talk.hear({"jsonrpc": "2.0", "id": 2, "error": {"code": -5, "message": "no", "data": [1]}})
        assert talk.outcomes == {
            1: Answered({}, 43),
            2: Refused(code=-5, message="no", data=[1]),
            3: Answered({}, 41),
        }


@pytest.mark.anyio
@pytest.mark.parametrize(
    "useless",
    [
        [1], "text", {"jsonrpc": "1.0", "id": 9, "result": {}}, {"jsonrpc": "2.0", "id": 99, "result": {}},
        {"jsonrpc": "2.0", "id": "01", "result": {}}, {"jsonrpc": "2.0", "id": "\uff11", "result": {}},
        {"jsonrpc": "2.0", "id": True, "result": {}}, {"jsonrpc": "2.0", "id": 1.0, "result": {}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "method": 7}, {"jsonrpc": "2.0", "method": "m", "params": [1]},
    ],
)  # fmt: skip
async def test_what_answers_nobody_is_counted_and_answers_nobody(useless: object) -> None:
    async with talking() as talk, anyio.create_task_group() as tasks:
        tasks.start_soon(talk.ask)
        await anyio.wait_all_tasks_blocked()
        talk.hear(useless)
        talk.dispatcher.heard(b"   \nno json\n")
        assert talk.dispatcher.noise.total == 2
        assert talk.outcomes == {}
        talk.answer(1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "garbled",
    [
        b'{"id": 1, "result": {}}', b'{"jsonrpc":"2.0","id":1,"result":[]}', b'{"jsonrpc":"2.0","id":1,"result":{"a":',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"x"}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    ],
)  # fmt: skip
async def test_what_is_no_message_but_names_its_request_ends_the_wait_for_it(garbled: bytes) -> None:
    async with talking() as talk:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.ask)
            await anyio.wait_all_tasks_blocked()
            talk.dispatcher.heard(garbled + b"\n")
        assert talk.outcomes == {1: Unreadable()}
        assert talk.dispatcher.noise.total == 1


@pytest.mark.anyio
async def test_a_flood_of_noise_ends_the_connection_and_the_process() -> None:
    async with talking() as talk, anyio.create_task_group() as tasks:
        tasks.start_soon(talk.ask)
        await anyio.wait_all_tasks_blocked()
        for _ in range(11):
            talk.dispatcher.heard(b"noise\n" * 100)
        assert talk.dispatcher.broken == "The server wrote 1001 lines (5005 bytes) that answer nothing"
        assert talk.kills
    assert talk.outcomes == {1: Gone()}


@pytest.mark.anyio
async def test_a_line_may_come_in_pieces_but_not_without_end() -> None:
    async with talking(Bounds(response=100)) as talk:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.ask)
            await anyio.wait_all_tasks_blocked()
            talk.dispatcher.heard(b'{"jsonrpc":"2.0",')
            talk.dispatcher.heard(b'"id":1,"result":{}}\n{"json')
        assert talk.outcomes == {1: Answered({}, 36)}
        for _ in range(7):
            talk.dispatcher.heard(b"x" * 2**20)
        assert talk.dispatcher.broken == f"The server wrote a line of more than {6 * 2**20 + 100} bytes"


@pytest.mark.anyio
async def test_an_answer_beyond_the_bound_is_not_read() -> None:
    async with talking(Bounds(response=100)) as talk:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.ask)
            tasks.start_soon(talk.ask)
            await anyio.wait_all_tasks_blocked()
            talk.answer(1, result={"text": "x" * 100})
            talk.dispatcher.heard(b'{"jsonrpc":"2.0","id":2,"result":{"r":[' + b"1," * 200_000 + b"1]}}\n")
        assert talk.outcomes == {
            1: Oversized(said="151 bytes are more than the 100 allowed"),
            2: Oversized(said="its 400043 bytes hold more than the 200000 values allowed"),
        }
        assert talk.dispatcher.broken is None
        talk.dispatcher.heard(b"[" + b"1," * 200_000 + b"1]\n")
        assert talk.dispatcher.broken is not None


@pytest.mark.anyio
async def test_too_many_notices_are_left_unread_for_a_while_and_then_end_the_connection() -> None:
    notice = b'{"jsonrpc":"2.0","method":"notifications/message"}\n'
    async with talking() as talk:
        assert talk.dispatcher.heard(notice * 10_000) == 0
        assert talk.heard == ["notifications/message"] * 10_000
        assert 0 < talk.dispatcher.heard(notice * 5000) < 5.1
        talk.dispatcher.heard(b'{"jsonrpc":"2.0","method":"m","params":{"t":"' + b"x" * 9_000_000 + b'"}}\n')
        assert "floods its connection with notifications" in str(talk.dispatcher.broken)


@pytest.mark.anyio
async def test_too_many_requests_of_the_server_end_the_connection() -> None:
    async with talking() as talk:
        asked = [{"jsonrpc": "2.0", "id": f"r{number}", "method": "roots/list"} for number in range(MOST_REQUESTS)]
        talk.hear(*asked)
        assert len(talk.lines.sent) == MOST_REQUESTS
        talk.hear(*asked)
        assert "floods its connection with requests" in str(talk.dispatcher.broken)


@pytest.mark.anyio
async def test_a_request_ends_at_its_deadline_even_if_a_later_one_was_set_before() -> None:
    async with talking() as talk, anyio.create_task_group() as tasks:
        tasks.start_soon(talk.ask)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            await talk.ask(seconds=0.05)
        assert talk.outcomes == {2: Late()}
        assert json.loads(talk.lines.sent[-1])["params"] == {"requestId": 2, "reason": "timed out"}
        talk.answer(2)
        assert talk.dispatcher.noise.total == 0, "it was waited for once"
        talk.answer(2)
        assert talk.dispatcher.noise.total == 1
        talk.answer(1)


@pytest.mark.anyio
async def test_of_what_was_given_up_the_newest_is_remembered() -> None:
    async with talking() as talk:
        for _ in range(11):
            with anyio.CancelScope() as gone:
                gone.cancel()
                await talk.ask()
        talk.answer(1)
        assert talk.dispatcher.noise.total == 1
        talk.answer(2)
        assert talk.dispatcher.noise.total == 1


@pytest.mark.anyio
async def test_a_request_that_finds_no_room_is_not_sent_after_its_deadline() -> None:
    async with talking() as talk:
        talk.lines.reading = False
        talk.lines.send(b"x" * (MOST_UNSENT + 1))
        with anyio.fail_after(5):
            await talk.ask(seconds=0.05)
        assert (talk.outcomes, len(talk.lines.sent)) == ({1: Late()}, 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.ask)
            await anyio.wait_all_tasks_blocked()
            talk.lines.reading, talk.lines.written = True, talk.lines.queued
            talk.dispatcher.drained()
            await anyio.wait_all_tasks_blocked()
            talk.answer(2)
        assert talk.outcomes[2] == Answered({}, 41)


@pytest.mark.anyio
async def test_whoever_waits_for_room_hears_of_the_end() -> None:
    async with talking() as talk, anyio.create_task_group() as tasks:
        talk.lines.reading = False
        talk.lines.send(b"x" * (MOST_UNSENT + 1))
        tasks.start_soon(talk.ask)
        await anyio.wait_all_tasks_blocked()
        talk.dispatcher.over()
    assert talk.outcomes == {1: Gone()}


@pytest.mark.anyio
async def test_a_request_that_nothing_was_taken_of_ends_the_connection_at_its_deadline() -> None:
    async with talking() as talk:
        talk.lines.reading = False
        with anyio.fail_after(5):
            await talk.ask(seconds=0.05)
        assert talk.outcomes == {1: Late()}
        assert talk.dispatcher.broken == "the server stopped reading its input"
        assert talk.kills
        await talk.ask()
        assert talk.outcomes[2] == Gone()


@pytest.mark.anyio
async def test_a_request_that_others_are_before_does_not_end_a_connection_that_moves() -> None:
    async with talking() as talk:
        talk.lines.reading = False

        async def take() -> None:
            while not talk.outcomes:
                await anyio.sleep(0.01)
                talk.lines.moved = anyio.current_time()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            await talk.ask(seconds=0.1)
        assert talk.dispatcher.broken is None


@pytest.mark.anyio
async def test_what_stays_open_is_not_what_a_flood_is_waited_with_for() -> None:
    async with talking() as talk, anyio.create_task_group() as tasks:

        async def listen() -> None:
            talk.outcomes[7] = await talk.dispatcher.stand(7, request(7, "listen", b"{}"))

        tasks.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        talk.answer(7)
    assert talk.outcomes == {7: Answered({}, 41)}


@pytest.mark.anyio
async def test_an_answer_to_a_caller_that_is_just_being_cancelled_harms_nobody() -> None:
    async with talking() as talk:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.ask)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            talk.answer(1)
            talk.dispatcher.over()
        assert talk.dispatcher.noise.total == 0
    assert math.isfinite(talk.lines.moved)
