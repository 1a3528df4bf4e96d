"""The sandbox that package clients run in: only the configured registries can be reached, refusals are remembered."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream

from vsm_mcp.acquisition.installation.ecosystems.clients.benches import furnish, take_back
from vsm_mcp.acquisition.installation.ecosystems.clients.cache import ClientCache, Held
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import Given
from vsm_mcp.acquisition.installation.ecosystems.clients.reach import within_reach
from vsm_mcp.errors import CallTimeoutError, InstallationError, PayloadError, SandboxError
from vsm_mcp.events import EgressDecided, Event, EventSink
from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.model.report import printable
from vsm_mcp.sandbox.confiner import Confined
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed

MOST_REFUSALS = 8
SETUP_SECONDS = 60.0
"""What a run may take beyond its own time: to be set up, and to be taken back."""

_Heard = dict[tuple[str, int | None], str]

_ENDED = {
    ExitReason.MEMORY: "Choose a smaller package, or install it where more memory is allowed.",
    ExitReason.DISK: "Choose a smaller package, or allow packages more room: VSM_MCP_PACKAGE_MB.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        completed: Its exit code and what it wrote.
        elsewhere: The hosts that it asked for and that are not configured.
        obstacles: Why configured hosts could not be reached, as parts of sentences.
    """

    completed: Completed
    elsewhere: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


class Refusals:
    """A sink that passes events on and remembers, for the runs under way, which hosts were refused.

    Args:
        emit: Hears every event.
    """

    def __init__(self, emit: EventSink) -> None:
        """Begin with no run under way."""
        self._emit = emit
        self._heard: dict[str, list[_Heard]] = {}

    def __call__(self, event: Event, /) -> None:
        """Take note of one event and pass it on."""
        if isinstance(event, EgressDecided) and not event.allowed:
            for hosts in self._heard.get(event.subject, ()):
                if len(hosts) < MOST_REFUSALS:
                    hosts[event.host[:255], event.port] = event.reason
        self._emit(event)

    @contextmanager
    def of(self, subject: str) -> Generator[_Heard]:
        """Remember what is refused to ``subject``, and why, as long as the context lasts."""
        hosts: _Heard = {}
        self._heard.setdefault(subject, []).append(hosts)
        try:
            yield hosts
        finally:
            self._heard[subject] = [known for known in self._heard[subject] if known is not hosts]
            if not self._heard[subject]:
                del self._heard[subject]


