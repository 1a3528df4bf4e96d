"""The way out of a sandbox, end to end: what a program inside reaches and what it does not, and what is told of it."""

# ruff: noqa: PTH208 - what /proc says does not block

import json
import os
import resource
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError, StartError
from vsm_mcp.events import EgressDecided, EgressEnded, Event, ignore
from vsm_mcp.model.enforcement import Held, Level
from vsm_mcp.sandbox.egress.egress import connected
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses, Process

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

Run = Callable[..., Awaitable[tuple[str, Held, list[Event]]]]
BEGIN = """
import json, socket, sys, time
sys.stdin.readline()
def reach(host, port, data=b"hello"):
    try:
        with socket.create_connection((host, port), timeout=10) as one:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: one.recv(65536), b"")).decode()[:20] or "nothing"
    except OSError as error:
        return type(error).__name__
"""


def python(script: str) -> tuple[str, ...]:
    return ("/usr/bin/python3", "-I", "-S", "-c", BEGIN + script)


def decided(heard: Sequence[Event]) -> set[tuple[str, int | None, bool, str]]:
    return {(e.host, e.port, e.allowed, e.reason) for e in heard if isinstance(e, EgressDecided)}


def ended(heard: Sequence[Event]) -> EgressEnded:
    (event,) = (event for event in heard if isinstance(event, EgressEnded))
    return event


async def sandboxed_process(body: Callable[[int, int | None], Awaitable[None]]) -> None:
    """Call ``body`` with the first process of a sandbox, and its user if this process is root."""
    command = Command(argv=("/bin/sh", "-c", "read line"))
    async with Sandbox.bubblewrap(LocalProcesses()).open(command, SandboxPolicy()) as confined:
        status = Path(f"/proc/{confined.pid}/status").read_text()
        user = int(status.partition("Uid:")[2].split()[0]) if os.geteuid() == 0 else None
        await body(int(status.partition("PPid:")[2].split()[0]), user)


@pytest.mark.promise("A5", "A16")
async def test_allowed_names_are_reached_and_everything_else_is_not(run_inside: Run, echo: int) -> None:
    egress = Egress(allow=(f"a.test:{echo}", f"*.b.test:{echo}", "c.test:80"), private=("a.test", "x.b.test"))
    script = f"""
print(json.dumps({{
    "a": reach("a.test", {echo}), "below": reach("x.b.test", {echo}), "upper": reach("A.TEST", {echo}),
    "apex": reach("b.test", {echo}), "denied": reach("d.test", {echo}), "other port": reach("a.test", 80),
    "no port": reach("a.test", {echo + 1 if echo < 65535 else 1024}), "address": reach("127.0.0.1", {echo}),
    "unnamed": reach("127.77.5.5", {echo}), "private": reach("y.b.test", {echo}),
}}))"""
    said, held, heard = await run_inside(python(script), egress)
    refused = "ConnectionResetError"
    assert json.loads(said) == {
        "a": "hello", "below": "hello", "upper": "hello", "apex": "gaierror", "denied": "gaierror",
        "other port": refused, "no port": "ConnectionRefusedError", "address": refused, "unnamed": refused,
        "private": refused,
    }  # fmt: skip
    assert (held.level, held.requested) == (Level.SUPERVISED, egress.words)
    assert str(echo) in held.evidence
    assert "kernel" in held.mechanism
    assert {
        ("a.test", None, True, "a rule allows this name"),
        ("a.test", echo, True, "connected"),
        ("d.test", None, False, "no rule allows this name"),
        ("a.test", 80, False, "no rule allows this port"),
        ("127.0.0.1", echo, False, "no name leads to this address"),
        ("y.b.test", echo, False, "its address 127.0.0.1 is private, and nothing says that it may be"),
    } <= decided(heard)
    total = ended(heard)
    assert total.reached == (f"a.test:{echo}", f"x.b.test:{echo}")
    assert (total.connections, total.sent, total.received) == (3, 15, 15)
    assert total.refused >= 6


async def test_localhost_inside_is_this_machine_only_where_it_is_allowed(run_inside: Run, echo: int) -> None:
    egress = Egress.of_urls((f"http://127.0.0.1:{echo}/",), private=True)
    said, _, heard = await run_inside(python(f'print(reach("localhost", {echo}), reach("127.0.0.1", {echo}))'), egress)
    assert said.split() == ["hello", "hello"]
    assert ended(heard).reached == (f"localhost:{echo}",)


