"""A sandbox with a way out to servers of this machine, and what such servers serve."""

import http.server
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path

import anyio
import pytest
import trustme

from vsm_mcp.events import Event
from vsm_mcp.model.enforcement import Held
from vsm_mcp.sandbox.egress.addresses import Resolve
from vsm_mcp.sandbox.egress.egress import connected
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

Run = Callable[..., Awaitable[tuple[str, Held, list[Event]]]]


async def to_this_machine(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
def run_inside() -> Run:
    """Return what runs a program with a way out: all names lead to this machine unless it is told otherwise.

    The program waits for its first line before it does anything.
    """

    async def run(
        argv: Sequence[str],
        egress: Egress,
        *,
        read_only: tuple[Path, ...] = (),
        resolve: Resolve = to_this_machine,
    ) -> tuple[str, Held, list[Event]]:
        processes, heard = LocalProcesses(), list[Event]()
        policy = SandboxPolicy(limits=Limits(cpu_cores=None), read_only=read_only)
        with anyio.fail_after(55):
            async with Sandbox.bubblewrap(processes).open(Command(argv=tuple(argv)), policy) as confined:
                first, user = _first_process(confined.pid)
                async with connected(
                    first,
                    egress,
                    processes=processes,
                    run_as=user if os.geteuid() == 0 else None,
                    subject="test",
                    emit=heard.append,
                    resolve=resolve,
                ) as held:
                    await confined.stdin.send(b"go\n")
                    said = b"".join([chunk async for chunk in confined.stdout])
                    complained = b"".join([chunk async for chunk in confined.stderr])
        return (said or complained).decode(), held, heard

    return run


def _first_process(pid: int) -> tuple[int, int]:
    """Return the first process of the sandbox that ``pid`` runs in, and its user."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0]), int(status.partition("Uid:")[2].split()[0])


@pytest.fixture
def echo() -> Generator[int]:
    """Send every byte back, and end when the other side has ended; return the port."""

    def attend(one: socket.socket) -> None:
        with one:
            try:
                while data := one.recv(65536):
                    one.sendall(data)
            except OSError:
                return

    def serve(server: socket.socket) -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=attend, args=(one,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def documents() -> dict[str, bytes]:
    """Say what the web server serves at which path."""
    return {}


@pytest.fixture
def web(authority: trustme.CA, documents: dict[str, bytes], tmp_path: Path) -> Generator[int]:
    """Serve the documents over TLS as ``allowed.example.test``, at an address of this machine; return the port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            document = documents.get(self.path)
            self.send_response(404 if document is None else 200)
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/json")
            self.send_header("Content-Length", str(len(document or b"")))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(documents.get(self.path, b""))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert("allowed.example.test").private_key_and_cert_chain_pem
    issued.write_to_path(str(tmp_path / "server.pem"))
    context.load_cert_chain(tmp_path / "server.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
