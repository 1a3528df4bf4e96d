"""One program in one worker process of pydantic-monty, step by step: the only module that knows that library."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.errors import ConfigurationError, ExtraMissingError
from vsm_mcp.model.json import JsonObject, JsonValue

try:
    import pydantic_monty as monty
except ImportError as _missing:
    raise ExtraMissingError("codemode") from _missing

GRACE = 1.0
"""Seconds after which a worker that overruns its time without stopping itself is killed."""

_MIB = 1024 * 1024
_CHECKOUT = 30.0
_LOOKUPS = 1000
_PROGRAM = "<python-input-1>"  # the first input imports the namespaces
_SLEEPS = "system.sleep"
_SLEEPS_ASYNC = "system.async_sleep"
_CPU = ("feed time limit exceeded", "turn time limit exceeded")
_MEMORY = ("memory limit exceeded", "the worker exceeded its memory limit")
_STEPS = ("suspension limit",)
_NO_INHERITANCE = "The monty syntax parser does not yet support "

Kind = Literal["LookupError", "OSError", "PermissionError", "RuntimeError", "TimeoutError", "TypeError", "ValueError"]
"""The exceptions that a program can be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a program gets instead of a value: an exception of this kind."""

    kind: Kind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """The program calls a function of a namespace.

    Attributes:
        number: Stands for this call.
        path: The function, such as ``automem.store_memory``.
        args: The positional arguments, as they come from the program.
        kwargs: The keyword arguments, likewise.
        line: Where it does.
    """

    number: int
    path: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slept:
    """The program sleeps; ``waits`` when nothing else of it goes on meanwhile."""

    number: int
    seconds: float
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The program goes on only when at least one of these calls has ended."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The program ended; ``value`` is that of its last line, as it comes from the program."""

    value: object


Step = Called | Slept | Waiting | Finished
_Snapshot = monty.FunctionSnapshot | monty.NameLookupSnapshot | monty.FutureSnapshot | monty.MontyComplete


class Stopped(Exception):  # noqa: N818 - not an error of its own: the runner says what it means
    """The program did not come to its end.

    Attributes:
        kind: The exception's name as the program saw it; ``""`` when it is none of the program's.
        line: The line, where that is known.
        budget: Which budget was used up, as one of the names in `CodeLimits`; ``""`` when none was.
        unsupported: Whether it is something that the worker cannot do.
    """

    def __init__(
        self, message: str, *, kind: str = "", line: int | None = None, budget: str = "", unsupported: bool = False
    ) -> None:
        """Keep what happened."""
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.line = line
        self.budget = budget
        self.unsupported = unsupported


