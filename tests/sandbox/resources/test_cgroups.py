"""Control groups: found where the kernel says, limited, read back, and never left behind."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError, StartError
from vsm_mcp.model.enforcement import Aspect, ExitReason, Level
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.cgroups import groups
from vsm_mcp.sandbox.resources.cgroups.cgroup1 import CgroupV1
from vsm_mcp.sandbox.resources.cgroups.cgroup2 import CgroupV2, Group2
from vsm_mcp.sandbox.resources.cgroups.systemd import SystemdScope, scope_words
from vsm_mcp.sandbox.resources.choose import choose, known_controllers
from vsm_mcp.sandbox.resources.controller import ResourceController, Tree
from vsm_mcp.sandbox.resources.watchdog import Watchdog
from vsm_mcp.world.processes import Command, Completed, LocalProcesses, Process

MIB = 1 << 20
TREE = Tree(monitor=101, first=101, parked=101)
MOUNTS_OF_1 = (
    "31 23 0:28 / {root} rw - tmpfs tmpfs rw\n"
    "32 31 0:29 / {root}/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
    "33 31 0:30 / {root}/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 /outer {root}/pids rw,relatime - cgroup cgroup rw,pids\n"
)
OWN_OF_1 = "8:pids:/outer\n4:memory:/user/one\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n"
MOUNTS_OF_2 = "31 23 0:28 / {root} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
FILES_OF_2 = {
    "cgroup.procs": "100\n101\n",
    "memory.max": "max\n",
    "memory.swap.max": "max\n",
    "memory.oom.group": "0\n",
    "memory.current": "4096\n",
    "memory.peak": "8192\n",
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "pids.max": "max\n",
    "cpu.max": "max 100000\n",
    "cpu.stat": "usage_usec 1500000\nuser_usec 1000000\n",
}


@dataclass
class Made:
    """A made machine: its ``/proc`` and its control groups."""

    proc: Path
    root: Path

    def mounts(self, text: str, own: str) -> None:
        (self.proc / "self" / "mountinfo").write_text(text.format(root=self.root))
        (self.proc / "self" / "cgroup").write_text(own)

    def process(self, pid: int | str, *, started: int = 7, group: str = "0::/\n") -> None:
        place = self.proc / str(pid)
        (place / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
        (place / "task" / str(pid) / "children").write_text("")
        (place / "stat").write_text(f"{pid} (a) b) S 1 1 1 0 -1 0 1 1 0 0 150 50 20 10 20 0 1 0 {started} 0 0\n")
        (place / "cgroup").write_text(group)

    def group(self, path: str, files: Mapping[str, str]) -> Path:
        place = self.root / path
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text)
        return place

    def place(self, path: str, *, given: str = "cpu memory pids", there: str = "cpu io memory pids") -> Path:
        """Make a directory of version 2 in which groups may be made."""
        files = {"cgroup.controllers": there + "\n", "cgroup.subtree_control": given + "\n", "cgroup.procs": ""}
        return self.group(path, files)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    machine = Made(proc=tmp_path / "proc", root=tmp_path / "groups")
    machine.root.mkdir()
    for pid in ("self", 101):
        machine.process(pid)
    return machine


def fill(path: Path) -> None:
    """Make a group as the kernel does: with its files."""
    path.mkdir()
    for name, text in FILES_OF_2.items():
        (path / name).write_text(text)


class Written:
    """Keeps the last words of groups that are removed."""

    def __init__(self) -> None:
        self.files: list[dict[str, str]] = []

    def remove(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(path)
        self.files.append({file.name: file.read_text() for file in path.iterdir()})
        shutil.rmtree(path)


def test_mounts_and_own_groups_are_read_as_the_kernel_writes_them(made: Made) -> None:
    made.mounts(MOUNTS_OF_1 + r"35 31 0:32 / /a\040b rw - cgroup2 cgroup2 rw" + "\n", OWN_OF_1)
    memory, cpu, pids, unified = groups.hierarchies(made.proc)
    own = groups.own_groups(made.proc)
    assert (memory.version, memory.controllers, cpu.controllers) == (1, {"memory"}, {"cpu", "cpuacct"})
    assert (unified.path, unified.version, unified.controllers) == (Path("/a b"), 2, frozenset())
    assert own == {"pids": "/outer", "memory": "/user/one", "cpu": "/", "cpuacct": "/", "name=systemd": "/x", "": "/"}
    assert groups.directory(memory, own["memory"]) == made.root / "memory/user/one"
    assert groups.directory(pids, "/outer/inner") == made.root / "pids/inner"
    assert groups.directory(pids, "/elsewhere") is None
    assert groups.directory(memory, "/../out") is None


@pytest.mark.security
def test_groups_of_processes_that_are_gone_are_removed_and_no_others(made: Made) -> None:
    made.process(4711, started=33)
    for name in ("vsm-4711-33-0", "vsm-4711-32-1", "vsm-99-1-0", "vsm-x-1-0", "other", "vsm-98-1-0"):
        made.group(name, {})
    made.group("vsm-98-1-0/inner", {})
    assert sorted(groups.sweep(made.root, made.proc)) == ["vsm-4711-32-1", "vsm-99-1-0"]
    left = sorted(path.name for path in made.root.iterdir())
    assert left == ["other", "vsm-4711-33-0", "vsm-98-1-0", "vsm-x-1-0"]
    made.group("beside/vsm-99-1-7", {})
    groups.sweep_beside(made.root / "other", made.proc)
    assert not (made.root / "beside" / "vsm-99-1-7").exists()
    assert groups.sweep(made.root / "missing", made.proc) == ()


@pytest.mark.anyio
async def test_a_group_that_stays_full_is_waited_for_and_told(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "REMOVAL_SECONDS", 0.1)
    full = made.group("full", {"x": ""})
    empty = made.group("empty", {})
    assert await groups.remove((full, empty, made.root / "gone")) == (full,)
    assert not empty.exists()


def test_numbers_are_read_whatever_the_file_says(made: Made) -> None:
    place = made.group("g", {"a": "12\n", "b": "max\n", "c": "x 1\ny\nz q\nw 2\n"})
    assert groups.read_number(place / "a") == 12
    assert groups.read_number(place / "b") is None
    assert groups.read_number(place / "missing") is None
    assert groups.read_table(place / "c") == {"x": 1, "w": 2}


@pytest.mark.anyio
async def test_version_2_is_tried_beside_the_own_group_and_then_higher(made: Made) -> None:
    made.mounts(MOUNTS_OF_2, "0::/user/app/own\n")
    made.place("")
    made.place("user", given="")
    made.place("user/app", there="memory pids")
    written = Written()
    controller = CgroupV2(made.proc, make=fill, remove=written.remove)
    assert await controller.unavailable() is None
    assert (made.root / "user" / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    (files,) = written.files
    assert files["memory.max"] == str(512 * MIB)
    assert files["cpu.max"] == "50000 100000"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (("", "0::/\n"), "version 2 is not mounted"),
        ((MOUNTS_OF_1, OWN_OF_1), "version 2 is not mounted"),
        ((MOUNTS_OF_2, "4:memory:/x\n"), "version 2 is not mounted"),
        ((MOUNTS_OF_2, "0::/\n"), "No such file"),
        ((MOUNTS_OF_2, "nonsense\n"), "not enough values"),
    ],
)
async def test_where_there_is_no_version_2_it_says_why(made: Made, told: tuple[str, str], why: str) -> None:
    made.mounts(*told)
    said = await CgroupV2(made.proc).unavailable()
    assert said is not None
    assert why in said
    with pytest.raises(SandboxError, match="No place"):
        async with CgroupV2(made.proc).attach(TREE, Limits()):
            pytest.fail("it went on")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("there", "why"), [("memory", "lacks the controllers cpu, pids"), ("cpu memory pids", "No such file")]
)
async def test_a_place_without_controllers_is_none(made: Made, there: str, why: str) -> None:
    made.mounts(MOUNTS_OF_2, "0::/\n")
    made.place("", there=there)
    said = await CgroupV2(made.proc).unavailable()
    assert why in str(said)
    assert [path for path in made.root.iterdir() if path.is_dir()] == []


@pytest.fixture
async def version2(made: Made) -> tuple[CgroupV2, Written]:
    made.mounts(MOUNTS_OF_2, "0::/app/own\n")
    made.place("app")
    written = Written()
    controller = CgroupV2(made.proc, make=fill, remove=written.remove)
    assert await controller.unavailable() is None
    written.files.clear()
    return controller, written


@pytest.mark.anyio
async def test_a_tree_in_version_2_is_limited_read_back_and_let_go(
    made: Made, version2: tuple[CgroupV2, Written]
) -> None:
    controller, written = version2
    limits = Limits(memory_mb=64, processes=10)
    assert controller.plan(limits)[Aspect.MEMORY].level is Level.KERNEL
    with anyio.fail_after(5):
        async with controller.attach(TREE, limits) as hold:
            (group,) = (made.root / "app").glob(f"vsm-{os.getpid()}-7-*")
            assert hold.held[Aspect.MEMORY].evidence == f"memory.max {64 * MIB}, memory.swap.max 0"
            assert hold.held[Aspect.CPU].evidence == "cpu.max 50000 100000 after start-up"
            assert (group / "cpu.max").read_text().startswith("max 100000")
            usage = hold.usage()
            assert (usage.memory_bytes, usage.memory_peak_bytes, usage.cpu_seconds) == (4096, 8192, 1.5)
            hold.settle()
            hold.settle()
            assert (group / "cpu.max").read_text().startswith("50000 100000")
            assert hold.exceeded() is None
            (group / "memory.events").write_text("oom_kill 2\n")
            await hold.watch()
            exceeded = hold.exceeded()
            assert exceeded is not None
            assert exceeded.reason is ExitReason.MEMORY
    assert written.files[0]["pids.max"].startswith("12")
    assert written.files[0]["memory.oom.group"].startswith("1")
    assert list((made.root / "app").glob("vsm-*")) == []


@pytest.mark.anyio
async def test_start_up_ends_when_its_burst_is_used_up(made: Made, version2: tuple[CgroupV2, Written]) -> None:
    controller, written = version2
    with anyio.fail_after(5):
        async with controller.attach(TREE, Limits(cpu_burst=1.4)) as hold, anyio.create_task_group() as tasks:
            tasks.start_soon(hold.watch)
            (group,) = (made.root / "app").glob("vsm-*")
            await anyio.sleep(0.3)
            assert (group / "cpu.max").read_text() == "50000 100000"
            tasks.cancel_scope.cancel()
    async with controller.attach(TREE, Limits(cpu_cores=None)) as hold:
        hold.settle()
        assert hold.held[Aspect.CPU].requested == "no limit"
    assert written.files[1]["cpu.max"].startswith("max 100000")


@pytest.mark.anyio
@pytest.mark.security
async def test_a_tree_that_did_not_get_its_limits_does_not_run(made: Made, version2: tuple[CgroupV2, Written]) -> None:
    controller, _ = version2
    elsewhere = Tree(monitor=102, first=101, parked=103)
    with pytest.raises(SandboxError, match=r"cgroup\.procs is .* instead of") as caught:
        async with controller.attach(elsewhere, Limits()):
            pytest.fail("it went on")
    assert caught.value.remedies
    assert list((made.root / "app").glob("vsm-*")) == []


def test_version_2_reads_back_and_refuses_what_differs(made: Made) -> None:
    group = Group2(made.group("g", FILES_OF_2))
    limits = Limits(memory_mb=64)
    group.limit(limits)
    applied = group.applied(limits, (100, 101))
    assert applied.memory == f"memory.max {64 * MIB}, memory.swap.max 0"
    assert applied.cpu == "cpu.max 50000 100000 after start-up"
    for name, text, said in (
        ("cpu.max", "60000 100000", "cpu.max is 60000"),
        ("memory.max", "max", "memory.max is None"),
        ("cgroup.procs", "100", "instead of"),
    ):
        (group.path / name).write_text(text)
        with pytest.raises(OSError, match=said):
            group.applied(limits, (100, 101))
    assert (group.memory(), group.peak(), group.cpu_seconds(), group.killed()) == (4096, 8192, 1.5, 0)
    (group.path / "memory.peak").unlink()
    assert group.peak() is None
    group.limit_cpu(None)
    assert (group.path / "cpu.max").read_text().startswith("max 100000")


def test_words_for_systemd_name_the_processes_and_their_limits() -> None:
    tree = Tree(monitor=1, first=2, parked=3)
    words = scope_words("vsm-1.scope", tree, Limits(memory_mb=64, processes=10))
    assert " ".join(words) == (
        "StartTransientUnit ssa(sv)a(sa(sv)) vsm-1.scope fail 6 PIDs au 3 1 2 3 MemoryMax t 67108864 MemorySwapMax t 0 "
        "TasksMax t 12 CPUQuotaPerSecUSec t 500000 CollectMode s inactive-or-failed 0"
    )
    assert scope_words("x", tree, Limits(cpu_cores=None))[4] == "5"


class Bus:
    """Answers as the client of the bus does."""

    def __init__(self, made: Made, answer: Completed | Exception, *, scope: str = "/app/{}") -> None:
        self.asked: list[Command] = []
        self._made = made
        self._answer = answer
        self._scope = scope

    async def run(self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = 1000) -> Completed:
        self.asked.append(command)
        if isinstance(self._answer, Exception):
            raise self._answer
        name = next((word for word in command.argv if word.endswith(".scope")), None)
        if name is not None:
            fill(self._made.root / "app" / name)
            self._made.process(101, group=f"0::{self._scope.format(name)}\n")
        return self._answer

    def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[Process]:
        raise NotImplementedError


DONE = Completed(returncode=0, stdout=b"", stderr=b"")
CLIENT = Path("/usr/bin/busctl")


@pytest.mark.anyio
async def test_systemd_makes_a_scope_and_its_limits_are_read_back(made: Made) -> None:
    made.mounts(MOUNTS_OF_2, "0::/app/own\n")
    made.place("app")
    bus = Bus(made, DONE)
    controller = SystemdScope(bus, client=CLIENT, proc=made.proc)
    assert await controller.unavailable() is None
    with anyio.fail_after(5):
        async with controller.attach(TREE, Limits(memory_mb=64)) as hold:
            assert hold.held[Aspect.MEMORY].mechanism.startswith("systemd scope")
            assert hold.held[Aspect.MEMORY].evidence.startswith(f"memory.max {64 * MIB}")
            assert hold.held[Aspect.CPU].level is Level.KERNEL
    (asked, called) = bus.asked
    assert asked.argv[1:3] == ("--system" if os.geteuid() == 0 else "--user", "get-property")
    assert called.argv[2:7] == ("call", *asked.argv[3:6], "StartTransientUnit")
    assert set(called.inherit) == {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Completed(returncode=1, stdout=b"", stderr=b"No medium found\n"), "No medium found"),
        (Completed(returncode=3, stdout=b"", stderr=b""), "busctl ended with 3"),
        (StartError("There is no busctl."), "There is no busctl"),
    ],
)
async def test_without_a_bus_it_says_why(made: Made, answer: Completed | Exception, why: str) -> None:
    made.mounts(MOUNTS_OF_2, "0::/app/own\n")
    controller = SystemdScope(Bus(made, answer), client=CLIENT, proc=made.proc)
    assert why in str(await controller.unavailable())
    with pytest.raises(SandboxError, match="did not make the scope"):
        async with controller.attach(TREE, Limits()):
            pytest.fail("it went on")
    made.mounts("", "")
    assert "not mounted" in str(await controller.unavailable())


@pytest.mark.anyio
async def test_a_scope_that_cannot_be_seen_or_has_no_client_is_refused(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.mounts(MOUNTS_OF_2.replace(" / ", " /inner "), "0::/app/own\n")
    made.place("app")
    controller = SystemdScope(Bus(made, DONE), client=CLIENT, proc=made.proc)
    with pytest.raises(SandboxError, match="not below what is mounted"):
        async with controller.attach(TREE, Limits()):
            pytest.fail("it went on")
    monkeypatch.setenv("PATH", "/nowhere")
    made.mounts(MOUNTS_OF_2, "0::/app/own\n")
    assert "not on the PATH" in str(await SystemdScope(Bus(made, DONE), proc=made.proc).unavailable())


@pytest.mark.anyio
async def test_the_first_way_that_works_is_chosen_and_the_others_are_explained(made: Made) -> None:
    made.mounts(MOUNTS_OF_1.replace("pids", "blkio"), OWN_OF_1)
    without: tuple[ResourceController, ...] = (CgroupV2(made.proc), CgroupV1(made.proc))
    choice = await choose((*without, Watchdog()))
    assert choice.controller.name == "watchdog"
    assert [why.partition(" cannot")[0] for why in choice.refused] == [
        "Control groups of version 2",
        "Control groups of version 1",
    ]
    assert "the controller pids is not mounted" in choice.refused[1]
    with pytest.raises(SandboxError, match="cannot be limited here: Control groups of version 2"):
        await choose(without)
    assert "does not show" in str(await Watchdog(made.root).unavailable())
    names = [controller.name for controller in known_controllers(LocalProcesses())]
    assert names == ["cgroup v2", "systemd scope", "cgroup v1", "watchdog"]