async def test_much_data_arrives_whole_and_each_side_hears_when_the_other_ends(run_inside: Run, echo: int) -> None:
    script = f"""
import hashlib, threading
sent = hashlib.sha256()
with socket.create_connection(("a.test", {echo}), timeout=20) as one:
    def send():
        for number in range(64):
            piece = bytes([number]) * (256 * 1024 + number)
            sent.update(piece)
            one.sendall(piece)
        one.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(0.2)
    got, size = hashlib.sha256(), 0
    while data := one.recv(1 << 20):
        got.update(data)
        size += len(data)
    thread.join()
print(size, got.digest() == sent.digest())"""
    said, _, heard = await run_inside(python(script), Egress(allow=(f"a.test:{echo}",), private=("a.test",)))
    size = 64 * 256 * 1024 + sum(range(64))
    assert said.split() == [str(size), "True"]
    assert (ended(heard).sent, ended(heard).received) == (size, size)


async def test_bytes_connections_and_idle_time_are_bounded(run_inside: Run, echo: int) -> None:
    egress = Egress(
        allow=(f"a.test:{echo}",), private=("a.test",), bytes_per_connection=3000, total_bytes=5500, connections=4,
        idle=0.3,
    )  # fmt: skip
    script = f"""
def count(one):
    try:
        return len(one.recv(10))
    except OSError as error:
        return type(error).__name__
many = [socket.create_connection(("a.test", {echo}), timeout=10) for _ in range(12)]
for one in many:
    one.sendall(b"x")
print(sorted(map(count, many)))
print([count(one) for one in many[:4]])
print(*[reach("a.test", {echo}, b"x" * size) for size in (1000, 1501, 1000, 1)])"""
    said, _, heard = await run_inside(python(script), egress)
    first, second, third = said.splitlines()
    assert first == str([1] * 12)
    assert second == str(["ConnectionResetError"] * 4)
    assert third.split()[0] == "x" * 20
    reasons = {reason for _, _, allowed, reason in decided(heard) if not allowed}
    assert "nothing passed for 0.3 seconds" in reasons
    assert "this connection would carry more bytes than allowed" in reasons
    assert "all connections together would carry more bytes than allowed" in reasons
    assert "all connections together carried as many bytes as allowed" in reasons
    assert ended(heard).sent + ended(heard).received <= 5500


async def test_a_host_that_is_down_breaks_or_fails_to_resolve_is_told_inside(run_inside: Run) -> None:
    async def resolve(host: str, _port: int) -> Sequence[str]:
        if host == "broken.test":
            raise RuntimeError("the resolver is broken")
        if host == "unknown.test":
            raise socket.gaierror(-2, "not known")
        return ["127.0.0.1"]

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            one, _ = server.accept()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            one.close()
            server.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        names = ("resets.test", "down.test", "unknown.test", "broken.test")
        egress = Egress(allow=tuple(f"{name}:{port}" for name in names), private=names)
        script = f"print(*[reach(name, {port}) for name in {names!r}])"
        said, _, heard = await run_inside(python(script), egress, resolve=resolve)
        thread.join()
    assert set(said.split()) <= {"ConnectionResetError", "BrokenPipeError", "OSError"}
    assert len(said.split()) == 4
    reasons = {host: reason for host, _, allowed, reason in decided(heard) if not allowed}
    assert "none of its 1 addresses answers" in reasons["down.test"]
    assert "cannot be resolved" in reasons["unknown.test"]
    assert reasons["the relay is out of order"] == "RuntimeError: the resolver is broken"


