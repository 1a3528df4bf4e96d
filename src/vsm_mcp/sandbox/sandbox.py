"""Sandbox: confinement; a command goes in, a confined process comes out."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

import anyio

from vsm_mcp.errors import SandboxError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.sandbox.confiner import Confined, Confiner
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.linux.bubblewrap import Bubblewrap
from vsm_mcp.sandbox.places import SandboxPlaces
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.resources.controller import ResourceController
from vsm_mcp.sandbox.selftest.isolation import network_isolation
from vsm_mcp.sandbox.selftest.report import IsolationReport, SelfTestReport
from vsm_mcp.sandbox.selftest.selftest import self_test
from vsm_mcp.sandbox.unconfined import Unconfined
from vsm_mcp.world.processes import Command, Processes

__all__ = ["Confined", "Confiner", "Sandbox"]

TRIAL_SECONDS = 10.0
_NOT_EXECUTED = (126, 127)


class Sandbox:
    """Starts confined processes through one confiner.

    Args:
        confiner: How they are confined.
        places: How many there may be at once; any number when ``None``.

    Attributes:
        places: The same. What tries the sandbox itself, such as `self_test`, takes no place.
    """

    def __init__(self, confiner: Confiner, *, places: SandboxPlaces | None = None) -> None:
        """Keep the confiner; nothing is tried yet."""
        self.places: SandboxPlaces | None = places
        self._confiner = confiner
        self._runnable: dict[Path, bool] = {}

    @classmethod
    def bubblewrap(
        cls,
        processes: Processes,
        *,
        binaries: Sequence[Path] | None = None,
        run_as: int | None = None,
        emit: EventSink = ignore,
        controllers: Sequence[ResourceController] | None = None,
        places: SandboxPlaces | None = None,
    ) -> Self:
        """Return a sandbox that confines with bubblewrap.

        Args:
            processes: Starts the processes.
            binaries: The bubblewrap programs to try, best first; the distribution's and the bundled one when ``None``.
            run_as: The user to run under when this process is root and a policy names none; ``None`` chooses one.
            emit: Hears of limits that were reached and of what went in and out over the network.
            controllers: The ways to limit the memory and CPU of whole trees to try, best first; all that are known
                when ``None``: control groups, a scope of systemd, and a watchdog, which works everywhere.
            places: How many processes there may be at once; any number when ``None``.
        """
        confiner = Bubblewrap(processes, binaries=binaries, run_as=run_as, emit=emit, controllers=controllers)
        return cls(confiner, places=places)

    @classmethod
    def none(cls, processes: Processes, *, places: SandboxPlaces | None = None) -> Self:
        """Return a sandbox that confines nothing; its reports say so."""
        return cls(Unconfined(processes), places=places)

    def __repr__(self) -> str:
        """Name the confiner."""
        return f"Sandbox({self._confiner.name})"

    @property
    def name(self) -> str:
        """The confiner's name: ``"bubblewrap"`` or ``"none"``."""
        return self._confiner.name

    @asynccontextmanager
    async def open(self, command: Command, policy: SandboxPolicy, /) -> AsyncGenerator[Confined]:
        """Start a command confined by ``policy``; leaving the context ends its whole process tree.

        Words of ``command`` that begin with ``/pkg`` or ``/work`` mean the directories that the policy names.

        Raises:
            SandboxError: It could not be confined as required; the program did not run.
            StartError: It could not be started.
            CapacityError: There are as many confined processes as there may be, and none ended in time.
        """
        async with AsyncExitStack() as life:
            if self.places is not None:
                await life.enter_async_context(self.places.place())
            yield await life.enter_async_context(self._confiner.open(command, policy))

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

    async def self_test(self, *, python: Path, emit: EventSink = ignore) -> SelfTestReport:
        """Try to break out of this sandbox in every known way, with ``python`` (3.9 or later) inside.

        Raises:
            SandboxError: Nothing can be confined here.
        """
        return await self_test(self._confiner, python=python, emit=emit)

    async def test_network_isolation(
        self, *, python: Path, egress: Egress | None = None, emit: EventSink = ignore
    ) -> IsolationReport:
        """Try every way to the network from this sandbox, with what ``egress`` allows and ``python`` inside.

        Raises:
            SandboxError: Nothing can be confined here.
        """
        return await network_isolation(self._confiner, python=python, egress=egress, emit=emit)

    async def _try(self, program: Path) -> bool:
        try:
            async with self.open(Command(argv=(str(program), "--version")), SandboxPolicy()) as confined:
                with anyio.move_on_after(TRIAL_SECONDS):
                    return await confined.wait() not in _NOT_EXECUTED
                return True
        except SandboxError:
            return False
