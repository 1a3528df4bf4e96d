"""A confined server gets nowhere: everything the probe tries is held, for this user and for an ordinary one."""

import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from vsm_mcp.__main__ import main
from vsm_mcp.sandbox.linux.seccomp import ABSENT, REFUSED
from vsm_mcp.sandbox.linux.setup import known_binaries
from vsm_mcp.sandbox.linux.syscalls import NUMBERS
from vsm_mcp.sandbox.selftest.report import Outcome, SelfTestReport

pytestmark = [pytest.mark.sandbox, pytest.mark.security]

HERE = Path(__file__).parent
ORDINARY_USER = 61199
USERS = ("this user", "an ordinary user", "an ordinary user in a container")
CONTAINER = (
    "--dev-bind", "/", "/", "--unshare-user", "--unshare-pid", "--proc", "/proc",
    "--ro-bind", "/dev/null", "/proc/kallsyms", "--ro-bind", "/proc/sys", "/proc/sys",
)  # fmt: skip
"""What container engines do to /proc: parts of it are hidden or sealed, so the kernel allows no fresh one inside."""

ATTEMPTS_OF_THE_LIST = (
    "read /etc/shadow", "list the user's keys", "list the user's home", "read a file of the host's /tmp",
    "write a file of the host's /tmp", "read the machine's id", "write into /usr", "write into the package",
    "write into /", "write into /dev", "read by climbing", "read through a symbolic link",
    "make a hard link to the outside", "call open_by_handle_at", "read other environments", "see the host's processes",
    "signal a process of the host", "call ptrace", "call process_vm_readv", "write the first process's memory",
    "call pidfd_getfd", "reach the loopback of the host", "reach the host by its address", "reach the internet",
    "reach the metadata service", "reach the host by UDP", "resolve a name", "reach an abstract socket",
    "reach a socket file", "open a raw socket", "open a packet socket", "open a virtual machine socket",
    "open a crypto socket", "open a netlink socket of IPsec", "mount a file system", "make / writable", "call umount2",
    "call chroot", "call pivot_root", "leave its user namespace", "leave its mount namespace",
    "clone with a new user namespace", "call setns", "call keyctl", "call add_key", "read the kernel's keys",
    "call bpf", "call perf_event_open", "call userfaultfd", "call io_uring_setup", "call memfd_create", "call shmget",
    "push input into the user's terminal", "push input into its own terminal", "find open descriptors",
    "find secrets in the environment", "find devices", "make a device", "write the core pattern", "list /sys",
    "write a control group", "lower the out-of-memory score", "use a set-user-id program", "make a set-user-id file",
    "have capabilities", "enter by int 0x80", "enter by x32", "leave a memory image", "raise a limit",
    "run in real time", "raise the priority", "open files without end", "fork without end",
    "start threads without end", "take memory", "take shared memory", "take memory in many processes", "fill /tmp",
    "fill /dev/shm", "fill /work", "make a large file without content", "hold memory in pipes",
    "keep the processor busy", "fill the kept directory", "run for ever", "outlive its own end as a daemon",
    "start when the library is killed before the release", "outlive the library when it is killed",
)  # fmt: skip


@dataclass(frozen=True)
class Library:
    """As whom the library runs, and the words that put it into a container of its own first."""

    user: int | None
    container: tuple[str, ...] = ()

    def run(self, *words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            (*self.container, *words),
            stdin=subprocess.DEVNULL,
            env=env,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            check=False,
            capture_output=True,
            cwd="/",
        )

    def attempt(self, mode: str, profile: str = "any") -> str:
        python, env = self._interpreter()
        done = self.run(python, str(HERE / "attempt.py"), mode, profile, env=env)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def _interpreter(self) -> tuple[str, Mapping[str, str]]:
        """Find a Python that the library's user may run and that finds the library."""
        places = (str(HERE.parents[1] / "src"), *(path for path in sys.path if "site-packages" in path))
        env = {"PYTHONPATH": os.pathsep.join(places), "HOME": "/nonexistent" if self.user else str(Path.home())}
        for python in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
            try:
                if self.run(python, "-c", "import vsm_mcp.sandbox.sandbox", env=env).returncode == 0:
                    return python, env
            except PermissionError:
                continue
        pytest.skip("allowed: no Python here may be run by an ordinary user")


def ordinary() -> Library:
    return Library(user=ORDINARY_USER if os.geteuid() == 0 else None)


