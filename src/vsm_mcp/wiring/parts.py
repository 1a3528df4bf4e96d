"""All parts of a living system, joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from vsm_mcp.acquisition.acquisition import Acquisition
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.matching import matching
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.acquisition.installation.generations.admission import Budget
from vsm_mcp.acquisition.installation.generations.reversal import Reversal
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.lock.standing import LockInForce
from vsm_mcp.acquisition.permissions import CallPermissions
from vsm_mcp.acquisition.vetting.advisories.recheck import Recheck
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.events import Event, EventSink, ignore
from vsm_mcp.guard.chain import GuardChain
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.behaviour import BehaviourRecorder, Watch
from vsm_mcp.servers.inspection import Inspection
from vsm_mcp.servers.routing.router import CapabilityRouter, Route
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.settings.settings import Settings
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.feedback import Feedback
from vsm_mcp.systems.intelligence.upkeep import Upkeep
from vsm_mcp.systems.operations.unit import UnitInspection
from vsm_mcp.systems.operations.ways import SafeToRepeat
from vsm_mcp.systems.regulation import Organs
from vsm_mcp.systems.renewal import Renewal
from vsm_mcp.systems.switching import Switching
from vsm_mcp.systems.system1 import System1
from vsm_mcp.systems.system2 import System2
from vsm_mcp.systems.system3 import System3
from vsm_mcp.systems.system4 import System4
from vsm_mcp.systems.system5 import Approver, System5
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.burn_rate import BurnRate
from vsm_mcp.systems.vitals.channels import Channels
from vsm_mcp.systems.vitals.durations import Durations
from vsm_mcp.systems.vitals.security import SecurityAlarms
from vsm_mcp.systems.vitals.servers import ServerAlarms
from vsm_mcp.systems.vitals.vitals import Vitals
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.wiring.entrance import make_entrance
from vsm_mcp.wiring.guarding import Housekeeping
from vsm_mcp.wiring.serving import Care, make_serving
from vsm_mcp.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All parts of a living system, by name."""

    system1: System1
    system2: System2
    system3: System3
    system4: System4
    system5: System5
    variety: VarietyCalculator
    vitals: Vitals
    organs: Organs
    renewal: Renewal
    switching: Switching
    discovery: MCPDiscovery
    acquisition: Acquisition
    vetting: Vetting
    policy: Policy
    permissions: CallPermissions
    guarded: GuardChain
    housekeeping: Housekeeping
    installer: Installer
    rollback: Rollback
    sandbox: Sandbox
    spawner: DynamicSpawner
    router: CapabilityRouter
    workspace: Workspace
    lock: LockInForce | None
    recheck: Recheck


