"""Circuit breaker: what fails too often is left alone for a while, and then tried with one single call."""

import math
from collections.abc import Callable
from enum import StrEnum

import anyio
from pydantic import BaseModel, Field

from vsm_mcp.errors import (
    CallTimeoutError,
    CapabilityMissingError,
    CircuitOpenError,
    NeedsConfigurationError,
    RefusedError,
    ToolError,
)
from vsm_mcp.events import CallRefused, CircuitClosed, CircuitOpened, EventSink, ignore
from vsm_mcp.guard.rules.circuits import MOST_AGENTS, Circuit, all_fail
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

WHOLE = ""
"""Stands for all tools of a server."""

_SILENT = (RefusedError, CircuitOpenError, NeedsConfigurationError, CapabilityMissingError)
_WHILE_TRYING = 1.0
_EVERYBODY = ""


class BreakerScope(StrEnum):
    """What is left alone when calls fail."""

    TOOL = "tool"
    SERVER = "server"


class CircuitState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "trying"


class BreakerOptions(BaseModel, frozen=True, extra="forbid"):
    """When calls are stopped, and for how long.

    Attributes:
        share: The share of failures that stops them.
        least: How many calls there must be before the share means something.
        window: Seconds that are looked back.
        rest: Seconds without calls, the first time.
        longest_rest: Each trial that fails doubles the rest, up to this.
        scope: Whether one tool is stopped, or its whole server.
        errors_count: Whether it is a failure when a tool says that it failed.
        complaints_count: Whether an ordinary result that reads like a failure is one (see `ToolResult.complaint`).
            Reading it costs more the longer it is.
        hasty: A call whose caller gave it less than so many seconds says nothing about the server when it is late:
            else anyone who may call could stop all others by asking for too little time.
        most: How many circuits are watched, one for each agent and tool; beyond that, the tools of a server share one.
    """

    share: float = Field(default=0.5, gt=0, le=1)
    least: int = Field(default=10, ge=1, le=100_000)
    window: float = Field(default=60.0, ge=1, le=86_400)
    rest: float = Field(default=30.0, gt=0, le=86_400)
    longest_rest: float = Field(default=600.0, gt=0, le=86_400)
    scope: BreakerScope = BreakerScope.TOOL
    errors_count: bool = True
    complaints_count: bool = False
    hasty: float = Field(default=1.0, ge=0, le=86_400)
    most: int = Field(default=10_000, ge=1, le=1_000_000)