@pytest.fixture(scope="module", params=USERS)
def report(request: pytest.FixtureRequest) -> SelfTestReport:
    """Test the sandbox as each kind of user."""
    if request.param == USERS[0]:
        return read_back(by_command_line())
    if request.param == USERS[2]:
        return read_back(
            Library(user=ordinary().user, container=(str(known_binaries()[0]), *CONTAINER)).attempt(
                "self-test", "nested"
            )
        )
    if os.geteuid() != 0:
        pytest.skip("allowed: this user is an ordinary one already")
    return read_back(ordinary().attempt("self-test"))


def by_command_line() -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        assert main(["self-test", "--json"]) == 0, said.getvalue()
    return said.getvalue()


def read_back(text: str) -> SelfTestReport:
    """Read a report; what is computed from the rest is not read but computed again."""
    said = json.loads(text)
    report = SelfTestReport.model_validate(
        {name: value for name, value in said.items() if name in SelfTestReport.model_fields}
    )
    assert said["open"] == list(report.open)
    assert said["refused"] == list(report.refused)
    assert set(said) >= {"attempts", "open", "refused", "enforcement"}
    return report


@pytest.mark.promise("A2", "A6", "A56", "A58", "B76")
def test_every_attempt_to_break_out_is_held_or_refused(report: SelfTestReport) -> None:
    bad = {one.name: one.detail for one in report.attempts if one.outcome in {Outcome.OPEN, Outcome.NOT_SHOWN}}
    assert bad == {}
    assert report.passed
    names = [one.name for one in report.attempts]
    assert len(names) == len(set(names))
    assert set(ATTEMPTS_OF_THE_LIST) <= set(names)
    assert report.seconds < 45


def test_every_call_that_the_filter_names_is_attempted(report: SelfTestReport) -> None:
    column = ("x86_64", "aarch64").index(platform.machine())
    tried = {one.name for one in report.attempts if one.outcome is Outcome.HELD}
    there = {name for name in (*REFUSED, *ABSENT) if NUMBERS[name][column] is not None}
    assert {f"call {name}" for name in there} <= tried


def test_what_is_not_applicable_says_why(report: SelfTestReport) -> None:
    absent = [one for one in report.attempts if one.outcome is Outcome.NOT_APPLICABLE]
    assert all(one.detail for one in absent)
    assert len(absent) < 10


def test_where_nothing_confines_the_test_says_so_and_does_no_harm() -> None:
    report = read_back(ordinary().attempt("none"))
    assert not report.passed
    assert set(report.open) >= {
        "read a file of the host's /tmp", "write a file of the host's /tmp", "read other environments",
        "signal a process of the host", "reach the loopback of the host", "reach an abstract socket",
        "reach a socket file", "reach the host by UDP", "run with less than is required",
    }  # fmt: skip
    assert {"call mount", "fork without end", "fill /tmp", "take shared memory"} <= set(report.not_shown)
    assert all(one.remedy for one in report.attempts if one.outcome in {Outcome.OPEN, Outcome.NOT_SHOWN})


@pytest.fixture(scope="module")
def weak() -> Mapping[str, Sequence[str]]:
    """Let the probe attack a sandbox that holds almost nothing, as an ordinary user."""
    found = json.loads(ordinary().attempt("weak"))
    assert found["failure"] == ""
    assert len(found["said"]) == found["asked"]
    return found["said"]


def test_every_kind_of_attempt_gets_through_where_the_defence_is_missing(weak: Mapping[str, Sequence[str]]) -> None:
    through = {name for name, (word, _) in weak.items() if word == "through"}
    assert through >= {
        "read the machine's id", "read a file of the host's /tmp", "read by climbing", "list /sys",
        "write a file of the host's /tmp", "change the package", "write into /", "find another place to write to",
        "make a set-user-id file", "create a set-user-id file", "find devices",
        "see the host's processes", "signal a process of the host", "find secrets in the environment",
        "raise the limit on memory", "read kernel symbols", "push input into its own terminal",
        "reach the loopback of the host", "reach the host by UDP", "reach an abstract socket", "reach a socket file",
        "open a netlink socket of IPsec", "find other interfaces", "call ptrace", "call shmget", "call memfd_create",
        "call clone3", "map memory that grows downwards", "fork without end", "start threads without end",
        "open files without end", "make a large file", "make a large file without content",
    }  # fmt: skip
    calls = {name for name in through if name.startswith("call ")}
    assert len(calls) > 60


def test_the_probe_refuses_to_attack_outside_a_sandbox() -> None:
    program = "from vsm_mcp.sandbox.selftest.probe.program import main; main()"
    task = json.dumps({"unconfined": False, "only": [], "canary": {}, "calls": {}})
    done = subprocess.run([sys.executable, "-c", program], input=task.encode(), capture_output=True, check=False)
    assert done.returncode == 1
    assert b"inside a sandbox only" in done.stderr
