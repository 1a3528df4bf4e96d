"""Ways to do one operation, by a unit or by a tool; and trying one after the other as far as that is safe."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Protocol

import anyio

from vsm_mcp.errors import CapabilityMissingError, ToolError, VSMError
from vsm_mcp.model.call import Caller, ToolCall
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.servers.routing.router import Route
from vsm_mcp.systems.operations.endings import tells_of_the_tool, was_never_sent
from vsm_mcp.systems.operations.roster import Roster
from vsm_mcp.systems.operations.routing import RouteLearner
from vsm_mcp.systems.operations.unit import OperationalUnit

MOST_ATTEMPTS = 3

SafeToRepeat = Callable[[Route], bool]
"""Says of a tool that failed whether its work may be given to another one although it may have happened."""


class Way(Protocol):
    """One way to do an operation."""

    @property
    def server(self) -> str:
        """Who would do it."""
        ...

    @property
    def tool(self) -> str | None:
        """With which tool, if that is known before."""
        ...

    async def go(self, operation: Operation, kind: str) -> Outcome:
        """Do it this way.

        Raises:
            VSMError: It did not work out.
        """
        ...

    def left_no_trace(self, error: VSMError) -> bool:
        """Return whether another way may be tried after ``error``: nothing happened, or it does no harm twice."""
        ...


class UnitWay:
    """Gives the operation to a unit, and has the roster look at how the unit fares then."""

    __slots__ = ("_roster", "_unit", "server", "tool")

    def __init__(self, unit: OperationalUnit, roster: Roster) -> None:
        """Keep both."""
        self.server: str = unit.name
        self.tool: str | None = None
        self._unit = unit
        self._roster = roster

    async def go(self, operation: Operation, kind: str) -> Outcome:
        """Have the unit do it."""
        try:
            return await self._unit.execute(operation)
        finally:
            self._roster.judge(self._unit)

    def left_no_trace(self, error: VSMError) -> bool:
        """Return whether the unit did not begin; what a unit may repeat is for the unit to know."""
        return was_never_sent(error)


class ToolWay:
    """Calls a tool, and learns from what comes of it."""

    __slots__ = ("_caller", "_learner", "_route", "_safe_to_repeat", "server", "tool")

    def __init__(self, route: Route, *, caller: Caller, learner: RouteLearner, safe_to_repeat: SafeToRepeat) -> None:
        """Keep the route and those who make it."""
        self.server: str = route.server
        self.tool: str | None = route.tool
        self._route = route
        self._caller = caller
        self._learner = learner
        self._safe_to_repeat = safe_to_repeat

    async def go(self, operation: Operation, kind: str) -> Outcome:
        """Make the call."""
        route = self._route
        try:
            outcome = await self._call(operation)
        except VSMError as error:
            if tells_of_the_tool(error):
                self._learner.learn(kind, route.server, route.tool, success=False)
            raise
        self._learner.learn(kind, route.server, route.tool, success=True)
        return outcome

    def left_no_trace(self, error: VSMError) -> bool:
        """Return whether the call was never sent, or its tool may be followed by another one."""
        return was_never_sent(error) or (tells_of_the_tool(error) and self._safe_to_repeat(self._route))

    async def _call(self, operation: Operation) -> Outcome:
        route, began = self._route, anyio.current_time()
        call = ToolCall(
            server=route.server,
            tool=route.tool,
            arguments=operation.arguments,
            agent=operation.agent,
            timeout=operation.timeout,
            progress=operation.progress,
        )
        result = await self._caller.call(call)
        if result.complaint is not None:
            raise ToolError(
                f"{route.tool} of {route.server} failed: {result.complaint[:1000]}",
                remedies=("Check the arguments against the tool's description.",),
            )
        elapsed = anyio.current_time() - began
        return Outcome(
            value=result.value,
            text=result.text,
            server=route.server,
            tool=route.tool,
            elapsed=elapsed,
            content=result.content,
            structured=result.structured,
        )


class Trail:
    """What was tried for one operation.

    Attributes:
        attempts: How many calls were tried, those inside units included as far as they told.
        server: Who did it, or whose failure the operation died of.
        tool: With which tool.
        ways: How many ways were tried; more than one when the first did not work.
    """

    __slots__ = ("attempts", "server", "tool", "ways")

    def __init__(self) -> None:
        """Begin with nothing tried."""
        self.attempts: int = 0
        self.server: str | None = None
        self.tool: str | None = None
        self.ways: int = 0


async def try_in_turn(operation: Operation, ways: Iterator[Way], *, kind: str, trail: Trail, most: int) -> Outcome:
    """Do ``operation`` by the first of at most ``most`` ways that works.

    Another way is tried only when the failed one left no trace. A deadline holds for all of them together; the time of
    those that were never sent does not count, as starting a server does not. When none works, the operation died of its
    first failure, that of the best way. But one of a way that may have had an effect goes before those that surely had
    none, so that nobody above takes the whole for never begun; and that a way cannot do it at all says least.

    Raises:
        VSMError: None worked.
    """
    rest, died_of = operation.timeout, None
    for way in islice(ways, most):
        trail.attempts += 1
        trail.ways += 1
        began = anyio.current_time()
        try:
            outcome = await way.go(_within(operation, rest), kind)
        except VSMError as error:
            died_of = _worse(died_of, error, way=way, trail=trail)
            if rest is not None and not was_never_sent(error):
                rest -= anyio.current_time() - began
            if not way.left_no_trace(error) or (rest is not None and rest <= 0):
                break
        else:
            trail.server, trail.tool = way.server, outcome.tool
            trail.attempts += outcome.attempts - 1
            return outcome
    try:
        raise died_of or CapabilityMissingError(f"There is no way to do {operation.needs!r}.")
    finally:
        died_of = None  # a failure that its own traceback holds would stay in memory


def _worse(before: VSMError | None, error: VSMError, *, way: Way, trail: Trail) -> VSMError:
    """Return which of two failures the operation died of, and let ``trail`` say whose it is."""
    if before is None or isinstance(before, CapabilityMissingError) or _says_more(error, before):
        trail.server, trail.tool = way.server, way.tool
        return error
    before.add_note(f"Then {way.server} was tried: {error.message}")
    return before


def _says_more(error: VSMError, before: VSMError) -> bool:
    return was_never_sent(before) and not was_never_sent(error)


def _within(operation: Operation, rest: float | None) -> Operation:
    return operation if rest == operation.timeout else replace(operation, timeout=rest)
