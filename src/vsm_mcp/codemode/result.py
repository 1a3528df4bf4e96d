"""What a program came to, and what it did on the way."""

from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.report import Report

FINE = "ok"


class CodeCall(Report, frozen=True):
    """One call that a program made.

    Attributes:
        tool: The function, as the program wrote it.
        server: The server that was asked.
        line: The line of the program; ``None`` where that is not known.
        elapsed: Seconds it took.
        outcome: ``"ok"``, or the name of the error.
    """

    tool: str
    server: str
    line: int | None
    elapsed: float
    outcome: str


class CodeResult(Report, frozen=True):
    """What a program came to.

    Attributes:
        value: The value of its last line, if that is an expression.
        printed: What it printed.
        calls: The calls it made, in the order in which they ended.
        elapsed: Seconds it took.
    """

    value: JsonValue
    printed: str
    calls: tuple[CodeCall, ...]
    elapsed: float
