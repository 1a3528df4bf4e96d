"""No agent can have a tool left alone for others by calls that fail; what fails for several is left alone for all."""

from collections.abc import Callable

import anyio
import pytest

from vsm_mcp.errors import LinkError, ToolError, VSMError
from vsm_mcp.events import CircuitClosed, CircuitOpened
from vsm_mcp.guard.breaker import BreakerOptions, CircuitBreaker, CircuitState
from vsm_mcp.guard.rules.circuits import MOST_AGENTS
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.testing.world import RecordingSink

pytestmark = pytest.mark.anyio
WELL = ToolResult(text="fine")


class Server:
    """Fails for those it was told to; its time is set by hand."""

    def __init__(self) -> None:
        self.fails_for: Callable[[str], bool] = lambda _: False
        self.asked: list[str] = []
        self.time = 100.0
        self.gate: anyio.Event | None = None

    def now(self) -> float:
        return self.time

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.asked.append(call.agent)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails_for(call.agent):
            raise ToolError("Bad arguments.")
        return WELL


async def ask(breaker: CircuitBreaker, agent: str, *, tool: str = "read") -> str:
    try:
        return (await breaker.call(ToolCall(server="files", tool=tool, agent=agent))).text
    except VSMError as error:
        return type(error).__name__


@pytest.mark.promise("A34")
async def test_who_makes_calls_that_fail_is_stopped_and_the_others_are_not() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    server.fails_for = lambda agent: agent == "clumsy"
    for _ in range(40):
        await ask(breaker, "clumsy")
        assert await ask(breaker, "ann") == "fine"
    assert await ask(breaker, "clumsy") == "CircuitOpenError"
    assert await ask(breaker, "newcomer") == "fine"
    assert server.asked.count("clumsy") == 10
    assert breaker.state("files", "read", agent="clumsy") is CircuitState.OPEN
    assert breaker.state("files", "read", agent="ann") is CircuitState.CLOSED
    assert breaker.state("files", "read") is CircuitState.OPEN


async def test_rare_failures_of_the_others_do_not_help_who_makes_calls_that_fail() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    for turn in range(40):
        server.fails_for = lambda agent, turn=turn: agent == "clumsy" or turn % 8 == 0
        await ask(breaker, "clumsy")
        assert await ask(breaker, "ann") != "CircuitOpenError"


async def test_what_fails_for_several_is_left_alone_for_all_as_soon_as_that_is_no_accident() -> None:
    server, sink = Server(), RecordingSink()
    breaker = CircuitBreaker(server, emit=sink, now=server.now)
    server.fails_for = lambda _: True
    for _ in range(10):
        await ask(breaker, "ann")
    for _ in range(3):
        assert await ask(breaker, "bob") == "ToolError"
    assert await ask(breaker, "bob") == await ask(breaker, "newcomer") == "CircuitOpenError"
    assert await ask(breaker, "bob", tool="write") == "ToolError"
    assert [(event.calls, event.failures) for event in sink.of(CircuitOpened)] == [(10, 10), (13, 13)]


async def opened(server: Server, breaker: CircuitBreaker) -> None:
    server.fails_for = lambda _: True
    for agent in ("ann", "bob") * 6:
        await ask(breaker, agent)
    assert await ask(breaker, "newcomer") == "CircuitOpenError"


async def test_after_the_rest_one_call_of_anybody_tries_for_all() -> None:
    server, sink = Server(), RecordingSink()
    breaker = CircuitBreaker(server, emit=sink, now=server.now)
    await opened(server, breaker)
    server.time += 30
    server.fails_for = lambda _: False
    server.gate, made, answers = anyio.Event(), len(server.asked), list[str]()

    async def one(agent: str) -> None:
        answers.append(await ask(breaker, agent))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for agent in ("newcomer", "ann", "bob"):
                tasks.start_soon(one, agent)
            await anyio.wait_all_tasks_blocked()
            assert (len(server.asked) - made, answers) == (1, ["CircuitOpenError"] * 2)
            assert breaker.state("files", "read") is CircuitState.TRYING
            server.gate.set()
    assert answers[-1] == "fine"
    assert [await ask(breaker, agent) for agent in ("newcomer", "ann", "bob")] == ["fine"] * 3
    assert breaker.state("files", "read") is CircuitState.CLOSED
    assert CircuitClosed(server="files", tool="read") in sink.of(CircuitClosed)


async def test_who_fails_on_purpose_cannot_keep_it_closed_by_being_the_one_that_tries() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    await opened(server, breaker)
    server.time += 30
    server.fails_for = lambda agent: agent == "ann"
    assert await ask(breaker, "ann") == "ToolError"
    assert await ask(breaker, "ann") == "CircuitOpenError"
    assert await ask(breaker, "bob") == "fine"
    assert await ask(breaker, "newcomer") == "fine"


async def test_when_it_fails_for_two_in_turn_all_rest_twice_as_long() -> None:
    server, sink = Server(), RecordingSink()
    breaker = CircuitBreaker(server, emit=sink, now=server.now)
    await opened(server, breaker)
    server.time += 30
    assert await ask(breaker, "newcomer") == "ToolError"
    assert await ask(breaker, "another") == "ToolError"
    server.time += 59
    assert await ask(breaker, "third") == "CircuitOpenError"
    server.time += 1
    server.fails_for = lambda _: False
    assert await ask(breaker, "third") == "fine"
    assert [event.seconds for event in sink.of(CircuitOpened)][-3:] == [30, 30, 60]


async def test_a_trial_for_all_that_is_cancelled_leaves_the_next_one_to_try() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    await opened(server, breaker)
    server.time += 30
    server.gate = anyio.Event()
    with anyio.move_on_after(0.01):
        await ask(breaker, "ann")
    server.gate = None
    server.fails_for = lambda _: False
    assert await ask(breaker, "newcomer") == "fine"


async def test_agents_beyond_the_most_share_a_circuit_and_the_quiet_are_forgotten() -> None:
    server = Server()
    breaker = CircuitBreaker(server, BreakerOptions(most=2 * MOST_AGENTS), now=server.now)
    for number in range(MOST_AGENTS + 50):
        assert await ask(breaker, f"agent-{number}") == "fine"
    assert len(breaker._circuits) <= MOST_AGENTS + 1  # pyright: ignore[reportPrivateUsage]
    for number in range(MOST_AGENTS):
        await ask(breaker, "ann", tool=f"tool-{number}")
    server.time += 120
    await ask(breaker, "ann", tool="new")
    assert len(breaker._circuits) <= 2  # pyright: ignore[reportPrivateUsage]
    assert len(breaker._shared) <= 2  # pyright: ignore[reportPrivateUsage]


async def test_a_dead_server_is_soon_left_alone_whoever_calls() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)

    async def dead(call: ToolCall, /) -> ToolResult:
        server.asked.append(call.agent)
        raise LinkError("It broke.")

    server.call = dead  # type: ignore[method-assign]
    for number in range(200):
        await ask(breaker, f"agent-{number % 20}")
    assert len(server.asked) <= 12
