"""Which facts of a system are told to others, and on which nerve."""

import re
from collections.abc import Mapping
from dataclasses import fields

from pydantic_core import to_jsonable_python

from vsm_mcp.events import (
    AlgedonicEscalated,
    AlgedonicRaised,
    AlgedonicRelieved,
    AnomalySeen,
    AuditFailed,
    AuditRepaired,
    BehaviourDeviated,
    CandidateJudged,
    CandidatesFound,
    CapabilityAdopted,
    CapabilityReleased,
    CircuitClosed,
    CircuitOpened,
    Event,
    GapMeasured,
    GenerationMade,
    ServerGivenUp,
    ServerReviewed,
    SourceFailed,
    StatementsChanged,
    ToolsQuarantined,
)
from vsm_mcp.model.json import JsonObject
from vsm_mcp.nerves.message import Nerve

_PAIN = (AlgedonicRaised, AlgedonicEscalated, AlgedonicRelieved)
_SEEN_BY_AUDIT = (AnomalySeen, AuditFailed, AuditRepaired, BehaviourDeviated, StatementsChanged, ToolsQuarantined)
_FOR_NEIGHBOURS = (CapabilityAdopted, CapabilityReleased, CircuitClosed, CircuitOpened, ServerGivenUp)
_SEEN_OUTSIDE = (CandidateJudged, CandidatesFound, GapMeasured, GenerationMade, ServerReviewed, SourceFailed)

_NERVES: Mapping[type[Event], Nerve] = {
    **dict.fromkeys(_PAIN, Nerve.ALGEDONIC),
    **dict.fromkeys(_SEEN_BY_AUDIT, Nerve.AUDIT),
    **dict.fromkeys(_FOR_NEIGHBOURS, Nerve.HORIZONTAL),
    **dict.fromkeys(_SEEN_OUTSIDE, Nerve.INTELLIGENCE),
}
"""What is none of these is nobody else's business: single operations, starts and stops."""

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def nerve_of(event: Event) -> Nerve | None:
    """Return on which nerve others are told of an event; ``None`` if they are not."""
    return _NERVES.get(type(event))


def told(event: Event) -> tuple[str, JsonObject]:
    """Return topic and body of the message about an event: its name, as ``gap_measured``, and its fields."""
    topic = _HUMP.sub("_", type(event).__name__).lower()
    body = {field.name: getattr(event, field.name) for field in fields(event)}
    return topic, to_jsonable_python(body, inf_nan_mode="null", fallback=str)
