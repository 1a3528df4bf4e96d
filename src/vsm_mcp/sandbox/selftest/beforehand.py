"""Attempts that must be refused before anything starts: policies and commands that would give a server too much."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from vsm_mcp.errors import SandboxError, UnsafeCommandError
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.sandbox.confiner import Confiner
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.selftest.report import Attempted, Outcome
from vsm_mcp.world.processes import Command

THEME = "refused beforehand"

_ALL_FILES = "all files of this machine or of its user"
_CODE = "its own code in a program of this machine"
_ANYWHERE = "a way to anybody on the network"
_REMEDY = "Report this: what should be refused is accepted by this version."


class _Refusal(NamedTuple):
    name: str
    gain: str
    make: Callable[[], object]


def refusals(sandbox: Confiner) -> tuple[Attempted, ...]:
    """Try each; nothing is started."""
    return tuple(_tried(one) for one in (*_paths(), *_commands(), *_ways_out(), *_levels(sandbox)))


def _tried(one: _Refusal) -> Attempted:
    try:
        made = one.make()
    except (SandboxError, UnsafeCommandError, ValidationError) as error:
        detail = str(error).splitlines()[0]
        return Attempted(name=one.name, theme=THEME, gain=one.gain, outcome=Outcome.REFUSED, detail=detail)
    return Attempted(
        name=one.name, theme=THEME, gain=one.gain, outcome=Outcome.OPEN, detail=f"accepted: {made!r}", remedy=_REMEDY
    )


def _paths() -> tuple[_Refusal, ...]:
    def work(path: Path) -> Callable[[], object]:
        return lambda: SandboxPolicy(work=path)

    def read(path: Path) -> Callable[[], object]:
        return lambda: SandboxPolicy(read_only=(path,))

    home = Path.home()
    return (
        _Refusal("write all of /", _ALL_FILES, work(Path("/"))),
        _Refusal("write the user's home", _ALL_FILES, work(home)),
        _Refusal("write what lies above the user's home", _ALL_FILES, work(home.parent)),
        _Refusal("write where programs lie", _CODE, work(Path("/usr/local/lib"))),
        _Refusal("write the system's configuration", _CODE, work(Path("/etc/cron.d"))),
        _Refusal("write a place by climbing out of another", _ALL_FILES, work(Path("/var/lib/x/../../../etc"))),
        _Refusal("read all of /", _ALL_FILES, read(Path("/"))),
        _Refusal("read the user's home", _ALL_FILES, read(home)),
        _Refusal("read the user's keys", "the user's keys", read(home / ".ssh")),
        _Refusal("read the cloud's credentials", "the user's keys", read(home / ".aws")),
        _Refusal("read the host's processes", "secrets of other processes", read(Path("/proc"))),
        _Refusal("read the host's devices", "control over the kernel", read(Path("/dev"))),
        _Refusal("read the sockets of services", "services of this machine", read(Path("/run"))),
        _Refusal("read another user's home", _ALL_FILES, read(Path("/home/somebody"))),
        _Refusal("read the containers of this machine", _ALL_FILES, read(Path("/var/lib/docker"))),
        _Refusal("read the records of this machine", _ALL_FILES, read(Path("/var/log"))),
        _Refusal("read a relative place", _ALL_FILES, read(Path("somewhere"))),
        _Refusal("write the package that runs", _CODE, _package_as_work),
    )


def _package_as_work() -> object:
    place = Path("/var/lib/vsm_mcp-selftest")
    return SandboxPolicy(package=place, work=place / "inside")


def _commands() -> tuple[_Refusal, ...]:
    def variable(name: str) -> Callable[[], object]:
        return lambda: Command(argv=("/bin/true",), env={name: "x"})

    preload = tuple(
        _Refusal(f"set {name}", _CODE, variable(name))
        for name in ("LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "BASH_ENV", "PATH", "HTTPS_PROXY", "GIT_SSH_COMMAND")
    )
    return (
        *preload,
        _Refusal("start a program by a relative name", _CODE, lambda: Command(argv=("true",))),
        _Refusal("hide a word behind a NUL", _CODE, lambda: Command(argv=("/bin/true", "a\0b"))),
        _Refusal("flood the command line", "that this machine stands still", _flood),
        _Refusal("run as root", "the rights of root", lambda: SandboxPolicy(run_as=0)),
        _Refusal("have no limit on processes", "that this machine stands still", lambda: Limits(processes=1 << 20)),
    )


def _flood() -> object:
    return Command(argv=("/bin/true", *("x",) * 100_000))


def _ways_out() -> tuple[_Refusal, ...]:
    entries = (
        "*",
        "*.com",
        "169.254.169.254",
        "127.0.0.1",
        "0x7f000001",
        "::1",
        "example.com/path",
        "user@example.com",
    )
    found = (_Refusal(f"allow the network {entry}", _ANYWHERE, _way_out(entry)) for entry in entries)
    return tuple(found)


def _way_out(entry: str) -> Callable[[], object]:
    return lambda: Egress(allow=(entry,))


def _levels(sandbox: Confiner) -> tuple[_Refusal, ...]:
    """Ask for more than can be held: it must be refused, and not quietly weakened."""
    policy = SandboxPolicy(require={Aspect.LIFETIME: Level.KERNEL})
    return (_Refusal("run with less than is required", "a sandbox that is not one", lambda: sandbox.plan(policy)),)
