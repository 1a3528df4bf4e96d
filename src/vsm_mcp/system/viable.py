"""ViableSystem: the facade."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

import anyio

from vsm_mcp.acquisition.discovery.rediscovery import Rediscovery
from vsm_mcp.acquisition.discovery.result import DiscoveryResult, ServerCover
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.acquisition.report import AcquisitionPlan, AcquisitionReport
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, DisabledError, PermissionDeniedError
from vsm_mcp.events import Event, Events, EventSink, ignore
from vsm_mcp.guard.guards import Guards
from vsm_mcp.measured import with_what_is_measured
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.model.proof import Probe
from vsm_mcp.nerves.bus import Bus
from vsm_mcp.nerves.nervous_system import NervousSystem
from vsm_mcp.servers.links.link import Consent
from vsm_mcp.servers.supervision.supervision import Supervision
from vsm_mcp.settings.settings import Settings, alone
from vsm_mcp.system.batches import MOST_IN_BATCH, BatchOutcome, execute_in_batches
from vsm_mcp.system.entered import SERVERS_ON
from vsm_mcp.system.figures import Figures
from vsm_mcp.system.history import History
from vsm_mcp.system.security import Security
from vsm_mcp.system.switches import Switches
from vsm_mcp.system.tools import Coder, Tools
from vsm_mcp.systems.autonomy import Autonomy
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.policy.context import DecisionContext, read_context
from vsm_mcp.systems.policy.decision import Decision
from vsm_mcp.systems.policy.record import RecordedOutcome
from vsm_mcp.systems.regulation import Regulation
from vsm_mcp.systems.system5 import Approver
from vsm_mcp.wiring.logs import logged
from vsm_mcp.wiring.nerves import told
from vsm_mcp.wiring.parts import Parts, build
from vsm_mcp.wiring.serving import Care
from vsm_mcp.world.world import World

_GUARDS = "the guards of this system"


class ViableSystem(Tools, Switches, Figures, Security, History):
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
        policy: What is let in and may be called; by default what the settings say.
        charter: How the system is governed: identity, policy, preferences, resources.
        units: Operational units of the host's own, also whole viable systems; more can be added with `add_unit`.
        guards: What every call must pass: who may call what, how often, with which data.
        supervision: How servers are kept alive: restarts, groups, health, pools.
        consent: What servers may ask of the host: a human, a model, directories; by default nothing.
        bus: Tells other systems what happens here, and this one what they tell; by default the broker of the settings.

    Attributes:
        settings: The options.
        events: Where to listen: ``vsm.events.attach("gap", GapMeasured, handler)``; also before the system is entered.

    Raises:
        ConfigurationError: A setting or the environment is wrong.
        SandboxError: On entering, when the required confinement cannot be enforced on this machine.
        BusError: On entering, when the broker of the settings cannot be reached.
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
        policy: Policy | None = None,
        charter: Charter | None = None,
        units: Sequence[OperationalUnit] = (),
        guards: Guards | None = None,
        supervision: Supervision | None = None,
        consent: Consent | None = None,
        bus: Bus | None = None,
    ) -> None:
        """Keep what the system is to be made of."""
        self.settings: Settings = settings or Settings.from_environment()
        self._shelf = shelf or Shelf()
        self._world = world or World()
        self._sources = sources
        self._checks = tuple(checks)
        self.events: Events = Events(emit)
        self._approve = approve
        self._policy = None if policy is None else alone(policy, self.settings)
        self._charter = charter or Charter()
        self._units = tuple(units)
        self._guards = guards or Guards()
        self._supervision = supervision or Supervision()
        self._consent = consent or Consent()
        self._bus = bus
        self._nerves: NervousSystem | None = None
        self._parts: Parts | None = None
        self._life: AsyncExitStack | None = None
        self._coder: Coder | None = None

    def __repr__(self) -> str:
        """Show whether it lives and what it holds."""
        if self._parts is None:
            return "ViableSystem(not entered)"
        return f"ViableSystem(servers={list(self._parts.spawner.names)}, autonomy={self.settings.autonomy.name})"

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
            emit=self.events,
            approve=self._approve,
            charter=self._charter,
            policy=self._policy,
            care=Care(
                guards=self._guards,
                supervision=self._supervision,
                consent=self._consent,
                private=self._shelf.private,
            ),
        )
        for unit in self._units:
            parts.system1.add_unit(unit)
        async with AsyncExitStack() as stack:
            stack.enter_context(logged(self.settings, self.events, parts.guarded.trail))
            stack.enter_context(self.events.attach(_GUARDS, Event, parts.housekeeping.hear))
            if parts.guarded.trail.file is not None:
                await stack.enter_async_context(parts.guarded.trail.file)
            stack.callback(setattr, self, "_nerves", None)
            self._nerves = await stack.enter_async_context(
                told(self.settings, self._bus, events=self.events, trail=parts.guarded.trail, world=self._world)
            )
            await parts.rollback.recover()
            await stack.enter_async_context(parts.discovery.background())
            await stack.enter_async_context(parts.spawner)
            if self.settings.servers:
                await parts.system4.adopt_held()
            self._life = stack.pop_all()
        self._parts = parts
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every server. The body's own exception passes unchanged."""
        life, self._life, self._parts, self._coder = self._life, None, None, None
        if life is not None:
            await life.aclose()

    async def execute(self, operation: Operation, *, approve: Approver | None = None) -> Outcome:
        """Do one operation; when nothing can, acquire what it lacks as far as autonomy allows, and do it then.

        An operation that had to wait for an acquisition is two demands: the one that met the gap and the one that was
        served. It is never sent twice to a server that may have acted on it.

        Raises:
            CapabilityMissingError: Nothing can do it, and autonomy does not allow to acquire, or there is nobody to
                ask; from ``SUGGEST`` on its remedies name servers that could. `DisabledError` when a server could that
                is held and disabled: nothing is acquired in its place.
            AcquisitionError: Nothing could be acquired for it.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A rule forbids it.
        """
        parts = self.parts
        try:
            return await parts.system1.execute(operation)
        except DisabledError:  # nothing takes the place of what the host does not want to be used
            raise
        except CapabilityMissingError as missing:
            self._refuse_forbidden(operation, missing)
            if not self.settings.servers:
                raise self._without_servers(operation) from missing
            if self.settings.autonomy is Autonomy.OBSERVE:
                raise
            if self.settings.autonomy is Autonomy.SUGGEST or not self._may_ask(approve):
                raise await parts.system4.suggest(operation, missing) from missing
        began = anyio.current_time()
        await parts.system4.close_gap(operation, approve=approve)
        acquired_in = anyio.current_time() - began
        outcome = await parts.system1.execute(operation)
        return replace(outcome, elapsed=outcome.elapsed + acquired_in)

    async def execute_many(
        self, operations: Sequence[Operation], *, most: int = MOST_IN_BATCH, approve: Approver | None = None
    ) -> BatchOutcome:
        """Do several operations: similar ones together, at most ``most`` at a time; each has an end of its own.

        Raises:
            ConfigurationError: ``most`` is less than 1.
        """
        batching = self.parts.vitals.batching
        outcome = await execute_in_batches(partial(self.execute, approve=approve), operations, most=most)
        batching.note(
            batches=outcome.batches,
            operations=len(outcome.items),
            worked=outcome.worked,
            elapsed=outcome.elapsed,
            offered=outcome.offered,
        )
        return outcome

    async def discover_servers(self, wanted: str | None = None, *, limit: int = 10) -> DiscoveryResult:
        """Return the best ``limit`` servers for ``wanted`` among all that the sources know; nothing is installed.

        Without ``wanted`` the first of all are listed: proven ones first, those to be configured last, then by name.

        Raises:
            DiscoveryError: No source could be asked.
        """
        discovery = self.parts.discovery
        return await (discovery.known(limit=limit) if wanted is None else discovery.find(wanted, limit=limit))

    async def cover_operations(self, wanted: Sequence[str], *, limit: int = 10) -> ServerCover:
        """Return few servers that are together among the best ``limit`` for all operations; nothing is installed.

        Raises:
            DiscoveryError: No source could be asked.
            PayloadError: There are none or more than 50 operations, or one is empty or too long.
        """
        return await self.parts.discovery.cover(wanted, limit=limit)

    async def rediscover_servers(self) -> Rediscovery:
        """Ask every source anew, however new its list is, and return how they stand then, and what differs.

        Raises:
            DiscoveryError: No source could be asked.
        """
        return await self.parts.discovery.refresh()

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
        probe: Probe | Sequence[Probe] | None = None,
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
        self._refuse_without_servers()
        return await self.parts.system4.acquire(wanted, server=server, probe=probe, approve=approve)

    async def release_capability(self, server: str) -> None:
        """Let a server go: end its process, take its tools away, and forget what it granted to this host.

        Its files stay as long as a generation that is kept needs them.

        Raises:
            DiscoveryError: No server of this name is held.
            ConfigurationError: What it granted could not be forgotten, so it is still held.
        """
        await self.parts.system4.release(server)
        await self.parts.switching.forget(server)

    async def make_decision(self, context: DecisionContext | Mapping[str, object]) -> Decision:
        """Decide on a matter of policy: rules first, then what is worth most, with the rationale in numbers.

        A context that brings neither options nor circumstances is about the system itself: the options come from where
        demand is lost and from what the last scan found.

        Args:
            context: The issue, its circumstances, constraints, objectives and, if there are any, options.

        Raises:
            PayloadError: The context holds what cannot be weighed.
            CallTimeoutError: The strategy took longer than ``Settings(decision_timeout=...)``.
        """
        given = self._charter.strategy is not None
        known = with_what_is_measured(self.parts, read_context(context), strategy=given)
        return await self.parts.system5.make_decision(known, timeout=self.settings.decision_timeout)

    def record_outcome(self, decision_id: str, success: bool, note: str = "") -> RecordedOutcome:  # noqa: FBT001 - the shape that is promised
        """Tell what became of a decision: from then on it counts for similar ones.

        Raises:
            PayloadError: No such decision is remembered, or its outcome was told already.
        """
        return self.parts.system5.record_outcome(decision_id, success, note)

    def add_unit(self, unit: OperationalUnit) -> None:
        """Let a unit of the host's own do the work of its kinds; its performer may be another viable system.

        Raises:
            ConfigurationError: Its name is taken, or with it the system would contain itself or be too deep.
        """
        self.parts.system1.add_unit(unit)

    def remove_unit(self, name: str) -> OperationalUnit:
        """Give a unit no further work, forget what it reported, and return it.

        Raises:
            ConfigurationError: There is no unit of this name.
        """
        unit = self.parts.system1.remove_unit(name)
        self.parts.system3.forget_unit(name)
        return unit

    def subsystems(self) -> Sequence[OperationalUnit]:
        """Return the units: the systems that this one is made of."""
        return self.parts.system1.subsystems()

    @asynccontextmanager
    async def regulate(self, *, every: float | None = None, budget: int = 5) -> AsyncGenerator[Regulation]:
        """Look after the whole while the body runs: close gaps, let go what is unused, audit, watch the vital signs.

        Gaps are closed while there is an alarm and the next acquisition is worth its cost, within autonomy, policy and
        budgets. Leaving the body ends it; an acquisition under way is rolled back.

        Args:
            every: Seconds between two cycles; by default ``Settings(variety_check_interval=...)``.
            budget: How many servers may be acquired in all.

        Yields:
            The regulation, with the report of each cycle.

        Raises:
            ConfigurationError: The system is not entered, or an option makes no sense.
        """
        seconds = self.settings.variety_check_interval if every is None else every
        regulation = Regulation(self.parts.organs, every=seconds, budget=budget, emit=self.events)
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        tasks.start_soon(regulation.run)
        try:
            yield regulation
        finally:
            tasks.cancel_scope.cancel()
            await tasks.__aexit__(None, None, None)  # what the body raised passes bare
            regulation.end()

    def _refuse_forbidden(self, operation: Operation, missing: CapabilityMissingError) -> None:
        """Say so when nothing is missing but leave: what is forbidden is not acquired once more."""
        reason = self.parts.permissions.forbidden(operation.tool, self.parts.spawner.states())
        if reason is not None:
            raise PermissionDeniedError(
                reason, remedies=("Change the policy if it should be: allow and block, with tool:NAME terms.",)
            ) from missing

    def _without_servers(self, operation: Operation) -> CapabilityMissingError:
        return CapabilityMissingError(
            f"No unit can do {operation.needs!r:.200}, and MCP servers are switched off.",
            remedies=("Add a unit that can: add_unit(...).", SERVERS_ON),
        )

    def _may_ask(self, approve: Approver | None) -> bool:
        return self.settings.autonomy is Autonomy.AUTO or (approve or self._approve) is not None
