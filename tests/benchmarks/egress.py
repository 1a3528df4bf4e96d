"""How fast the way out of a sandbox is, against direct connections of the same program in the same run.

Run ``python tests/benchmarks/egress.py [--json] [--quick]``. The same client runs twice, inside a sandbox and outside,
and takes turns; the server is a process of its own. A connection counts from the lookup of the name to the first byte
that comes back. Wall time.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anyio

from vsm_mcp.events import ignore
from vsm_mcp.sandbox.egress.egress import connected
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses, Process

HOST = "speed.test"
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
SERVER = """
import os, socket, threading
def serve(one):
    with one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wanted = one.recv(16, socket.MSG_WAITALL).decode()
        size = int(wanted[1:])
        if wanted[0] == "d":
            piece = bytes(1 << 20)
            for _ in range(size):
                one.sendall(piece)
        else:
            while size > 0 and (data := one.recv(1 << 20)):
                size -= len(data)
            one.sendall(b"x")
with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
CLIENT = """
import json, socket, sys, time
host, port = sys.argv[1], int(sys.argv[2])
def ask(words):
    one = socket.create_connection((host, port), timeout=60)
    one.sendall(words.encode().ljust(16))
    return one
def connect(_):
    began = time.perf_counter()
    with ask("u0") as one:
        one.recv(1)
    return (time.perf_counter() - began) * 1000
def down(size):
    began, buffer = time.perf_counter(), bytearray(1 << 20)
    with ask(f"d{size}") as one:
        while one.recv_into(buffer):
            pass
    return size * 1.048576 / (time.perf_counter() - began)
def up(size):
    began, piece = time.perf_counter(), bytes(1 << 20)
    with ask(f"u{size << 20}") as one:
        for _ in range(size):
            one.sendall(piece)
        one.recv(1)
    return size * 1.048576 / (time.perf_counter() - began)
for line in sys.stdin:
    what, count, value = line.split()
    work = {"connect": connect, "down": down, "up": up}[what]
    print(json.dumps([work(int(value)) for _ in range(int(count))]), flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured: milliseconds to open, milliseconds per connection, and 10^6 bytes per second."""

    open_median_ms: float
    connections: int
    direct_median_ms: float
    direct_p99_ms: float
    egress_median_ms: float
    egress_p99_ms: float
    added_median_ms: float
    added_p99_ms: float
    direct_down_mb_s: float
    egress_down_mb_s: float
    ratio_down: float
    direct_up_mb_s: float
    egress_up_mb_s: float
    ratio_up: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What one client said, by what it was asked for."""

    connect: list[float] = field(default_factory=list[float])
    down: list[float] = field(default_factory=list[float])
    up: list[float] = field(default_factory=list[float])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    options = parser.parse_args()
    rounds, connections, size = (2, 20, 32) if options.quick else (10, 100, 256)
    result = asdict(anyio.run(measure, rounds, connections, size, backend=options.backend))
    lines = [f"{name.replace('_', ' '):20} {value:10.2f}" for name, value in result.items()]
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(lines)) + "\n")


async def measure(rounds: int, connections: int, size: int) -> Result:
    """Let both clients take turns."""
    processes = LocalProcesses()
    sandbox = Sandbox.bubblewrap(processes)
    policy = SandboxPolicy(limits=Limits(cpu_cores=None))
    async with processes.open(Command(argv=(*PYTHON, SERVER))) as server:
        port = (await _line(server)).strip()
        egress = Egress(allow=(f"{HOST}:{port}",), private=(HOST,), total_bytes=1 << 40, bytes_per_connection=1 << 40)
        direct = Command(argv=(*PYTHON, CLIENT, "127.0.0.1", port))
        inside = Command(argv=(*PYTHON, CLIENT, HOST, port))
        async with processes.open(direct) as outside, sandbox.open(inside, policy) as confined:
            first, user = _first_process(confined.pid)
            run_as = user if os.geteuid() == 0 else None
            opening: list[float] = []
            for _ in range(rounds):
                began = time.perf_counter()
                async with connected(
                    first, egress, processes=processes, run_as=run_as, subject="", emit=ignore, resolve=_here
                ):
                    opening.append((time.perf_counter() - began) * 1000)
            async with connected(
                first, egress, processes=processes, run_as=run_as, subject="", emit=ignore, resolve=_here
            ):
                plain, through = Samples(), Samples()
                for _ in range(rounds):
                    for client, samples in ((outside, plain), (confined, through)):
                        samples.connect.extend(await _ask(client, f"connect {connections} 0"))
                        samples.down.extend(await _ask(client, f"down 1 {size}"))
                        samples.up.extend(await _ask(client, f"up 1 {size}"))
    return _result(opening, plain, through)


def _result(opening: Sequence[float], plain: Samples, through: Samples) -> Result:
    middle = statistics.median
    return Result(
        open_median_ms=middle(opening),
        connections=len(through.connect),
        direct_median_ms=middle(plain.connect),
        direct_p99_ms=_p99(plain.connect),
        egress_median_ms=middle(through.connect),
        egress_p99_ms=_p99(through.connect),
        added_median_ms=middle(through.connect) - middle(plain.connect),
        added_p99_ms=_p99(through.connect) - _p99(plain.connect),
        direct_down_mb_s=middle(plain.down),
        egress_down_mb_s=middle(through.down),
        ratio_down=middle(through.down) / middle(plain.down),
        direct_up_mb_s=middle(plain.up),
        egress_up_mb_s=middle(through.up),
        ratio_up=middle(through.up) / middle(plain.up),
    )


async def _here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def _ask(client: Process, words: str) -> list[float]:
    await client.stdin.send(f"{words}\n".encode())
    found: list[float] = json.loads(await _line(client))
    return found


async def _line(process: Process) -> str:
    data = b""
    while not data.endswith(b"\n"):
        data += await process.stdout.receive()
    return data.decode()


def _first_process(pid: int) -> tuple[int, int]:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0]), int(status.partition("Uid:")[2].split()[0])


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
