"""What is built from this machine: the sandbox, its interpreters, its package clients and their registries."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import anyio
import uv

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.installation.ecosystems.clients.cache import ClientCache
from vsm_mcp.acquisition.installation.ecosystems.clients.cell import Cell, Refusals
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.acquisition.installation.ecosystems.remote import RemoteEcosystem
from vsm_mcp.errors import SandboxError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.sandbox.places import SandboxPlaces
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.world.world import World

_WHERE_PYTHON_MAY_BE = ("/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python3.13", "/usr/bin/python3.12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """The package registries that the user's own clients are configured for."""

    npm: NpmRegistry
    pypi: PyPIIndex

    @classmethod
    def of(cls, world: World) -> Self:
        """Return what reads them as the user's clients do."""
        return cls(npm=NpmRegistry(world.http, world.processes), pypi=PyPIIndex(world.http, world.processes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Where package clients run confined; ``None`` for what runs with all rights of this user."""

    npm: Cell | None = None
    uv: Cell | None = None

    @classmethod
    def of(
        cls, settings: Settings, world: World, *, emit: EventSink = ignore, places: SandboxPlaces | None = None
    ) -> Self:
        """Return the cells of both clients, or none when the settings say that nothing is confined.

        Args:
            settings: Name the sandbox and the state directory, in which they keep caches.
            world: Starts processes.
            emit: Hears what they are let through to, and what not.
            places: The places that they share with servers.
        """
        if settings.sandbox is Confinement.NONE:
            return cls()
        refusals = Refusals(emit)
        sandbox = make_sandbox(settings, world, refusals, places=places)

        def cell(name: str) -> Cell:
            cache = ClientCache(settings.state / "cache" / name, run_as=settings.run_as)
            return Cell(sandbox, refusals, cache=cache, tools=settings.state / "tools", package_mb=settings.package_mb)

        return cls(npm=cell("npm"), uv=cell("uv"))


def make_sandbox(
    settings: Settings, world: World, emit: EventSink = ignore, *, places: SandboxPlaces | None = None
) -> Sandbox:
    """Return the sandbox that the settings name; with the places of another one, or else with its own."""
    if places is None:
        places = SandboxPlaces(settings.max_concurrent_sandboxes, timeout=settings.coordination_timeout)
    match settings.sandbox:
        case Confinement.BUBBLEWRAP:
            return Sandbox.bubblewrap(world.processes, run_as=settings.run_as, emit=emit, places=places)
        case Confinement.NONE:
            return Sandbox.none(world.processes, places=places)


async def choose_python(settings: Settings, sandbox: Sandbox) -> Path:
    """Return the interpreter for PyPI servers: the first that a confined process can run.

    Raises:
        SandboxError: There is none.
    """
    places = (sys.executable, *_WHERE_PYTHON_MAY_BE) if settings.python is None else (settings.python,)
    for place in places:
        if await _is_there(anyio.Path(place)) and await sandbox.can_run(Path(place)):
            return Path(place)
    raise SandboxError(
        f"No Python interpreter can be run by confined servers; tried {', '.join(str(p) for p in places)}.",
        remedies=(
            "Install a system-wide Python (such as /usr/bin/python3), readable by every user.",
            "Name one that is: VSM_MCP_PYTHON=/path/to/python3.",
        ),
    )


async def _is_there(path: anyio.Path) -> bool:
    try:
        return await path.exists()
    except OSError:  # behind a directory that this user may not enter
        return False


async def ecosystems(
    settings: Settings, world: World, packages: Registries, *, sandbox: Sandbox, emit: EventSink
) -> Sequence[Ecosystem]:
    """Return all kinds of packages that can be installed here.

    Raises:
        SandboxError: No interpreter can be run by confined servers.
    """
    python = await choose_python(settings, sandbox)
    return make_ecosystems(settings, world, packages, python=python, emit=emit, places=sandbox.places)


def make_ecosystems(
    settings: Settings,
    world: World,
    packages: Registries,
    *,
    python: Path,
    emit: EventSink,
    places: SandboxPlaces | None = None,
) -> Sequence[Ecosystem]:
    """Return all kinds of packages that can be installed here, for servers that run under ``python``."""
    node, npm = program("node"), program("npm")
    cells = Cells.of(settings, world, emit=emit, places=places)
    return (
        PyPIEcosystem(
            world.processes,
            world.files,
            uv=Path(uv.find_uv_bin()),
            python=python,
            indexes=packages.pypi.indexes,
            timeout=settings.install_timeout,
            emit=emit,
            cell=cells.uv,
            listed=packages.pypi.files,
        ),
        NpmEcosystem(
            world.processes,
            world.files,
            node=node,
            npm=npm,
            metadata=packages.npm.metadata,
            timeout=settings.install_timeout,
            emit=emit,
            cell=cells.npm,
        ),
        FileEcosystem(world.files, python=python, node=node),
        MemoryEcosystem(),
        RemoteEcosystem(),
    )


def program(name: str) -> Path | None:
    """Return where a program is on this machine, or ``None``."""
    found = shutil.which(name)
    return None if found is None else Path(found)
