"""What tools answer, as values of ours."""

from typing import cast

from mcp_types import CallToolResult, ContentBlock, InputRequiredResult, TextContent
from pydantic import TypeAdapter

from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue

Answer = CallToolResult | InputRequiredResult
ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)


def result_of(answer: CallToolResult) -> ToolResult:
    """Return what a tool answered, as ours."""
    return ToolResult(
        text="\n".join(block.text for block in answer.content if isinstance(block, TextContent)),
        structured=cast("JsonValue", answer.structured_content),
        content=tuple(map(_block, answer.content)),
        is_error=bool(answer.is_error),
    )


def _block(block: ContentBlock) -> JsonObject:
    if isinstance(block, TextContent) and block.annotations is None and block.meta is None:
        return {"type": "text", "text": block.text}  # by far the most, and five times as fast
    return cast("JsonObject", block.model_dump(by_alias=True, mode="json", exclude_none=True))
