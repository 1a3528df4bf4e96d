"""The ways to call the same bare server that are compared with each other, and how one of them is measured."""

import asyncio
import importlib
import importlib.util
import itertools
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from calls_guards import guarded, guarded_in_full
from mcp import Client, StdioServerParameters

from vsm_mcp.model.call import ToolCall
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Start
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.world.processes import Command, LocalProcesses

ECHO = Path(__file__).with_name("calls_echo.py")
TEXT = {"text": "x" * 64}
HELLO = ToolCall(server="echo", tool="echo", arguments=TEXT)
TIMED = ToolCall(server="echo", tool="echo", arguments=TEXT, timeout=300.0)
"""The same as guards hand it on: they give every call an end."""
IN_FLIGHT = (1, 10, 100)
SLOW_SHARE = 10
QUICK_ONES = {"lean", "lean_full", "raw", "floor", "least"}
WARM_UP = 100

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to make a call, and what its calls leave to be done: they count as made when ``settle`` is done, too."""

    call: Act
    settle: Act | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What calls in one way and with so many in flight took; the medians of all rounds."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def starting(*words: str) -> Start:
    """Return what starts a bare server."""
    return partial(LocalProcesses().open, Command(argv=(sys.executable, str(ECHO), *words)))


@asynccontextmanager
async def ways() -> AsyncGenerator[Mapping[str, Way]]:
    """Open every way to call: each over a server of its own."""
    server = StdioServerParameters(command=sys.executable, args=[str(ECHO)])
    async with AsyncExitStack() as life:
        lean = await life.enter_async_context(
            LeanConnector(eras={"e": "legacy"}).stdio(starting(), name="echo", digest="e")
        )
        sdk = await life.enter_async_context(
            LazyConnector(eras={"e": "legacy"}, start=30, call=60).stdio(starting(), name="echo", digest="e")
        )
        client = await life.enter_async_context(Client(server, mode="legacy", cache=None))
        await client.list_tools()
        floor = await life.enter_async_context(_floor())
        least = await life.enter_async_context(_least())
        in_full, log = await life.enter_async_context(guarded_in_full(lean))
        found = {
            "lean_full": Way(partial(in_full.call, HELLO), log.flush),
            "lean": Way(partial(guarded(lean).call, HELLO)),
            "floor": Way(floor),
            "raw": Way(partial(lean.call, TIMED)),
            "least": Way(least),
            "sdk": Way(partial(sdk.call, TIMED)),
            "client": Way(partial(client.call_tool, "echo", TEXT)),
        }
        if importlib.util.find_spec("fastmcp") is not None:
            found["fastmcp"] = Way(await life.enter_async_context(_fastmcp()))
        for way in found.values():
            await in_flight(way, 10, WARM_UP)
        yield found


Rounds = Mapping[str, Mapping[int, Sequence[Measured]]]
"""What was measured, by way and calls in flight: once for each round."""


async def compare(found: Mapping[str, Way], *, rounds: int, calls: int) -> Rounds:
    """Measure all ways in turn, round by round, so that what else the machine does meets all of them alike."""
    seen: dict[str, dict[int, list[Measured]]] = {name: {at_once: [] for at_once in IN_FLIGHT} for name in found}
    for _ in range(rounds):
        for at_once, (name, way) in itertools.product(IN_FLIGHT, found.items()):
            count = calls if name in QUICK_ONES else calls // SLOW_SHARE
            seen[name][at_once].append(await in_flight(way, at_once, count))
    return seen


async def in_flight(way: Way, at_once: int, calls: int) -> Measured:
    """Make ``calls`` calls, always ``at_once`` of them at the same time."""
    times: list[float] = []
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            before = time.perf_counter()
            await way.call()
            times.append(time.perf_counter() - before)

    began, spent = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(work())
    if way.settle is not None:
        await way.settle()
    spent, lasted = time.process_time() - spent, time.perf_counter() - began
    times.sort()
    return Measured(
        per_s=calls / lasted,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
        cpu_us=spent / calls * 1_000_000,
    )


def share(seen: Rounds, one: str, of: str) -> float:
    """Return how many calls one way makes for each of another, with ten in flight: the median of what each round says.

    Within a round the two are measured within a second or so: a machine that is slower for a while slows both.
    """
    pairs = zip(seen[one][10], seen[of][10], strict=True)
    return statistics.median(mine.per_s / other.per_s for mine, other in pairs)


def medians(seen: Rounds) -> dict[str, dict[int, Measured]]:
    """Return for each way and number of calls in flight the medians of all rounds."""
    return {name: {at_once: _median(rounds) for at_once, rounds in by.items()} for name, by in seen.items()}


def _median(rounds: Sequence[Measured]) -> Measured:
    return Measured(
        per_s=statistics.median(one.per_s for one in rounds),
        p50_ms=statistics.median(one.p50_ms for one in rounds),
        p99_ms=statistics.median(one.p99_ms for one in rounds),
        cpu_us=statistics.median(one.cpu_us for one in rounds),
    )


@asynccontextmanager
async def _floor() -> AsyncGenerator[Act]:
    """Speak bare JSON lines as one does by hand: the standard library, and no bounds, deadlines, errors or guards."""
    async with _lines(json.loads) as lines:

        async def call() -> object:
            number, future = lines.expected()
            lines.writer.write(json.dumps(_message(number)).encode() + b"\n")
            await lines.writer.drain()
            return await future

        yield call


@asynccontextmanager
async def _least() -> AsyncGenerator[Act]:
    """Do the least that can be done: a quicker parser, and nothing holds back who writes more than is read."""
    async with _lines(orjson.loads) as lines:

        async def call() -> object:
            number, future = lines.expected()
            lines.writer.write(orjson.dumps(_message(number)) + b"\n")
            return await future

        yield call


@dataclass(frozen=True, slots=True)
class _Lines:
    """A server, and one future per request that waits for its line."""

    writer: asyncio.StreamWriter
    waiting: dict[int, asyncio.Future[object]]
    numbers: Iterator[int]

    def expected(self) -> tuple[int, asyncio.Future[object]]:
        number = next(self.numbers)
        future = self.waiting[number] = asyncio.get_running_loop().create_future()
        return number, future


@asynccontextmanager
async def _lines(loads: Callable[[bytes], Any]) -> AsyncGenerator[_Lines]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ECHO), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    reader, lines = process.stdout, _Lines(process.stdin, {}, itertools.count(1))

    async def read() -> None:
        while line := await reader.readline():
            message = loads(line)
            lines.waiting.pop(message["id"]).set_result(message["result"])

    reading = asyncio.create_task(read())
    try:
        yield lines
    finally:
        lines.writer.close()
        await process.wait()
        await reading


def _message(number: int) -> object:
    params = {"name": "echo", "arguments": TEXT}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


@asynccontextmanager
async def _fastmcp() -> AsyncGenerator[Act]:
    library: Any = importlib.import_module("fastmcp")
    transports: Any = importlib.import_module("fastmcp.client.transports")
    async with library.Client(transports.StdioTransport(command=sys.executable, args=[str(ECHO)])) as client:
        await client.list_tools()
        yield partial(client.call_tool, "echo", TEXT)


def shown(found: Mapping[str, Mapping[int, Measured]]) -> str:
    """Return the comparison as a table."""
    lines = [f"{'way':10} {'in flight':>9} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'client us':>9}"]
    for name, by_number in found.items():
        for at_once, one in by_number.items():
            lines.append(
                f"{name:10} {at_once:9} {one.per_s:9.0f} {one.p50_ms:8.2f} {one.p99_ms:8.2f} {one.cpu_us:9.1f}"
            )
    return "\n".join(lines)
