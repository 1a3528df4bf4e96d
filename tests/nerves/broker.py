"""A RabbitMQ of the tests' own: on free ports of this machine, in a directory of its own, gone at the end."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.conftest import rabbitmq

START_TIMEOUT = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker that runs."""

    port: int
    variables: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def control(self, *arguments: str) -> str:
        """Ask it by its own program."""
        plain = ["--no-table-headers"] if arguments[0].startswith("list") else []
        done = subprocess.run(
            [program("rabbitmqctl"), "--quiet", *arguments, *plain],
            env=dict(self.variables),
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=45,
        )
        return done.stdout


def program(name: str) -> str:
    found = rabbitmq(name)
    assert found is not None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartableBroker(Broker):
    """A broker that can be ended and started again in its place."""

    start: Callable[[], None]
    end: Callable[[], None]

    def restart(self) -> None:
        self.end()
        self.start()


@contextmanager
def running_broker(home: Path) -> Generator[Broker]:
    """Start a broker, wait until it takes connections, and end it with all that belongs to it."""
    with restartable_broker(home) as broker:
        yield broker


@contextmanager
def restartable_broker(home: Path) -> Generator[RestartableBroker]:
    """Start a broker that keeps what it has in ``home``."""
    names, port, inner = (_free_port() for _ in range(3))
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"tests{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(inner),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_CONFIG_FILE": str(home / "none"),
    }
    with (home / "said").open("wb") as said, ExitStack() as life:
        begin = partial(subprocess.Popen[bytes], env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        life.enter_context(_ended(begin(["epmd", "-port", str(names)])))
        running = life.enter_context(ExitStack())

        def start() -> None:
            server = running.enter_context(_ended(begin([program("rabbitmq-server")])))
            _wait_for(port, server, home / "said")

        start()
        yield RestartableBroker(port=port, variables=variables, start=start, end=running.close)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Generator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_for(port: int, server: subprocess.Popen[bytes], said: Path) -> None:
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The broker did not start: {said.read_text()[-2000:]}")
