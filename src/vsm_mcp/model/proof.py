"""What it takes to believe that a server works."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.verdict import Finding


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
        accepts: Says whether the result is what was wanted; ``None`` asks only that the call succeeds. When it
            raises, the result counts as not wanted.
    """

    tool: str | None = None
    arguments: JsonObject = field(default_factory=dict[str, JsonValue])
    accepts: Callable[[ToolResult], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call that was made as a proof, with what it takes to make it again.

    Attributes:
        tool: What was called, with ``arguments``.
        passed: Whether it was answered well.
        detail: What came of it, in a few words; never the answer itself when that was good.
        elapsed: Seconds it took.
        shape: What kind of answer came: its types without its values; ``None`` when it is not known.
    """

    tool: str
    arguments: JsonObject
    passed: bool
    detail: str
    elapsed: float
    shape: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was shown.

    Attributes:
        level: The level reached.
        trials: The calls that show it.
        further: Calls at the bounds of what a reading tool accepts, which were answered well; they count for nothing
            but are made again when the server is replaced.
        findings: What was noticed on the way and did not refuse.
    """

    level: ProofLevel
    trials: tuple[Trial, ...] = ()
    further: tuple[Trial, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def recorded(self) -> tuple[Trial, ...]:
        """The calls that were answered well: what another version has to answer alike."""
        return tuple(trial for trial in (*self.trials, *self.further) if trial.passed)
