"""A world of fakes: a clock to set, scripted HTTP and processes, secrets in memory, and a sink that remembers."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, ObjectSendStream
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import SecretStr

from vsm_mcp.errors import ConfigurationError, LinkError, PayloadError, StartError, VSMError
from vsm_mcp.events import Event
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.files import Files, LocalFiles
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.http import DEFAULT_LIMIT, Http, Reply
from vsm_mcp.world.processes import Command, Completed, Process, Processes
from vsm_mcp.world.secrets import Secrets
from vsm_mcp.world.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)
KILLED = -9
CHUNKS_IN_A_PIPE = 16

E = TypeVar("E", bound=Event)


class FakeClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, moment: datetime = START) -> None:
        """Start at ``moment``."""
        self._moment = _aware(moment)

    def now(self) -> datetime:
        """Return the moment it was set to, in UTC."""
        return self._moment

    def set(self, moment: datetime) -> None:
        """Show ``moment`` from now on.

        Raises:
            ConfigurationError: ``moment`` has no time zone.
        """
        self._moment = _aware(moment)

    def advance(self, by: timedelta | float) -> None:
        """Go on by a time span, or by so many seconds."""
        self._moment += by if isinstance(by, timedelta) else timedelta(seconds=by)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ConfigurationError("A clock needs a moment with a time zone.", remedies=("Add tzinfo=UTC.",))
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that was sent to a ``ScriptedHttp``."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    cafile: str | None = None


Answer = Reply | VSMError | Callable[[Request], Reply]
"""What a route answers: a reply, an error to raise, or a function of the request."""


class ScriptedHttp:
    """Answers requests from a table, and remembers them.

    Args:
        routes: What to answer. A key is an address, or a method and an address (``"POST https://..."``); one that ends
            with ``*`` stands for all that begin so. The most exact key wins. Other addresses do not answer.

    Attributes:
        requests: What was sent, in order.
    """

    def __init__(self, routes: Mapping[str, Answer] | None = None) -> None:
        """Copy the table."""
        self._routes = dict(routes or {})
        self.requests: list[Request] = []

    def route(self, key: str, answer: Answer) -> None:
        """Answer ``key`` with ``answer`` from now on."""
        self._routes[key] = answer

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = DEFAULT_LIMIT,
        cafile: str | None = None,
    ) -> Reply:
        """Answer from the table.

        Raises:
            LinkError: No route fits.
            PayloadError: The scripted reply is larger than ``limit`` bytes.
            VSMError: The scripted error.
        """
        await anyio.lowlevel.checkpoint()
        request = Request(method=method, url=url, headers=dict(headers or {}), body=body, cafile=cafile)
        self.requests.append(request)
        answer = self._find(request)
        if isinstance(answer, VSMError):
            raise answer
        reply = answer if isinstance(answer, Reply) else answer(request)
        if len(reply.body) > limit:
            raise PayloadError(f"{url} answered with more than {limit} bytes.")
        return reply

    def _find(self, request: Request) -> Answer:
        asked = (f"{request.method} {request.url}", request.url)
        for key in asked:
            if key in self._routes:
                return self._routes[key]
        starts = [key for key in self._routes if key.endswith("*") and any(a.startswith(key[:-1]) for a in asked)]
        if not starts:
            raise LinkError(
                f"{request.method} {request.url} got no answer: no route is scripted for it.",
                remedies=("Add a route to the ScriptedHttp.",),
            )
        return self._routes[max(starts, key=len)]


class MemorySecrets:
    """Secrets from a table, by the same references as the real ones: ``env:NAME`` and ``file:/path``.

    Attributes:
        asked: The references that were asked for, in order.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Copy the table of secrets by reference."""
        self._values = dict(values or {})
        self.asked: list[str] = []

    def __repr__(self) -> str:
        """Show the references, never the secrets."""
        return f"MemorySecrets({sorted(self._values)})"

    async def get(self, name: str) -> SecretStr | None:
        """Return the secret that ``name`` points to, or ``None``.

        Raises:
            ConfigurationError: ``name`` is not a reference.
        """
        await anyio.lowlevel.checkpoint()
        if not name.startswith(("env:", "file:")):
            raise ConfigurationError("A secret must be given by reference.", remedies=("Write env:NAME.",))
        self.asked.append(name)
        value = self._values.get(name)
        return None if value is None else SecretStr(value)


class RecordingSink:
    """Remembers every event.

    Attributes:
        events: The events, in order.
    """

    def __init__(self) -> None:
        """Start with an empty memory."""
        self.events: list[Event] = []

    def __call__(self, event: Event, /) -> None:
        """Remember ``event``."""
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one type, in order."""
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipes:
    """The three streams of a process in memory, seen from inside it."""

    stdin: ByteReceiveStream
    stdout: ByteSendStream
    stderr: ByteSendStream


