"""A confined server gets nowhere: everything the probe tries is held, for this user and for an ordinary one."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from vsm_mcp.sandbox.linux.seccomp import ABSENT, REFUSED
from vsm_mcp.sandbox.linux.setup import known_binaries
from vsm_mcp.sandbox.linux.syscalls import NUMBERS

pytestmark = [pytest.mark.sandbox, pytest.mark.security]

HERE = Path(__file__).parent
MARKER = "the-marker-of-the-host"
ORDINARY_USER = 61199
USERS = ("this user", "an ordinary user", "an ordinary user in a container")
CONTAINER = (
    "--dev-bind", "/", "/", "--unshare-user", "--unshare-pid", "--proc", "/proc",
    "--ro-bind", "/dev/null", "/proc/kallsyms", "--ro-bind", "/proc/sys", "/proc/sys",
)  # fmt: skip
"""What container engines do to /proc: parts of it are hidden or read-only, so the kernel allows no fresh one inside."""
GROUPS = ("escape", "limits")


@dataclass(frozen=True)
class Host:
    """What the probe tries to reach, shown to be reachable from outside."""

    probe: Path
    canary: Mapping[str, str]


@pytest.fixture(scope="module")
def host() -> Generator[Host]:
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="vsm-security-"))
        stack.callback(shutil.rmtree, directory)
        directory.chmod(0o755)
        (directory / "package").mkdir(mode=0o755)
        shutil.copy(HERE / "probe.py", directory / "package" / "probe.py")
        (directory / "canary").write_text("secret")
        sleeper = stack.enter_context(subprocess.Popen(["/bin/sleep", "600"], env={"CANARY": MARKER}))
        stack.callback(sleeper.kill)
        found = {"file": str(directory / "canary"), "home": str(Path.home()), "marker": MARKER, "pid": str(sleeper.pid)}
        yield Host(directory / "package", {**found, **_listeners(stack, directory)})


def _listeners(stack: ExitStack, directory: Path) -> dict[str, str]:
    abstract, path = f"vsm-canary-{os.getpid()}", str(directory / "socket")
    tcp = stack.enter_context(socket.create_server(("0.0.0.0", 0)))  # noqa: S104 - the probe also tries the host's address
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    for name in (f"\0{abstract}", path):
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(name)
        local.listen()
    Path(path).chmod(0o777)
    answering = threading.Thread(target=_answer, args=(udp,))
    answering.start()
    port = udp.getsockname()[1]
    stack.callback(answering.join)
    stack.callback(_send, port, b"end")
    addresses = {"tcp": str(tcp.getsockname()[1]), "udp": str(port), "address": _own_address()}
    return {**addresses, "abstract": abstract, "socket": path}


def _answer(udp: socket.socket) -> None:
    data = b""
    while data != b"end":
        data, sender = udp.recvfrom(10)
        udp.sendto(data, sender)


def _send(port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(data, ("127.0.0.1", port))


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            udp.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(udp.getsockname()[0])


@dataclass(frozen=True)
class Library:
    """As whom the library runs, and the words that put it into a container of its own first."""

    user: int | None
    container: tuple[str, ...] = ()

    def run(self, *words: str, env: Mapping[str, str], task: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            (*self.container, *words),
            input=task,
            env=env,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            check=False,
            capture_output=True,
            cwd="/",
        )


@pytest.fixture(scope="module", params=USERS)
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == USERS[0]:
        return Library(user=None)
    ordinary = ORDINARY_USER if os.geteuid() == 0 else None
    if request.param == USERS[2]:
        return Library(user=ordinary, container=(str(known_binaries()[0]), *CONTAINER))
    if ordinary is None:
        pytest.skip("allowed: this user is an ordinary one already")
    return Library(user=ordinary)


def _interpreter(library: Library) -> tuple[str, Mapping[str, str]]:
    """Find a Python that the library's user may run and that finds the library."""
    places = (str(HERE.parents[1] / "src"), *(path for path in sys.path if "site-packages" in path))
    env = {"PYTHONPATH": os.pathsep.join(places), "CANARY": MARKER}
    for python in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        try:
            if library.run(python, "-c", "import vsm_mcp.sandbox.sandbox", env=env).returncode == 0:
                return python, env
        except PermissionError:
            continue
    pytest.skip("allowed: no Python here may be run by an ordinary user")


@pytest.fixture(scope="module")
def outcomes(host: Host, library: Library) -> Mapping[str, str]:
    """Run all attempts, each group in a sandbox of its own."""
    column = ("x86_64", "aarch64").index(platform.machine())
    names = (*REFUSED, *ABSENT, "clone", "mmap")
    calls = {name: number for name in names if (number := NUMBERS[name][column]) is not None}
    python, env = _interpreter(library)
    found: dict[str, str] = {}
    for group in GROUPS:
        task = json.dumps({"group": group, "calls": calls, "canary": host.canary}).encode()
        profile = "nested" if library.container else "any"
        done = library.run(python, str(HERE / "attempt.py"), str(host.probe), profile, env=env, task=task)
        assert done.returncode == 0, done.stderr.decode()
        found |= json.loads(done.stdout)
    return found


@pytest.mark.promise("A2", "A6", "A56", "A58", "B76")
def test_every_attempt_to_break_out_is_held(outcomes: Mapping[str, str]) -> None:
    through = {name: what for name, what in outcomes.items() if not what.startswith("held: ")}
    assert through == {}
    assert len(outcomes) > 130


def test_the_host_that_the_probe_attacks_is_reachable_from_outside(host: Host) -> None:
    canary = host.canary
    assert Path(canary["file"]).read_text() == "secret"
    assert Path(canary["home"]).is_dir()
    assert MARKER.encode() in Path(f"/proc/{canary['pid']}/environ").read_bytes()
    os.kill(int(canary["pid"]), 0)
    for address in ("127.0.0.1", canary["address"]):
        socket.create_connection((address, int(canary["tcp"])), timeout=5).close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(b"hello", ("127.0.0.1", int(canary["udp"])))
        assert udp.recv(10) == b"hello"
    for name in ("\0" + canary["abstract"], canary["socket"]):
        with socket.socket(socket.AF_UNIX) as local:
            local.connect(name)


def test_the_probe_refuses_to_run_outside_a_sandbox() -> None:
    done = subprocess.run(
        ["/usr/bin/python3", str(HERE / "probe.py")], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert b"inside a sandbox only" in done.stderr
