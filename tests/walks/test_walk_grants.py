"""What one server is granted, others do not get; what really holds is reported; changed files are not started."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Limits, Policy, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.report import EnforcementRecord
from vsm_mcp.acquisition.vetting.policy import Grant
from vsm_mcp.clearance import Go
from vsm_mcp.errors import IntegrityError, SandboxError
from vsm_mcp.events import Event, ServerStarted
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.server import Variable
from vsm_mcp.security_report import SecurityReport
from vsm_mcp.settings.settings import Confinement

SERVER = """
import json, os, sys

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = [{"name": name, "description": text, "inputSchema": SCHEMA} for name, text in (
    ("look", "List what is at a place."), ("note", "Write an empty file into the directory of this server."),
)]


def look(path):
    try:
        return "seen: " + " ".join(sorted(os.listdir(path)))
    except OSError as error:
        return f"nothing at {path}: {error.strerror}"


def note(path):
    try:
        with open(path, "w"):
            return f"noted {path}"
    except OSError as error:
        return f"not noted: {error.strerror}"


for line in sys.stdin:
    message = json.loads(line)
    method, given = message.get("method"), message.get("params", {})
    if "id" not in message:
        continue
    result = {}
    if method == "initialize":
        info = {"name": "server", "version": "1"}
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif method == "tools/call":
        path = str(given.get("arguments", {}).get("path"))
        text = look(path) if given.get("name") == "look" else note(path)
        result = {"content": [{"type": "text", "text": text}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
PROBE = Probe(tool="look", arguments={"path": "/"}, accepts=lambda result: "usr" in result.text)


@pytest.fixture
def anyio_backend() -> str:
    """Starts are shown on both back ends two floors below; here the whole way counts."""
    return "asyncio"


@pytest.fixture
def root() -> Generator[Path]:
    """A directory that confined servers can reach under another user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def system(
    root: Path,
    *names: str,
    policy: Policy,
    heard: list[Event] | None = None,
    sandbox: Confinement = Confinement.BUBBLEWRAP,
) -> ViableSystem:
    """Return a system that may find servers from files."""
    shelf, kept = Shelf(), [] if heard is None else heard
    for name in names:
        program = root / f"{name}.py"
        program.write_text(f"# {name}\n{SERVER}")
        shelf.offer_file(program, name=name, summary="Lists places.", environment=(Variable(name="A_KEY"),))
    settings = Settings(
        state=root / "state", autonomy=Autonomy.AUTO, sandbox=sandbox, secrets={"file:*.py": {"A_KEY": "env:X"}}
    )
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=policy, emit=kept.append)


async def call(vsm: ViableSystem, server: str, tool: str, *, path: object) -> str:
    return (await vsm.parts.guarded.call(ToolCall(server=server, tool=tool, arguments={"path": str(path)}))).text


def figure(enforcement: EnforcementRecord, aspect: Aspect) -> str:
    """Return the first number in what was asked for."""
    (asked,) = (held.requested for held in enforcement.held if held.aspect == aspect)
    return asked.split()[0]


def levels(enforcement: EnforcementRecord) -> dict[str, Level]:
    return {held.aspect: held.level for held in enforcement.held}


def reported(report: SecurityReport) -> dict[str, EnforcementRecord]:
    return {server.server: server.enforcement for server in report.servers}


@pytest.mark.anyio
@pytest.mark.sandbox
@pytest.mark.security
@pytest.mark.promise("D15", "D18", "D19", "B48", "B49", "B61")
async def test_limits_files_and_directories_are_granted_server_by_server(root: Path) -> None:
    data = root / "data"
    (data / "table.csv").mkdir(mode=0o755, parents=True)
    grant = Grant(
        servers="file:*/small.py",
        limits=Limits(memory_mb=192, cpu_cores=0.25),
        read_only=(data,),
        kept=False,
        require={Aspect.DISK: Level.KERNEL},
    )
    policy = Policy(allow=("file:*",), grants=(grant, Grant(servers="*")))
    names = ("small", "usual")
    async with system(root, *names, policy=policy) as vsm:
        plans = [plan for name in names for plan in (await vsm.plan_acquisition("look", server=name)).servers]
        for name in names:
            await vsm.acquire_capability("look", name, probe=PROBE)
        foreseen = reported(await vsm.security_report())
        seen = [await call(vsm, name, "look", path=data) for name in names]
        noted = [await call(vsm, name, "note", path="/work/kept") for name in names]
        refused = [await call(vsm, name, "note", path=data / "mine") for name in names]
        standing = await vsm.security_report()
    really = [reported(standing)[name] for name in names]
    assert seen == ["seen: table.csv", f"nothing at {data}: No such file or directory"]
    assert noted == ["noted /work/kept"] * 2
    assert [text.partition(":")[0] for text in refused] == ["not noted"] * 2
    assert [path.parent.name.partition("-")[0] for path in (root / "state" / "work").rglob("kept")] == ["usual"]
    assert [figure(one, Aspect.MEMORY) for one in really] == ["192", "512"]
    assert [figure(one, Aspect.CPU) for one in really] == ["0.25", "0.5"]
    # A directory that is kept is not one in memory, which the kernel would hold.
    assert [levels(one)[Aspect.DISK] for one in really] == [Level.KERNEL, Level.SUPERVISED]
    assert [levels(foreseen[name]) for name in names] == [levels(one) for one in really]
    assert [server.running for server in standing.servers] == [True, True]
    assert [(plan.read_only, plan.kept) for plan in plans] == [((str(data),), False), ((), True)]
    assert "supervision holds" in plans[1].enforcement


@pytest.mark.anyio
@pytest.mark.sandbox
@pytest.mark.security
async def test_a_server_whose_grant_asks_for_more_than_can_be_held_is_not_started(root: Path) -> None:
    async with system(root, "usual", policy=Policy(allow=("file:*",))) as vsm:
        await vsm.acquire_capability("look", "usual", probe=PROBE)
    strict = Policy(allow=("file:*",), grants=(Grant(servers="file:*/usual.py", require={Aspect.DISK: Level.KERNEL}),))
    async with system(root, "usual", policy=strict) as vsm:
        with pytest.raises(SandboxError, match="disk"):
            await call(vsm, "usual", "look", path="/")
        (plan,) = (await vsm.plan_acquisition("lists places")).servers
        report = await vsm.security_report()
    assert plan.enforcement.startswith("it would not be started:")
    assert report.servers[0].unconfinable
    assert any("It will not be started" in weakness.message for weakness in report.weaknesses)


@pytest.mark.anyio
@pytest.mark.security
async def test_files_that_were_changed_while_the_system_lives_are_not_started(root: Path) -> None:
    heard: list[Event] = []
    policy = Policy(allow=("file:*",))
    async with system(root, "usual", policy=policy, heard=heard, sandbox=Confinement.NONE) as vsm:
        await vsm.acquire_capability("look", "usual", probe=PROBE)
        starts = sum(isinstance(event, ServerStarted) for event in heard)
        (program,) = (root / "state" / "store").rglob("usual.py")
        program.chmod(0o644)
        program.write_text(program.read_text().replace("seen:", "lied:"))
        with pytest.raises(IntegrityError, match="was changed after it was installed") as caught:
            await call(vsm, "usual", "look", path="/")
        assert caught.value.remedies
        assert sum(isinstance(event, ServerStarted) for event in heard) == starts
        assert (await vsm.preflight(["usual.look"])).go is Go.OPERATOR
        report = await vsm.security_report()
    assert not report.servers[0].intact
