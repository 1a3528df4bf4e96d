"""Attempts to outlive: the context that holds a server, and the library itself when it is killed."""

import json
import os
import select
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from vsm_mcp.errors import VSMError
from vsm_mcp.sandbox.confiner import Confiner
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.selftest.report import Attempted, Outcome
from vsm_mcp.sandbox.selftest.victim import PARKED, RELEASED
from vsm_mcp.world.processes import Command, Processes

THEME = "outliving"
ORPHANS = "outlive its own end as a daemon"
KILLED_PARKED = "start when the library is killed before the release"
KILLED_RELEASED = "outlive the library when it is killed"
NAMES = (ORPHANS, KILLED_PARKED, KILLED_RELEASED)

_GAIN = "a lasting place on this machine, watched by nobody"
_REMEDY = "Report this: processes of a sandbox lived on."
_PATIENCE = 15.0
_DAEMONS = 3
_DAEMONS_PROGRAM = f"""
import os, time
for _ in range({_DAEMONS}):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(1, b"a")
            time.sleep(600)
        os._exit(0)
    os.wait()
time.sleep(600)
"""
_VICTIM_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from vsm_mcp.sandbox.selftest.victim import victim
victim(sys.argv[2], sys.argv[3])
"""
_PIDS = TypeAdapter(tuple[int, ...])


class Host(NamedTuple):
    """With what it is tried: sandbox, interpreter, what starts the library, a word that marks processes, patience."""

    sandbox: Confiner
    python: Path
    processes: Processes
    marker: str
    gone_within: float = 5.0


async def outliving(host: Host, heard: Callable[[str], None]) -> tuple[Attempted, ...]:
    """Try each of them."""
    found = [await _tried(ORPHANS, partial(_orphans, host), host.gone_within)]
    heard(ORPHANS)
    for name, moment in ((KILLED_PARKED, PARKED), (KILLED_RELEASED, RELEASED)):
        found.append(await _tried(name, partial(_killed, host, moment), host.gone_within))
        heard(name)
    return tuple(found)


async def _tried(name: str, attempt: Callable[[], Awaitable[Sequence[int]]], gone_within: float) -> Attempted:
    try:
        with anyio.fail_after(_PATIENCE):
            descriptors = await attempt()
    except (VSMError, OSError, ValidationError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
        return _judged(name, Outcome.OPEN, f"no verdict: {error or type(error).__name__}")
    alive = await anyio.to_thread.run_sync(_survivors, descriptors, gone_within)
    if not descriptors:
        return _judged(name, Outcome.OPEN, "no verdict: no process was seen")
    if alive:
        return _judged(name, Outcome.OPEN, f"{alive} of {len(descriptors)} processes lived on")
    return _judged(name, Outcome.HELD, f"all {len(descriptors)} processes are gone")


def _judged(name: str, outcome: Outcome, detail: str) -> Attempted:
    remedy = "" if outcome is Outcome.HELD else _REMEDY
    return Attempted(name=name, theme=THEME, gain=_GAIN, outcome=outcome, detail=detail, remedy=remedy)


async def _orphans(host: Host) -> Sequence[int]:
    """Start daemons in a sandbox, leave it, and return what refers to them."""
    command = Command(argv=(str(host.python), "-I", "-S", "-c", _DAEMONS_PROGRAM, host.marker))
    async with host.sandbox.open(command, SandboxPolicy()) as confined:
        said = b""
        while len(said) < _DAEMONS:
            said += await confined.stdout.receive()
        pids = await anyio.to_thread.run_sync(_marked, _DAEMONS_PROGRAM.encode(), host.marker.encode())
        return _refer(pids) if len(pids) > _DAEMONS else ()


def _marked(*words: bytes) -> Sequence[int]:
    """Return the processes of this machine whose command line holds these words."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
            found += [int(entry.name)] if set(words) <= set(line) else []
    return found


async def _killed(host: Host, moment: str) -> Sequence[int]:
    """Let a library hold a sandbox, kill it, and return what refers to the processes of the sandbox."""
    words = (sys.executable, "-I", "-c", _VICTIM_PROGRAM, json.dumps(sys.path), moment, str(host.python))
    async with host.processes.open(Command(argv=words)) as library:
        data = b""
        while not data.endswith(b"\n"):
            data += await library.stdout.receive()
        descriptors = _refer(_PIDS.validate_json(data))
        os.kill(library.pid, signal.SIGKILL)
        await library.wait()
        return descriptors


def _refer(pids: Iterable[int]) -> Sequence[int]:
    return tuple(os.pidfd_open(pid) for pid in pids)


def _survivors(descriptors: Sequence[int], gone_within: float) -> int:
    """Count what still lives after a while, and end it: a test must not leave anything behind."""
    alive = 0
    for descriptor in descriptors:
        ended, _, _ = select.select([descriptor], [], [], 0 if alive else gone_within)
        if not ended:
            alive += 1
            with suppress(OSError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.close(descriptor)
    return alive
