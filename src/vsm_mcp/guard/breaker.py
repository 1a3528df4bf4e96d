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
from vsm_mcp.guard.failures import FailureCount
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

WHOLE = ""
"""Stands for all tools of a server."""

_SILENT = (RefusedError, CircuitOpenError, NeedsConfigurationError, CapabilityMissingError)
_WHILE_TRYING = 1.0
_LEAST_TRIAL = 5.0


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
        most: How many circuits are watched; beyond that, the tools of a server share one.
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

    Refusals by guards, missing tools and missing settings are no failures. A call that was cancelled is neither.

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
        self._whole = self._options.scope is BreakerScope.SERVER
        self._emit = emit
        self._now = now
        self._circuits: dict[tuple[str, str], _Circuit] = {}
        self._sweep_after = -math.inf

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"CircuitBreaker({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call, unless calls like it failed too often.

        Raises:
            CircuitOpenError: They did; ``retry_after`` says how long to wait.
        """
        circuit = self._circuits.get((call.server, WHOLE if self._whole else call.tool))
        if circuit is None:
            circuit = self._made(call)
        if circuit.rest_until is not None:
            return await self._try(circuit, call)
        try:
            result = await self._caller.call(call)
        except Exception as error:
            failed = self._is_failure(error, call)
            if failed is not None:
                self._note(circuit, failed=failed)
            raise
        self._note(circuit, failed=self._is_bad(result))
        return result

    def state(self, server: str, tool: str = WHOLE) -> CircuitState:
        """Return whether calls pass."""
        circuit = self._circuits.get((server, WHOLE if self._whole else tool))
        if circuit is None or circuit.rest_until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if circuit.trial is None else CircuitState.TRYING

    def reset(self, server: str) -> None:
        """Let calls to all tools of a server pass, and forget how they went: it was restarted, or replaced."""
        for key in [key for key in self._circuits if key[0] == server]:
            del self._circuits[key]

    async def _try(self, circuit: "_Circuit", call: ToolCall) -> ToolResult:
        """Make the one call that shows whether it works again; all others are refused meanwhile."""
        wait = (circuit.rest_until or 0.0) - self._now()
        now = self._now()
        if wait > 0 or (circuit.trial is not None and now < circuit.trial_until):
            raise self._refusal(circuit, call, max(wait, 0.0))
        trial = circuit.trial = object()
        circuit.trial_until = now + max(circuit.rest, _LEAST_TRIAL)  # one that hangs must not stop all others for ever
        try:
            result = await self._caller.call(call)
        except Exception as error:
            self._judge(circuit, self._is_failure(error, call))
            raise
        finally:
            if circuit.trial is trial:  # also when the trial was cancelled: then the next call is the trial
                circuit.trial = None
        self._judge(circuit, self._is_bad(result))
        return result

    def _judge(self, circuit: "_Circuit", failed: bool | None) -> None:  # noqa: FBT001 - a verdict, private
        """Close or open again, as the trial went; ``None`` when it showed nothing."""
        if failed is None or circuit.rest_until is None:
            return
        if failed:
            circuit.rest = min(2 * circuit.rest, self._options.longest_rest)
            self._open(circuit, calls=1, failures=1)
            return
        circuit.rest_until = None
        circuit.rest = self._options.rest
        circuit.count.clear()
        self._emit(CircuitClosed(server=circuit.server, tool=circuit.tool))

    def _note(self, circuit: "_Circuit", *, failed: bool) -> None:
        count = circuit.count
        count.add(self._now(), failed=failed)
        if not failed or count.calls < self._options.least or circuit.rest_until is not None:
            return
        if count.failures >= self._options.share * count.calls:
            self._open(circuit, calls=count.calls, failures=count.failures)

    def _open(self, circuit: "_Circuit", *, calls: int, failures: int) -> None:
        circuit.rest_until = self._now() + circuit.rest
        circuit.count.clear()
        self._emit(
            CircuitOpened(
                server=circuit.server, tool=circuit.tool, calls=calls, failures=failures, seconds=circuit.rest
            )
        )

    def _refusal(self, circuit: "_Circuit", call: ToolCall, wait: float) -> CircuitOpenError:
        what = f"{circuit.tool!r} of {circuit.server}" if circuit.tool else circuit.server
        reason = f"{what} failed too often and is left alone for {wait:.1f} seconds more."
        if circuit.trial is not None:
            reason = f"{what} failed too often, and one call is trying whether it works again."
            wait = _WHILE_TRYING
        self._emit(CallRefused(server=call.server, tool=call.tool, reason=reason, guard="breaker"))
        return CircuitOpenError(
            reason,
            retry_after=wait,
            remedies=(f"Try again in {math.ceil(wait)} s.", "Use another tool that can do the same."),
        )

    def _is_failure(self, error: Exception, call: ToolCall) -> bool | None:
        """Tell whether an error speaks against the server; ``None`` when it says nothing about it."""
        if isinstance(error, ToolError):
            return self._options.errors_count
        if isinstance(error, CallTimeoutError) and call.timeout is not None and call.timeout < self._options.hasty:
            return None
        return None if isinstance(error, _SILENT) else True

    def _is_bad(self, result: ToolResult) -> bool:
        if self._options.complaints_count:
            return result.complaint is not None
        return result.is_error and self._options.errors_count

    def _made(self, call: ToolCall) -> "_Circuit":
        """Return a new circuit; when there are too many, the one of the whole server."""
        tool = WHOLE if self._whole else call.tool
        if len(self._circuits) >= self._options.most and self._now() >= self._sweep_after:
            self._forget_quiet()
        if len(self._circuits) >= self._options.most:
            tool = WHOLE
        circuit = self._circuits.get((call.server, tool))
        if circuit is None:
            circuit = _Circuit(call.server, tool, options=self._options)
            self._circuits[call.server, tool] = circuit
        return circuit

    def _forget_quiet(self) -> None:
        now = self._now()
        self._sweep_after = now + self._options.window
        for key, circuit in list(self._circuits.items()):
            if circuit.rest_until is None and circuit.count.is_quiet(now):
                del self._circuits[key]


class _Circuit:
    __slots__ = ("count", "rest", "rest_until", "server", "tool", "trial", "trial_until")

    def __init__(self, server: str, tool: str, *, options: BreakerOptions) -> None:
        self.server = server
        self.tool = tool
        self.count = FailureCount(options.window)
        self.rest = options.rest
        self.rest_until: float | None = None
        self.trial: object | None = None
        self.trial_until = 0.0
