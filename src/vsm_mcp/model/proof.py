"""What it takes to believe that a server works."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue


class ProofLevel(StrEnum):
    """How much was shown, weakest first."""

    LISTED = "listed"
    CALLABLE = "callable"
    SATISFIED = "satisfied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A call that a server must answer well before it is accepted.

    Attributes:
        tool: The tool to call; ``None`` lets the verifier choose one that fits ``arguments``.
        arguments: What to call it with.
        accepts: Says whether the result is what was wanted; ``None`` asks only that the call succeeds.
    """

    tool: str | None = None
    arguments: JsonObject = field(default_factory=dict[str, JsonValue])
    accepts: Callable[[ToolResult], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call that was made as a proof: what was called, what came of it, in how many seconds."""

    tool: str
    arguments: JsonObject
    passed: bool
    detail: str
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was shown: the level reached and the trials that show it."""

    level: ProofLevel
    trials: tuple[Trial, ...] = ()
