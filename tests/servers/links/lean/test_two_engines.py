"""Both engines are one contract: whatever a server does, the raw path and the typed one say the same of it."""

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import cast

import anyio
import pytest

from vsm_mcp.errors import VSMError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Connector, Link
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.testing.hostile import FAULTS
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON
from vsm_mcp.world.processes import Command, LocalProcesses

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"}, timeout=20)
NEW_GREETING = {"bad-headers", "wants-input"}
SILENT = {"silence", "silent-on-probe"}
UNANSWERED = {"hang-on-call", "wrong-id", "deaf", "bad-utf8", "half-line", "progress-forever", "slow-drip"}
RACING = {"crash-on-call", "close-output", "needs-credentials", "exit-at-once", "crash-after-call", "garbage-flood"}
"""These go away, or are ended, while they are spoken to: what is noticed first is chance, not what it means."""

TYPICAL = {"good", "both-eras", "deaf", "bad-schema", "bad-result", "huge-result", "crash-on-call", "request-storm"}


@pytest.mark.timeout(120)
def test_both_engines_say_the_same_of_every_fault() -> None:
    lean, sdk = anyio.run(compared, frozenset(FAULTS))
    assert len(lean) == len(FAULTS)
    assert {fault: (said, sdk[fault]) for fault, said in lean.items() if said != sdk[fault]} == {}


def test_both_engines_say_the_same_in_another_event_loop() -> None:
    lean, sdk = anyio.run(compared, frozenset(TYPICAL), backend="trio")
    assert {fault: (said, sdk[fault]) for fault, said in lean.items() if said != sdk[fault]} == {}


async def compared(faults: Collection[str]) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return what the raw path and the typed path say of servers with these faults."""
    patient = (LeanConnector(eras={}, probe=8, start=30, call=20), LazyConnector(eras={}, probe=8, start=30, call=20))
    hasty = (LeanConnector(eras={}, probe=1, start=2, call=20), LazyConnector(eras={}, probe=1, start=2, call=20))
    seen: tuple[dict[str, object], dict[str, object]] = ({}, {})
    limit = anyio.CapacityLimiter(6)

    async def watch(said: dict[str, object], connector: Connector, fault: str) -> None:
        async with limit:
            whole = await told(connector, fault)
            said[fault] = {name: _kind(value) for name, value in whole.items()} if fault in RACING else whole

    async with anyio.create_task_group() as tasks:
        for fault in sorted(faults):
            for said, connector in zip(seen, hasty if fault in SILENT else patient, strict=True):
                tasks.start_soon(watch, said, connector, fault)
    return seen


async def told(connector: Connector, fault: str) -> Mapping[str, object]:
    """Return all that a link says of a server, its errors included."""
    words = (fault, "modern-only") if fault in NEW_GREETING else (fault,)
    start = partial(LocalProcesses().open, Command(argv=(SYSTEM_PYTHON, str(HOSTILE), *words)))
    try:
        async with connector.stdio(start, name="s", digest=fault, hide=("a-secret-of-nobody",)) as link:
            return await _said(link, fault)
    except VSMError as error:
        message = re.sub(r"within [\d.]+ seconds", "in time", error.message)  # what was left after the first greeting
        return {"start": (type(error), message, error.remedies, vars(error).get("exit_code"))}


async def _said(link: Link, fault: str) -> Mapping[str, object]:
    call = ToolCall(server="s", tool="echo", arguments={"text": "hello"}, timeout=1 if fault in UNANSWERED else 20)
    said: dict[str, object] = {"version": link.protocol_version, "info": link.server_info}
    for name, ask in {
        "tools": link.tools,
        "prompts": link.prompts,
        "unknown": partial(link.call, ToolCall(server="s", tool="unknown", timeout=call.timeout)),
        "call": partial(link.call, call),
        "ping": link.ping if fault not in UNANSWERED else _nothing,
    }.items():
        try:
            said[name] = await ask()
        except VSMError as error:
            said[name] = (type(error), error.message, error.remedies)
    return {**said, "dropped": link.dropped, "instructions": link.instructions}


def _kind(value: object) -> object:
    """Return of an error what kind it is."""
    first = next(iter(cast("tuple[object, ...]", value)), None) if isinstance(value, tuple) else None
    return first if isinstance(first, type) else cast("object", value)


async def _nothing() -> None:
    await anyio.lowlevel.checkpoint()
