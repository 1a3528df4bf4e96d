"""The charter: what a host declares about how its system is governed. Everything in it has a default."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vsm_mcp.systems.coordination.conflicts import ConflictPolicy
from vsm_mcp.systems.policy.context import DecisionStrategy
from vsm_mcp.systems.policy.identity import Identity
from vsm_mcp.systems.policy.pressure import PressureLimits
from vsm_mcp.systems.policy.rules import PolicySet
from vsm_mcp.systems.policy.utility import Preferences
from vsm_mcp.systems.policy.weighing.circumstances import Priors
from vsm_mcp.systems.vitals.channels import Capacity, Link
from vsm_mcp.variety.engineering import VarietyEngineering


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """How a system is governed.

    Attributes:
        identity: What it is for, and the limits within which it stays itself; ``None`` when that is not declared.
        policy: Rules that nothing outweighs.
        pressure: From where on a gap is large and a load is high.
        preferences: How cautious decisions are, and what looking costs.
        priors: What circumstances in words stand for.
        strategy: Thinks of options when a matter to decide brings none.
        resources: How much there is of each resource that units bargain for, such as ``{"calls per minute": 600}``.
        capacities: How many may use a named thing at once, where that is more than one.
        conflicts: Who goes first of those that wait for the same thing.
        shares: How much of the shared time a unit is due, relative to others, when conflicts are settled by sharing.
        engineering: Steps that attenuate or amplify variety: how demand is told apart, beyond its wording. They may be
            added and undone while the system lives; ``None`` when there will be none.
        channels: What the channels between the systems can carry, where that is known.
    """

    identity: Identity | None = None
    policy: PolicySet = field(default_factory=PolicySet)
    pressure: PressureLimits = field(default_factory=PressureLimits)
    preferences: Preferences = field(default_factory=Preferences)
    priors: Priors = field(default_factory=Priors)
    strategy: DecisionStrategy | None = None
    resources: Mapping[str, float] = field(default_factory=dict[str, float])
    capacities: Mapping[str, int] = field(default_factory=dict[str, int])
    conflicts: ConflictPolicy = ConflictPolicy.PRIORITY
    shares: Mapping[str, float] = field(default_factory=dict[str, float])
    engineering: VarietyEngineering | None = None
    channels: Mapping[Link, Capacity] = field(default_factory=dict[Link, Capacity])
