"""Door 4, listen: typed facts, the sink that hears them, and subscriptions to some of them.

A sink is called at the moment of the fact, in the task where it happened. It must not block and must not raise;
a sink that wants a time stamp reads its own clock.
"""

from vsm_mcp.events.acquiring import (
    CandidateJudged,
    CandidatesFound,
    GenerationMade,
    ServerReviewed,
    SourceFailed,
    SourceListed,
    SourceRead,
    StageEntered,
    StageLeft,
    TransactionRepaired,
)
from vsm_mcp.events.confining import EgressDecided, EgressEnded, ResourceExceeded, SelfTestAdvanced
from vsm_mcp.events.event import Event, EventSink, ignore
from vsm_mcp.events.listening import Events, Subscription
from vsm_mcp.events.nerves import BusLost, BusRestored, MessageHeard, MessageRefused
from vsm_mcp.events.serving import (
    AnomalySeen,
    AuditFailed,
    AuditRepaired,
    BehaviourDeviated,
    CallRefused,
    CapabilityAdopted,
    CapabilityReleased,
    CircuitClosed,
    CircuitOpened,
    HostUnwatched,
    OrphanEnded,
    RequestFailed,
    ResultMisshaped,
    ServerDisabled,
    ServerEnabled,
    ServerGivenUp,
    ServerStarted,
    ServerStopped,
    StatementsChanged,
    ToolsQuarantined,
)
from vsm_mcp.events.vitals import AlgedonicEscalated, AlgedonicRaised, AlgedonicRelieved
from vsm_mcp.events.work import GapMeasured, HandlerDetached, OperationEnded, Progress

__all__ = [
    "AlgedonicEscalated",
    "AlgedonicRaised",
    "AlgedonicRelieved",
    "AnomalySeen",
    "AuditFailed",
    "AuditRepaired",
    "BehaviourDeviated",
    "BusLost",
    "BusRestored",
    "CallRefused",
    "CandidateJudged",
    "CandidatesFound",
    "CapabilityAdopted",
    "CapabilityReleased",
    "CircuitClosed",
    "CircuitOpened",
    "EgressDecided",
    "EgressEnded",
    "Event",
    "EventSink",
    "Events",
    "GapMeasured",
    "GenerationMade",
    "HandlerDetached",
    "HostUnwatched",
    "MessageHeard",
    "MessageRefused",
    "OperationEnded",
    "OrphanEnded",
    "Progress",
    "RequestFailed",
    "ResourceExceeded",
    "ResultMisshaped",
    "SelfTestAdvanced",
    "ServerDisabled",
    "ServerEnabled",
    "ServerGivenUp",
    "ServerReviewed",
    "ServerStarted",
    "ServerStopped",
    "SourceFailed",
    "SourceListed",
    "SourceRead",
    "StageEntered",
    "StageLeft",
    "StatementsChanged",
    "Subscription",
    "ToolsQuarantined",
    "TransactionRepaired",
    "ignore",
]
