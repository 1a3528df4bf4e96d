"""System 1, operations: does what is asked with the tools that are there, and records how each demand ended."""

import anyio

from vsm_mcp.errors import CapabilityMissingError, RefusedError, ServerError, ToolError, VSMError
from vsm_mcp.events import EventSink, OperationEnded, ignore
from vsm_mcp.model.call import Caller, ToolCall
from vsm_mcp.model.operation import Operation, Outcome, Stage
from vsm_mcp.servers.router import CapabilityRouter, Route
from vsm_mcp.variety.calculator import VarietyCalculator


class System1:
    """Executes operations.

    Args:
        router: Knows which tool does what.
        caller: Makes the call.
        variety: Records how the demand ended.
        emit: Hears of every operation.
    """

    def __init__(
        self, *, router: CapabilityRouter, caller: Caller, variety: VarietyCalculator, emit: EventSink = ignore
    ) -> None:
        """Join router, caller and meter."""
        self._router = router
        self._caller = caller
        self._variety = variety
        self._emit = emit
        self.absorbed: int = 0
        self.failed: int = 0

    def __repr__(self) -> str:
        """Show how many operations ended well."""
        return f"System1(absorbed={self.absorbed}, failed={self.failed})"

    async def execute(self, operation: Operation) -> Outcome:
        """Do one operation with the best tool there is. It is never repeated: a call may have had its effect.

        An operation that its host cancels is not counted: nobody knows what it would have come to.

        Raises:
            CapabilityMissingError: No tool fits; the demand is recorded as unknown to System 4.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A guard refused the call.
        """
        began = anyio.current_time()
        route: Route | None = None
        try:
            route = self._router.route(operation)[0]
            outcome = await self._call(operation, route, began)
        except VSMError as error:
            self._record(operation, _stage_of(error), route, elapsed=anyio.current_time() - began)
            raise
        self._record(operation, Stage.ABSORBED, route, elapsed=outcome.elapsed)
        return outcome

    async def _call(self, operation: Operation, route: Route, began: float) -> Outcome:
        call = ToolCall(
            server=route.server,
            tool=route.tool,
            arguments=operation.arguments,
            agent=operation.agent,
            timeout=operation.timeout,
        )
        result = await self._caller.call(call)
        if result.complaint is not None:
            raise ToolError(
                f"{route.tool} of {route.server} failed: {result.complaint[:1000]}",
                remedies=("Check the arguments against the tool's description.",),
            )
        elapsed = anyio.current_time() - began
        return Outcome(value=result.value, text=result.text, server=route.server, tool=route.tool, elapsed=elapsed)

    def _record(self, operation: Operation, stage: Stage, route: Route | None, *, elapsed: float) -> None:
        self._variety.observe(operation.kind, stage)
        self.absorbed += stage is Stage.ABSORBED
        self.failed += stage is Stage.FAILED
        server, tool = (route.server, route.tool) if route else (None, None)
        self._emit(OperationEnded(kind=operation.kind, stage=stage, server=server, tool=tool, elapsed=elapsed))


def _stage_of(error: VSMError) -> Stage:
    match error:
        case CapabilityMissingError():
            return Stage.UNKNOWN
        case RefusedError():
            return Stage.REFUSED
        case ServerError():
            return Stage.STARVED
        case _:
            return Stage.FAILED
