"""The vitals: what tells how the whole fares, in one value."""

from dataclasses import dataclass, field

from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.batching import Batching
from vsm_mcp.systems.vitals.burn_rate import BurnRate
from vsm_mcp.systems.vitals.channels import Channels
from vsm_mcp.systems.vitals.durations import Durations


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """Pain, the burn rate of the objective, the traffic between the systems, and how long work takes.

    Attributes:
        algedonic: Pain and pleasure.
        burn: How fast the budget of lost demand is used up.
        channels: The traffic.
        durations: How long the operations took that ran; ``None`` when nobody wants to know.
        batching: What operations took that were done together.
    """

    algedonic: AlgedonicChannel
    burn: BurnRate
    channels: Channels
    durations: Durations | None = field(default_factory=Durations)
    batching: Batching = field(default_factory=Batching)
