"""A bare server for measuring clients: it repeats a text, with as little work of its own as possible.

Knows the old greeting, signs of life, one tool and the calls to it. Each answer is written as soon as it is known, as
servers do.
"""

import sys

import orjson

TOOL = {
    "name": "echo",
    "description": "Return the text that it is given.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}
NOTHING: dict[str, object] = {}
GREETING = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": NOTHING},
    "serverInfo": {"name": "echo", "version": "1"},
}


def main() -> None:
    """Answer until the end of the input."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer(line))
        sys.stdout.buffer.flush()


def answer(line: bytes) -> bytes:
    """Return the answer to a message, or nothing for one that wants none."""
    message = orjson.loads(line)
    number, method = message.get("id"), message["method"]
    if method == "tools/call":
        text = orjson.dumps(message["params"]["arguments"]["text"])
        return b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":%b}]}}\n' % (number, text)
    if number is None:
        return b""
    results = {"initialize": GREETING, "tools/list": {"tools": [TOOL]}, "ping": NOTHING}
    if method not in results:
        error = {"code": -32601, "message": "Method not found"}
        return orjson.dumps({"jsonrpc": "2.0", "id": number, "error": error}) + b"\n"
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "result": results[method]}) + b"\n"


if __name__ == "__main__":
    main()
