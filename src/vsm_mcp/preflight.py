"""What works on this machine, found out by trying, with a remedy for what does not."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum
from pathlib import Path

import anyio
import anyio.to_thread
import uv
from pydantic import BaseModel

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.report import EnforcementRecord
from vsm_mcp.errors import VSMError
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.machine import choose_python, make_sandbox
from vsm_mcp.world.processes import Command
from vsm_mcp.world.world import World

LEAST_DISK = 1 << 30
LEAST_MEMORY = 1 << 30
LEAST_NODE = 20
PATIENCE = 60.0


class Readiness(IntEnum):
    """How ready something is; the worst of all is the exit code of ``python -m vsm_mcp``."""

    READY = 0
    DEGRADED = 1
    UNUSABLE = 2


class Examined(BaseModel, frozen=True, extra="forbid"):
    """One thing that was examined."""

    name: str
    readiness: Readiness
    detail: str
    remedy: str = ""


class PreflightReport(BaseModel, frozen=True, extra="forbid"):
    """Everything that was examined, and what the sandbox of this machine holds."""

    examined: tuple[Examined, ...]
    enforcement: EnforcementRecord | None = None

    @property
    def readiness(self) -> Readiness:
        """The worst of all."""
        return max((one.readiness for one in self.examined), default=Readiness.READY)

    def __str__(self) -> str:
        """Show one line per thing, remedies below, then what the sandbox holds."""
        signs = {Readiness.READY: "ok", Readiness.DEGRADED: "warn", Readiness.UNUSABLE: "FAIL"}
        lines: list[str] = []
        for one in self.examined:
            lines.append(f"{signs[one.readiness]:>4}  {one.name:22} {one.detail}")
            if one.remedy:
                lines.append(f"      {'':22} -> {one.remedy}")
        if self.enforcement is not None:
            lines += ["", f"sandbox: {self.enforcement.confiner}, profile {self.enforcement.profile}"]
            lines += [f"      {h.aspect:22} {h.level:11} {h.mechanism}" for h in self.enforcement.held]
            lines += [f"      note: {warning}" for warning in self.enforcement.warnings]
        return "\n".join((*lines, "", f"This machine is {self.readiness.name.lower()}."))


class Preflight:
    """Examines this machine.

    Args:
        settings: The options the system would run with.
        world: The ports to the outside.
    """

    def __init__(self, settings: Settings, *, world: World) -> None:
        """Keep what to examine."""
        self._settings = settings
        self._world = world
        self._sandbox = make_sandbox(settings, world)

    async def run(self) -> PreflightReport:
        """Examine everything at once; one failure never hides another."""
        enforcement, sandbox = await self._examine_sandbox()
        checks = (
            self._python,
            self._interpreter,
            self._uv,
            self._node,
            self._python_packages,
            self._node_packages,
            self._mcp_registries,
            self._disk,
            self._memory,
        )
        found: dict[str, Examined] = {}

        async def examine(check: Callable[[], Awaitable[Examined]]) -> None:
            found[check.__name__] = await _bounded(check)

        async with anyio.create_task_group() as tasks:
            for check in checks:
                tasks.start_soon(examine, check)
        examined = (sandbox, *(found[check.__name__] for check in checks))
        return PreflightReport(examined=examined, enforcement=enforcement)

    async def _examine_sandbox(self) -> tuple[EnforcementRecord | None, Examined]:
        try:
            enforcement = await self._sandbox.probe()
        except VSMError as error:
            return None, _failed("sandbox", error, Readiness.UNUSABLE)
        record = EnforcementRecord.of(enforcement)
        if enforcement.confiner == "none":
            detail, remedy = "servers are not confined at all", "Set VSM_MCP_SANDBOX=bubblewrap."
            return record, Examined(name="sandbox", readiness=Readiness.DEGRADED, detail=detail, remedy=remedy)
        return record, Examined(
            name="sandbox",
            readiness=Readiness.READY if enforcement.profile == "full" else Readiness.DEGRADED,
            detail=f"{enforcement.confiner}, profile {enforcement.profile}, tried and working",
        )

    async def _python(self) -> Examined:
        detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
        if sys.platform != "linux":
            remedy = "Use Linux: the sandbox of this version needs it."
            return Examined(name="python", readiness=Readiness.UNUSABLE, detail=detail, remedy=remedy)
        return Examined(name="python", readiness=Readiness.READY, detail=detail)

    async def _interpreter(self) -> Examined:
        try:
            python = await choose_python(self._settings, self._sandbox)
        except VSMError as error:
            return _failed("python for servers", error, Readiness.DEGRADED)
        return Examined(name="python for servers", readiness=Readiness.READY, detail=str(python))

    async def _uv(self) -> Examined:
        return await self._version("uv", uv.find_uv_bin(), "pip install uv")

    async def _node(self) -> Examined:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            return Examined(
                name="node and npm",
                readiness=Readiness.DEGRADED,
                detail="not found: servers of npm cannot be acquired",
                remedy="Install Node.js 20 or later with npm; servers of PyPI work without.",
            )
        remedy = f"Install Node.js {LEAST_NODE} or later with npm."
        found = await self._version("node and npm", node, remedy)
        if found.readiness is Readiness.READY and _major(found.detail) < LEAST_NODE:
            detail = f"{found.detail[:40]}, older than {LEAST_NODE}: many servers of npm do not start"
            return Examined(name=found.name, readiness=Readiness.DEGRADED, detail=detail, remedy=remedy)
        return found

    async def _version(self, name: str, program: str, remedy: str) -> Examined:
        try:
            done = await self._world.processes.run(Command(argv=(program, "--version"), inherit=("HOME",)), timeout=20)
        except VSMError as error:
            return _failed(name, error, Readiness.DEGRADED)
        said = done.stdout.decode(errors="replace").strip()
        if done.returncode:
            return Examined(name=name, readiness=Readiness.DEGRADED, detail=f"{program} fails", remedy=remedy)
        return Examined(name=name, readiness=Readiness.READY, detail=said)

    async def _python_packages(self) -> Examined:
        project = await PyPIIndex(self._world.http, self._world.processes).metadata("mcp")
        return Examined(
            name="python packages",
            readiness=Readiness.READY,
            detail=f"index reached, {len(project.files)} versions of {project.name}",
        )

    async def _node_packages(self) -> Examined:
        if shutil.which("npm") is None:
            remedy = "Install Node.js 20 or later with npm; servers of PyPI work without."
            return Examined(name="node packages", readiness=Readiness.DEGRADED, detail="npm not found", remedy=remedy)
        package = await NpmRegistry(self._world.http, self._world.processes).metadata("@modelcontextprotocol/sdk")
        detail = f"registry reached, {len(package.versions)} versions of {package.name}"
        return Examined(name="node packages", readiness=Readiness.READY, detail=detail)

    async def _mcp_registries(self) -> Examined:
        for base in self._settings.registries:
            await self._world.http.send("GET", f"{base.rstrip('/')}/v0.1/servers?limit=1", limit=1_000_000)
        detail = f"{len(self._settings.registries)} reached" if self._settings.registries else "none configured"
        return Examined(name="mcp registries", readiness=Readiness.READY, detail=detail)

    async def _disk(self) -> Examined:
        where = _existing(self._settings.state)
        free = (await anyio.to_thread.run_sync(shutil.disk_usage, where)).free
        writable = os.access(where, os.W_OK)
        detail = f"{free / 2**30:.1f} GiB free for {self._settings.state}"
        if not writable:
            remedy = f"Give this user write access to {where}, or set VSM_MCP_STATE."
            return Examined(name="disk", readiness=Readiness.UNUSABLE, detail=f"{where} is not writable", remedy=remedy)
        if free < LEAST_DISK:
            return Examined(name="disk", readiness=Readiness.DEGRADED, detail=detail, remedy="Free at least 1 GiB.")
        return Examined(name="disk", readiness=Readiness.READY, detail=detail)

    async def _memory(self) -> Examined:
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        detail = f"{available / 2**30:.1f} GiB free"
        if available < LEAST_MEMORY:
            remedy = "Free memory; each server may use what Settings(limits=...) allows."
            return Examined(name="memory", readiness=Readiness.DEGRADED, detail=detail, remedy=remedy)
        return Examined(name="memory", readiness=Readiness.READY, detail=detail)


async def _bounded(check: Callable[[], Awaitable[Examined]]) -> Examined:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        with anyio.fail_after(PATIENCE):
            return await check()
    except TimeoutError:
        detail = f"no answer within {PATIENCE:g} seconds"
        return Examined(name=name, readiness=Readiness.DEGRADED, detail=detail, remedy="Check the network.")
    except VSMError as error:
        return _failed(name, error, Readiness.DEGRADED)
    except OSError as error:
        detail = f"{error.filename or 'a place'} cannot be looked at: {error.strerror}"
        remedy = "Let this user read it, or name another place (VSM_MCP_STATE)."
        return Examined(name=name, readiness=Readiness.DEGRADED, detail=detail, remedy=remedy)


def _failed(name: str, error: VSMError, readiness: Readiness) -> Examined:
    return Examined(name=name, readiness=readiness, detail=error.message, remedy=" ".join(error.remedies))


def _major(version: str) -> int:
    """Return 20 for ``v20.11.1``; 0 for what is no version."""
    found = re.match(r"v?(\d{1,6})\.", version)
    return 0 if found is None else int(found[1])


def _existing(path: Path) -> Path:
    """Return ``path``, or the nearest directory above it that exists."""
    return next(p for p in (path, *path.parents) if p.exists())
