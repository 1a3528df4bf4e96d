"""Runs a part of the escape suite as whichever user runs this, and writes what came of it as JSON.

``python attempt.py self-test PROFILE`` tests the sandbox of this machine, which must be of this profile;
``python attempt.py none any`` tests what confines nothing; ``python attempt.py weak any`` lets the probe attack a
sandbox that holds almost nothing, and writes what the probe says of each attempt. Never run the last one as root.
"""

import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from vsm_mcp.model.enforcement import Enforcement, ExitReason, Usage
from vsm_mcp.sandbox.confiner import Confined, ConfinedProcess
from vsm_mcp.sandbox.linux.setup import known_binaries
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.sandbox.selftest.canaries import canaries
from vsm_mcp.sandbox.selftest.probe import limits, tree, wayout
from vsm_mcp.sandbox.selftest.probing import Job, Prober, all_attempts
from vsm_mcp.world.processes import Command, LocalProcesses

PYTHON = Path("/usr/bin/python3")
SLOW = {
    "hold memory in pipes",
    "hold memory in sockets",
    "take memory",
    "take memory by the heap",
    "fill /tmp",
    "fill /work",
    "fill /dev/shm",
}
WEAK = Enforcement(confiner="weak", profile="weak")


class Unwatched:
    """Nobody watches over it."""

    reason: ExitReason | None = None
    detail = ""

    def settle(self) -> None: ...

    def usage(self) -> Usage:
        return Usage()

    def end(self) -> None: ...


class Weak:
    """A sandbox by its looks: the name of the machine and the directories are right, and everything is reachable."""

    name = "weak"

    async def enforces(self) -> Enforcement:
        return WEAK

    def plan(self, policy: SandboxPolicy, /) -> Enforcement:
        return WEAK

    @asynccontextmanager
    async def open(self, command: Command, policy: SandboxPolicy, /) -> AsyncGenerator[Confined]:
        binds = [
            word
            for entry in Path("/").iterdir()
            for word in (
                ("--symlink", str(entry.readlink()), str(entry))
                if entry.is_symlink()
                else ("--dev-bind-try", str(entry), str(entry))
            )
        ]
        with tempfile.TemporaryDirectory() as work:
            words = (
                str(known_binaries()[0]), *binds, "--bind", work, "/work", "--bind", str(policy.package), "/pkg",
                "--unshare-uts", "--hostname", "sandbox", "--chdir", "/work", "--", *command.argv,
            )  # fmt: skip
            async with LocalProcesses().open(Command(argv=words, env={"SECRET": "shown"})) as process:
                yield ConfinedProcess(process=process, pid=process.pid, enforcement=WEAK, fate=Unwatched())


async def weak() -> str:
    if os.geteuid() == 0:
        sys.exit("The probe would do harm here.")
    elsewhere = {tree.THEME, wayout.THEME, limits.THEME}
    names = [one.name for one in all_attempts() if one.theme not in elsewhere]
    names += [one.name for one in limits.attempts() if one.name not in SLOW]
    async with canaries(LocalProcesses()) as scene:
        small = SandboxPolicy(limits=Limits(processes=16, open_files=256, file_mb=8))
        prober = Prober(sandbox=Weak(), python=PYTHON, scene=scene)
        findings = await prober.run(Job(names=tuple(names), policy=small))
    return json.dumps({"said": findings.said, "failure": findings.failure, "asked": len(names)})


async def test_of(sandbox: Sandbox, profile: str) -> str:
    found = (await sandbox.probe()).profile
    if profile not in {"any", found}:
        sys.exit(f"the profile is {found}")
    report = await sandbox.self_test(python=PYTHON)
    return report.model_dump_json()


async def main() -> None:
    mode, profile = sys.argv[1:]
    if mode == "weak":
        said = await weak()
    else:
        local = LocalProcesses()
        said = await test_of(Sandbox.none(local) if mode == "none" else Sandbox.bubblewrap(local), profile)
    sys.stdout.write(said)


anyio.run(main)
