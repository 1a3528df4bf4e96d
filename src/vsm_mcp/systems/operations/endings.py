"""How an operation that failed ended: at which stage of the funnel, and whether anything of it can have happened."""

from vsm_mcp.errors import (
    ArgumentError,
    CallError,
    CapabilityMissingError,
    CapacityError,
    CircuitOpenError,
    ContentionError,
    CoordinationError,
    NeedsConfigurationError,
    RefusedError,
    ServerError,
    StartError,
    VSMError,
)
from vsm_mcp.model.operation import Stage

_NEVER_SENT = (
    ArgumentError,
    CapabilityMissingError,
    CoordinationError,
    StartError,
    CircuitOpenError,
    NeedsConfigurationError,
)


def stage_of(error: VSMError) -> Stage:
    """Return where in the funnel a demand ended that failed with ``error``."""
    match error:
        case CapabilityMissingError():
            return Stage.UNKNOWN
        case ContentionError():
            return Stage.CONTENDED
        case CapacityError() | ServerError():
            return Stage.STARVED
        case RefusedError():
            return Stage.REFUSED
        case _:
            return Stage.FAILED


def was_never_sent(error: VSMError) -> bool:
    """Return whether ``error`` says that the operation was not even begun, so that it surely had no effect."""
    return isinstance(error, _NEVER_SENT)


def tells_of_the_tool(error: VSMError) -> bool:
    """Return whether ``error`` says something about the tool; a denial or a lack of room only tells about ourselves."""
    ours = isinstance(error, CapabilityMissingError | ArgumentError)
    return isinstance(error, ServerError | CallError) and not ours
