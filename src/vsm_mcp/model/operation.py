"""What a host asks for, and what it gets."""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.call import ProgressHeard
from vsm_mcp.model.json import JsonObject, JsonValue

LONGEST_NEED = 200


class Stage(StrEnum):
    """Where a demand ended: the funnel of Beer's five systems; exactly one per demand."""

    REFUSED = "s5_refused"
    UNKNOWN = "s4_unknown"
    STARVED = "s3_starved"
    CONTENDED = "s2_contended"
    FAILED = "s1_failed"
    ABSORBED = "absorbed"


def kind_of(needs: str) -> str:
    """Return the kind of demand that ``needs`` belongs to.

    The classifier is part of every figure of variety (Ashby 1956, 7/6: the observer must be named). Ours is the host's
    own wording, in lower case, NFKC-normalised, with runs of white space folded; two demands are of one kind when
    these agree.

    Raises:
        PayloadError: ``needs`` is empty or longer than 200 characters.
    """
    needs = needs.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a pair cannot be written down
    kind = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", needs)).strip().casefold()
    if not kind or len(kind) > LONGEST_NEED:
        raise PayloadError(
            f"A need must have 1 to {LONGEST_NEED} characters, not {len(kind)}.",
            remedies=("Say in a short phrase what is needed, such as 'convert time zones'.",),
        )
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing the host wants done.

    Attributes:
        needs: The capability it takes, in a short phrase; this is also its kind of demand.
        arguments: The arguments for the tool that will do it.
        tool: The tool's name, when the host knows it; otherwise the router chooses by ``needs`` and arguments.
        agent: Who asks.
        timeout: Seconds the operation may take once a tool is there; ``None`` for the default.
        uses: Names of things it needs for itself, such as a file; two operations that use the same never run at once.
        progress: Hears how far the call is that does it; must neither block nor raise.
        priority: Among operations that wait for the same thing, the highest goes first; equal ones in order.
    """

    needs: str
    arguments: JsonObject = field(default_factory=dict[str, JsonValue])
    tool: str | None = None
    agent: str = "host"
    timeout: float | None = None
    uses: frozenset[str] = frozenset()
    progress: ProgressHeard | None = None
    priority: int = 0

    @property
    def kind(self) -> str:
        """The kind of demand this operation belongs to."""
        return kind_of(self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an operation came to.

    Attributes:
        value: The structured result if the tool gave one, else its text.
        text: The tool's text.
        server: Who did it.
        tool: With which tool.
        elapsed: Seconds from asking to having, acquisition included.
        attempts: How many calls it took.
        content: The content blocks as JSON objects, in order; empty when it was no tool that did it.
        structured: The tool's structured result, if it gave one.
    """

    value: JsonValue
    text: str
    server: str
    tool: str
    elapsed: float
    attempts: int = 1
    content: tuple[JsonObject, ...] = ()
    structured: JsonValue = None
