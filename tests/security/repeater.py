"""A small server of one tool that says what it hears; speaks the protocol by itself, so that nothing else is read."""

import json
import sys

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
HINTS = {"readOnlyHint": True}
TOOLS = [{"name": "echo", "description": "Say a text again.", "inputSchema": SCHEMA, "annotations": HINTS}]


def answer(method: str, given: dict[str, dict[str, str]]) -> dict[str, object]:
    """Answer one request."""
    if method == "initialize":
        info = {"name": "repeater", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": given["arguments"]["text"]}]}
    return {}


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = answer(message["method"], message.get("params", {}))
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
            sys.stdout.flush()
