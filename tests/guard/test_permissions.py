"""The policy is asked at every call: what it forbids is never sent."""

import pytest

from vsm_mcp.errors import PermissionDeniedError
from vsm_mcp.events import CallRefused, Event
from vsm_mcp.guard.permissions import Permissions
from vsm_mcp.model.call import ToolCall, ToolResult

pytestmark = pytest.mark.anyio


class Server:
    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls.append(call)
        return ToolResult(text="done")


def only_reading(server: str, tool: str) -> str | None:
    return None if tool.startswith("read") else f"{server} only reads."


@pytest.mark.promise("D4")
async def test_what_the_policy_forbids_is_not_sent() -> None:
    server, heard = Server(), list[Event]()
    guarded = Permissions(server, only_reading, emit=heard.append)
    with pytest.raises(
        PermissionDeniedError, match="'delete_all' of files may not be called: files only reads"
    ) as info:
        await guarded.call(ToolCall(server="files", tool="delete_all", arguments={}))
    assert server.calls == []
    assert info.value.remedies
    assert heard == [CallRefused(server="files", tool="delete_all", reason="files only reads.")]


async def test_what_nobody_objects_to_passes() -> None:
    server = Server()
    result = await Permissions(server, only_reading).call(ToolCall(server="files", tool="read", arguments={}))
    assert result.text == "done"
    assert [call.tool for call in server.calls] == ["read"]
