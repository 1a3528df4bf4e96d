"""Servers to test against: real ones in memory, and one that misbehaves on request."""

import shutil
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from hashlib import sha256
from pathlib import Path

from mcp.server import MCPServer

from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import (
    PACKAGE_ROOT,
    Artefact,
    Candidate,
    InProcessLaunch,
    Installed,
    Launch,
    PackageRef,
    Proven,
    Resolution,
    StdioLaunch,
    Variable,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.supervision.restart import RestartPolicy
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.testing import hostile
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.secrets import ReferencedSecrets

HOSTILE = Path(hostile.__file__)
"""The program of the server that misbehaves; see `vsm_mcp.testing.hostile` for its faults."""

SYSTEM_PYTHON = "/usr/bin/python3"


def memory_server(
    tools: Mapping[str, Callable[..., object]], *, name: str = "memory", instructions: str | None = None
) -> MCPServer[None]:
    """Return a real in-process server whose tools are ``tools``.

    A tool's description is the function's docstring, its schema comes from the function's annotations.
    """
    server: MCPServer[None] = MCPServer(name, instructions=instructions, log_level="WARNING")  # it sets the root logger
    for tool, function in tools.items():
        server.add_tool(function, name=tool)
    return server


def hostile_server(
    directory: Path, *faults: str, name: str = "example/hostile", environment: Sequence[Variable] = ()
) -> Installed:
    """Install the server that misbehaves into ``directory`` and return it, ready to be tried.

    Args:
        directory: Becomes its package; a copy of the program is put there.
        faults: Names from `vsm_mcp.testing.hostile.FAULTS`; ``good`` when there are none. Words that begin with a dash
            only mark the process.
        name: Its name.
        environment: The variables it declares.
    """
    directory.mkdir(parents=True, exist_ok=True)
    program = Path(shutil.copy(HOSTILE, directory / HOSTILE.name))
    launch = StdioLaunch(argv=(SYSTEM_PYTHON, f"{PACKAGE_ROOT}/{program.name}", *(faults or ("good",))))
    package = PackageRef(ecosystem="file", name=str(program))
    return _installed(package, launch, name=name, path=directory, environment=tuple(environment))


def memory_installed(make: Callable[[], object], *, name: str = "example/memory") -> Installed:
    """Return an in-process server as if it were installed."""
    package = PackageRef(ecosystem="memory", name=name.rsplit("/", 1)[-1])
    return _installed(package, InProcessLaunch(make=make), name=name, path=None, environment=())


def as_proven(installed: Installed, tools: Sequence[ToolSpec] = ()) -> Proven:
    """Return ``installed`` as if it had been proven, with ``tools``: for tests of what comes after the proof."""
    return Proven(
        installed=installed,
        tools=tuple(tools),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


def make_spawner(
    directory: Path,
    *,
    sandbox: Sandbox | None = None,
    references: Mapping[str, str] | None = None,
    emit: EventSink = ignore,
    restarts: RestartPolicy | None = None,
    drain: float = 5.0,
    trust_first_use: bool = True,
    eras: MutableMapping[str, str] | None = None,
    probe: float = 5.0,
    start: float = 30.0,
    call: float = 30.0,
) -> DynamicSpawner:
    """Return a spawner whose servers live below ``directory``, unconfined unless a ``sandbox`` is given.

    Args:
        directory: Gets the writable directories of the servers.
        sandbox: Confines them.
        references: For each variable that every server is given, the reference to its value.
        emit: Hears of starts and ends.
        restarts: How patient it is with servers that fail.
        drain: Seconds that calls under way get to end.
        trust_first_use: Take what a server that was held without any known tool lists first for approved.
        eras: What is learned of how servers want to be greeted.
        probe: Seconds the first greeting may take.
        start: Seconds all greetings may take together.
        call: Seconds a call may take.
    """
    launcher = Launcher(
        sandbox or Sandbox.none(LocalProcesses()),
        LazyConnector(eras={} if eras is None else eras, probe=probe, start=start, call=call),
        policy_for=lambda installed, work: SandboxPolicy(package=installed.path, work=work),
        secrets=ReferencedSecrets(),
        references=lambda _: references or {},
    )
    return DynamicSpawner(
        launcher,
        Workspace(directory),
        emit=emit,
        restarts=restarts,
        drain=drain,
        trust_first_use=trust_first_use,
    )


def _installed(
    package: PackageRef, launch: Launch, *, name: str, path: Path | None, environment: tuple[Variable, ...]
) -> Installed:
    candidate = Candidate(name=name, source="testing", package=package, environment=environment)
    words = " ".join(launch.argv) if isinstance(launch, StdioLaunch) else name
    digest = sha256(words.encode()).hexdigest()
    resolution = Resolution(package=package, integrity=f"sha256:{digest}", lock="")
    artefact = Artefact(candidate=candidate, resolution=resolution, root=path or Path("/nonexistent"), launch=launch)
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    return Installed(vetted=vetted, path=path, digest=digest, launch=launch)
