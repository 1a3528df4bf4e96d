"""What fails too often is left alone, tried with one call, and let pass again when that went well."""

from collections.abc import Callable

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vsm_mcp.errors import (
    CallTimeoutError,
    CapabilityMissingError,
    CircuitOpenError,
    LinkError,
    NeedsConfigurationError,
    PayloadError,
    ToolError,
    VSMError,
)
from vsm_mcp.events import CallRefused, CircuitClosed, CircuitOpened
from vsm_mcp.guard.breaker import BreakerOptions, BreakerScope, CircuitBreaker, CircuitState
from vsm_mcp.guard.failures import FailureCount
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.testing.world import RecordingSink

WELL = ToolResult(text="fine")


class Server:
    """Answers what it is told to; its time is set by hand."""

    def __init__(self) -> None:
        self.answer: Callable[[], ToolResult] = lambda: WELL
        self.calls = 0
        self.time = 100.0
        self.gate: anyio.Event | None = None

    def now(self) -> float:
        return self.time

    def fails(self, error: Exception) -> None:
        def answer() -> ToolResult:
            raise error

        self.answer = answer

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.answer()


async def ask(breaker: CircuitBreaker, *, tool: str = "read", server: str = "files") -> str:
    try:
        return (await breaker.call(ToolCall(server=server, tool=tool))).text
    except VSMError as error:
        return type(error).__name__


@pytest.mark.anyio
@pytest.mark.promise("A34")
async def test_it_opens_at_half_of_ten_calls_and_not_at_nine() -> None:
    server, sink = Server(), RecordingSink()
    breaker = CircuitBreaker(server, emit=sink, now=server.now)
    for _ in range(5):
        await ask(breaker)
    server.fails(LinkError("It broke."))
    for _ in range(4):
        assert await ask(breaker) == "LinkError"
    assert breaker.state("files", "read") is CircuitState.CLOSED
    assert await ask(breaker) == "LinkError"
    assert breaker.state("files", "read") is CircuitState.OPEN
    with pytest.raises(CircuitOpenError, match="'read' of files failed too often") as caught:
        await breaker.call(ToolCall(server="files", tool="read"))
    assert caught.value.retry_after == 30
    assert server.calls == 10
    assert sink.of(CircuitOpened) == [
        CircuitOpened(server="files", tool="read", agent="host", calls=10, failures=5, seconds=30)
    ]
    assert [event.guard for event in sink.of(CallRefused)] == ["breaker"]
    assert await ask(breaker, tool="write") == "LinkError"


async def opened(server: Server, breaker: CircuitBreaker) -> None:
    server.fails(LinkError("It broke."))
    for _ in range(10):
        await ask(breaker)
    assert await ask(breaker) == "CircuitOpenError"


@pytest.mark.anyio
@pytest.mark.promise("A34")
async def test_after_its_rest_exactly_one_call_tries_and_the_others_wait() -> None:
    server, sink = Server(), RecordingSink()
    breaker = CircuitBreaker(server, emit=sink, now=server.now)
    await opened(server, breaker)
    server.time += 30
    server.gate, server.answer = anyio.Event(), lambda: WELL
    made, answers = server.calls, list[str]()

    async def one() -> None:
        answers.append(await ask(breaker))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            assert breaker.state("files", "read") is CircuitState.TRYING
            assert (server.calls - made, answers) == (1, ["CircuitOpenError"] * 4)
            server.gate.set()
    assert answers[-1] == "fine"
    assert breaker.state("files", "read") is CircuitState.CLOSED
    assert sink.of(CircuitClosed) == [CircuitClosed(server="files", tool="read", agent="host")]


@pytest.mark.anyio
async def test_each_trial_that_fails_doubles_the_rest_up_to_the_longest() -> None:
    server, sink = Server(), RecordingSink()
    breaker = CircuitBreaker(server, BreakerOptions(longest_rest=100), emit=sink, now=server.now)
    await opened(server, breaker)
    for rest in (30, 60, 100, 100):
        server.time += rest - 0.5
        assert await ask(breaker) == "CircuitOpenError"
        server.time += 0.5
        assert await ask(breaker) == "LinkError"
    assert [event.seconds for event in sink.of(CircuitOpened)] == [30, 60, 100, 100, 100]


