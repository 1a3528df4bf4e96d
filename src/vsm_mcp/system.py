"""ViableSystem: the facade."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

import anyio

from vsm_mcp.acquisition.discovery.discovery import DiscoveryResult
from vsm_mcp.acquisition.discovery.shelf import Shelf
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.acquisition.report import AcquisitionPlan, AcquisitionReport
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, DiscoveryError, VSMError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.model.proof import Probe
from vsm_mcp.preflight import Preflight, PreflightReport
from vsm_mcp.settings import Settings
from vsm_mcp.status import ConnectionTest, SystemStatus, status_of
from vsm_mcp.systems.autonomy import Autonomy
from vsm_mcp.systems.system5 import Approver
from vsm_mcp.variety.analysis import VarietyAnalysis
from vsm_mcp.wiring import Parts, build
from vsm_mcp.world.world import World


class ViableSystem:
    """A system that does what it is asked, measures what it cannot, and safely acquires what it lacks.

    Use it as an asynchronous context manager; nothing happens before it is entered, and when it is left every server it
    started is gone::

        async with ViableSystem(Settings(autonomy=Autonomy.AUTO, allow=("pypi:mcp-server-time",))) as vsm:
            outcome = await vsm.execute(Operation(needs="get the current time", arguments={"timezone": "UTC"}))

    Args:
        settings: The options; by default those of the environment.
        shelf: What the host itself offers: in-process servers and server files.
        world: The ports to the outside.
        sources: Where servers are looked for, instead of catalogue, registries and shelf.
        checks: Further checks every package must pass.
        emit: Hears everything that happens.
        approve: Asked before an acquisition, at autonomy ``APPROVE``.

    Raises:
        ConfigurationError: A setting or the environment is wrong.
        SandboxError: On entering, when the required confinement cannot be enforced on this machine.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        shelf: Shelf | None = None,
        world: World | None = None,
        sources: Sequence[Source] | None = None,
        checks: Sequence[Check] = (),
        emit: EventSink = ignore,
        approve: Approver | None = None,
    ) -> None:
        """Keep what the system is to be made of."""
        self.settings: Settings = settings or Settings()
        self._shelf = shelf or Shelf()
        self._world = world or World()
        self._sources = sources
        self._checks = tuple(checks)
        self._emit = emit
        self._approve = approve
        self._parts: Parts | None = None
        self._life: AsyncExitStack | None = None

    def __repr__(self) -> str:
        """Show whether it lives and what it holds."""
        if self._parts is None:
            return "ViableSystem(not entered)"
        return f"ViableSystem(servers={sorted(self._parts.spawner.states())}, autonomy={self.settings.autonomy.name})"

    async def __aenter__(self) -> Self:
        """Build the parts, repair what a crash left behind, and make what is held reachable."""
        if self._parts is not None:
            raise ConfigurationError("This ViableSystem is entered already.", remedies=("Make another one.",))
        parts = await build(
            self.settings,
            world=self._world,
            shelf=self._shelf,
            sources=self._sources,
            checks=self._checks,
            emit=self._emit,
            approve=self._approve,
        )
        async with AsyncExitStack() as stack:
            await parts.rollback.recover()
            await stack.enter_async_context(parts.spawner)
            await parts.system4.adopt_held()
            self._life = stack.pop_all()
        self._parts = parts
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every server. The body's own exception passes unchanged."""
        life, self._life, self._parts = self._life, None, None
        if life is not None:
            await life.aclose()

    @property
    def parts(self) -> Parts:
        """All parts of the living system, by name: system1 to system5, router, installer, sandbox and the others.

        Raises:
            ConfigurationError: The system is not entered.
        """
        if self._parts is None:
            raise ConfigurationError(
                "This ViableSystem is not entered.", remedies=("Use it as `async with ViableSystem(...) as vsm:`.",)
            )
        return self._parts

    async def execute(self, operation: Operation, *, approve: Approver | None = None) -> Outcome:
        """Do one operation; when nothing can, acquire what it lacks as far as autonomy allows, and do it then.

        An operation that had to wait for an acquisition is two demands: the one that met the gap and the one that was
        served. It is never sent twice to a server that may have acted on it.

        Raises:
            CapabilityMissingError: Nothing can do it, and autonomy does not allow to acquire, or there is nobody to
                ask; from ``SUGGEST`` on its remedies name servers that could.
            AcquisitionError: Nothing could be acquired for it.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A rule forbids it.
        """
        parts = self.parts
        try:
            return await parts.system1.execute(operation)
        except CapabilityMissingError as missing:
            if self.settings.autonomy is Autonomy.OBSERVE:
                raise
            if self.settings.autonomy is Autonomy.SUGGEST or not self._may_ask(approve):
                raise await parts.system4.suggest(operation, missing) from missing
        began = anyio.current_time()
        await parts.system4.close_gap(operation, approve=approve)
        acquired_in = anyio.current_time() - began
        outcome = await parts.system1.execute(operation)
        return replace(outcome, elapsed=outcome.elapsed + acquired_in)

    async def discover_servers(self, wanted: str, *, limit: int = 10) -> DiscoveryResult:
        """Ask all sources at once for servers that could do ``wanted``; nothing is installed.

        Raises:
            DiscoveryError: No source could be asked.
        """
        return await self.parts.discovery.find(wanted, limit=limit)

    async def plan_acquisition(self, wanted: str, *, server: str | None = None, limit: int = 3) -> AcquisitionPlan:
        """Say what acquiring would run, use and install, for at most ``limit`` servers. Leaves no trace.

        Raises:
            DiscoveryError: No source could be asked, or ``server`` is unknown.
        """
        return await self.parts.acquisition.plan(wanted, server=server, limit=limit)

    async def acquire_capability(
        self,
        wanted: str,
        server: str | None = None,
        *,
        probe: Probe | None = None,
        approve: Approver | None = None,
    ) -> AcquisitionReport:
        """Acquire a capability now, without waiting for an operation that lacks it.

        Args:
            wanted: What is needed, in a short phrase.
            server: Only this server: its name, or a package such as ``npm:@scope/name`` or ``pypi:name@1.2``.
            probe: The call it must answer well before it is accepted.
            approve: Who is asked, at autonomy ``APPROVE``.

        Raises:
            AcquisitionError: Nothing could be acquired; ``failures`` says why for each server. Nothing is left behind.
            PolicyError: Autonomy, budget or the approver does not permit it.
        """
        return await self.parts.system4.acquire(wanted, server=server, probe=probe, approve=approve)

    async def release_capability(self, server: str) -> None:
        """Let a server go: end its process, take its tools away, remove its files.

        Raises:
            DiscoveryError: No server of this name is held.
        """
        await self.parts.system4.release(server)

    async def test_connection(self, server: str) -> ConnectionTest:
        """Start a throw-away instance of a held server and list its tools. Never raises for the server's own fault.

        Raises:
            DiscoveryError: No server of this name is held.
        """
        parts = self.parts
        for record in await parts.installer.records():
            if record.proven.candidate.name == server:
                began = anyio.current_time()
                try:
                    async with parts.spawner.trial(record.proven.installed) as running:
                        return ConnectionTest(server=server, ok=True, tools=len(running.tools), elapsed=running.elapsed)
                except VSMError as error:
                    elapsed = anyio.current_time() - began
                    return ConnectionTest(server=server, ok=False, tools=None, elapsed=elapsed, error=str(error))
        raise DiscoveryError(f"No server named {server!r} is held.", stage="test")

    async def preflight(self) -> PreflightReport:
        """Say what works on this machine, with a remedy for what does not."""
        return await Preflight(self.settings, world=self._world).run()

    async def read_file(self, server: str, name: str) -> bytes:
        """Read a file that a server wrote into its directory; a link on the way is refused.

        Raises:
            PayloadError: There is no such regular file, or it is too large.
        """
        return await self.parts.workspace.read(server, name)

    @property
    def acquisitions(self) -> tuple[AcquisitionReport, ...]:
        """The reports of this session's acquisitions, oldest first."""
        return tuple(self.parts.system4.reports)

    def status(self) -> SystemStatus:
        """Return a snapshot of the whole; cheap, measured figures only."""
        return status_of(self.parts, self.settings)

    def analyze_variety(self) -> VarietyAnalysis:
        """Return the variety gap, per system and per kind, from the recorded demand."""
        return self.parts.variety.analyze()

    def _may_ask(self, approve: Approver | None) -> bool:
        return self.settings.autonomy is Autonomy.AUTO or (approve or self._approve) is not None