async def build(
    settings: Settings,
    *,
    world: World,
    shelf: Shelf,
    sources: Sequence[Source] | None = None,
    checks: Sequence[Check] = (),
    emit: EventSink = ignore,
    approve: Approver | None = None,
    charter: Charter | None = None,
    policy: Policy | None = None,
    care: Care | None = None,
) -> Parts:
    """Join all parts of a system.

    Raises:
        SandboxError: The confinement that the settings name cannot be enforced here.
        ConfigurationError: Something a part needs is missing.
    """
    vitals = _vitals(settings, world, charter or Charter(), emit=emit)
    alarms = SecurityAlarms(vitals.algedonic, world.clock)
    recorder = BehaviourRecorder(emit=_all(alarms.event, emit))
    emit = _all(recorder.event, alarms.event, ServerAlarms(vitals.algedonic).event, emit)
    care = care or Care()
    charter, policy = charter or Charter(), policy or settings.policy()
    variety = VarietyCalculator(
        most_kinds=settings.variety_cache_size,
        half_life=settings.variety_half_life,
        thresholds=settings.thresholds,
        engineering=charter.engineering,
    )
    router = CapabilityRouter(
        matching=matching(), fresh=settings.match_cache_ttl, most=settings.match_cache_size, now=anyio.current_time
    )
    serving = await make_serving(settings, policy, world, care=care, emit=emit)
    spawner, guarded, permissions = serving.spawner, serving.guarded, serving.permissions
    entrance = await make_entrance(
        settings,
        policy,
        world,
        sandbox=serving.sandbox,
        spawner=spawner,
        shelf=shelf,
        sources=sources,
        checks=checks,
        permissions=permissions,
        recorder=recorder,
        on_record=serving.housekeeping.install,
        emit=emit,
    )
    lock = None if entrance.lock is None else LockInForce(entrance.lock)
    system2 = System2(
        clock=world.clock,
        random=world.random,
        timeout=settings.coordination_timeout,
        policy=charter.conflicts,
        weights=charter.shares,
        capacities=charter.capacities,
    )
    system3 = System3(
        budget=Budget(servers=policy.most_servers, acquisitions_per_day=policy.acquisitions_per_day),
        clock=world.clock,
        resources=charter.resources,
        random=world.random,
    )
    upkeep = Upkeep()
    system1 = System1(
        router=router,
        caller=guarded,
        variety=variety,
        emit=Feedback(
            system3=system3,
            upkeep=upkeep,
            burn=vitals.burn,
            channels=vitals.channels,
            clock=world.clock,
            durations=vitals.durations,
            emit=emit,
        ),
        random=world.random,
        coordination=system2,
        most_at_once=settings.max_concurrent_operations,
        place_timeout=settings.coordination_timeout,
        safe_to_repeat=_safe_to_repeat(spawner),
        recursion_depth=settings.recursion_depth,
        half_life=settings.variety_half_life,
    )
    system3.inspect_with(
        UnitInspection(system1.units),
        Inspection(spawner, caller=guarded, objection=permissions.objection, timeout=settings.call_timeout),
        timeout=settings.call_timeout,
    )
    system5 = System5(
        autonomy=settings.reach,
        approve=approve,
        policy=charter.policy,
        identity=charter.identity,
        limits=charter.pressure,
        preferences=charter.preferences,
        priors=charter.priors,
        strategy=charter.strategy,
    )
    system4 = System4(
        discovery=entrance.discovery,
        acquisition=entrance.acquisition,
        installer=entrance.installer,
        router=router,
        spawner=spawner,
        variety=variety,
        system2=system2,
        system3=system3,
        system5=system5,
        clock=world.clock,
        patience=settings.retry_failed_after,
        tolerated_gap=1.0 - settings.thresholds.alert,
        random=world.random,
        upkeep=upkeep,
        learner=system1.learner,
        objection=permissions.judge,
        pinned=None if lock is None else lock.objection,
        watch=Watch(recorder, spawner, serving.workspace),
        alarms=alarms,
        emit=emit,
    )
    renewal = Renewal(
        installer=entrance.installer,
        spawner=spawner,
        reversal=Reversal(
            entrance.installer.holdings, entrance.rollback, workspace=serving.workspace, open_calls=spawner.open_calls
        ),
        upgrade=entrance.upgrade,
        vetting=entrance.vetting,
        system4=system4,
        system5=system5,
    )
    switching = Switching(
        disabled=serving.disabled,
        installer=entrance.installer,
        spawner=spawner,
        router=router,
        learner=system1.learner,
        variety=variety,
        system3=system3,
        system4=system4,
        clock=world.clock,
        emit=emit,
    )
    organs = Organs(
        system2=system2,
        system3=system3,
        system4=system4,
        system5=system5,
        variety=variety,
        vitals=vitals,
        clock=world.clock,
        thresholds=settings.thresholds,
    )
    return Parts(
        system1=system1,
        system2=system2,
        system3=system3,
        system4=system4,
        system5=system5,
        variety=variety,
        vitals=vitals,
        organs=organs,
        renewal=renewal,
        switching=switching,
        discovery=entrance.discovery,
        acquisition=entrance.acquisition,
        vetting=entrance.vetting,
        policy=policy,
        permissions=permissions,
        guarded=guarded,
        housekeeping=serving.housekeeping,
        installer=entrance.installer,
        rollback=entrance.rollback,
        sandbox=serving.sandbox,
        spawner=spawner,
        router=router,
        workspace=serving.workspace,
        lock=lock,
        recheck=entrance.recheck,
    )


def _all(*sinks: EventSink) -> EventSink:
    def hear(event: Event, /) -> None:
        for sink in sinks:
            sink(event)

    return hear


def _vitals(settings: Settings, world: World, charter: Charter, *, emit: EventSink) -> Vitals:
    """Return what tells how the whole fares."""
    return Vitals(
        algedonic=AlgedonicChannel(clock=world.clock, emit=emit),
        burn=BurnRate(slo=settings.variety_objective),
        channels=Channels(now=world.clock.now().timestamp(), capacity=charter.channels),
        durations=Durations() if settings.telemetry else None,
    )


def _safe_to_repeat(spawner: DynamicSpawner) -> SafeToRepeat:
    """Return who knows whether a tool says of itself that it only reads.

    That it may be called twice with the same effect would not do: the second call goes to another server.
    """

    def safe(route: Route) -> bool:
        proven = spawner.proven(route.server)
        tools = proven.tools if proven is not None else ()
        return any(tool.name == route.tool and tool.read_only for tool in tools)

    return safe