class CircuitBreaker:
    """Stops calls to what fails, so that neither callers nor servers wait for what will not come.

    What fails for one agent is left alone for that agent. Only when it fails for others as well it is left alone for
    all: nobody can stop the calls of others by making calls that fail. Refusals by guards, missing tools and missing
    settings are no failures. A call that was cancelled is neither.

    Args:
        caller: Makes the calls.
        options: When calls are stopped.
        emit: Hears when calls are stopped, refused and allowed again.
        now: Says what time it is, in seconds that never run back.
    """

    def __init__(
        self,
        caller: Caller,
        options: BreakerOptions | None = None,
        *,
        emit: EventSink = ignore,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Start with everything closed: calls pass."""
        self._caller = caller
        self._options = options or BreakerOptions()
        self._errors, self._complaints = self._options.errors_count, self._options.complaints_count
        self._whole = self._options.scope is BreakerScope.SERVER
        self._emit = emit
        self._now = now
        self._circuits: dict[tuple[str, str, str], Circuit] = {}
        self._shared: dict[tuple[str, str], Circuit] = {}
        self._sweep_after = -math.inf

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"CircuitBreaker({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call, unless calls like it failed too often.

        Raises:
            CircuitOpenError: They did; ``retry_after`` says how long to wait.
        """
        circuit = self.check(call)
        try:
            result = await self._caller.call(call)
        except BaseException as error:
            self.failed(call, circuit, error)
            raise
        self.answered(call, circuit, result)
        return result

    def check(self, call: ToolCall, /) -> Circuit:
        """Return the circuit that a call goes through; tell it how the call ended.

        Raises:
            CircuitOpenError: Calls like it failed too often; ``retry_after`` says how long to wait.
        """
        circuit = self._circuits.get((call.agent, call.server, WHOLE if self._whole else call.tool))
        if circuit is None:
            circuit = self._made(call)
        if circuit.rest_until is not None or circuit.above.rest_until is not None:
            self._try(circuit, call)
        return circuit

    def answered(self, call: ToolCall, circuit: Circuit, result: ToolResult) -> None:
        """Count a call that was answered."""
        failed = result.complaint is not None if self._complaints else self._errors and result.is_error
        if failed or circuit.trial is not None or circuit.above.trial is not None:
            self._end(call, circuit, failed)
        else:
            circuit.count.add(self._now(), failed=False)

    def failed(self, call: ToolCall, circuit: Circuit, error: BaseException) -> None:
        """Count a call that was not, if that speaks against the server."""
        self._end(call, circuit, self._is_failure(error, call))

    def state(self, server: str, tool: str = WHOLE, *, agent: str | None = None) -> CircuitState:
        """Return whether calls pass: those of one agent, or else those of all: then what stops one of them counts."""
        shared = self._shared.get((server, WHOLE if self._whole else tool))
        if shared is None:
            return CircuitState.CLOSED
        own = [circuit for name, circuit in shared.agents.items() if agent in {None, name}]
        stopped = [circuit for circuit in (shared, *own) if circuit.is_open]
        if not stopped:
            return CircuitState.CLOSED
        tried = any(circuit.trial is not None for circuit in stopped)
        return CircuitState.TRYING if tried else CircuitState.OPEN

    def reset(self, server: str) -> None:
        """Let calls to all tools of a server pass, and forget how they went: it was restarted, or replaced."""
        self._circuits = {key: circuit for key, circuit in self._circuits.items() if key[1] != server}
        self._shared = {key: circuit for key, circuit in self._shared.items() if key[0] != server}

    def _try(self, circuit: Circuit, call: ToolCall) -> None:
        """Let a call be the one that shows whether it works again; all others are refused meanwhile."""
        now = self._now()
        both = (circuit.above, circuit)
        waits = [wait for one in both if (wait := one.wait(now)) is not None]
        if waits:
            raise self._refusal(circuit, call, max(waits))
        for one in both:
            if one.is_open:
                one.begin(call, now)

    def _end(self, call: ToolCall, circuit: Circuit, failed: bool | None) -> None:  # noqa: FBT001 - a verdict, private
        """Count how a call ended, or judge by it if it was a trial; ``None`` when it showed nothing."""
        above = circuit.above
        if circuit.trial is call or above.trial is call:
            self._judge(call, circuit, failed)
        elif failed is not None:
            now = self._now()
            circuit.count.add(now, failed=failed)
            if failed:
                self._look(circuit, now)

    def _judge(self, call: ToolCall, circuit: Circuit, failed: bool | None) -> None:  # noqa: FBT001 - as above
        """Close or open again, as the trial went. What fails for two agents in turn is left alone for all again."""
        options, above = self._options, circuit.above
        tried = [one for one in (above, circuit) if one.trial is call]
        for one in tried:
            one.trial = None  # also when the trial was cancelled: then the next call is the trial
        if failed is None:
            return
        if not failed:
            for one in tried:
                one.close(options.rest)
            self._emit(CircuitClosed(server=circuit.server, tool=circuit.tool, agent=tried[0].agent))
            return
        opened = [circuit]
        if above in tried and above.blamed not in {None, call.agent}:
            opened.append(above)
        above.blamed = call.agent
        for one in opened:
            one.rest = min(2 * one.rest, options.longest_rest) if one in tried else one.rest
            self._open(one, calls=1, failures=1)

    def _look(self, circuit: Circuit, now: float) -> None:
        """Stop calls if too many failed: those of the agent, and those of all when it fails for others, too."""
        options, count, above = self._options, circuit.count, circuit.above
        if not circuit.is_open and count.calls >= options.least and count.failures >= options.share * count.calls:
            self._open(circuit, calls=count.calls, failures=count.failures)
        if above.is_open or len(above.agents) == 1:
            return
        found = all_fail(above.agents.values(), now, least=options.least, share=options.share)
        if found is not None:
            self._open(above, calls=found[0], failures=found[1])

    def _open(self, circuit: Circuit, *, calls: int, failures: int) -> None:
        circuit.rest_until = self._now() + circuit.rest
        self._emit(
            CircuitOpened(
                server=circuit.server,
                tool=circuit.tool,
                agent=circuit.agent,
                calls=calls,
                failures=failures,
                seconds=circuit.rest,
            )
        )

    def _refusal(self, circuit: Circuit, call: ToolCall, wait: float) -> CircuitOpenError:
        what = f"{circuit.tool!r} of {circuit.server}" if circuit.tool else circuit.server
        reason = f"{what} failed too often and is left alone for {wait:.1f} seconds more."
        if wait == 0:
            reason = f"{what} failed too often, and one call is trying whether it works again."
            wait = _WHILE_TRYING
        self._emit(CallRefused(server=call.server, tool=call.tool, agent=call.agent, reason=reason, guard="breaker"))
        return CircuitOpenError(
            reason,
            retry_after=wait,
            remedies=(f"Try again in {math.ceil(wait)} s.", "Use another tool that can do the same."),
        )

    def _is_failure(self, error: BaseException, call: ToolCall) -> bool | None:
        """Tell whether an error speaks against the server; ``None`` when it says nothing about it."""
        if isinstance(error, ToolError):
            return self._errors
        if isinstance(error, CallTimeoutError) and call.timeout is not None and call.timeout < self._options.hasty:
            return None
        return None if isinstance(error, _SILENT) or not isinstance(error, Exception) else True

    def _made(self, call: ToolCall) -> Circuit:
        """Return a new circuit; when there are too many, one of the whole server."""
        agent, server, tool = call.agent, call.server, WHOLE if self._whole else call.tool
        if len(self._circuits) >= self._options.most and self._now() >= self._sweep_after:
            self._forget_quiet()
        if len(self._circuits) >= self._options.most:
            agent, tool = _EVERYBODY, WHOLE
        above = self._shared.get((server, tool))
        if above is None:
            above = self._shared[server, tool] = self._circuit(server, tool)
        if agent not in above.agents and len(above.agents) >= MOST_AGENTS:
            agent = _EVERYBODY
        circuit = above.agents.get(agent)
        if circuit is None:
            circuit = above.agents[agent] = self._circuit(server, tool, agent=agent, above=above)
            self._circuits[agent, server, tool] = circuit
        return circuit

    def _circuit(self, server: str, tool: str, *, agent: str = "", above: Circuit | None = None) -> Circuit:
        options = self._options
        return Circuit(server, tool, agent=agent, rest=options.rest, window=options.window, above=above)

    def _forget_quiet(self) -> None:
        """Forget the circuits through which nothing went for a while."""
        now = self._now()
        self._sweep_after = now + self._options.window
        for (agent, server, tool), circuit in list(self._circuits.items()):
            circuit.count.forget(now)
            if circuit.count.calls or circuit.is_open or circuit.above.is_open:
                continue
            del self._circuits[agent, server, tool]
            del circuit.above.agents[agent]
            if not circuit.above.agents:
                del self._shared[server, tool]
