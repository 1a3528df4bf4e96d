"""A ``runtimes.json`` becomes limits, grants and tools; nothing in it is passed over in silence."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.codemode.runner import CodeRunner
from vsm_mcp.codemode.runtimes import GrantedTools, Runtimes, ServerGrant
from vsm_mcp.errors import CodeError, ConfigurationError, PayloadError, PermissionDeniedError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import Outcome

FOLDER = Path("/srv/app")
FILE: dict[str, object] = {
    "version": "1.0",
    "runtimes": [
        {
            "name": "node",
            "language": "typescript",
            "version": "18",
            "timeout": 30_000,
            "memoryLimit": "512MB",
            "allowedModules": ["path", "fs"],
            "deniedOperations": ["eval", "Function"],
            "sandboxType": "vm2",
            "permissions": {
                "filesystem": {"read": ["./data", "./config"], "write": ["./temp"], "execute": []},
                "network": {"allowedHosts": ["localhost", "127.0.0.1"], "allowedPorts": [8001, 6379, 6333]},
                "system": {"allowedCommands": [], "maxProcesses": 1},
            },
        }
    ],
    "servers": {"automem": {"enabled": True, "tools": ["store_*", "recall"]}, "wordpress": {"enabled": False}},
    "limits": {"requestsPerMinute": 100, "maxPayloadSize": "1MB", "maxConcurrentRequests": 5, "maxCalls": 50},
    "fallbackToMock": False,
    "securityEnabled": True,
    "timeout": 45_000,
}


def parse(content: Mapping[str, object]) -> Runtimes:
    return Runtimes.parse(json.dumps(content).encode(), folder=FOLDER)


@pytest.mark.promise("D11", "D18", "D19", "D21", "D22", "D24", "D45")
def test_every_key_of_the_file_counts() -> None:
    said = parse(FILE)
    runtime = said.runtime("node")
    assert said.runtime() == runtime
    assert (runtime.limits.seconds, runtime.limits.cpu_seconds, runtime.limits.memory_mb) == (30.0, 5.0, 512)
    assert (runtime.limits.calls, runtime.limits.calls_at_once) == (50, 5)
    assert (said.calls_per_minute, said.payload) == (100, 1024 * 1024)
    policy = runtime.policy
    assert policy.read_only == (FOLDER / "data", FOLDER / "config")
    assert policy.work == FOLDER / "temp"
    assert policy.egress.allow == ("localhost:8001", "localhost:6379", "localhost:6333")
    assert policy.egress.private == ("localhost",)
    assert (policy.limits.memory_mb, policy.limits.processes, policy.subject) == (512, 4, "node")
    assert {name: grant.enabled for name, grant in said.servers.items()} == {"automem": True, "wordpress": False}


@pytest.mark.promise("D15", "D17")
def test_what_means_something_else_here_is_said() -> None:
    found = " | ".join(parse({**FILE, "security": {"sanitizeInput": True}}).runtime().findings)
    for part in (
        "language typescript",
        "version 18",
        "vm2",
        "path, fs",
        "eval, Function",
        "maxProcesses 1",
        "sanitize",
    ):
        assert part in found
    assert parse({}).runtime().findings == ()


def test_a_file_that_says_little_leaves_the_defaults_and_grants_nothing() -> None:
    said = parse({"timeout": 2000, "runtimes": [{"name": "a"}, {"name": "b", "timeout": 1000}]})
    assert [runtime.limits.seconds for runtime in said.runtimes] == [2.0, 1.0]
    assert [runtime.limits.cpu_seconds for runtime in said.runtimes] == [2.0, 1.0]
    assert (said.servers, said.payload, said.calls_per_minute) == ({}, None, None)
    assert said.runtime().policy.egress.allow == ()
    hosts = {"permissions": {"network": {"allowedHosts": ["api.example.com"]}}}
    assert parse({"runtimes": [hosts]}).runtime().policy.egress.allow == ("api.example.com:443",)
    with pytest.raises(ConfigurationError, match="No runtime is named 'c'") as info:
        said.runtime("c")
    assert "a, b" in str(info.value)


WRONG: list[tuple[Mapping[str, object], str]] = [
    ({"fallbackToMock": True}, "fallbackToMock: results are never invented"),
    ({"securityEnabled": False}, "securityEnabled: security cannot be switched off"),
    ({"security": {"enabled": False}}, "security.enabled: security cannot be switched off"),
    ({"security": {"validateInput": False}}, "arguments are always checked"),
    ({"security": {"auditLogging": False}}, "the audit log cannot be switched off"),
    ({"unheardOf": 1}, "the key 'unheardOf' is unknown"),
    ({"servers": {"a": {"command": "npx"}}}, "the key 'servers.a.command' is unknown"),
    ({"runtimes": [{"permission": {}}]}, "the key 'runtimes.0.permission' is unknown"),
    ({"timeout": "30000"}, "timeout: Input should be a valid integer"),
    ({"timeout": 0}, "timeout: Input should be greater than or equal to 1"),
    ({"version": "2"}, "version: Input should be"),
    ({"runtimes": [{"memoryLimit": "lots"}]}, "'lots' is no size; write one as 512MB"),
    ({"runtimes": [{"memoryLimit": "1KB"}]}, "memory_mb: Input should be greater than or equal to 4"),
    ({"runtimes": [{}, {}]}, "two runtimes have the same name"),
    ({"runtimes": [{"permissions": {"filesystem": {"execute": ["sh"]}}}]}, "programs of the host are never"),
    ({"runtimes": [{"permissions": {"system": {"allowedCommands": ["sh"]}}}]}, "programs of the host are never"),
    ({"runtimes": [{"permissions": {"filesystem": {"write": ["a", "b"]}}}]}, "one directory to write to"),
    ({"runtimes": [{"permissions": {"filesystem": {"read": ["../x"]}}}]}, "leads out of the directory"),
    ({"runtimes": [{"permissions": {"filesystem": {"read": ["/etc"]}}}]}, "The path /etc may not enter"),
    ({"runtimes": [{"permissions": {"network": {"allowedHosts": ["*"]}}}]}, "cannot be allowed as a way out"),
]


@pytest.mark.security
@pytest.mark.promise("D43", "D44")
@pytest.mark.parametrize(("changed", "why"), WRONG)
def test_what_cannot_be_is_refused_with_its_name(changed: Mapping[str, object], why: str) -> None:
    with pytest.raises(ConfigurationError, match=r"runtimes\.json cannot be used") as info:
        parse({**FILE, **changed})
    assert why in info.value.message


@pytest.mark.security
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"version": "1.0", "version": "1.0"}', b"[" * 200_000, b"9" * 10_000],
)
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigurationError):
        Runtimes.parse(data, folder=FOLDER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FILE, "name", "read", "network", "tools", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from([*FILE, "security", "x"]), JSON, max_size=4))
def test_any_content_is_understood_or_refused(content: dict[str, object]) -> None:
    try:
        said = parse(content)
    except ConfigurationError as error:
        refused = error.message
    else:
        refused = ""
        assert content.get("fallbackToMock") in (None, False)
        assert said.runtime().limits.seconds > 0
    assert not refused or refused.startswith("runtimes.json cannot be used: ")


@pytest.mark.anyio
async def test_a_file_is_read_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "runtimes.json"
    with pytest.raises(ConfigurationError, match="There is no file"):
        await Runtimes.load(path)
    path.write_text(json.dumps({"servers": {"automem": {}}}))
    assert (await Runtimes.load(path)).servers == {"automem": ServerGrant()}
    path.write_bytes(b" " * 1_000_001)
    with pytest.raises(PayloadError, match="more than 1000000 bytes"):
        await Runtimes.load(path)
    path.write_text('{"x": 1}')
    with pytest.raises(ConfigurationError, match="the key 'x' is unknown") as info:
        await Runtimes.load(path)
    assert str(path) in info.value.message


class Box:
    def __init__(self) -> None:
        self.called: list[str] = []

    def tools(self, *, agent: str = "host") -> Sequence[OfferedTool]:
        pairs = (("npm:@x/automem", "recall"), ("npm:@x/automem", "forget"), ("a/files", "read"), ("b/files", "read"))
        return [
            OfferedTool(name=f"{server}.{tool}", server=server, tool=tool, input_schema={}) for server, tool in pairs
        ]

    async def call_tool(
        self, name: str, arguments: JsonObject | None = None, *, agent: str = "host", timeout: float | None = None
    ) -> Outcome:
        self.called.append(name)
        return Outcome(value="done", text="done", server="", tool=name, elapsed=0.0)


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_only_what_the_file_names_is_offered_and_called() -> None:
    box = Box()
    servers = parse(
        {"servers": {"npm:@x/automem": {"tools": ["re*"]}, "files": {}, "a/files": {"enabled": False}}}
    ).servers
    tools = GrantedTools(box, servers)
    assert [tool.name for tool in tools.tools()] == ["npm:@x/automem.recall"]
    assert repr(tools) == "GrantedTools(a/files, files, npm:@x/automem)"
    assert (await tools.call_tool("npm:@x/automem.recall")).value == "done"
    for name in ("npm:@x/automem.forget", "a/files.read", "forget", "nothing"):
        with pytest.raises(PermissionDeniedError, match="is not granted"):
            await tools.call_tool(name)
    assert box.called == ["npm:@x/automem.recall"]
    assert (await CodeRunner(tools).run("await automem.recall()")).value == "done"
    with pytest.raises(CodeError, match="module 'automem' has no attribute 'forget'"):
        await CodeRunner(tools).run("await automem.forget()")
    assert GrantedTools(box, {}).tools() == ()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_short_name_grants_nothing_to_a_server_that_could_have_taken_it() -> None:
    assert GrantedTools(Box(), {"automem": ServerGrant()}).tools() == ()
    named = GrantedTools(Box(), {"npm:@x/automem": ServerGrant(tools=("forget",))})
    assert [tool.tool for tool in named.tools()] == ["forget"]