@pytest.mark.anyio
async def test_a_trial_that_is_cancelled_or_refused_by_a_guard_shows_nothing_so_the_next_call_is_the_trial() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    await opened(server, breaker)
    server.time += 30
    server.gate = anyio.Event()
    with anyio.move_on_after(0.01):
        await ask(breaker)
    server.gate = None
    server.fails(PayloadError("Too large."))
    assert await ask(breaker) == "PayloadError"
    server.answer = lambda: WELL
    assert await ask(breaker) == "fine"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "error", [PayloadError("x."), CapabilityMissingError("x."), NeedsConfigurationError("x."), CircuitOpenError("x.")]
)
async def test_what_does_not_speak_against_the_server_never_opens_it(error: VSMError) -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    server.fails(error)
    assert {await ask(breaker) for _ in range(30)} == {type(error).__name__}
    assert server.calls == 30


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("options", "answer", "opens"),
    [
        (BreakerOptions(), ToolResult(text="no", is_error=True), True),
        (BreakerOptions(errors_count=False), ToolResult(text="no", is_error=True), False),
        (BreakerOptions(), ToolResult(text="Error: no"), False),
        (BreakerOptions(complaints_count=True), ToolResult(text="Error: no"), True),
        (BreakerOptions(complaints_count=True), WELL, False),
    ],
)
async def test_whether_error_results_count_is_an_option(
    options: BreakerOptions, answer: ToolResult, *, opens: bool
) -> None:
    server = Server()
    breaker = CircuitBreaker(server, options, now=server.now)
    server.answer = lambda: answer
    for _ in range(12):
        await ask(breaker)
    assert (breaker.state("files", "read") is CircuitState.OPEN) == opens


@pytest.mark.anyio
async def test_tool_errors_and_foreign_errors_count() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    server.fails(ToolError("No."))
    for _ in range(10):
        await ask(breaker)
    assert breaker.state("files", "read") is CircuitState.OPEN
    server.fails(OSError("gone"))
    for _ in range(10):
        with pytest.raises(OSError, match="gone"):
            await breaker.call(ToolCall(server="files", tool="write"))
    assert breaker.state("files", "write") is CircuitState.OPEN


@pytest.mark.anyio
async def test_a_whole_server_can_be_left_alone_and_a_new_start_lets_calls_pass() -> None:
    server = Server()
    breaker = CircuitBreaker(server, BreakerOptions(scope=BreakerScope.SERVER), now=server.now)
    await opened(server, breaker)
    with pytest.raises(CircuitOpenError, match=r"^files failed too often"):
        await breaker.call(ToolCall(server="files", tool="write"))
    assert breaker.state("files") is CircuitState.OPEN
    breaker.reset("files")
    assert breaker.state("files") is CircuitState.CLOSED
    assert "CircuitBreaker(" in repr(breaker)


@pytest.mark.anyio
async def test_made_up_tools_share_a_circuit_when_there_are_too_many_and_quiet_ones_are_forgotten() -> None:
    server = Server()
    breaker = CircuitBreaker(server, BreakerOptions(most=10), now=server.now)
    for number in range(100):
        await ask(breaker, tool=f"tool-{number}")
    assert len(breaker._circuits) <= 11  # pyright: ignore[reportPrivateUsage]
    server.fails(LinkError("It broke."))
    for number in range(150):
        await ask(breaker, tool=f"other-{number}")
    assert breaker.state("files") is CircuitState.OPEN
    server.time += 120
    await ask(breaker, tool="new")
    assert len(breaker._circuits) <= 3  # pyright: ignore[reportPrivateUsage]


