"""What every way of confining a process offers."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from anyio.abc import ByteReceiveStream, ByteSendStream

from vsm_mcp.model.enforcement import Enforcement, ExitReason, Usage
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.world.processes import Command, Process


class Confined(Process, Protocol):
    """A running process and the report on what confines it. Leaving its context ends its whole process tree."""

    @property
    def enforcement(self) -> Enforcement:
        """What was seen to confine it before its first instruction."""
        ...

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why it ended; ``None`` while it runs."""
        ...

    @property
    def exit_detail(self) -> str:
        """The limit that ended it and what was measured, as a sentence; empty when no limit did."""
        ...

    def settle(self) -> None:
        """Tell that its start-up is over: from now on the limit on CPU applies. Again is fine, and so is afterwards."""
        ...

    def usage(self) -> Usage:
        """Measure what its whole tree uses; afterwards, what was measured last."""
        ...


class Fate(Protocol):
    """What watches over a process: knows what it uses and why it ended."""

    @property
    def reason(self) -> ExitReason | None:
        """Which limit ended it, or that it was killed; ``None`` when nothing did."""
        ...

    @property
    def detail(self) -> str:
        """The limit and what was measured, as a sentence; empty when no limit ended it."""
        ...

    def settle(self) -> None:
        """Apply the limit on CPU from now on."""
        ...

    def usage(self) -> Usage:
        """Measure."""
        ...

    def end(self) -> None:
        """End everything that the process started, at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfinedProcess:
    """A process as a confiner hands it out.

    Attributes:
        process: The process that was started: the program itself, or what confines it.
        pid: The program's number on this host.
        enforcement: What was seen to confine it.
        fate: Watches over it.
    """

    process: Process
    pid: int
    enforcement: Enforcement
    fate: Fate

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why it ended, or ``None`` while it runs."""
        return None if self.process.returncode is None else self.fate.reason or ExitReason.EXITED

    @property
    def exit_detail(self) -> str:
        """The limit that ended it, as a sentence."""
        return self.fate.detail

    def settle(self) -> None:
        """Apply the limit on CPU from now on."""
        self.fate.settle()

    def usage(self) -> Usage:
        """Measure what its whole tree uses."""
        return self.fate.usage()

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
        self.fate.end()


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
