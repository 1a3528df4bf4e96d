"""Runs the programs of agents: every call they make goes through the toolbox, and so through every guard."""

import keyword
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint_if_cancelled

from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.codemode.proxies import Namespaces, ToolFunction
from vsm_mcp.codemode.result import FINE, CodeCall, CodeResult
from vsm_mcp.codemode.values import Plain
from vsm_mcp.codemode.worker import Called, Failure, Finished, Kind, Slept, Step, Stopped, Waiting, Worker
from vsm_mcp.errors import (
    CallTimeoutError,
    CapabilityMissingError,
    CapacityError,
    CodeBudgetError,
    CodeError,
    CoordinationError,
    PayloadError,
    RefusedError,
    ServerError,
    VSMError,
    printable,
)
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.offer import Toolbox

_CLEAN_UP = 10.0
_LONGEST_MESSAGE = 2000
_KINDS: tuple[tuple[type[VSMError], Kind], ...] = (
    (CallTimeoutError, "TimeoutError"),
    (CapabilityMissingError, "LookupError"),
    (PayloadError, "ValueError"),
    (RefusedError, "PermissionError"),
    (ServerError, "OSError"),
    (CoordinationError, "OSError"),
)
_SMALLER = ("Do less in one program, or raise {budget} of CodeLimits.",)
_LIKE_PYTHON = ("Write it in plain Python: without generators, del, inheritance, async for and async with.",)