class Cell:
    """Runs one kind of package client in the sandbox.

    Args:
        sandbox: Confines it; tells ``refusals`` what was decided.
        refusals: Knows which hosts were refused.
        cache: What the client keeps between runs; nothing when ``None``.
        tools: Where programs are copied to that the users of sandboxes cannot reach; ``None`` copies none.
        package_mb: How large a package may be, with all that it brings along.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        refusals: Refusals,
        *,
        cache: ClientCache | None = None,
        tools: Path | None = None,
        package_mb: int = 1000,
    ) -> None:
        """Join the parts."""
        self._sandbox = sandbox
        self._refusals = refusals
        self._cache = cache
        self._tools = tools
        self._package_mb = package_mb

    @property
    def keeps(self) -> bool:
        """Whether the client finds a directory that is kept between runs."""
        return self._cache is not None

    async def reach(self, program: Path) -> Path:
        """Return where a program that needs no other files can be run from.

        Raises:
            ConfigurationError: It has to be copied, and cannot be.
        """
        if self._tools is None:
            return program
        return await anyio.to_thread.run_sync(within_reach, program, self._tools)

    async def run(self, argv: Sequence[str], home: Path, given: Given, *, subject: str, timeout: float) -> Outcome:
        """Run the client in ``home``, which it finds at ``/work``; then take that back.

        Args:
            argv: Its words, with the places as it finds them.
            home: Its directory on this machine.
            given: What it is given.
            subject: Whom events name.
            timeout: Seconds it may take.

        Raises:
            SandboxError: It could not be confined.
            StartError: The sandbox could not be started.
            CallTimeoutError: It took too long; everything of it was ended.
            PayloadError: It wrote more than is read.
            InstallationError: It took more than it may.
            IntegrityError: It left behind what no package client leaves behind.
        """
        await anyio.to_thread.run_sync(furnish, home, given.files)
        try:
            with anyio.fail_after(timeout + SETUP_SECONDS), self._refusals.of(subject) as refused:
                async with self._held() as cache:
                    policy = self._policy(home, given, cache, subject=subject, timeout=timeout)
                    done = await self._confined(argv, given, policy)
        except TimeoutError as error:
            raise _too_slow(argv[0], timeout) from error
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(take_back, home)
        return _outcome(done, refused, given.egress)

    @asynccontextmanager
    async def _held(self) -> AsyncGenerator[Held | None]:
        if self._cache is None:
            yield None
            return
        async with self._cache.held() as held:
            yield held

    def _policy(self, home: Path, given: Given, cache: Held | None, *, subject: str, timeout: float) -> SandboxPolicy:
        return SandboxPolicy(
            limits=limits(self._package_mb + (0 if self._cache is None else self._cache.most_mb), timeout),
            package=given.package,
            work=home,
            cache=None if cache is None else cache.path,
            run_as=None if cache is None else cache.user,
            read_only=given.read_only,
            egress=given.egress,
            subject=subject,
        )

    async def _confined(self, argv: Sequence[str], given: Given, policy: SandboxPolicy) -> Completed:
        command = Command(argv=tuple(argv), env=dict(given.env))
        async with self._sandbox.open(command, policy) as confined:
            done = await _listen(confined)
            reason, detail = confined.exit_reason, confined.exit_detail
        if reason is ExitReason.LIFETIME:
            raise _too_slow(argv[0], policy.limits.lifetime or 0.0)
        if reason not in {None, ExitReason.EXITED}:
            raise InstallationError(
                f"{policy.subject} was ended ({reason}). {detail}".rstrip(),
                remedies=(_ENDED.get(reason, "Try again."),) if reason else (),
            )
        return replace(done, stderr=done.stderr + f"\n{detail}".encode()) if done.returncode else done


def _outcome(done: Completed, refused: _Heard, egress: Egress) -> Outcome:
    elsewhere: dict[str, None] = {}
    obstacles: dict[str, None] = {}
    for (host, port), reason in refused.items():
        if egress.knows(host) if port is None else egress.permits(host, port):
            obstacles[printable(f"{host}: {reason}")] = None
        else:
            elsewhere[printable(host if port is None else f"{host}:{port}")] = None
    return Outcome(completed=done, elsewhere=tuple(elsewhere), obstacles=tuple(obstacles))


def limits(kept_mb: int, timeout: float) -> Limits:
    """Return what a package client may use: generous, as it is a program of this machine and resolving is hard work."""
    return Limits(
        memory_mb=2048,
        cpu_cores=None,
        processes=256,
        open_files=4096,
        file_mb=kept_mb,
        tmp_mb=256,
        kept_mb=kept_mb,
        lifetime=timeout,
    )


async def _listen(confined: Confined) -> Completed:
    """Read what a process writes until it ends; its end also ends what it left in the background."""
    written: dict[str, bytes] = {}

    async def collect(name: str, stream: ByteReceiveStream) -> None:
        data = bytearray()
        with suppress(anyio.ClosedResourceError):
            async for chunk in stream:
                data += chunk
                if len(data) > DEFAULT_LIMIT:
                    raise PayloadError(
                        f"A package client wrote more than {DEFAULT_LIMIT} bytes to {name}.",
                        remedies=("Choose another package: no client has that much to say.",),
                    )
        written[name] = bytes(data)

    with first_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, "stdout", confined.stdout)
            tasks.start_soon(collect, "stderr", confined.stderr)
            await confined.stdin.aclose()
            await confined.wait()
    return Completed(returncode=await confined.wait(), stdout=written["stdout"], stderr=written["stderr"])


def _too_slow(program: str, timeout: float) -> CallTimeoutError:
    return CallTimeoutError(
        f"{Path(program).name} did not end within {timeout:g} seconds and was killed.",
        remedies=("Try again, or allow more time.",),
    )


def not_confined(error: SandboxError, subject: str) -> InstallationError:
    """Return the error for a client that could not be confined: it did not run."""
    return InstallationError(
        f"{subject}: the package client could not be confined, so it did not run: {error.message}",
        remedies=error.remedies,
    )
