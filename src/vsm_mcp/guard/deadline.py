"""Deadline: no call without an end, and none that may take longer than the most allowed."""

import math
from fnmatch import fnmatchcase
from typing import Self

import anyio
from pydantic import BaseModel, Field, model_validator

from vsm_mcp.errors import CallTimeoutError, PayloadError, PolicyError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.guard.rules.copies import renewed
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

LONGEST = 86_400.0
_MOST_REMEMBERED = 4_096


class DeadlineRule(BaseModel, frozen=True, extra="forbid"):
    """How long calls to some tools may take.

    Attributes:
        server: Which servers, such as ``files`` or ``build-*``.
        tool: Which of their tools.
        timeout: Seconds for the whole call.
        idle: Seconds without a sign of progress; ``None`` leaves that to the link.
    """

    server: str = Field(default="*", min_length=1, max_length=200)
    tool: str = Field(default="*", min_length=1, max_length=200)
    timeout: float = Field(gt=0, le=LONGEST)
    idle: float | None = Field(default=None, gt=0, le=LONGEST)


class DeadlineOptions(BaseModel, frozen=True, extra="forbid"):
    """How long calls may take.

    Attributes:
        timeout: Seconds for the whole call, when neither the caller nor a rule says otherwise.
        idle: Seconds without a sign of progress, likewise; ``None`` leaves that to the link.
        most: The longest that a caller may ask for.
        rules: For some tools; the first that fits counts.
        backstop: Cut a call here as well, ``grace`` seconds after the link should have. Costs a few microseconds.
        grace: Seconds that the link has for ending a call in its own, better informed way.
    """

    timeout: float = Field(default=300.0, gt=0, le=LONGEST)
    idle: float | None = Field(default=None, gt=0, le=LONGEST)
    most: float = Field(default=3_600.0, gt=0, le=LONGEST)
    rules: tuple[DeadlineRule, ...] = Field(default=(), max_length=1_000)
    backstop: bool = True
    grace: float = Field(default=1.0, ge=0, le=60)

    @model_validator(mode="after")
    def _within_the_most(self) -> Self:
        longest = max((self.timeout, *(rule.timeout for rule in self.rules)))
        if longest > self.most:
            raise ValueError(f"a timeout of {longest:g} seconds is more than the most, {self.most:g}")
        return self


class Deadline:
    """Fills in how long a call may take, refuses what is too long, and cuts what its link did not cut.

    The link ends a call that is late or idle. This guard sees to it that there is an end, and enforces it once more
    for a caller behind it that does not keep to it.

    Args:
        caller: Makes the calls.
        options: How long they may take.
        emit: Hears of calls that may not have the time they ask for.
    """

    def __init__(self, caller: Caller, options: DeadlineOptions | None = None, *, emit: EventSink = ignore) -> None:
        """Stand before ``caller``."""
        self._caller = caller
        self._options = options or DeadlineOptions()
        self._most = self._options.most
        self._grace = self._options.grace if self._options.backstop else math.inf
        self._emit = emit
        self._rules: dict[tuple[str, str], tuple[float, float | None]] = {}

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"Deadline({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call that has an end.

        Raises:
            PayloadError: The time it asks for is not a positive number of seconds.
            PolicyError: It asks for more than is allowed.
            CallTimeoutError: It did not end in time; it may still have happened.
        """
        timeout, idle = self.times(call)
        if (timeout, idle) != (call.timeout, call.idle):
            call = renewed(call, call.arguments, timeout=timeout, idle=idle)
        if self._grace == math.inf:
            return await self._caller.call(call)
        return await self.cut(call, timeout)

    @property
    def cuts(self) -> bool:
        """Whether a call is cut here as well."""
        return self._grace < math.inf

    def times(self, call: ToolCall, /) -> tuple[float, float | None]:
        """Return how long a call may take, and how long without a sign of progress.

        Raises:
            PayloadError: The time it asks for is not a positive number of seconds.
            PolicyError: It asks for more than is allowed.
        """
        timeout, idle = call.timeout, call.idle
        if timeout is None or idle is None:
            usual, usual_idle = self._rules.get((call.server, call.tool)) or self._usual(call.server, call.tool)
            timeout = usual if timeout is None else timeout
            idle = usual_idle if idle is None else idle
        if not 0 < timeout <= self._most or not (idle is None or 0 < idle < math.inf):
            self._refuse(call, timeout, idle)
        return timeout, idle

    async def cut(self, call: ToolCall, timeout: float) -> ToolResult:
        """Make a call, and end it some time after its link should have.

        Raises:
            CallTimeoutError: It did not end in time; it may still have happened.
        """
        with anyio.move_on_after(timeout + self._grace):
            return await self._caller.call(call)
        raise CallTimeoutError(
            f"{call.tool!r} of {call.server} did not end within {timeout:g} seconds, "
            f"nor in the {self._grace:g} seconds after.",
            remedies=("Find out whether it happened before calling again.", "Give the call more time."),
        )

    def _usual(self, server: str, tool: str) -> tuple[float, float | None]:
        if len(self._rules) >= _MOST_REMEMBERED:
            self._rules.clear()
        found = self._rules[server, tool] = self._look_up(server, tool)
        return found

    def _look_up(self, server: str, tool: str) -> tuple[float, float | None]:
        for rule in self._options.rules:
            if fnmatchcase(server, rule.server) and fnmatchcase(tool, rule.tool):
                return rule.timeout, rule.idle
        return self._options.timeout, self._options.idle

    def _refuse(self, call: ToolCall, timeout: float, idle: float | None) -> None:
        if timeout > self._most:
            reason = f"it asks for {timeout:g} seconds, and at most {self._most:g} are allowed."
            self._tell(call, reason)
            raise PolicyError(
                f"{call.tool!r} of {call.server} is not called: {reason}",
                remedies=("Ask for less time.", "Raise the most that the deadline options allow."),
            )
        reason = f"timeout {timeout} and idle {idle} are not both a positive number of seconds."
        self._tell(call, reason)
        raise PayloadError(
            f"{call.tool!r} of {call.server} is not called: {reason}",
            remedies=("Give a number above 0, or None for what is usual.",),
        )

    def _tell(self, call: ToolCall, reason: str) -> None:
        self._emit(CallRefused(server=call.server, tool=call.tool, reason=reason, guard="deadline"))
