"""A server that lists whatever a file says at that moment: for tests of what is held back when it changes.

Run it as ``python3 shifty.py FILE``. The file holds ``tools``, ``prompts`` and ``instructions`` as JSON; every answer
to a request for tools is counted beside it. Its tools: ``notify`` announces ``times`` changes, ``die`` ends it.

Further words: ``refuses`` knows no prompts although it offers some; ``modern`` speaks the newest protocol and announces
only to those who listen, whom it never answers; ``deaf`` with it refuses to be listened to.
"""

import json
import sys
from pathlib import Path

PLACE = Path(sys.argv[1])
COUNT = PLACE.with_suffix(".count")
MODERN = "modern" in sys.argv
COMPLETE: "dict[str, object]" = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if MODERN else {}
UNKNOWN = {"prompts/list": "refuses", "initialize": "modern", "subscriptions/listen": "deaf"}


def send(message: "dict[str, object]") -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(method: str, params: "dict[str, object]") -> "dict[str, object]":
    state = json.loads(PLACE.read_text())
    if method == "server/discover":
        offered = {"tools": {"listChanged": True}}
        return {**COMPLETE, "supportedVersions": ["2026-07-28"], "capabilities": offered}
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": True}, **({"prompts": {}} if "prompts" in state else {})},
            "serverInfo": {"name": "shifty", "version": "1"},
            "instructions": state.get("instructions", ""),
        }
    if method == "tools/list":
        COUNT.write_text(str(int(COUNT.read_text() if COUNT.exists() else "0") + 1))
        return {**COMPLETE, "tools": state["tools"]}
    if method == "prompts/list":
        return {"prompts": state["prompts"]}
    return call(params)


def call(params: "dict[str, object]") -> "dict[str, object]":
    name, given = params["name"], params.get("arguments")
    if name == "die":
        sys.exit(9)
    if name == "notify" and isinstance(given, dict):
        for _ in range(given["times"]):  # pyright: ignore[reportUnknownArgumentType]
            send({"method": "notifications/tools/list_changed"})
    return {**COMPLETE, "content": [{"type": "text", "text": f"did {name}"}]}


METHODS = {"initialize", "server/discover", "tools/list", "prompts/list", "tools/call", "subscriptions/listen"}
OLD = METHODS - {"server/discover", "subscriptions/listen"}
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    method = message["method"]
    if method not in (METHODS if MODERN else OLD) or UNKNOWN.get(method) in sys.argv:
        send({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
    elif method != "subscriptions/listen":
        send({"id": message["id"], "result": answer(method, message.get("params") or {})})
