"""Canaries: things of this machine that a confined process must not reach, put there for the time of a test."""

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import UDPSocket

from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import Command, Processes

LOCAL = "127.0.0.1"
LIFE = 600
PROBE = "vsm_mcp.sandbox.selftest.probe"
RUNNER = f"""import sys
sys.path.insert(0, __file__.rpartition("/")[0])
from {PROBE}.program import main
main()
"""
_CLEANING_SECONDS = 20.0
_LONGEST_CONFIGURATION = 65536
_ELSEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What there is to attack.

    Attributes:
        package: The directory with the probe, for ``/pkg``.
        kept: An empty directory to keep.
        canary: What to reach, by name, as the probe wants it.
    """

    package: Path
    kept: Path
    canary: Mapping[str, str]

    def untouched(self) -> bool:
        """Tell whether the files that must not be changed are as they were made."""
        return Path(self.canary["file"]).read_text() == "secret" and (self.package / "probe.py").read_text() == RUNNER


@asynccontextmanager
async def canaries(processes: Processes) -> AsyncGenerator[Scene]:
    """Put everything there; leaving the context takes it away."""
    place = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix="vsm_mcp-selftest-")))
    try:
        await anyio.to_thread.run_sync(_furnish, place)
        with ExitStack() as stack:
            found = {**_files(place), **_listeners(stack, place)}
            sleeper = Command(argv=("/bin/sleep", str(LIFE)), env={"CANARY": found["marker"]})
            async with processes.open(sleeper) as process, _answering() as port:
                known = {**found, "pid": str(process.pid), "udp": str(port)}
                yield Scene(package=place / "package", kept=place / "kept", canary=known)
    finally:
        with anyio.move_on_after(_CLEANING_SECONDS, shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(place, ignore_errors=True))


def limits_as_canary(limits: Limits) -> Mapping[str, str]:
    """Return the limits that the probe tries to exceed, as it wants them."""
    return {
        "memory": str(limits.memory_mb),
        "processes": str(limits.processes),
        "open files": str(limits.open_files),
        "file size": str(limits.file_mb),
        "tmp": str(limits.tmp_mb),
        "shared": "1",
        "work": str(limits.work_mb),
        "kept": str(limits.kept_mb),
        "cores": str(limits.cpu_cores or 0),
        "burst": str(limits.cpu_burst),
        "lifetime": str(limits.lifetime or 0),
    }


def _furnish(place: Path) -> None:
    """Make the probe's package and the files; all may be read by any user, so that it is not their mode that holds."""
    place.chmod(0o755)
    (place / "canary").write_text("secret")
    (place / "target").write_text("")
    (place / "target").chmod(0o666)
    (place / "kept").mkdir(mode=0o755)
    inside = (place / "package").joinpath(*PROBE.split("."))
    inside.mkdir(parents=True, mode=0o755)
    for source in files(PROBE).iterdir():
        if source.name.endswith(".py"):
            (inside / source.name).write_bytes(source.read_bytes())
    (place / "package" / "probe.py").write_text(RUNNER)
    for path in (place / "package", *(place / "package").rglob("*"), place / "canary"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _files(place: Path) -> Mapping[str, str]:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never raises
    keys = home / ".ssh"
    return {
        "file": str(place / "canary"),
        "target": str(place / "target"),
        "home": str(home) if home.is_dir() else "",
        "keys": str(keys) if keys.is_dir() and os.access(keys, os.R_OK) else "",
        "marker": place.name,
        "denied": "example.com",
        "own name server": "",
        "nameservers": " ".join(_name_servers()),
    }


def _name_servers() -> tuple[str, ...]:
    try:
        with Path("/etc/resolv.conf").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_LONGEST_CONFIGURATION).splitlines()
    except OSError:
        return ()
    found = (line.split() for line in lines)
    return tuple(words[1] for words in found if len(words) > 1 and words[0] == "nameserver" and "." in words[1])[:3]


def _listeners(stack: ExitStack, place: Path) -> Mapping[str, str]:
    """Listen on every kind of socket; nobody answers, but a connection is made all the same."""
    abstract, path, address = place.name, str(place / "socket"), _own_address()
    for name in (f"\0{abstract}", path):
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(name)
        local.listen()
    Path(path).chmod(0o777)
    return {
        "abstract": abstract,
        "socket": path,
        "address": address,
        "tcp": _listen(stack, socket.AF_INET, LOCAL),
        "tcp of address": _listen(stack, socket.AF_INET, address) if address else "",
        "tcp6": _listen(stack, socket.AF_INET6, "::1"),
    }


def _listen(stack: ExitStack, family: int, host: str) -> str:
    try:
        listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listener.bind((host, 0))
    except OSError:
        return ""  # there is no such network here
    listener.listen()
    return str(listener.getsockname()[1])


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # sends nothing
        except OSError:
            return ""
        return str(probe.getsockname()[0])


@asynccontextmanager
async def _answering() -> AsyncGenerator[int]:
    """Send back every datagram, and return the port."""
    async with await anyio.create_udp_socket(local_host=LOCAL) as listener:
        with first_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_answer, listener)
                try:
                    yield int(listener.extra_attributes[anyio.abc.SocketAttribute.local_port]())
                finally:
                    tasks.cancel_scope.cancel()


async def _answer(listener: UDPSocket) -> None:
    async for data, (host, port) in listener:
        await listener.sendto(data, host, port)
