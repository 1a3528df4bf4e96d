"""Processes are found with all they start, and signals reach exactly them."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.controller import Tree
from vsm_mcp.sandbox.resources.family import Family, Member
from vsm_mcp.sandbox.resources.watchdog import Watchdog

SCRIPT = """
import os, threading, time
def child():
    if os.fork() == 0:
        time.sleep(600)
thread = threading.Thread(target=child)
thread.start()
thread.join()
if os.fork() == 0:
    while time.process_time() < 0.1:
        pass
    os._exit(0)
os.wait()
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def family() -> Generator[Family]:
    """Return a process with one child, which one of its threads has made."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Family(process.pid)
        os.killpg(process.pid, 9)


def others(family: Family) -> list[Member]:
    return [member for member in family.members() if member.pid != family.first]


def test_children_of_threads_are_found_and_what_is_used_is_measured(family: Family) -> None:
    first, child = family.members()
    assert first.pid == family.first
    assert {first.state, child.state} <= {"S", "R"}
    assert first.waited >= 0.08
    resident, shares = family.resident([first, child]), family.shares([first, child])
    assert 1 << 20 < shares < resident < 1 << 28
    assert {Path(program).name[:6] for program in family.programs([first, child])} == {"python"}


def test_all_but_the_first_stop_and_go_on(family: Family) -> None:
    deadline = time.monotonic() + 5
    while [member.state for member in others(family)] != ["T"]:
        family.stop()
        assert time.monotonic() < deadline
    family.stop()
    family.resume()
    deadline = time.monotonic() + 5
    while others(family)[0].state == "T":
        assert time.monotonic() < deadline
    assert family.members()[0].state != "T"


def write(proc: Path, pid: int, *, children: str = "", status: str = "") -> None:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True)
    (task / "children").write_text(children)
    (task / "status").write_text(status)
    (proc / str(pid) / "stat").write_text(f"{pid} (a) b c) R 1 1 1 0 -1 0 0 0 0 0 150 50 20 10 20 0 1 0 77 0\n")
    (proc / str(pid) / "status").write_text(status)


def test_what_the_kernel_writes_is_read_whatever_a_process_calls_itself(tmp_path: Path) -> None:
    write(tmp_path, 7, children="8 9 ")
    write(tmp_path, 8, status="Name:\tRssAnon: 9 kB\nVmRSS:\t5 kB\nRssAnon:\t  3 kB\nRssShmem:\t 2 kB\n")
    found = Family(7, tmp_path).members()
    assert [(member.pid, member.state, member.started) for member in found] == [(7, "R", 77), (8, "R", 77)]
    assert (found[0].own, found[0].waited) == (2.0, 0.3)
    assert Family(7, tmp_path).resident(found) == 5 * 1024
    assert Family(7, tmp_path).shares(found) == 5 * 1024
    assert Family(70, tmp_path).members() == []


@pytest.mark.security
def test_a_process_whose_first_thread_has_ended_still_counts(tmp_path: Path) -> None:
    write(tmp_path, 7, status="Name:\tx\nState:\tZ\n")
    inner = tmp_path / "7" / "task" / "8"
    inner.mkdir()
    (inner / "children").write_text("")
    (inner / "status").write_text("Name:\tx\nVmRSS:\t5 kB\nRssAnon:\t4 kB\nRssShmem:\t0 kB\n")
    family = Family(7, tmp_path)
    assert family.resident(family.members()) == 4096
    (inner / "status").write_text("Name:\tx\n")
    assert family.resident(family.members()) == 0


@pytest.mark.security
def test_more_processes_than_can_be_looked_at_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, 7, children=" ".join(map(str, range(10, 17000))))
    with pytest.raises(OSError, match="more than 16384 processes"):
        Family(7, tmp_path).members()


@pytest.mark.security
def test_a_signal_never_reaches_a_process_that_got_the_number_of_another(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as stranger:
        write(tmp_path, 7, children=str(stranger.pid))
        write(tmp_path, stranger.pid)
        family = Family(7, tmp_path)
        members = iter([*family.members()[1:]])
        stat = tmp_path / str(stranger.pid) / "stat"

        def changed() -> Generator[Member]:
            for member in members:
                stat.write_text(stat.read_text().replace(" 77 ", " 78 "))
                yield member

        family._send(changed(), 9)  # type: ignore[arg-type]
        with pytest.raises(subprocess.TimeoutExpired):
            stranger.wait(0.2)
        stranger.kill()


@pytest.mark.anyio
async def test_a_tree_that_cannot_be_seen_is_not_held(tmp_path: Path) -> None:
    tree = Tree(monitor=1, first=7, parked=8, scratch=("/tmp",))
    with pytest.raises(SandboxError, match="cannot be watched"):
        async with Watchdog(tmp_path).attach(tree, Limits()):
            pytest.fail("it went on")


@pytest.mark.anyio
async def test_without_a_limit_on_cpu_only_memory_is_watched(family: Family) -> None:
    tree = Tree(monitor=1, first=family.first, parked=family.first)
    with anyio.fail_after(5):
        async with Watchdog().attach(tree, Limits(cpu_cores=None)) as hold:
            hold.settle()
            with anyio.move_on_after(0.1):
                await hold.watch()
        assert hold.held[Aspect.CPU].level is Level.NONE
        usage = hold.usage()
    assert usage.processes == 1
    assert (usage.memory_bytes or 0) > 1 << 20
    assert usage.memory_peak_bytes == usage.memory_bytes
