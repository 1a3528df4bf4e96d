"""Which guards stand before every call, and what each is told: one frozen value."""

from pydantic import BaseModel

from vsm_mcp.guard.agents import AgentOptions
from vsm_mcp.guard.anomaly import AnomalyOptions
from vsm_mcp.guard.audit_log import AuditOptions
from vsm_mcp.guard.breaker import BreakerOptions
from vsm_mcp.guard.deadline import DeadlineOptions
from vsm_mcp.guard.payloads import PayloadOptions
from vsm_mcp.guard.rates import RateOptions
from vsm_mcp.guard.redaction import RedactionOptions
from vsm_mcp.guard.schemas import SchemaOptions
from vsm_mcp.guard.zones import ZoneOptions


class Guards(BaseModel, frozen=True, extra="forbid"):
    """What stands between everybody who calls and the servers; ``None`` leaves a guard out.

    Those that need nothing from the host are there by default. The policy, redaction and the record of the newest calls
    cannot be left out.

    Attributes:
        agents: Which agent may call what; by default every agent may call what the policy allows.
        zones: Which data may go where; by default nothing is labelled.
        rates: How often who may call what; by default as often as he likes.
        payloads: How large arguments and results may be.
        schemas: Arguments are held against the schema of their tool before they are sent.
        anomaly: What is unusual is told, or stopped; by default nothing is learned.
        breaker: What fails too often is left alone for a while.
        deadline: How long calls may take.
        redaction: How secrets are kept from coming back, and from reaching other servers.
        audit: What is recorded of each call.
    """

    agents: AgentOptions | None = None
    zones: ZoneOptions | None = None
    rates: RateOptions | None = None
    payloads: PayloadOptions | None = PayloadOptions()
    schemas: SchemaOptions | None = SchemaOptions()
    anomaly: AnomalyOptions | None = None
    breaker: BreakerOptions | None = BreakerOptions()
    deadline: DeadlineOptions | None = DeadlineOptions(backstop=False)
    redaction: RedactionOptions = RedactionOptions()
    audit: AuditOptions = AuditOptions()
