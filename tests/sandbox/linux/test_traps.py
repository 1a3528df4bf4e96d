"""What is easily got wrong in a sandbox, each with the test that fails when it is got wrong again."""

import ast
import errno
import json
import os
import select
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError, StartError
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses, Process

pytestmark = [pytest.mark.sandbox, pytest.mark.security]

TESTS = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
PYPI = "acquisition/installation/ecosystems/test_pypi.py"
LIMITS = Limits(memory_mb=200, processes=17, open_files=99, tmp_mb=3, work_mb=5)

ELSEWHERE: Mapping[int, Sequence[str]] = {
    1: (
        "sandbox/test_sandbox.py::test_root_is_dropped_and_two_sandboxes_do_not_share_a_user",
        "security/test_escape.py::test_every_attempt_to_break_out_is_held_or_refused",
    ),
    2: (
        "sandbox/test_sandbox.py::test_when_the_library_is_killed_nothing_of_the_sandbox_lives_on",
        "sandbox/linux/test_argv.py::test_the_gate_opens_at_its_word_only",
    ),
    3: ("sandbox/linux/test_traps.py::test_a_sandbox_is_started_by_the_thread_of_the_event_loop",),
    4: ("sandbox/linux/test_traps.py::test_bubblewrap_that_dies_while_it_sets_up_leaves_nothing",),
    5: ("sandbox/linux/test_traps.py::test_nothing_in_memory_is_writable_without_a_size",),
    6: (
        "sandbox/linux/test_argv.py::test_each_namespace_is_named_and_user_namespaces_end_there",
        "sandbox/linux/test_traps.py::test_no_further_user_namespace_can_be_made",
    ),
    7: ("sandbox/linux/test_traps.py::test_no_socket_to_a_virtual_machine_can_be_made",),
    8: ("sandbox/linux/test_traps.py::test_what_is_not_shown_is_not_there_rather_than_forbidden",),
    9: ("sandbox/test_sandbox.py::test_the_limit_on_processes_counts_per_sandbox",),
    10: (
        f"{PYPI}::test_nothing_of_a_package_runs_before_it_is_started_not_even_a_pth_file",
        f"{PYPI}::test_a_package_that_exists_as_source_only_is_refused_and_never_built",
    ),
    11: (
        "servers/links/wire/test_framing.py::test_a_line_over_the_bound_is_refused_wherever_the_chunks_are_cut",
        "servers/links/wire/test_framing.py::test_a_long_line_in_small_pieces_is_joined_once",
    ),
    12: ("acquisition/vetting/advisories/test_vulnerabilities.py::test_no_data_is_a_finding_and_never_fine",),
    13: ("sandbox/linux/test_traps.py::test_limits_are_set_without_the_right_to_raise_those_of_others",),
    14: (
        "sandbox/resources/test_whole_tree.py::test_cpu_is_free_at_first_and_half_a_core_from_then_on",
        "sandbox/resources/test_bucket.py::test_the_burst_is_used_once_and_taken_away_when_start_up_is_over",
    ),
}
"""By number: root inside is root outside; a gate that opens when its keeper dies; death that follows a thread; a
set-up that dies half-way; writable memory without a size; namespaces that must be named; sockets that cross a network
namespace; forbidden instead of absent; process counts of the whole host; code in path files; lines without end; a
check that skipped and says fine; limits that need a right; a start-up at half speed."""


@pytest.mark.parametrize("trap", range(1, 15))
def test_each_has_its_test(trap: int) -> None:
    for place in ELSEWHERE[trap]:
        file, _, name = place.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        found = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert name in {node.name for node in found}, place


LOOK = """
import ctypes, json, os, resource, socket, sys

def error(call):
    try:
        call()
    except OSError as problem:
        return problem.errno
    return 0

def room(path):
    found = os.statvfs(path)
    return found.f_blocks * found.f_frsize

def unshare():
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(0x10000000) == -1:
        raise OSError(ctypes.get_errno(), "unshare")

json.dump({
    "write": {place: error(lambda: open(place + "/made", "w")) for place in ("/", "/dev", "/etc", "/usr", "/proc")},
    "room": {place: room(place) for place in ("/tmp", "/work", "/dev/shm")},
    "unshare": error(unshare),
    "vsock": error(lambda: socket.socket(40, socket.SOCK_STREAM)),
    "absent": [error(lambda: open(path)) for path in sys.argv[1:]],
    "limits": {
        name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("NPROC", "NOFILE", "DATA", "CORE")
    },
}, sys.stdout)
"""
ABSENT = ("/etc/gitconfig", "/etc/passwd-", "/root/.gitconfig", "/home/somebody/.npmrc", "/var/lib/dpkg/status")


