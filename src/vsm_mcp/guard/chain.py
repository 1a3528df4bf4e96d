"""All guards, joined once: one caller that every call passes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import anyio
import anyio.lowlevel

from vsm_mcp.events import EventSink, ignore
from vsm_mcp.guard.agents import AgentPermissions
from vsm_mcp.guard.anomaly import AnomalyDetection
from vsm_mcp.guard.audit_log import Audit, AuditTrail, DigestOf
from vsm_mcp.guard.breaker import CircuitBreaker
from vsm_mcp.guard.deadline import Deadline
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.payloads import PayloadBounds
from vsm_mcp.guard.permissions import Objection, Permissions
from vsm_mcp.guard.rates import RateLimits
from vsm_mcp.guard.redaction import GivenSecrets, Redaction
from vsm_mcp.guard.schemas import SchemaValidation
from vsm_mcp.guard.zones import TrustZones
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the guards ask of those around them.

    Attributes:
        objection: Why the policy forbids a tool of a server, if it does.
        lookup: What a server says of a tool, as it was approved.
        digest_of: The digest of what runs as a server.
        secrets: Which secrets each server was given.
        trail: Where records go.
        emit: Hears what the guards have to say.
        now: Says what time it is, in seconds that never run back. One chain belongs to one event loop.
    """

    objection: Objection
    lookup: Callable[[str, str], ToolSpec | None]
    digest_of: DigestOf
    secrets: GivenSecrets
    trail: AuditTrail
    emit: EventSink = ignore
    now: Callable[[], float] = anyio.current_time


class GuardChain:
    """Passes every call through all guards, in one order.

    From the outside in: the record comes first, so that refusals are recorded, and hides secrets in what comes back;
    then who may call what (policy, agents) and how often; then what is sent, and where to (bounds, schema, zones); last
    what is usual and how the server fares (anomaly, breaker, deadline).

    Args:
        caller: Makes the calls that pass.
        guards: Which guards there are.
        ports: What they ask of those around them.

    Attributes:
        trail: What was recorded.
        policy: Asks the policy.
        agents: Who may call what, if there are rules.
        zones: Which data may go where, if there are zones.
        rates: How often who may call what, if there are limits.
        anomaly: What is usual, if that is learned.
        schemas: What arguments must look like, if they are held against schemas.
        breaker: What is left alone because it fails, if there is one.
    """

    def __init__(self, caller: Caller, guards: Guards, ports: Ports) -> None:
        """Join them, the innermost first."""
        emit = ports.emit
        self.trail: AuditTrail = ports.trail
        self._names = tuple(name for name in Guards.model_fields if getattr(guards, name) is not None)
        caller = self._content(self._fate(caller, guards, ports), guards, ports)
        self.rates: RateLimits | None = None
        if guards.rates is not None:
            caller = self.rates = RateLimits(caller, guards.rates, emit=emit, now=ports.now)
        self.agents: AgentPermissions | None = None
        if guards.agents is not None:
            caller = self.agents = AgentPermissions(caller, guards.agents, emit=emit)
        self.policy: Permissions = Permissions(caller, ports.objection, emit=emit)
        redacted = Redaction(self.policy, ports.secrets, guards.redaction, emit=emit)
        self._first = Audit(
            redacted,
            ports.trail,
            digest_of=ports.digest_of,
            redactor=lambda: ports.secrets.everything,
            now=ports.now,
        )

    def __repr__(self) -> str:
        """Show which guards there are."""
        return f"GuardChain({', '.join(self._names)})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call that every guard lets pass.

        Raises:
            RefusedError: A guard refused the call; nothing was sent.
            CallError: The call failed.
            ServerError: The server is not usable.
        """
        return await self._first.call(call)

    def objection(self, agent: str, server: str, tool: str) -> str | None:
        """Return why ``agent`` may not call a tool of a server; ``None`` when nothing is known against it."""
        reason = self.policy.objection(server, tool)
        for guard in (self.agents, self.zones, self.schemas):
            if reason is None and guard is not None:
                reason = guard.objection(agent, server, tool)
        return reason

    def _content(self, caller: Caller, guards: Guards, ports: Ports) -> Caller:
        """Put before ``caller`` what looks at arguments and results, and at where they go."""
        self.zones: TrustZones | None = None
        if guards.zones is not None:
            caller = self.zones = TrustZones(caller, guards.zones, emit=ports.emit)
        self.schemas: SchemaValidation | None = None
        if guards.schemas is not None:
            caller = self.schemas = SchemaValidation(caller, guards.schemas, lookup=ports.lookup, emit=ports.emit)
        if guards.payloads is not None:
            caller = PayloadBounds(caller, guards.payloads, emit=ports.emit)
        return caller

    def _fate(self, caller: Caller, guards: Guards, ports: Ports) -> Caller:
        """Put before ``caller`` what looks at how its server fares."""
        emit = ports.emit
        if guards.deadline is not None:
            caller = Deadline(caller, guards.deadline, emit=emit)
        self.breaker: CircuitBreaker | None = None
        if guards.breaker is not None:
            caller = self.breaker = CircuitBreaker(caller, guards.breaker, emit=emit, now=ports.now)
        self.anomaly: AnomalyDetection | None = None
        if guards.anomaly is not None:
            caller = self.anomaly = AnomalyDetection(caller, guards.anomaly, emit=emit, now=ports.now)
        return caller


def time_of_this_loop() -> Callable[[], float]:
    """Return what tells the time of the running event loop: the loop itself where it can, which is cheaper."""
    loop: object = anyio.lowlevel.current_token().native_token
    time: object = getattr(loop, "time", None)
    return cast("Callable[[], float]", time) if callable(time) else anyio.current_time
