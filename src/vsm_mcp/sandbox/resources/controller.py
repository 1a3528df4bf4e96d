"""What every way of limiting a whole tree of processes offers."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from vsm_mcp.model.enforcement import Aspect, ExitReason, Held, Usage
from vsm_mcp.sandbox.policy import Limits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A parked sandbox: its processes, none of which has run anything of the program.

    Attributes:
        monitor: What set the sandbox up and waits for its end.
        first: Its first process: all others come from it, and none outlives it.
        parked: The process that becomes the program.
        scratch: Where the process finds its private file systems that are held in memory.
    """

    monitor: int
    first: int
    parked: int
    scratch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """A limit that was reached, such that the tree must end or has been ended by the kernel.

    Attributes:
        reason: Which.
        detail: The limit and what was measured, as a sentence.
    """

    reason: ExitReason
    detail: str


class Hold(Protocol):
    """Limits on one tree, as long as they last."""

    @property
    def held(self) -> Mapping[Aspect, Held]:
        """Who holds memory and CPU, with what was read back after it was applied."""
        ...

    def settle(self) -> None:
        """Apply the limit on CPU from now on. Does nothing the second time.

        Raises:
            OSError: The kernel refused; the tree must not go on.
        """
        ...

    def usage(self) -> Usage:
        """Measure; what cannot be measured any more is as it was measured last."""
        ...

    def exceeded(self) -> Exceeded | None:
        """Return the limit that was reached, or ``None``."""
        ...

    async def watch(self) -> None:
        """Watch over the tree: return when a limit is reached, and else not before it is cancelled.

        Raises:
            OSError: What there is to watch can no longer be read.
        """
        ...


class ResourceController(Protocol):
    """Limits memory and CPU of whole trees of processes in one way."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    async def unavailable(self) -> str | None:
        """Find out by trying whether this machine allows it: ``None`` if so, else why not, as a sentence."""
        ...

    def plan(self, limits: Limits, /) -> Mapping[Aspect, Held]:
        """Say who will hold memory and CPU, without evidence."""
        ...

    def attach(self, tree: Tree, limits: Limits, /) -> AbstractAsyncContextManager[Hold]:
        """Put a parked tree under ``limits``. The context must outlive the tree; what it made is removed at its end.

        Raises:
            SandboxError: It could not be done; the program must not run.
        """
        ...


def memory_words(limits: Limits) -> str:
    """Say the limit on memory."""
    return f"{limits.memory_mb} MiB for the whole tree"


def cpu_words(limits: Limits) -> str:
    """Say the limit on CPU."""
    if limits.cpu_cores is None:
        return "no limit"
    return f"{limits.cpu_cores:g} of a core for the whole tree, after {limits.cpu_burst:g} s at full speed"


def too_much_memory(limits: Limits, *, peak: int | None) -> Exceeded:
    """Return what is to be said when the tree took more memory than it may."""
    seen = "" if peak is None else f"; measured were {peak / MIB:.0f} MiB"
    return Exceeded(
        reason=ExitReason.MEMORY, detail=f"Its processes together may use {limits.memory_mb} MiB of memory{seen}."
    )
