"""A server that tells what it was told: what a call carried, what else came, and how its own requests were answered.

Run as ``python3 frank.py ERA``, which is one of `GREETINGS`. Standard library only.
"""

import json
import sys
import time
from collections.abc import Callable

Json = dict[str, object]

NEW = "2026-07-28"
CAPABILITIES: Json = {"tools": {"listChanged": True}, "prompts": {}}
CACHING: Json = {"ttlMs": 0, "cacheScope": "private"}
NOTED: "list[object]" = []
LISTENING: "list[object]" = []
ODD = {
    "not-a-number": '{"jsonrpc":"2.0","id":%d,"result":{"content":[],"structuredContent":{"r":NaN}}}',
    "long-number": '{"jsonrpc":"2.0","id":%d,"result":{"content":[],"structuredContent":{"r":123456789012345678901}}}',
    "as-text": '{"jsonrpc":"2.0","id":"%d","result":{"content":[]}}',
    "both": '{"jsonrpc":"2.0","id":%d,"result":{"content":[]},"error":{"code":-1,"message":"both"}}',
    "spaces": '  {"jsonrpc":"2.0","id":%d,"result":{"content":[]}}  \r',
    "image": '{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"image","data":"AA==","mimeType":"image/png",'
    '"vendor":1},{"type":"text","text":"a"},{"type":"text","text":"b"}],"isError":true}}',
    "bad-block": '{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text"}]}}',
    "bad-flag": '{"jsonrpc":"2.0","id":%d,"result":{"content":[],"isError":"perhaps"}}',
    "wants-input": '{"jsonrpc":"2.0","id":%d,"result":{"resultType":"input_required","requestState":"s",'
    '"inputRequests":{}}}',
}


def send(message: object) -> None:
    write(json.dumps(message))


def write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def answer(number: object, result: Json) -> None:
    send({"jsonrpc": "2.0", "id": number, "result": {"resultType": "complete", **result}})


def say(number: object, value: object) -> None:
    answer(number, {"content": [{"type": "text", "text": json.dumps(value)}]})


def tell(method: str, params: object = None) -> None:
    send({"jsonrpc": "2.0", "method": method, "params": params or {}})


def members(message: Json, key: str) -> Json:
    value = message.get(key)
    return dict(value) if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def progress(number: object, params: Json) -> None:
    token = members(params, "_meta").get("progressToken")
    for done, pause in enumerate(json.loads(str(members(params, "arguments")["pauses"])), start=1):
        said = {"progressToken": token, "progress": done, "total": 3, "message": "key-of-mine"}
        for one in (said, {**said, "progressToken": "nobody's"}, {**said, "progress": "much"}):
            tell("notifications/progress", one)
        time.sleep(pause)
    say(number, "done")


def asks(number: object, _: Json) -> None:
    answers: list[object] = []
    for name in ("ping", "elicitation/create", "roots/list"):
        send({"jsonrpc": "2.0", "id": name, "method": name, "params": {}})
        answers.append(json.loads(sys.stdin.readline()))
    say(number, answers)


def change(number: object, _: Json) -> None:
    tell("notifications/tools/list_changed", {"_meta": {"io.modelcontextprotocol/subscriptionId": 1}})
    say(number, "changed")


def end_listening(number: object, _: Json) -> None:
    for one in LISTENING:
        answer(one, {})
    say(number, "ended")


def noted(number: object, _: Json) -> None:
    say(number, NOTED)


def silent(_: object, __: Json) -> None:
    NOTED.append("silent")


def late(number: object, _: Json) -> None:
    time.sleep(0.3)
    say(number, "late")


TOOLS: "dict[str, Callable[[object, Json], None]]" = {
    "progress": progress, "asks": asks, "change": change, "end-listening": end_listening, "noted": noted,
    "silent": silent, "late": late,
}  # fmt: skip


def call(number: object, params: Json) -> None:
    name = str(params["name"])
    if name in ODD:
        write(ODD[name] % number)
    else:
        TOOLS.get(name, say)(number, params)


def initialize(number: object, _: Json) -> None:
    info = {"name": "frank", "version": "1"}
    answer(number, {"protocolVersion": "2025-06-18", "capabilities": CAPABILITIES, "serverInfo": info})


def discover(number: object, _: Json) -> None:
    stamp = {"io.modelcontextprotocol/serverInfo": {"name": "frank", "version": "2"}}
    answer(number, {"supportedVersions": [NEW], "capabilities": CAPABILITIES, "_meta": stamp, **CACHING})


def listen(number: object, params: Json) -> None:
    LISTENING.append(number)
    tell("notifications/subscriptions/acknowledged", {"notifications": params["notifications"]})


def prompts(number: object, _: Json) -> None:
    listed = [{"name": "hello", "description": "Greet."}, {"name": 7}, {"name": "hello"}]
    answer(number, {"prompts": listed, **CACHING})


def refuse(number: object, code: int, **data: object) -> None:
    error = {"code": code, "message": "not so", **({"data": data} if data else {})}
    send({"jsonrpc": "2.0", "id": number, "error": error})


def hesitate(number: object, params: Json) -> None:
    NOTED.append("hesitated")
    if len(NOTED) > 1:
        discover(number, params)
    else:
        refuse(number, -32022, supported=[NEW, 7])


GREETINGS: "dict[str, dict[str, Callable[[object, Json], None]]]" = {
    "old": {"initialize": initialize},
    "new": {"server/discover": discover},
    "hesitating": {"server/discover": hesitate},
    "elsewhere": {"server/discover": lambda number, _: refuse(number, -32022, supported=["2099-01-01"])},
    "vague": {"server/discover": lambda number, _: refuse(number, -32022, supported=7), "initialize": initialize},
    "curt": {"server/discover": lambda number, _: refuse(number, -32022), "initialize": initialize},
    "muddled": {
        "server/discover": lambda number, _: answer(number, {"supportedVersions": 7}),
        "initialize": initialize,
    },
    "older": {
        "server/discover": lambda number, _: answer(
            number, {"supportedVersions": ["2025-06-18"], "capabilities": CAPABILITIES, **CACHING}
        ),
        "initialize": initialize,
    },
    "listless": {
        "initialize": initialize,
        "tools/list": lambda number, _: answer(number, {"tools": 7}),
        "prompts/list": lambda number, _: refuse(number, -32000),
    },
    "stern": {"initialize": lambda number, _: refuse(number, -32000)},
    "wrong": {"initialize": lambda number, _: answer(number, {"protocolVersion": 7})},
    "huge": {"initialize": lambda number, _: answer(number, {"instructions": "x" * 11_000_000})},
}


def main(era: str) -> None:
    answers = {"subscriptions/listen": listen, "tools/call": call, "prompts/list": prompts, **GREETINGS[era]}
    for line in sys.stdin:
        message: Json = json.loads(line)
        method, number = str(message.get("method")), message.get("id")
        if number is None:
            NOTED.append(message)
        elif method in answers:
            answers[method](number, members(message, "params"))
        else:
            send({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "Method not found"}})


if __name__ == "__main__":
    main(sys.argv[1])
