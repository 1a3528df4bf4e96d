"""What every test shares: both back ends, what a test needs from this machine, and no silent skip in CI."""

import asyncio
import gc
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import anyio
import pytest
from hypothesis import settings
from trio.testing import MockClock

from vsm_mcp.errors import VSMError
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import LocalProcesses

settings.register_profile("busy", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("busy")

BACKENDS = ["asyncio", "trio"]
ALLOWED = "allowed:"
COUNTED = ("broker", "live", "node", "sandbox", "security", "promise")
LIVE_TIMEOUT = 300
ABSENT = pytest.StashKey[dict[str, str]]()


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps over the time in which nothing happens."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _Impatient(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> str | tuple[str, dict[str, object]]:
    """Run asynchronous tests under asyncio and under trio.

    Those with the mark ``virtual_time`` run on a clock that jumps to what happens next.
    """
    name = str(request.param)
    if request.node.get_closest_marker("virtual_time") is None:
        return name
    if name == "asyncio":
        return name, {"loop_factory": JumpingLoop}
    return name, {"clock": MockClock(autojump_threshold=0.0)}


@pytest.fixture
def published_data() -> Path:
    """Return the folder of published corpora for measuring ranking and vetting; it is not part of this project."""
    given = os.environ.get("PUBLISHED_DATA", "")
    if not given or not Path(given).is_dir():
        pytest.skip("allowed: published corpora are not here; set PUBLISHED_DATA to their folder to measure on them")
    return Path(given)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write the marks of each test into the report, so that CI can count what ran; give live tests time.

    Files with tests that are given time come first: of several processes that share the work, none is left with them.
    """
    for item in items:
        item.user_properties += [("mark", mark) for mark in COUNTED if item.get_closest_marker(mark)]
        if item.get_closest_marker("live") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LIVE_TIMEOUT))
    long = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: half a million objects that each full collection looked at."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what this machine does not have, and say what to do about it."""
    for mark, look in NEEDS.items():
        if item.get_closest_marker(mark) is None:
            continue
        if reason := _once(item.config, mark, look):
            pytest.skip(reason)
        if mark == "live" and item.get_closest_marker("node") and (reason := _once(item.config, "npm", _no_npm)):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test fails, unless its reason begins with ``allowed:``."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI a module that skips itself fails like a test that does."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or not os.environ.get("CI"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and in CI everything runs: {reason}"


def _once(config: pytest.Config, need: str, look: Callable[[], str]) -> str:
    absent = config.stash.setdefault(ABSENT, {})
    if need not in absent:
        absent[need] = look()
    return absent[need]


def _no_node() -> str:
    if shutil.which("node") and shutil.which("npm"):
        return ""
    return "node and npm are not on the PATH; install Node.js with npm to run this test"


def _no_broker() -> str:
    if rabbitmq("rabbitmq-server") and shutil.which("epmd"):
        return ""
    return "no RabbitMQ on this machine; install rabbitmq-server to run this test, it need not be started"


def rabbitmq(program: str) -> str | None:
    """Return where a program of RabbitMQ is; that of Debian's package proper, as the one on the PATH asks for root."""
    return shutil.which(program, path="/usr/lib/rabbitmq/bin") or shutil.which(program)


def _no_sandbox() -> str:
    try:
        anyio.run(Sandbox.bubblewrap(LocalProcesses()).probe)
    except VSMError as error:
        return f"no sandbox on this machine: {error}"
    return ""


def _no_pypi() -> str:
    return _unanswered("pip", sys.executable, "-m", "pip", "index", "versions", "mcp-server-time")


def _no_npm() -> str:
    return _unanswered("npm", "npm", "view", "@modelcontextprotocol/server-memory", "version")


def _unanswered(client: str, *command: str) -> str:
    """Ask the way the user would, so that the user's own settings decide which registry it is."""
    try:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=45)
    except (OSError, subprocess.SubprocessError) as error:
        return f"the registry that {client} is configured for did not answer; connect to run this test ({error})"
    return ""


NEEDS: Mapping[str, Callable[[], str]] = {
    "broker": _no_broker,
    "node": _no_node,
    "sandbox": _no_sandbox,
    "live": _no_pypi,
}
