"""How many bytes a call carries, counted at little cost."""

import orjson

from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonValue


def size_of(value: JsonValue) -> int | None:
    """Return how many bytes a value has as JSON; ``None`` when it cannot be written as JSON."""
    try:
        return len(orjson.dumps(value))
    except TypeError:
        return None


def size_of_result(result: ToolResult) -> int | None:
    """Return how many bytes a result has: its text once, its structured value, and content that is no text."""
    text = result.text
    total = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if says_only_text(result):
        return total
    if result.structured is not None:
        size = size_of(result.structured)
        if size is None:
            return None
        total += size
    for block in result.content:
        if block.get("type") != "text":
            size = size_of(block)
            if size is None:
                return None
            total += size
    return total


def says_only_text(result: ToolResult) -> bool:
    """Tell whether a result is its text and nothing else, as it mostly is."""
    return result.structured is None and result.content == ({"type": "text", "text": result.text},)
