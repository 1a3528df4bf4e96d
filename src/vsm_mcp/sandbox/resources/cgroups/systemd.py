"""Limits by systemd: a scope made for one parked tree, over the bus of this user (or of the system, for root)."""

import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from vsm_mcp.errors import CallTimeoutError, PayloadError, SandboxError, StartError
from vsm_mcp.model.enforcement import Aspect, Held
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.cgroups import groups
from vsm_mcp.sandbox.resources.cgroups.cgroup2 import Group2
from vsm_mcp.sandbox.resources.cgroups.grouped import OWN_PROCESSES, GroupHold, apply, plan
from vsm_mcp.sandbox.resources.controller import MIB, Hold, Tree
from vsm_mcp.sandbox.resources.family import PROC, Family
from vsm_mcp.world.processes import Command, Processes

MECHANISM = "systemd scope"
BUS_SECONDS = 10.0

_SERVICE = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
_INTERFACE = "org.freedesktop.systemd1.Manager"
_POLL_SECONDS = 0.02
_MICRO = 1_000_000
_INHERITED = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


class SystemdScope:
    """Limits trees by transient scopes, which systemd removes when they are empty.

    Args:
        processes: Starts the client of the bus.
        client: Where it is; looked for on the ``PATH`` when ``None``.
        proc: Where the kernel shows processes and mounts.
    """

    name = MECHANISM

    def __init__(self, processes: Processes, *, client: Path | None = None, proc: Path = PROC) -> None:
        """Keep the port that starts processes; nothing is tried yet."""
        found = shutil.which("busctl") if client is None else str(client)
        self._processes = processes
        self._client = found
        self._proc = proc

    async def unavailable(self) -> str | None:
        """Ask systemd for its version, and look for its control groups."""
        try:
            if self._mounted() is None:
                return "A systemd scope needs control groups of version 2, which are not mounted."
            await self._ask("get-property", *_SERVICE, _INTERFACE, "Version")
        except (OSError, ValueError) as error:
            return f"A systemd scope cannot be made here: {error}."
        return None

    def plan(self, limits: Limits, /) -> Mapping[Aspect, Held]:
        """Say that the kernel holds memory and CPU."""
        return plan(limits, mechanism=MECHANISM)

    @asynccontextmanager
    async def attach(self, tree: Tree, limits: Limits, /) -> AsyncGenerator[Hold]:
        """Put a parked tree into a scope with limits."""
        name = f"{groups.new_name(self._proc)}.scope"
        try:
            with anyio.fail_after(BUS_SECONDS):
                await self._ask("call", *_SERVICE, _INTERFACE, *scope_words(name, tree, limits))
                group = Group2(await self._scope(tree, name), kept=True)
        except (OSError, ValueError, TimeoutError) as error:
            raise SandboxError(
                f"systemd did not make the scope {name}: {error}.",
                remedies=("Run this program in a login session of its user, or with a bus: XDG_RUNTIME_DIR.",),
            ) from error
        applied = await apply(group, tree, limits)
        held = plan(limits, mechanism=MECHANISM, applied=applied)
        yield GroupHold(group, limits=limits, held=held, family=Family(tree.first, self._proc))

    async def _ask(self, *words: str) -> None:
        if self._client is None:
            raise OSError("busctl is not on the PATH")
        scope = "--system" if os.geteuid() == 0 else "--user"
        command = Command(argv=(self._client, scope, *words), inherit=_INHERITED)
        try:
            done = await self._processes.run(command, timeout=BUS_SECONDS)
        except (StartError, CallTimeoutError, PayloadError) as error:
            raise OSError(error.message.removesuffix(".")) from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[:300]
            raise OSError(said or f"busctl ended with {done.returncode}")

    async def _scope(self, tree: Tree, name: str) -> Path:
        """Wait until all processes are in the scope, and return its directory."""
        while True:
            found = {groups.own_groups(self._proc, pid).get("", "") for pid in (tree.monitor, tree.first, tree.parked)}
            if len(found) == 1 and (group := found.pop()).endswith(f"/{name}"):
                mounted = self._mounted()
                path = None if mounted is None else groups.directory(mounted, group)
                if path is None:
                    raise OSError(f"{group} is not below what is mounted")
                return path
            await anyio.sleep(_POLL_SECONDS)

    def _mounted(self) -> groups.Mounted | None:
        return next((one for one in groups.hierarchies(self._proc) if one.version == 2), None)  # noqa: PLR2004 - it is called so


def scope_words(name: str, tree: Tree, limits: Limits) -> tuple[str, ...]:
    """Return the words of the call that makes a scope for a parked tree."""
    pids = (tree.monitor, tree.first, tree.parked)
    properties: tuple[tuple[str, ...], ...] = (
        ("PIDs", "au", str(len(pids)), *map(str, pids)),
        ("MemoryMax", "t", str(limits.memory_mb * MIB)),
        ("MemorySwapMax", "t", "0"),
        ("TasksMax", "t", str(limits.processes + OWN_PROCESSES)),
        *(() if limits.cpu_cores is None else (("CPUQuotaPerSecUSec", "t", str(round(limits.cpu_cores * _MICRO))),)),
        ("CollectMode", "s", "inactive-or-failed"),
    )
    words = [word for one in properties for word in one]
    return ("StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", str(len(properties)), *words, "0")