async def test_with_too_many_open_files_those_outside_wait(run_inside: Run, echo: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def resolve(host: str, _port: int) -> Sequence[str]:
        if host == "first.test":
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            threading.Timer(0.3, resource.setrlimit, (resource.RLIMIT_NOFILE, (soft, hard))).start()
        return ["127.0.0.1"]

    names = ("first.test", "second.test")
    egress = Egress(allow=tuple(f"{name}:{echo}" for name in names), private=names)
    said, _, _ = await run_inside(
        python(f"print(*[reach(name, {echo}) for name in {names!r}])"), egress, resolve=resolve
    )
    assert said.split() == ["ConnectionResetError", "hello"]


async def test_names_are_also_answered_over_connections(run_inside: Run) -> None:
    script = """
import struct
def ask(*messages):
    with socket.create_connection(("127.0.0.1", 53), timeout=10) as one:
        try:
            for message in messages:
                one.sendall(message)
            reply = one.recv(2)
            return one.recv(struct.unpack("!H", reply)[0])[3] & 15 if reply else "closed"
        except OSError as error:
            return type(error).__name__
def query(name):
    wire = b"".join(bytes([len(label)]) + label for label in name.split(b".")) + bytes(1)
    body = struct.pack("!6H", 1, 256, 1, 0, 0, 0) + wire + struct.pack("!2H", 1, 1)
    return struct.pack("!H", len(body)) + body
print(ask(query(b"a.test")), ask(query(b"b.test")[:5], query(b"b.test")[5:]), ask(b"\\xff\\xff"), ask(b"\\0\\1x"))"""
    said, _, heard = await run_inside(python(script), Egress(allow=("a.test",)))
    assert said.split() == ["0", "3", "closed", "closed"]
    assert {host for host, *_ in decided(heard)} == {"a.test", "b.test"}


async def test_a_flood_of_questions_does_not_flood_those_who_listen(run_inside: Run) -> None:
    script = """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.connect(("127.0.0.1", 53))
    udp.send(b"x" * 2000)
    for number in range(160):
        name = str(number).encode()
        udp.send(bytes(5) + b"\\1" + bytes(6) + bytes([len(name)]) + name + b"\\4evil\\0\\0\\1\\0\\1")
        udp.recv(512)
print(reach("a.test", 443))"""
    _, _, heard = await run_inside(python(script), Egress(allow=("a.test",)))
    assert len(heard) < 80
    assert ended(heard).refused == 161
    assert ended(heard).untold >= sum(event.untold for event in heard if isinstance(event, EgressDecided))
    assert ended(heard).untold > 80
    assert ("a.test", None, True, "a rule allows this name") in decided(heard)


def way(
    first: int,
    user: int | None,
    *,
    egress: Egress = Egress(allow=("a.test", "b.test:80")),  # noqa: B008 - frozen
    processes: LocalProcesses = LocalProcesses(),  # noqa: B008 - without state
    emit: Callable[[Event], None] = ignore,
) -> AbstractAsyncContextManager[Held]:
    return connected(first, egress, processes=processes, run_as=user, subject="x", emit=emit)


async def refused(opening: AbstractAsyncContextManager[Held], match: str) -> None:
    """Expect that a way out is not opened, for this reason, and that nothing is left of the attempt."""
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises((SandboxError, StartError), match=match) as caught:
        await opening.__aenter__()
    assert caught.value.remedies
    assert len(os.listdir("/proc/self/fd")) == before


async def test_where_nothing_is_allowed_nothing_is_opened() -> None:
    async def body(first: int, user: int | None) -> None:
        async with way(first, user, egress=Egress()) as held:
            assert (held.level, held.requested) == (Level.KERNEL, "no network")
            assert len(Path(f"/proc/{first}/net/tcp").read_text().splitlines()) == 1

    await sandboxed_process(body)


@pytest.mark.security
async def test_no_way_is_opened_in_the_network_of_this_process_or_of_another_user() -> None:
    async def body(first: int, user: int | None) -> None:
        other = 61183 if user is None else user - 1
        await refused(way(first, other), "its network belongs to user")
        await refused(way(os.getpid(), None), "is in the network of this process")
        await refused(way(2**22 + 1, None), "cannot be opened")

    await sandboxed_process(body)


class Elsewhere(LocalProcesses):
    """Starts something else than the program that opens sockets, with the same words after it."""

    def __init__(self, *argv: str) -> None:
        self.argv = argv

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        other = Command(argv=(*self.argv, *command.argv[4:]))
        async with super().open(other, run_as=run_as, pass_fds=pass_fds) as process:
            yield process


FEWER = "import socket, sys; c = socket.socket(fileno=int(sys.argv[4])); socket.send_fds(c, [b'open'], [c.fileno()])"
ELSEWHERE = {
    "no such luck": ("/bin/sh", "-c", "echo first >&2; echo no such luck >&2"),
    "were not handed out": ("/bin/true",),
    "1 sockets were handed out instead of 4": ("/usr/bin/python3", "-I", "-S", "-c", FEWER),
    "/none could not be started": ("/none",),
}


async def test_a_door_that_cannot_be_opened_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(first: int, user: int | None) -> None:
        for match, argv in ELSEWHERE.items():
            await refused(way(first, user, processes=Elsewhere(*argv)), match)
        async with way(first, user):
            await refused(way(first, user), "Address already in use")
        monkeypatch.setattr(sys, "executable", "")
        await refused(way(first, user), "its own interpreter")

    await sandboxed_process(body)


async def test_leaving_closes_everything_and_errors_and_cancellation_arrive_as_they_are() -> None:
    async def body(first: int, user: int | None) -> None:
        heard = list[Event]()
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(ZeroDivisionError):
            async with way(first, user, emit=heard.append):
                raise ZeroDivisionError
        for delay in (0, 0.005, 0.02, 0.05, 0.1):
            with anyio.move_on_after(delay):
                async with way(first, user):
                    await anyio.sleep_forever()
        assert len(os.listdir("/proc/self/fd")) == before
        assert ended(heard).reached == ()

    await sandboxed_process(body)
