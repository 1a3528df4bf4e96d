"""What every way of confining a process offers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from anyio.abc import ByteReceiveStream, ByteSendStream

from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.world.processes import Command, Process


class Confined(Process, Protocol):
    """A running process and the report on what confines it. Leaving its context ends its whole process tree."""

    @property
    def enforcement(self) -> Enforcement:
        """What was seen to confine it before its first instruction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfinedProcess:
    """A process as a confiner hands it out.

    Attributes:
        process: The process that was started: the program itself, or what confines it.
        pid: The program's number on this host.
        enforcement: What was seen to confine it.
        end: Ends everything that the program started, at once.
    """

    process: Process
    pid: int
    enforcement: Enforcement
    end: Callable[[], None]

    @property
    def returncode(self) -> int | None:
        """Its exit code, or ``None`` while it runs."""
        return self.process.returncode

    @property
    def stdin(self) -> ByteSendStream:
        """Where it reads."""
        return self.process.stdin

    @property
    def stdout(self) -> ByteReceiveStream:
        """What it writes."""
        return self.process.stdout

    @property
    def stderr(self) -> ByteReceiveStream:
        """What it writes as errors."""
        return self.process.stderr

    async def wait(self) -> int:
        """Wait until it ends and return its exit code."""
        return await self.process.wait()

    def kill(self) -> None:
        """End it and everything that it started at once."""
        self.end()


class Confiner(Protocol):
    """Confines processes in one way."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    async def enforces(self) -> Enforcement:
        """Find out by trying what can be held on this machine; the answer is kept.

        Raises:
            SandboxError: Nothing can be confined here.
        """
        ...

    def plan(self, policy: SandboxPolicy, /) -> Enforcement:
        """Predict what ``policy`` will get, without starting anything.

        Raises:
            SandboxError: The policy requires more than this confiner can hold.
        """
        ...

    def open(self, command: Command, policy: SandboxPolicy, /) -> AbstractAsyncContextManager[Confined]:
        """Start ``command`` confined by ``policy``.

        Raises:
            SandboxError: It could not be confined as required; the program did not run.
        """
        ...