Script = Callable[[Pipes], Awaitable[int]]
"""What a process in memory does with its streams; returns its exit code. Killing it cancels the script."""

Ending = Completed | VSMError | Callable[[Command], Completed]
"""How a command that is run ends: so, with an error, or as a function of the command says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A command that ``FakeProcesses`` was asked to start, and how."""

    command: Command
    stdin: bytes = b""
    run_as: int | None = None
    pass_fds: tuple[int, ...] = ()


Matches = Callable[[tuple[str, ...]], bool]
"""Says of a command line whether a script is meant for it."""


class FakeProcesses:
    """Starts nothing: commands end as scripted, and processes are functions in memory. The newest fitting script wins.

    Attributes:
        started: What was asked for, in order.
    """

    def __init__(self) -> None:
        """Start without any script: every command fails to start."""
        self._endings: list[tuple[Matches, Ending]] = []
        self._scripts: list[tuple[Matches, Script]] = []
        self.started: list[Started] = []

    @property
    def commands(self) -> list[Command]:
        """The commands that were asked for, in order."""
        return [started.command for started in self.started]

    def on_run(self, matches: Matches, ending: Ending) -> None:
        """End commands whose words fit with ``ending``."""
        self._endings.insert(0, (matches, ending))

    def on_open(self, matches: Matches, script: Script) -> None:
        """Let ``script`` play the process of commands whose words fit."""
        self._scripts.insert(0, (matches, script))

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        """End as scripted.

        Raises:
            StartError: Nothing is scripted for this command.
            PayloadError: It is scripted to write more than ``limit`` bytes.
            VSMError: The scripted error.
        """
        await anyio.lowlevel.checkpoint()
        self.started.append(Started(command=command, stdin=stdin))
        ending = _first_fit(self._endings, command)
        if isinstance(ending, VSMError):
            raise ending
        completed = ending if isinstance(ending, Completed) else ending(command)
        if max(len(completed.stdout), len(completed.stderr)) > limit:
            raise PayloadError(f"{command.argv[0]} wrote more than {limit} bytes.")
        return completed

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        """Run the script of the command until it returns, or until the context is left.

        Raises:
            StartError: Nothing is scripted for this command.
        """
        self.started.append(Started(command=command, run_as=run_as, pass_fds=tuple(pass_fds)))
        script = _first_fit(self._scripts, command)
        process = _MemoryProcess(pid=len(self.started))
        with first_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(process.play, script)
                try:
                    yield process
                finally:
                    process.kill()
                    await process.close()


A = TypeVar("A")


def _first_fit(scripted: Sequence[tuple[Matches, A]], command: Command) -> A:
    for matches, answer in scripted:
        if matches(command.argv):
            return answer
    raise StartError(
        f"{command.argv[0]} could not be started: nothing is scripted for it.",
        remedies=("Script it with on_run or on_open.",),
    )


class _Sender(ByteSendStream):
    def __init__(self, stream: ObjectSendStream[bytes]) -> None:
        self._stream = stream

    async def send(self, item: bytes) -> None:
        if item:
            await self._stream.send(bytes(item))

    async def aclose(self) -> None:
        await self._stream.aclose()


def _pipe() -> tuple[ByteSendStream, ByteReceiveStream]:
    send, receive = anyio.create_memory_object_stream[bytes](CHUNKS_IN_A_PIPE)
    return _Sender(send), BufferedByteReceiveStream(receive)


class _MemoryProcess:
    def __init__(self, *, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self._stdin = _pipe()
        self._stdout, self.stdout = _pipe()
        self._stderr, self.stderr = _pipe()
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    async def play(self, script: Script) -> None:
        code = KILLED
        try:
            with self._scope:
                code = await script(Pipes(stdin=self._stdin, stdout=self._stdout, stderr=self._stderr))
        finally:
            with anyio.CancelScope(shield=True):
                for end in (self._stdin, self._stdout, self._stderr):
                    await end.aclose()
            self.returncode = code
            self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        return KILLED if self.returncode is None else self.returncode

    def kill(self) -> None:
        self._scope.cancel()

    async def close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._ended.wait()
            for end in (self.stdin, self.stdout, self.stderr):
                await end.aclose()


def fake_world(
    *,
    clock: Clock | None = None,
    http: Http | None = None,
    processes: Processes | None = None,
    files: Files | None = None,
    secrets: Secrets | None = None,
    random: Random | None = None,
) -> World:
    """Return a world without network, processes or secrets; name what you want to script or to be real.

    Files are real: give the code under test a temporary directory. Randomness repeats itself.
    """
    return World(
        clock=clock or FakeClock(),
        http=http or ScriptedHttp(),
        processes=processes or FakeProcesses(),
        files=files or LocalFiles(),
        secrets=secrets or MemorySecrets(),
        random=random or Random(0),  # noqa: S311 - repeatable on purpose
    )
