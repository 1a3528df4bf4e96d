"""The vitals: what tells how the whole fares, in one value."""

from dataclasses import dataclass

from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.burn_rate import BurnRate
from vsm_mcp.systems.vitals.channels import Channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """Pain, the burn rate of the objective, and the traffic between the systems."""

    algedonic: AlgedonicChannel
    burn: BurnRate
    channels: Channels
