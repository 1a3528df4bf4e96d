"""The test of the network says what is reached: all of it where nothing confines, nothing in a sandbox."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vsm_mcp.errors import StartError
from vsm_mcp.events import Event, SelfTestAdvanced
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.linux.bubblewrap import Bubblewrap
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.sandbox.selftest.isolation import network_isolation
from vsm_mcp.sandbox.selftest.lifetime import KILLED_PARKED, KILLED_RELEASED, ORPHANS, Host, outliving
from vsm_mcp.sandbox.selftest.report import IsolationReport, Outcome, Seen
from vsm_mcp.sandbox.selftest.selftest import self_test
from vsm_mcp.sandbox.unconfined import Unconfined
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses, Process

pytestmark = [pytest.mark.anyio, pytest.mark.security]

PYTHON = Path("/usr/bin/python3")
REACHABLE = {
    "reach the loopback of the host",
    "reach the host by UDP",
    "reach an abstract socket",
    "reach a socket file",
}


@pytest.mark.sandbox
@pytest.mark.promise("A58", "B44")
async def test_from_a_sandbox_nothing_of_the_network_is_reached() -> None:
    events: list[Event] = []
    report = await Sandbox.bubblewrap(LocalProcesses()).test_network_isolation(python=PYTHON, emit=events.append)
    assert report.passed, str(report)
    blocked = {one.name for one in report.channels if one.seen is Seen.BLOCKED}
    assert blocked >= REACHABLE | {"reach the metadata service", "resolve a name", "open a virtual machine socket"}
    assert all(one.control for one in report.channels if one.name in REACHABLE)
    last = events[-1]
    assert isinstance(last, SelfTestAdvanced)
    assert last.done == last.total == len(events)
    assert "As it should be" in str(report)


@pytest.mark.sandbox
@pytest.mark.promise("A58", "B44")
async def test_with_a_way_out_the_allowed_name_is_reached_and_nothing_else() -> None:
    sandbox = Sandbox.bubblewrap(LocalProcesses())
    egress = Egress(allow=("example.com", "*.example.com"), names=9)
    report = await sandbox.test_network_isolation(python=PYTHON, egress=egress)
    assert report.passed, str(report)
    found = {one.name: one for one in report.channels}
    assert found["reach an allowed name"].seen is Seen.REACHED
    for name in ("look up a name that is not allowed", "send data in a name", "reach an allowed name at another port"):
        assert found[name].seen is Seen.BLOCKED
    assert found["reach the address 127.99.99.99"].seen is Seen.BLOCKED
    assert "example.com:443" in report.requested


async def test_where_nothing_confines_everything_is_reached_and_the_report_says_so() -> None:
    report = await Sandbox.none(LocalProcesses()).test_network_isolation(
        python=PYTHON, egress=Egress(allow=("a.example",))
    )
    assert not report.passed
    found = {one.name: one for one in report.channels}
    assert {name for name in REACHABLE if found[name].seen is Seen.REACHED} == REACHABLE
    assert found["open a raw socket"].seen is Seen.UNKNOWN
    assert not found["reach an allowed name"].passed
    assert "NOT ISOLATED" in str(report)


class NothingOutside:
    """Starts canaries, but not the attempts outside of the sandbox."""

    def __init__(self) -> None:
        self._local = LocalProcesses()

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        return await self._local.run(command, timeout=timeout, stdin=stdin, limit=limit)

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        if "sleep" not in command.argv[0]:
            raise StartError("Nothing starts outside.")
        async with self._local.open(command, run_as=run_as, pass_fds=pass_fds) as process:
            yield process


def shown(report: IsolationReport) -> set[str]:
    return {one.name for one in report.channels if one.seen is not Seen.UNKNOWN}


@pytest.mark.sandbox
async def test_a_control_that_does_not_get_through_shows_nothing() -> None:
    sandbox = Sandbox.bubblewrap(LocalProcesses())
    whole = await sandbox.test_network_isolation(python=PYTHON)
    broken = await network_isolation(Bubblewrap(LocalProcesses()), python=PYTHON, processes=NothingOutside())
    assert not broken.passed
    assert shown(whole) - shown(broken) >= REACHABLE
    assert "Nothing starts outside" in str(broken)


@pytest.mark.sandbox
async def test_a_sandbox_without_time_has_no_verdicts_and_is_not_isolated() -> None:
    report = await network_isolation(Bubblewrap(LocalProcesses()), python=PYTHON, patience=0.0)
    assert not report.passed
    assert not any(one.passed for one in report.channels)


async def test_a_self_test_of_no_confinement_finds_what_is_open_and_harms_nothing() -> None:
    report = await self_test(Unconfined(LocalProcesses()), python=PYTHON)
    assert not report.passed
    assert len(report.open) > 12
    assert set(report.open) >= REACHABLE
    assert report.counts[Outcome.NOT_SHOWN] > 150
    text = str(report)
    assert "OPEN" in text
    assert "NOT SAFE" in text
    assert "Confine servers" in text
    assert all(len(line) < 400 for line in text.splitlines())


@pytest.mark.sandbox
async def test_daemons_that_outlive_are_found_and_ended() -> None:
    local, heard = LocalProcesses(), list[str]()
    found = await outliving(Host(Unconfined(local), PYTHON, local, "marker-of-this-test", 1.0), heard.append)
    assert heard == [ORPHANS, KILLED_PARKED, KILLED_RELEASED]
    assert found[0].outcome is Outcome.OPEN
    assert "3 of 4 processes lived on" in found[0].detail
    assert [one.outcome for one in found[1:]] == [Outcome.HELD, Outcome.HELD]
    again = await outliving(Host(Unconfined(local), Path("/nowhere"), NothingOutside(), "marker"), heard.append)
    assert all(one.outcome is Outcome.OPEN and "no verdict" in one.detail for one in again)
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"marker-of-this-test" in path.read_bytes()]