class Counting(RuleBasedStateMachine):
    """The count of a window is what an honest list of calls says, to a twelfth of the window."""

    def __init__(self) -> None:
        super().__init__()
        self.count = FailureCount(60)
        self.time = 1000.0
        self.calls: list[tuple[float, bool]] = []

    @rule(passed=st.floats(0, 100), failed=st.booleans())
    def call(self, passed: float, failed: bool) -> None:  # noqa: FBT001
        self.time += passed
        self.calls.append((self.time, failed))
        self.count.add(self.time, failed=failed)

    @invariant()
    def it_counts_the_window(self) -> None:
        if not self.calls:
            return
        sure = [failed for moment, failed in self.calls if moment > self.time - 55]
        perhaps = [failed for moment, failed in self.calls if moment >= self.time - 60]
        assert len(sure) <= self.count.calls <= len(perhaps)
        assert sum(sure) <= self.count.failures <= sum(perhaps)


class Breaking(RuleBasedStateMachine):
    """Whatever happens in whatever order: while it is open nothing passes, and one trial decides."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.sink = RecordingSink()
        self.breaker = CircuitBreaker(
            self.server, BreakerOptions(least=4, longest_rest=120), emit=self.sink, now=self.server.now
        )
        self.rest_until = 0.0

    @rule(seconds=st.floats(0, 90))
    def wait(self, seconds: float) -> None:
        self.server.time += seconds

    @rule(well=st.booleans())
    def call(self, well: bool) -> None:  # noqa: FBT001
        if well:
            self.server.answer = lambda: WELL
        else:
            self.server.fails(LinkError("It broke."))
        before, calls = self.breaker.state("files", "read"), self.server.calls
        opened_before = len(self.sink.of(CircuitOpened))
        answer = anyio.run(ask, self.breaker)
        may_pass = before is CircuitState.CLOSED or self.server.time >= self.rest_until
        assert (self.server.calls > calls) == may_pass
        assert answer == (("fine" if well else "LinkError") if may_pass else "CircuitOpenError")
        after = self.breaker.state("files", "read")
        if before is CircuitState.OPEN and may_pass:
            assert after is (CircuitState.CLOSED if well else CircuitState.OPEN)
        news = self.sink.of(CircuitOpened)[opened_before:]
        assert len(news) == (after is CircuitState.OPEN and may_pass)
        for event in news:
            assert 30 <= event.seconds <= 120
            self.rest_until = self.server.time + event.seconds


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=25, stateful_step_count=30)
TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=8, stateful_step_count=25)


@pytest.mark.anyio
async def test_a_trial_that_hangs_does_not_keep_the_others_out_for_ever() -> None:
    server = Server()
    breaker = CircuitBreaker(server, now=server.now)
    await opened(server, breaker)
    server.time += 30
    gate = server.gate = anyio.Event()
    server.answer = lambda: WELL
    answers = list[str]()

    async def one() -> None:
        answers.append(await ask(breaker))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            server.time += 29
            assert await ask(breaker) == "CircuitOpenError"
            server.time += 1
            server.gate = None
            assert await ask(breaker) == "fine"
            assert breaker.state("files", "read") is CircuitState.CLOSED
            server.fails(LinkError("It broke."))
            gate.set()
    assert answers == ["LinkError"]
    assert breaker.state("files", "read") is CircuitState.CLOSED


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("timeout", "hasty", "state"),
    [
        (0.001, 1.0, CircuitState.CLOSED),
        (1.0, 1.0, CircuitState.OPEN),
        (None, 1.0, CircuitState.OPEN),
        (0.001, 0.0, CircuitState.OPEN),
    ],
)
async def test_who_asks_for_too_little_time_cannot_stop_the_calls_of_others(
    timeout: float | None, hasty: float, state: CircuitState
) -> None:
    server = Server()
    breaker = CircuitBreaker(server, BreakerOptions(hasty=hasty), now=server.now)
    server.fails(CallTimeoutError("No answer came."))
    for _ in range(20):
        with pytest.raises((CallTimeoutError, CircuitOpenError)):
            await breaker.call(ToolCall(server="files", tool="read", agent="in haste", timeout=timeout))
    assert breaker.state("files", "read") is state
