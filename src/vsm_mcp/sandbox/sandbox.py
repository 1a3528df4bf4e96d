"""Sandbox: confinement; a command goes in, a confined process comes out."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Self

import anyio

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.sandbox.confiner import Confined, Confiner
from vsm_mcp.sandbox.linux.bubblewrap import Bubblewrap
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.unconfined import Unconfined
from vsm_mcp.world.processes import Command, Processes

__all__ = ["Confined", "Confiner", "Sandbox"]

TRIAL_SECONDS = 10.0
_NOT_EXECUTED = (126, 127)


class Sandbox:
    """Starts confined processes through one confiner.

    Args:
        confiner: How they are confined.
    """

    def __init__(self, confiner: Confiner) -> None:
        """Keep the confiner; nothing is tried yet."""
        self._confiner = confiner
        self._runnable: dict[Path, bool] = {}

    @classmethod
    def bubblewrap(
        cls, processes: Processes, *, binaries: Sequence[Path] | None = None, run_as: int | None = None
    ) -> Self:
        """Return a sandbox that confines with bubblewrap.

        Args:
            processes: Starts the processes.
            binaries: The bubblewrap programs to try, best first; the distribution's and the bundled one when ``None``.
            run_as: The user to run under when this process is root and a policy names none; ``None`` chooses one.
        """
        return cls(Bubblewrap(processes, binaries=binaries, run_as=run_as))

    @classmethod
    def none(cls, processes: Processes) -> Self:
        """Return a sandbox that confines nothing; its reports say so."""
        return cls(Unconfined(processes))

    def __repr__(self) -> str:
        """Name the confiner."""
        return f"Sandbox({self._confiner.name})"

    @property
    def name(self) -> str:
        """The confiner's name: ``"bubblewrap"`` or ``"none"``."""
        return self._confiner.name

    def open(self, command: Command, policy: SandboxPolicy, /) -> AbstractAsyncContextManager[Confined]:
        """Start a command confined by ``policy``; leaving the context ends its whole process tree.

        Words of ``command`` that begin with ``/pkg`` or ``/work`` mean the directories that the policy names.

        Raises:
            SandboxError: It could not be confined as required; the program did not run.
            StartError: It could not be started.
        """
        return self._confiner.open(command, policy)

    async def probe(self) -> Enforcement:
        """Find out by trying what this machine can hold; the answer is kept.

        Raises:
            SandboxError: Nothing can be confined here; the remedies say what to do.
        """
        return await self._confiner.enforces()

    def plan(self, policy: SandboxPolicy, /) -> Enforcement:
        """Predict what ``policy`` will get, without starting anything.

        Raises:
            SandboxError: The policy requires more than can be held.
        """
        return self._confiner.plan(policy)

    async def can_run(self, program: Path) -> bool:
        """Tell whether a confined process may read and execute ``program``, by trying it once."""
        if program not in self._runnable:
            self._runnable[program] = await self._try(program)
        return self._runnable[program]

    async def _try(self, program: Path) -> bool:
        try:
            async with self.open(Command(argv=(str(program), "--version")), SandboxPolicy()) as confined:
                with anyio.move_on_after(TRIAL_SECONDS):
                    return await confined.wait() not in _NOT_EXECUTED
                return True
        except SandboxError:
            return False
