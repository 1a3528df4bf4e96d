"""Starts the probe in a sandbox, as whichever user runs this, and passes on what it writes.

Run as ``python attempt.py DIRECTORY PROFILE``: the directory holds the probe; its task comes on standard input.
"""

import sys
from pathlib import Path

import anyio

from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses


async def main() -> None:
    sandbox = Sandbox.bubblewrap(LocalProcesses())
    policy = SandboxPolicy(package=Path(sys.argv[1]))
    command = Command(argv=("/usr/bin/python3", "-I", "-S", "/pkg/probe.py"))
    task = await anyio.to_thread.run_sync(sys.stdin.buffer.read)
    with anyio.fail_after(50):
        async with sandbox.open(command, policy) as confined:
            if sys.argv[2] not in {"any", confined.enforcement.profile}:
                sys.exit(f"the profile is {confined.enforcement.profile}")
            await confined.stdin.send(task)
            await confined.stdin.aclose()
            async for chunk in confined.stdout:
                sys.stdout.buffer.write(chunk)
            async for chunk in confined.stderr:
                sys.stderr.buffer.write(chunk)
            sys.exit(await confined.wait())


anyio.run(main)