class Worker:
    """Runs one program. Its methods block, each for one step at most; only `kill` may be called from another thread.

    Args:
        namespaces: The functions of each namespace.
        limits: The budgets that hold inside the worker, and that of what is printed.
        binary: The worker's program; ``None`` for the one that came with the library.
    """

    def __init__(
        self, namespaces: Mapping[str, Sequence[str]], limits: CodeLimits, *, binary: Path | None = None
    ) -> None:
        """Start nothing yet."""
        self._namespaces = namespaces
        self._limits = limits
        self._binary = binary
        self._stack = ExitStack()
        self._session: monty.MontySession | None = None
        self._snapshot: _Snapshot | None = None
        self._descriptor: int | None = None
        self._code = b""
        self._parts: list[str] = []
        self._room = limits.printed
        self._killed = False

    def __repr__(self) -> str:
        """Show which namespaces the program has."""
        return f"Worker({', '.join(self._namespaces)})"

    @property
    def printed(self) -> str:
        """What the program printed until now."""
        return "".join(self._parts)

    def start(self, code: str, inputs: JsonObject) -> Step:
        """Start the process and the program.

        Raises:
            ExtraMissingError: The library is here, its worker is not.
            ConfigurationError: The worker does not start.
            Stopped: The program did not come to its end.
        """
        self._code = code.encode("utf-8", "replace")
        try:
            session = self._session = self._opened()
            self._descriptor = os.pidfd_open(session.worker_pid) if session.worker_pid else None
            self._import(session)
        except FileNotFoundError as error:
            raise ExtraMissingError("codemode") from error
        except (monty.MontyError, OSError, RuntimeError) as error:
            raise ConfigurationError(
                f"The worker that runs programs did not start: {error}",
                remedies=("Reinstall the extra: pip install --force-reinstall 'vsm_mcp[codemode]'.",),
            ) from error
        return self._run(lambda: session.feed_start(self._text(), inputs=dict(inputs), print_callback=self._print))

    def later(self) -> Step:
        """Answer a `Called` or `Slept`: its value will come with `deliver`."""
        return self._resume({"future": ...})

    def fail(self, failure: Failure) -> Step:
        """Answer a `Called` or `Slept` with an exception."""
        return self._resume({"exc_type": failure.kind, "message": failure.message})

    def woken(self) -> Step:
        """Answer a `Slept` that waits: the time is over."""
        return self._resume({"return_value": None})

    def deliver(self, settled: Mapping[int, JsonValue | Failure]) -> Step:
        """Answer a `Waiting` with what calls came to; at least one of those it named."""
        snapshot = self._snapshot
        assert isinstance(snapshot, monty.FutureSnapshot)  # noqa: S101 - the caller answers what it was asked
        results: dict[int, monty.ExternalSettledResult] = {
            number: {"exc_type": value.kind, "message": value.message}
            if isinstance(value, Failure)
            else {"return_value": value}
            for number, value in settled.items()
        }
        return self._run(lambda: snapshot.resume(results))

    def kill(self) -> None:
        """End the process at once, also in the middle of a step; that step then ends with `Stopped`."""
        self._killed = True
        if self._descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def close(self) -> None:
        """End the process and give back what it held."""
        self.kill()
        try:
            with suppress(monty.MontyError):
                self._stack.close()
        finally:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _opened(self) -> monty.MontySession:
        limits = self._limits
        pool = monty.Monty(
            binary_path=self._binary,
            min_processes=1,
            max_processes=1,
            checkout_timeout=_CHECKOUT,
            request_timeout=limits.cpu_seconds + 2 * GRACE,
            feed_duration_limit_grace=GRACE,
        )
        session = self._stack.enter_context(pool).checkout(
            script_name="program.py",
            limits={
                "max_feed_duration_secs": limits.cpu_seconds,
                "max_memory": limits.memory_mb * _MIB,
                "max_recursion_depth": limits.depth,
                "max_suspensions": _LOOKUPS + 4 * limits.calls,
            },
            os_policy={"sleep": "system", "sleep_system_max": limits.seconds, "timezone": "utc"},
            external_modules={
                name: monty.ExternalModule(dict.fromkeys(functions, _never))
                for name, functions in self._namespaces.items()
            },
        )
        return self._stack.enter_context(session)

    def _import(self, session: monty.MontySession) -> None:
        """Make the namespaces known; a program may import them as well, but need not."""
        snapshot = session.feed_start("\n".join(f"import {name}" for name in self._namespaces))
        while not isinstance(snapshot, monty.MontyComplete):
            snapshot = snapshot.resume_auto()

    def _text(self) -> str:
        return self._code.decode()

    def _print(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        """Keep what is printed; a program that prints too much is killed, for it could go on until its time is over."""
        if self._room < 0:
            return
        self._parts.append(text[: self._room])
        self._room -= len(text)
        if self._room < 0:
            self.kill()

    def _resume(self, result: monty.ExternalResult) -> Step:
        snapshot = self._snapshot
        assert isinstance(snapshot, monty.FunctionSnapshot)  # noqa: S101 - the caller answers what it was asked
        return self._run(lambda: snapshot.resume(result))

    def _run(self, advance: Callable[[], _Snapshot]) -> Step:
        """Let the program go on until it wants something of the runner."""
        try:
            if self._killed:
                raise Stopped("it was ended from outside")
            snapshot = advance()
            while True:
                self._snapshot = snapshot
                step = self._step(snapshot)
                if step is not None:
                    return step
                snapshot = self._served(snapshot)
        except monty.MontyCrashedError as error:
            self._crashed(error)
        except (monty.MontySyntaxError, monty.MontyRuntimeError) as error:
            self._raised(error)

    def _step(self, snapshot: _Snapshot) -> Step | None:
        """Return what the runner has to do about a snapshot; ``None`` when that is nothing."""
        if isinstance(snapshot, monty.MontyComplete):
            self._out_of_room()
            return Finished(value=snapshot.output)
        if isinstance(snapshot, monty.FutureSnapshot):
            return Waiting(numbers=frozenset(snapshot.pending_call_ids))
        return self._wanted(snapshot) if isinstance(snapshot, monty.FunctionSnapshot) else None

    def _wanted(self, snapshot: monty.FunctionSnapshot) -> Called | Slept | None:
        if snapshot.is_os_function and snapshot.function_name in (_SLEEPS, _SLEEPS_ASYNC):
            waits = snapshot.function_name == _SLEEPS
            return Slept(number=snapshot.call_id, seconds=float(snapshot.args[0]), waits=waits)
        if snapshot.is_os_function or "." not in snapshot.function_name:
            return None
        return Called(
            number=snapshot.call_id,
            path=snapshot.function_name,
            args=snapshot.args,
            kwargs=snapshot.kwargs,
            line=self._line_at(snapshot.position),
        )

    def _served(self, snapshot: _Snapshot) -> _Snapshot:
        """Answer what needs no runner: there are no other names, no files, no environment and no other modules."""
        if isinstance(snapshot, monty.NameLookupSnapshot):
            return snapshot.resume()
        assert isinstance(snapshot, monty.FunctionSnapshot)  # noqa: S101 - all others are steps
        if not snapshot.is_os_function:
            return snapshot.resume(self._builtin(snapshot))
        return snapshot.resume_auto() if snapshot.function_name == "import" else snapshot.resume_not_handled()

    def _builtin(self, snapshot: monty.FunctionSnapshot) -> monty.ExternalResult:
        """Answer a call to a name that nothing defines; ``dir`` of a namespace lists its functions."""
        name = snapshot.function_name
        if name == "dir" and len(snapshot.args) == 1 and isinstance(snapshot.args[0], monty.ExternalModule):
            return {"return_value": sorted(snapshot.args[0].attrs)}
        return {"exc_type": "NameError", "message": f"name {name[:80]!r} is not defined"}

    def _line_at(self, position: monty.SourceRange) -> int | None:
        if position.filename != _PROGRAM:
            return None
        return self._code.count(b"\n", 0, position.start) + 1

    def _out_of_room(self) -> None:
        if self._room < 0:
            raise Stopped(f"it printed more than {self._limits.printed} characters", budget="printed")

    def _crashed(self, error: monty.MontyCrashedError) -> NoReturn:
        self._out_of_room()
        if error.timed_out or "limit" in str(error):
            raise Stopped(f"it ran for more than {self._limits.cpu_seconds:g} s", budget="cpu_seconds") from error
        raise Stopped(f"its worker died: {error}") from error

    def _raised(self, error: monty.MontySyntaxError | monty.MontyRuntimeError) -> NoReturn:
        """Say which exception ended the program, or which of its budgets."""
        kind, message = type(error.exception()).__name__, error.display("msg")
        line = next((frame.line for frame in reversed(error.traceback()) if frame.filename == _PROGRAM), None)
        budget, what = _used_up(kind, message, self._limits)
        if budget:
            raise Stopped(what, line=line, budget=budget) from error
        if message.startswith(_NO_INHERITANCE):
            missing = message.removeprefix(_NO_INHERITANCE)
            raise Stopped(missing, kind=kind, line=line, unsupported=True) from error
        raise Stopped(message, kind=kind, line=line) from error


def _used_up(kind: str, message: str, limits: CodeLimits) -> tuple[str, str]:
    if kind == "TimeoutError" and message.startswith(_CPU):
        return "cpu_seconds", f"it ran for more than {limits.cpu_seconds:g} s"
    if kind == "MemoryError" and message.startswith(_MEMORY):
        return "memory_mb", f"it needed more than {limits.memory_mb} MB of memory"
    if kind == "RuntimeError" and message.startswith(_STEPS):
        return "calls", "it looked up names, slept or called too often"
    return "", ""


def _never(*_: object, **__: object) -> NoReturn:
    """Stand for a tool: calls are answered step by step, so this is never reached."""
    raise RuntimeError("a call of a program was not answered step by step")