@pytest.fixture(scope="module")
def seen() -> Mapping[str, object]:
    """Look at a sandbox from inside, once."""

    async def look() -> bytes:
        command = Command(argv=(PYTHON, "-I", "-S", "-c", LOOK, *ABSENT))
        async with Sandbox.bubblewrap(LocalProcesses()).open(command, SandboxPolicy(limits=LIMITS)) as confined:
            with anyio.fail_after(20):
                return b"".join([chunk async for chunk in confined.stdout])

    return dict(json.loads(anyio.run(look)))


def test_nothing_in_memory_is_writable_without_a_size(seen: Mapping[str, object]) -> None:
    writes = seen["write"]
    assert isinstance(writes, dict)
    assert set(writes.values()) <= {errno.EROFS, errno.EACCES, errno.ENOENT}  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    assert {writes["/"], writes["/dev"]} == {errno.EROFS}
    assert seen["room"] == {"/tmp": 3 << 20, "/work": 5 << 20, "/dev/shm": 1 << 20}


def test_no_further_user_namespace_can_be_made(seen: Mapping[str, object]) -> None:
    assert seen["unshare"] == errno.EPERM


def test_no_socket_to_a_virtual_machine_can_be_made(seen: Mapping[str, object]) -> None:
    assert seen["vsock"] == errno.EAFNOSUPPORT


def test_what_is_not_shown_is_not_there_rather_than_forbidden(seen: Mapping[str, object]) -> None:
    assert seen["absent"] == [errno.ENOENT] * len(ABSENT)


def test_limits_are_set_without_the_right_to_raise_those_of_others(seen: Mapping[str, object]) -> None:
    assert seen["limits"] == {"NPROC": [17, 17], "NOFILE": [99, 99], "DATA": [200 << 20, 200 << 20], "CORE": [0, 0]}


STARTERS: list[int] = []


def note_starter(event: str, _: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        STARTERS.append(threading.get_ident())


@pytest.mark.anyio
async def test_a_sandbox_is_started_by_the_thread_of_the_event_loop() -> None:
    if not STARTERS:
        sys.addaudithook(note_starter)
    sandbox = Sandbox.bubblewrap(LocalProcesses())
    await sandbox.probe()
    STARTERS.clear()
    async with sandbox.open(Command(argv=("/bin/sh", "-c", ":")), SandboxPolicy()) as confined:
        await confined.wait()
    assert set(STARTERS) == {threading.get_ident()}


class DyingSetUp:
    """Starts processes, and kills bubblewrap itself as soon as it has made so many processes."""

    def __init__(self) -> None:
        self._local = LocalProcesses()
        self.dies_with: int | None = None
        self.descriptors: list[int] = []

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        return await self._local.run(command, timeout=timeout, stdin=stdin, limit=limit)

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        async with self._local.open(command, run_as=run_as, pass_fds=pass_fds) as process:
            if self.dies_with is not None:
                self._kill(process.pid, self.dies_with)
            yield process

    def _kill(self, pid: int, wanted: int) -> None:
        below: tuple[int, ...] = ()
        while len(below) < wanted:  # it goes on by small steps, so that it dies right after the step that is meant
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP)
            below = children(pid)
            below += tuple(under for child in below for under in children(child))
        self.descriptors += [os.pidfd_open(one) for one in below]
        os.kill(pid, signal.SIGKILL)


def children(pid: int) -> tuple[int, ...]:
    try:
        return tuple(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return ()


@pytest.mark.anyio
@pytest.mark.parametrize("made", [0, 1, 2])
async def test_bubblewrap_that_dies_while_it_sets_up_leaves_nothing(made: int) -> None:
    processes = DyingSetUp()
    sandbox = Sandbox.bubblewrap(processes)
    await sandbox.probe()
    processes.dies_with = made
    with anyio.fail_after(20), pytest.raises((SandboxError, StartError)):
        async with sandbox.open(Command(argv=("/bin/sh", "-c", "sleep 600")), SandboxPolicy()):
            pytest.fail("it started")
    for descriptor in processes.descriptors:
        assert select.select([descriptor], [], [], 10)[0]
        os.close(descriptor)
