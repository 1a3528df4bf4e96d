"""What a client is told: reports and outcomes as results, errors with what to do about them, never a trace."""

from collections.abc import Mapping

import orjson
from mcp_types import CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel, TypeAdapter

from vsm_mcp.errors import AcquisitionError, PayloadError, RateLimitError, VSMError, printable
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.operation import Outcome

_BLOCKS: TypeAdapter[list[ContentBlock]] = TypeAdapter(list[ContentBlock])


def report_result(report: BaseModel, *, largest: int) -> CallToolResult:
    """Return a report as JSON, as text and as an object.

    Raises:
        PayloadError: It is larger than allowed.
    """
    text = report_text(report, largest=largest)
    return CallToolResult(content=[TextContent(text=text)], structured_content=orjson.loads(text))


def report_text(report: BaseModel, *, largest: int) -> str:
    """Return a report as JSON.

    Raises:
        PayloadError: It is larger than allowed.
    """
    text = report.model_dump_json()
    _bound(len(text.encode()), largest)
    return text


def outcome_result(outcome: Outcome, *, largest: int) -> CallToolResult:
    """Return what an operation came to, and who did it.

    Raises:
        PayloadError: It is larger than allowed.
    """
    told: JsonObject = {
        "value": outcome.value,
        "server": outcome.server,
        "tool": outcome.tool,
        "elapsed": outcome.elapsed,
        "attempts": outcome.attempts,
    }
    return CallToolResult(content=_content(outcome, largest), structured_content=told)


def tool_result(outcome: Outcome, *, largest: int) -> CallToolResult:
    """Return what an acquired tool answered, as it answered it.

    Raises:
        PayloadError: It is larger than allowed.
    """
    return CallToolResult(content=_content(outcome, largest), structured_content=outcome.structured)


def error_result(error: VSMError) -> CallToolResult:
    """Return an error: what happened and what to do; what servers wrote on their error output stays here."""
    failures = error.failures if isinstance(error, AcquisitionError) else dict[str, str]()
    lines = [error.message, *(f"  {name}: {why}" for name, why in failures.items())]
    lines += (f"  -> {remedy}" for remedy in error.remedies)
    told: dict[str, JsonValue] = {
        "error": type(error).__name__,
        "message": error.message,
        "remedies": list(error.remedies),
        "retryable": error.retryable,
    }
    if isinstance(error, RateLimitError):
        told["retry_after"] = error.retry_after
    if failures:
        told["failures"] = dict(failures)
    return failed("\n".join(map(printable, lines)), told)


def failed(text: str, told: Mapping[str, JsonValue]) -> CallToolResult:
    """Return that a call failed."""
    return CallToolResult(content=[TextContent(text=text)], structured_content=dict(told), is_error=True)


def _content(outcome: Outcome, largest: int) -> list[ContentBlock]:
    size = len(orjson.dumps([outcome.text, outcome.content, outcome.structured]))
    _bound(size, largest)
    if not outcome.content:
        return [TextContent(text=outcome.text)]
    return _BLOCKS.validate_python(outcome.content)


def _bound(size: int, largest: int) -> None:
    if size > largest:
        raise PayloadError(
            f"The answer has {size} bytes; at most {largest} are given out.",
            remedies=("Ask for less at once.", "Let the host raise ServeLimits(response_bytes=...)."),
        )
