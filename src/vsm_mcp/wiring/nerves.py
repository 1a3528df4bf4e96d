"""What happens in a living system, joined with the bus that tells others."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from vsm_mcp.events import Event, Events
from vsm_mcp.guard.audit_log import AuditTrail
from vsm_mcp.guard.auditing.record import AuditKind, AuditOutcome, AuditRecord
from vsm_mcp.nerves.bus import Bus
from vsm_mcp.nerves.message import Nerve
from vsm_mcp.nerves.nervous_system import NervousSystem
from vsm_mcp.settings.settings import Settings
from vsm_mcp.world.world import World

_NAME = "the nerves of this system"
_RUN_BITS = 64


@asynccontextmanager
async def told(
    settings: Settings, bus: Bus | None, *, events: Events, trail: AuditTrail, world: World
) -> AsyncGenerator[NervousSystem | None]:
    """Tell others what happens within the context, and the host what they tell; nobody if there is no bus.

    Raises:
        BusError: The broker cannot be reached.
        ExtraMissingError: The settings name a broker, and the extra ``amqp`` is not installed.
    """
    async with AsyncExitStack() as life:
        bus = await _broker(settings, world, life) if bus is None else bus
        if bus is None:
            yield None
            return
        run = f"{world.random.getrandbits(_RUN_BITS):016x}"
        nerves = NervousSystem(bus, node=settings.node_id or f"vsm-{run}", run=run, clock=world.clock, emit=events)
        await life.enter_async_context(nerves.alive())
        life.enter_context(events.attach(_NAME, Event, nerves.hear))
        life.enter_context(trail.told_to(partial(_say, nerves)))
        yield nerves


async def _broker(settings: Settings, world: World, life: AsyncExitStack) -> Bus | None:
    """Return the bus over the broker of the settings, connected until ``life`` ends."""
    if not settings.amqp_enabled or settings.amqp_url is None:
        return None
    from vsm_mcp.nerves.amqp import AmqpBus  # noqa: PLC0415 - needs an extra

    return await life.enter_async_context(
        AmqpBus(settings.amqp_url, pool_size=settings.amqp_pool_size, key=settings.shared_key, clock=world.clock)
    )


def _say(nerves: NervousSystem, record: AuditRecord) -> None:
    """Tell of a record, unless it is of a call that went as calls should."""
    if record.kind is AuditKind.CALL and record.outcome is AuditOutcome.OK:
        return
    body = {
        "outcome": str(record.outcome),
        "agent": record.agent,
        "server": record.server,
        "artefact": record.artefact,
        "tool": record.tool,
        "ms": record.ms,
        "error": record.error,
        "request": record.request,
    }
    nerves.say(Nerve.AUDIT, f"recorded.{record.kind}", body)
