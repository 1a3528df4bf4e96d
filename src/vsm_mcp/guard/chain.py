"""All guards, joined once: one caller that every call passes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import anyio
import anyio.lowlevel

from vsm_mcp.errors import PermissionDeniedError, VSMError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.guard.agents import AgentPermissions
from vsm_mcp.guard.anomaly import AnomalyDetection
from vsm_mcp.guard.audit_log import Audit, AuditTrail, DigestOf
from vsm_mcp.guard.auditing.record import AuditOutcome
from vsm_mcp.guard.breaker import CircuitBreaker
from vsm_mcp.guard.deadline import Deadline
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.learning.baseline import Baseline
from vsm_mcp.guard.payloads import PayloadBounds, small
from vsm_mcp.guard.permissions import Objection, Permissions
from vsm_mcp.guard.rates import RateLimits
from vsm_mcp.guard.redaction import GivenSecrets, Redaction
from vsm_mcp.guard.rules.circuits import Circuit
from vsm_mcp.guard.rules.copies import copied, renewed
from vsm_mcp.guard.rules.judge import Judge
from vsm_mcp.guard.schemas import SchemaValidation
from vsm_mcp.guard.sizes import size_of_result
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


_Watched = tuple[Judge | str | None, Baseline | None, Circuit | None]
"""What the result of a call is held against, what is usual for it, and the circuit that it goes through."""


class GuardChain:
    """Passes every call through all guards, in one order.

    The record comes first, so that refusals are recorded, and secrets are hidden in what comes back. Then come who may
    call what (policy, agents) and how often; then what is sent, for how long, and where to (bounds, deadline, secrets,
    schema, zones); last what is usual and how the server fares (anomaly, breaker). A copy of the arguments is what is
    looked at and sent.

    The guards are asked one after the other and not through one another: that takes half the time.

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
        """Make them, and join them."""
        self.trail: AuditTrail = ports.trail
        self._names = tuple(name for name in Guards.model_fields if getattr(guards, name) is not None)
        self._caller = caller
        self._who(guards, ports)
        self._what(guards, ports)
        self._fate(guards, ports)
        self._secrets, self._guesses = ports.secrets, guards.redaction.guess
        self._redaction = Redaction(caller, ports.secrets, guards.redaction, emit=ports.emit)
        self._audit = Audit(
            caller,
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
        audit, own, sent = self._audit, call, None
        began = audit.begin()
        try:
            own, sent, watched = self._admitted(call)
            try:
                result = await self._caller.call(own)
            except BaseException as error:
                self._failed(own, watched, error)
                raise
            received = size_of_result(result)
            result = self._answered(own, watched, result, received=received)
        except BaseException as error:
            await self._ended(own, error, began=began, sent=sent)
            raise
        outcome = AuditOutcome.ERROR if result.is_error else AuditOutcome.OK
        record = audit.record(own, outcome, began=began, sizes=(sent, received))
        if audit.closed:
            await audit.keep(record)
        else:
            self.trail.note(record)
        return result

    def objection(self, agent: str, server: str, tool: str) -> str | None:
        """Return why ``agent`` may not call a tool of a server; ``None`` when nothing is known against it."""
        reason = self.policy.objection(server, tool)
        for guard in (self.agents, self.zones, self.schemas):
            if reason is None and guard is not None:
                reason = guard.objection(agent, server, tool)
        return reason

    def _who(self, guards: Guards, ports: Ports) -> None:
        """Make what asks who calls what, and how often."""
        self.policy: Permissions = Permissions(self._caller, ports.objection, emit=ports.emit)
        self.agents: AgentPermissions | None = None
        if guards.agents is not None:
            self.agents = AgentPermissions(self._caller, guards.agents, emit=ports.emit)
        self.rates: RateLimits | None = None
        if guards.rates is not None:
            self.rates = RateLimits(self._caller, guards.rates, emit=ports.emit, now=ports.now)

    def _what(self, guards: Guards, ports: Ports) -> None:
        """Make what looks at arguments and results, and at where they go."""
        self._payloads: PayloadBounds | None = None
        if guards.payloads is not None:
            self._payloads = PayloadBounds(self._caller, guards.payloads, emit=ports.emit)
        self.schemas: SchemaValidation | None = None
        if guards.schemas is not None:
            self.schemas = SchemaValidation(self._caller, guards.schemas, lookup=ports.lookup, emit=ports.emit)
        self.zones: TrustZones | None = None
        if guards.zones is not None:
            self.zones = TrustZones(self._caller, guards.zones, emit=ports.emit)

    def _fate(self, guards: Guards, ports: Ports) -> None:
        """Make what looks at how servers fare, and at how long calls take."""
        self.anomaly: AnomalyDetection | None = None
        if guards.anomaly is not None:
            self.anomaly = AnomalyDetection(self._caller, guards.anomaly, emit=ports.emit, now=ports.now)
        self.breaker: CircuitBreaker | None = None
        if guards.breaker is not None:
            self.breaker = CircuitBreaker(self._caller, guards.breaker, emit=ports.emit, now=ports.now)
        self._deadline: Deadline | None = None
        if guards.deadline is not None:
            self._deadline = Deadline(self._caller, guards.deadline, emit=ports.emit)
            if self._deadline.cuts:
                self._caller = self._deadline

    def _admitted(self, call: ToolCall) -> tuple[ToolCall, int | None, _Watched]:
        """Return a call that may be made, with arguments of its own, how many bytes those are, and what watches it.

        Raises:
            RefusedError: It may not be made.
            ArgumentError: Its arguments do not fit.
            CircuitOpenError: Its server is left alone.
        """
        rates = self.rates
        try:
            self.policy.check(call)
            if self.agents is not None:
                self.agents.check(call)
        except PermissionDeniedError:  # who may not pays for having tried
            if rates is not None:
                rates.charge(call)
            raise
        if rates is not None:
            rates.check(call)
        flat = self._payloads is not None and self._payloads.check(call)
        arguments, sent = copied(call.arguments, flat=flat)
        timeout, idle = (call.timeout, call.idle) if self._deadline is None else self._deadline.times(call)
        own = renewed(call, arguments, timeout=timeout, idle=idle)
        if self._secrets.any:
            self._redaction.check(own)
        judge = None if self.schemas is None else self.schemas.check(own)
        if self.zones is not None:
            self.zones.check(own)
        baseline = None if self.anomaly is None else self.anomaly.check(own, sent)
        circuit = None if self.breaker is None else self.breaker.check(own)
        return own, sent, (judge, baseline, circuit)

    def _failed(self, call: ToolCall, watched: _Watched, error: BaseException) -> None:
        """Tell those who watch that a call was made and not answered."""
        _, baseline, circuit = watched
        if self.breaker is not None and circuit is not None:
            self.breaker.failed(call, circuit, error)
        if self.anomaly is not None and baseline is not None and isinstance(error, Exception):
            self.anomaly.learn(call, baseline, failed=True)

    def _answered(self, call: ToolCall, watched: _Watched, result: ToolResult, *, received: int | None) -> ToolResult:
        """Tell those who watch of an answer, hold it against what was promised, and return it without secrets."""
        judge, baseline, circuit = watched
        if self.breaker is not None and circuit is not None:
            self.breaker.answered(call, circuit, result)
        if self.anomaly is not None and baseline is not None:
            self.anomaly.learn(call, baseline, size=received, failed=result.is_error)
        if self.schemas is not None and judge is not None:
            self.schemas.examine(call, result, judge)
        if self._payloads is not None:
            self._payloads.examine(call, result)
        return self._redaction.hidden(call, result) if self._secrets.any or self._guesses else result

    async def _ended(self, call: ToolCall, error: BaseException, *, began: float, sent: int | None) -> None:
        """Hide secrets in what went wrong, and record it; of what was refused, no more is measured than is small."""
        if isinstance(error, VSMError):
            self._redaction.hide(call, error)
        if sent is None and small(call.arguments):
            arguments, sent = copied(call.arguments, flat=True)
            call = renewed(call, arguments, timeout=call.timeout, idle=call.idle)
        await self._audit.failed(call, error, began=began, sent=sent)


def time_of_this_loop() -> Callable[[], float]:
    """Return what tells the time of the running event loop: the loop itself where it can, which is cheaper."""
    loop: object = anyio.lowlevel.current_token().native_token
    time: object = getattr(loop, "time", None)
    return cast("Callable[[], float]", time) if callable(time) else anyio.current_time