class CodeRunner:
    """Runs programs that agents wrote.

    A program is Python; each server it may use is a namespace, each tool a function to await::

        found = await automem.recall("sandbox test", 5)

    It runs in a process of its own that is ended with it, in an interpreter that knows no files, no network, no
    environment and no modules but a few pure ones. All it can do is to compute, to print, and to call the tools that
    ``toolbox`` offers to its agent.

    Args:
        toolbox: Offers the tools and makes the calls.
        limits: The budgets of each program.
        at_once: Programs that run at the same time; further ones wait, at most as long as they could run.
    """

    def __init__(self, toolbox: Toolbox, limits: CodeLimits | None = None, *, at_once: int = 4) -> None:
        """Start nothing yet."""
        self._toolbox = toolbox
        self._limits = limits or CodeLimits()
        self._places = CapacityLimiter(at_once)
        self._threads = CapacityLimiter(at_once)

    def __repr__(self) -> str:
        """Show how many programs may run at once."""
        return f"CodeRunner(at_once={self._places.total_tokens:g})"

    def namespaces(self, *, agent: str = "host") -> Namespaces:
        """Return what a program of ``agent`` could call now."""
        return Namespaces(self._toolbox.tools(agent=agent))

    def declarations(self, *, agent: str = "host") -> str:
        """Return what a program of ``agent`` could call now, as the text of a ``.pyi`` file: show it to the model."""
        return self.namespaces(agent=agent).declarations()

    async def run(
        self, code: str, *, agent: str = "host", inputs: JsonObject | None = None, limits: CodeLimits | None = None
    ) -> CodeResult:
        """Run a program to its end.

        Args:
            code: The program; ``await`` may stand at its top level, and its last expression is its value.
            agent: Who wrote it: the principal for permissions, rates and the audit log of every call.
            inputs: Variables that it finds, by name.
            limits: Budgets for this program instead of the runner's.

        Raises:
            CodeBudgetError: It used up a budget.
            CodeError: It raised, does not parse, or does what the worker cannot do.
            PayloadError: The program or its inputs are too large, or an input's name cannot be a variable.
            CapacityError: No place was free in time.
            ExtraMissingError: The extra is not fully installed.
            ConfigurationError: The worker does not start.
        """
        budgets = limits or self._limits
        namespaces = self.namespaces(agent=agent)
        variables = _variables(inputs or {}, namespaces, budgets)
        if len(code) > budgets.code:
            raise PayloadError(f"A program may have {budgets.code} characters, not {len(code)}.")
        ticket = object()
        with anyio.move_on_after(budgets.seconds) as waiting:
            await self._places.acquire_on_behalf_of(ticket)
        if waiting.cancelled_caught:
            raise CapacityError(f"No place to run a program was free within {budgets.seconds:g} s.")
        try:
            program = _Program(self._toolbox, namespaces, agent=agent, limits=budgets, threads=self._threads)
            return await program.run(code, variables)
        finally:
            self._places.release_on_behalf_of(ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Something that the program asked for, and that begins when it waits.

    Attributes:
        do: Does it.
        called: How complaints name it, if it is a call: a program that never waits for it has made a mistake.
    """

    do: Callable[[], Awaitable[JsonValue | Failure]]
    called: str = ""


class _Program:
    """One program while it runs."""

    def __init__(
        self, toolbox: Toolbox, namespaces: Namespaces, *, agent: str, limits: CodeLimits, threads: CapacityLimiter
    ) -> None:
        """Start nothing yet."""
        self._toolbox = toolbox
        self._namespaces = namespaces
        self._agent = agent
        self._limits = limits
        self._threads = threads
        names = namespaces.names()
        self._worker = Worker({name: sorted(namespaces.functions(name)) for name in names}, limits)
        self._slots = CapacityLimiter(limits.calls_at_once)
        self._asked = 0
        self._made: list[str] = []
        self._calls: list[CodeCall] = []
        self._jobs: dict[int, _Job] = {}
        self._under_way: set[int] = set()
        self._settled: dict[int, JsonValue | Failure] = {}
        self._told: dict[str, VSMError] = {}
        self._broken: Exception | None = None
        self._news = anyio.Event()

    def __repr__(self) -> str:
        """Show how far it is."""
        return f"_Program(asked={self._asked}, under_way={len(self._under_way)})"

    async def run(self, code: str, variables: JsonObject) -> CodeResult:
        """Run it to its end; whatever happens, its process is gone afterwards."""
        began = anyio.current_time()
        try:
            value = await self._in_time(code, variables)
        except Stopped as stopped:
            raise self._error(stopped) from self._told.get(stopped.message)
        finally:
            with anyio.move_on_after(_CLEAN_UP, shield=True):
                await to_thread.run_sync(self._worker.close, limiter=self._threads)
        return CodeResult(
            value=value,
            printed=self._worker.printed,
            calls=tuple(self._calls),
            elapsed=anyio.current_time() - began,
        )

    async def _in_time(self, code: str, variables: JsonObject) -> JsonValue:
        with anyio.move_on_after(self._limits.seconds):
            return await self._watched(code, variables)
        raise Stopped(f"it took more than {self._limits.seconds:g} s", budget="seconds")

    async def _watched(self, code: str, variables: JsonObject) -> JsonValue:
        """Drive the program; a group of tasks holds its calls and the watch that ends it when this is cancelled."""
        ended: JsonValue | Exception = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            try:
                ended = await self._driven(code, variables, group=group)
            except Exception as error:  # noqa: BLE001 - raised again below: a group would wrap it
                ended = error
            group.cancel_scope.cancel()
        await checkpoint_if_cancelled()
        if isinstance(ended, Exception):
            raise ended
        return ended

    async def _watch(self) -> None:
        """Kill the worker as soon as this is cancelled: a step in a thread is not ended by anything else."""
        try:
            await anyio.sleep_forever()
        finally:
            self._worker.kill()

    async def _driven(self, code: str, variables: JsonObject, *, group: TaskGroup) -> JsonValue:
        step: Step = await self._step(lambda: self._worker.start(code, variables))
        while not isinstance(step, Finished):
            if isinstance(step, Called):
                step = await self._called(step)
            elif isinstance(step, Slept):
                step = await self._slept(step)
            else:
                step = await self._waited(step, group)
        return await self._finished(step)

    async def _step(self, advance: Callable[[], Step]) -> Step:
        """Let the program go on: in a thread, because that blocks."""
        step = await to_thread.run_sync(advance, limiter=self._threads)
        await checkpoint_if_cancelled()
        return step

    async def _called(self, step: Called) -> Step:
        """Check a call; it is made when the program waits for it."""
        self._asked += 1
        if self._asked > self._limits.calls:
            raise Stopped(f"it made more than {self._limits.calls} calls", line=step.line, budget="calls")
        function = self._namespaces.find(step.path)
        if function is None:
            raise Stopped(f"{step.path} is no tool", line=step.line)
        try:
            arguments = self._bound(function, step)
        except (TypeError, ValueError) as error:
            failure = Failure(kind="TypeError" if isinstance(error, TypeError) else "ValueError", message=str(error))
            return await self._step(lambda: self._worker.fail(failure))
        self._jobs[step.number] = _Job(
            do=lambda: self._call(function, arguments, step.line),
            called=f"{function.path}() on line {step.line}",
        )
        return await self._step(self._worker.later)

    def _bound(self, function: ToolFunction, step: Called) -> JsonObject:
        plain = Plain(self._limits.value, what=f"the call of {function.path}()")
        args = [plain.value(each) for each in step.args]
        return function.bind(args, {name: plain.value(each) for name, each in step.kwargs.items()})

    async def _slept(self, step: Slept) -> Step:
        if step.waits:
            await anyio.sleep(step.seconds)
            return await self._step(self._worker.woken)
        self._jobs[step.number] = _Job(do=lambda: _sleep(step.seconds))
        return await self._step(self._worker.later)

    async def _waited(self, step: Waiting, group: TaskGroup) -> Step:
        """Begin what the program asked for, and go on as soon as any of it has ended."""
        for number in sorted(step.numbers & self._jobs.keys()):
            self._under_way.add(number)
            group.start_soon(self._do, number, self._jobs.pop(number))
        while not (ready := step.numbers & self._settled.keys()):
            await self._more_news()
        settled = {number: self._settled.pop(number) for number in sorted(ready)}
        return await self._step(lambda: self._worker.deliver(settled))

    async def _finished(self, step: Finished) -> JsonValue:
        """Wait for calls that have begun, for none is cut in the middle, and return the program's value."""
        forgotten = next((job.called for job in self._jobs.values() if job.called), None)
        if forgotten:
            raise Stopped(f"{forgotten} was never awaited, so it was not called")
        while self._under_way:
            await self._more_news()
        try:
            return Plain(self._limits.value, what="the value of the last line").value(step.value)
        except TypeError as error:
            raise Stopped(str(error), kind="TypeError") from error
        except ValueError as error:
            raise Stopped(str(error), budget="value") from error

    async def _more_news(self) -> None:
        """Wait until something has ended."""
        self._news = anyio.Event()
        if self._broken is None:
            await self._news.wait()
        if self._broken is not None:
            raise self._broken

    async def _do(self, number: int, job: _Job) -> None:
        try:
            self._settled[number] = await job.do()
        except Exception as error:  # noqa: BLE001 - a defect of the toolbox ends the program, as itself
            self._broken = error
        self._under_way.discard(number)
        self._news.set()

    async def _call(self, function: ToolFunction, arguments: JsonObject, line: int | None) -> JsonValue | Failure:
        """Make a call; what goes wrong with it becomes an exception in the program."""
        tool = function.tool
        async with self._slots:
            self._made.append(function.path)
            began = anyio.current_time()
            outcome, answer = FINE, None
            try:
                made = await self._toolbox.call_tool(
                    tool.name, arguments, agent=self._agent, timeout=self._limits.call_seconds
                )
                answer = self._answer(function, made.value)
            except VSMError as error:
                outcome, answer = type(error).__name__, self._failure(error)
        elapsed = anyio.current_time() - began
        call = CodeCall(tool=function.path, server=tool.server, line=line, elapsed=elapsed, outcome=outcome)
        self._calls.append(call)
        return answer

    def _answer(self, function: ToolFunction, value: JsonValue) -> JsonValue | Failure:
        room = self._limits.memory_mb * 1024 * 1024
        try:
            return Plain(room, what=f"the answer of {function.path}()").value(function.unwrap(value))
        except (TypeError, ValueError) as error:
            raise PayloadError(f"{error}.") from error

    def _failure(self, error: VSMError) -> Failure:
        message = printable(f"{type(error).__name__}: {error.message}")[:_LONGEST_MESSAGE]
        self._told[message] = error
        return Failure(kind=_kind_of(error), message=message)

    def _error(self, stopped: Stopped) -> CodeError:
        """Return what the host gets to see."""
        what = printable(stopped.message)[:_LONGEST_MESSAGE].rstrip(".")
        printed, made = self._worker.printed, self._made
        where = "" if stopped.line is None else f" on line {stopped.line}"
        if stopped.budget:
            remedies = tuple(each.format(budget=stopped.budget) for each in _SMALLER)
            message = f"The program was ended{where}: {what}."
            return CodeBudgetError(
                message, line=stopped.line, kind=stopped.kind, printed=printed, made=made, remedies=remedies
            )
        if stopped.unsupported:
            message, remedies = f"The program cannot be run: {what}{where} is not supported here.", _LIKE_PYTHON
        else:
            kind = f"{stopped.kind}: " if stopped.kind else ""
            message, remedies = f"The program ended{where}: {kind}{what}.", ()
        return CodeError(message, line=stopped.line, kind=stopped.kind, printed=printed, made=made, remedies=remedies)


def _kind_of(error: VSMError) -> Kind:
    for raised, kind in _KINDS:
        if isinstance(error, raised):
            return kind
    return "RuntimeError"


async def _sleep(seconds: float) -> None:
    await anyio.sleep(seconds)


def _variables(inputs: JsonObject, namespaces: Namespaces, limits: CodeLimits) -> dict[str, JsonValue]:
    """Return the inputs as a program can have them.

    Raises:
        PayloadError: One has a name that is no variable's or that of a namespace, or all are too large.
    """
    for name in inputs:
        if not name.isidentifier() or keyword.iskeyword(name) or name in namespaces.names():
            raise PayloadError(
                f"A program cannot have an input named {name[:80]!r}: it is no name, or one of a server."
            )
    plain = Plain(limits.value, what="the inputs of the program")
    try:
        return {name: plain.value(value) for name, value in inputs.items()}
    except (TypeError, ValueError) as error:
        raise PayloadError(f"{error}.") from error
