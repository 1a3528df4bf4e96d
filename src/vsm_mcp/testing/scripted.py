"""Servers that do what a test says: they come up, answer, hang and crash on cue, without any process."""

from collections.abc import AsyncGenerator, Callable, Container, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import anyio

from vsm_mcp.errors import CallTimeoutError, ConfigurationError, LinkError, StartError, VSMError
from vsm_mcp.events import Event
from vsm_mcp.model.call import PromptSpec, ToolCall, ToolResult, ToolSpec
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.link import Ending, Link, ServerInfo
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.supervision.supervision import Supervision
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.testing.servers import as_proven, memory_installed
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.secrets import ReferencedSecrets

OLD, NEW = "2025-11-25", "2026-07-28"
STARTING = 2.0
WORK = ToolSpec(name="work", description="Works.")


class ScriptedLink:
    """A connection to a server that lives until it is told to crash."""

    server_info: ServerInfo | None = None
    instructions: str | None = None

    def __init__(self, script: "Script", number: int) -> None:
        self.dropped: dict[str, str] = {}
        self.changes: int = 0
        self.alive: bool = True
        self.number: int = number
        self.pings: int = 0
        self.calls: list[ToolCall] = []
        self.offers: tuple[ToolSpec, ...] = (WORK,)
        self.listings: int = 0
        self.unlisted: VSMError | None = None
        self.answers: bool = True
        self.refusal: VSMError | None = None
        self.hold: anyio.Event | None = None
        self.result: ToolResult | VSMError | None = None
        self._script = script
        self._over = anyio.Event()
        self._ending = Ending(reason="it was closed")

    @property
    def protocol_version(self) -> str:
        """The version that the script names."""
        return self._script.version

    def quoted(self, text: str) -> str:
        """Return ``text`` as it is."""
        return text

    def crash(self, code: int = 9) -> None:
        """End now."""
        self.alive = False
        self._ending = Ending(reason=f"it ended with exit code {code}", exit_code=code)
        self._over.set()

    async def tools(self) -> tuple[ToolSpec, ...]:
        """Return the tools it has at the moment: the one that is called, unless a test says otherwise."""
        self.listings += 1
        if self.unlisted is not None:
            raise self.unlisted
        return self.offers

    async def prompts(self) -> tuple[PromptSpec, ...]:
        """Return none."""
        return ()

    async def ping(self) -> None:
        """Answer, as soon as it answers at all."""
        self.pings += 1
        while not self.answers:  # noqa: ASYNC110 - a test only sets the attribute
            await anyio.sleep(1)
        if self.refusal is not None:
            raise self.refusal

    async def ended(self) -> Ending:
        """Wait for the crash."""
        await self._over.wait()
        return self._ending

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Answer with the number of this connection or as a test says, once nothing holds it; or never."""
        self.calls.append(call)
        if not self.answers:
            await self._until_late(call.timeout or 60.0)
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.result, VSMError):
            raise self.result
        return self.result or ToolResult(text=str(self.number))

    async def _until_late(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._over.wait()
            raise LinkError("The connection broke.")
        raise CallTimeoutError("No answer came.")


@dataclass
class Script:
    """What one server does.

    Attributes:
        version: The version of the protocol it speaks.
        seconds: How long it takes to come up.
        problems: What the next starts end with; it comes up when none is left.
        links: Its connections so far.
        starts: When each start began.
    """

    version: str = OLD
    seconds: float = STARTING
    problems: list[VSMError] = field(default_factory=list[VSMError])
    links: list[ScriptedLink] = field(default_factory=list[ScriptedLink])
    starts: list[float] = field(default_factory=list[float])

    @property
    def last(self) -> ScriptedLink:
        """The newest connection."""
        return self.links[-1]

    def fail(self, times: int) -> None:
        """Let the next starts fail."""
        self.problems += [StartError("It does not come up.") for _ in range(times)]


class ScriptedConnector:
    """Makes links to servers that follow a script, by name."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        self.scripts = scripts
        self.order: list[str] = []
        self.starting: int = 0
        self.most: int = 0
        self.living: int = 0

    def stdio(
        self, start: object, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Link]:
        """Scripted servers have no process: there is nothing to connect to."""
        raise ConfigurationError(f"{name} follows a script.", remedies=("Hold it as an in-process server.",))

    def remote(
        self, launch: object, remote: object, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Link]:
        """Scripted servers have no process: there is nothing to connect to."""
        raise ConfigurationError(f"{name} follows a script.", remedies=("Hold it as an in-process server.",))

    @asynccontextmanager
    async def memory(self, make: Callable[[], object], *, name: str) -> AsyncGenerator[Link]:
        """Come up as the script of ``name`` says."""
        script = self.scripts[name]
        self.order.append(name)
        script.starts.append(anyio.current_time())
        self.starting += 1
        self.most = max(self.most, self.starting)
        try:
            await anyio.sleep(script.seconds)
        finally:
            self.starting -= 1
        if script.problems:
            raise script.problems.pop(0)
        link = ScriptedLink(script, len(script.links) + 1)
        script.links.append(link)
        self.living += 1
        try:
            yield link
        finally:
            self.living -= 1
            link.crash(0)


@dataclass
class Stage:
    """A spawner whose servers follow scripts.

    Attributes:
        spawner: Holds them.
        connector: Knows what was started.
        events: What was told.
    """

    spawner: DynamicSpawner
    connector: ScriptedConnector
    events: list[Event]

    def __getitem__(self, name: str) -> Script:
        """Return the script of a server."""
        return self.connector.scripts[name]

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def work(self, name: str = "one", *, agent: str = "host", timeout: float | None = None) -> str:
        """Call a server; return which of its instances answered."""
        call = ToolCall(server=name, tool="work", agent=agent, timeout=timeout)
        return (await self.spawner.call(call)).text


@asynccontextmanager
async def staged(
    supervision: Supervision | None = None,
    *names: str,
    scripts: dict[str, Script] | None = None,
    seed: int = 1,
    disabled: Container[str] = (),
) -> AsyncGenerator[Stage]:
    """Hold the servers of ``names`` (one when there are none), by their scripts; those in ``disabled`` are not used."""
    events: list[Event] = []
    known = {name: (scripts or {}).get(name) or Script() for name in names or ("one",)}
    connector = ScriptedConnector(known)
    launcher = Launcher(
        Sandbox.none(LocalProcesses()),
        connector,
        policy_for=lambda installed, work: SandboxPolicy(package=installed.path, work=work),
        secrets=ReferencedSecrets(),
        references=lambda _: {},
    )
    spawner = DynamicSpawner(
        launcher,
        Workspace(Path("/nonexistent")),
        emit=events.append,
        supervision=supervision,
        random=Random(seed),  # noqa: S311 - repeats a test
        disabled=disabled,
    )
    async with spawner:
        for name in known:
            spawner.adopt(as_proven(memory_installed(object, name=name), (WORK,)))
        yield Stage(spawner, connector, events)
