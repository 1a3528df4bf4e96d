"""Where servers are tried for the catalogue: installed, started confined, and asked for their tools."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import anyio.to_thread
import uv

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.acquisition.installation.tree import seal
from vsm_mcp.acquisition.ladder import first_rung, repairs
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import (
    ConfigurationError,
    DiscoveryError,
    InstallationError,
    NeedsConfigurationError,
    StartError,
    VSMError,
)
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.server import Candidate, PackageRef, Resolution, StdioLaunch
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.world.clock import SystemClock
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.http import HttpClient
from vsm_mcp.world.processes import Command, LocalProcesses

INSTALL_SECONDS = 180.0
START_SECONDS = 40.0
PROBE_SECONDS = 12.0
MOST_TOOLS = 400
COOL_DOWN = timedelta(days=7)
LIMITS = Limits(memory_mb=1024, processes=128, lifetime=2 * START_SECONDS)
PYTHONS = (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")

_PUBLIC_CODE = re.compile(
    r"(?:git\+)?(?:https?|git|ssh)://(?:git@|www\.)?(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)"
    r"/([\w.-]+)/([\w.-]+?)(?:\.git)?(?:[/#?].*)?"
)
_SHORT_CODE = re.compile(r"(?:github:)?([\w-]+)/([\w.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said when it was started.

    Attributes:
        resolution: What was installed; with the ownership mark of the package.
        repaired: How it was resolved when it does not start as published; else empty.
        tools: The names of its tools.
        lacks: The settings that it does not start without; ``None`` when it started without any.
    """

    resolution: Resolution
    repaired: str
    tools: tuple[str, ...]
    lacks: tuple[str, ...] | None


def code_host(address: str) -> str:
    """Return the page of a repository on a public code host that ``address`` means; empty when it means none."""
    found = _PUBLIC_CODE.fullmatch(address)
    if found is not None:
        return "https://{}/{}/{}".format(*found.groups())
    short = _SHORT_CODE.fullmatch(address)
    return "" if short is None else "https://github.com/{}/{}".format(*short.groups())


async def make_bench() -> "Bench":
    """Return a bench with the interpreters of this machine that confined processes can run.

    Raises:
        ConfigurationError: There is no such interpreter.
    """
    sandbox = Sandbox.bubblewrap(LocalProcesses())
    found: dict[str, Path] = {}
    for kind, places in {"Python": PYTHONS, "Node.js": (shutil.which("node"),)}.items():
        usable = [Path(place) for place in places if place is not None and await sandbox.can_run(Path(place))]
        if not usable:
            raise ConfigurationError(f"No {kind} can be run by confined servers.")
        found[kind] = usable[0]
    return Bench(sandbox, python=found["Python"], node=found["Node.js"], now=SystemClock().now())


class Bench:
    """Tries servers.

    Args:
        sandbox: Confines them.
        python: The interpreter for PyPI servers, one that confined processes can run.
        node: The same for npm servers; npm is beside it.
        now: Nothing is used that was released in the week before, as in the product.
    """

    def __init__(self, sandbox: Sandbox, *, python: Path, node: Path, now: datetime) -> None:
        """Make the parts."""
        processes, files = LocalProcesses(), LocalFiles()
        self._npm = NpmRegistry(HttpClient(), processes)
        self._pypi = PyPIIndex(HttpClient(), processes)
        npm = NpmEcosystem(
            processes,
            files,
            node=node,
            npm=node.with_name("npm"),
            metadata=self._npm.metadata,
            timeout=INSTALL_SECONDS,
        )
        pypi = PyPIEcosystem(
            processes,
            files,
            uv=Path(uv.find_uv_bin()),
            python=python,
            indexes=self._pypi.indexes,
            timeout=INSTALL_SECONDS,
        )
        self._ecosystems: Mapping[str, Ecosystem] = {"npm": npm, "pypi": pypi}
        # Nothing is judged here: it is the sandbox that protects this machine from what is tried.
        self._vetting = Vetting([], policy=Policy(allow=("npm:*", "pypi:*")))
        self._files = files
        self._sandbox = sandbox
        self._first = first_rung(now, cool_down=COOL_DOWN)

    async def repository(self, package: PackageRef) -> str:
        """Return where the source of a package is, when that is on a public code host; else an empty text."""
        if package.ecosystem == "npm":
            metadata = await self._npm.metadata(package.name, package.version)
            return code_host(metadata.version(package.version).repository)
        return code_host((await self._pypi.metadata(package.name, package.version)).repository)

    async def is_published(self, package: PackageRef) -> bool:
        """Return whether the configured registry has a package.

        Raises:
            VSMError: That could not be told.
        """
        registry = self._npm if package.ecosystem == "npm" else self._pypi
        try:
            await registry.metadata(package.name)
        except DiscoveryError:
            return False
        return True

    async def examine(self, candidate: Candidate, *, examples: Mapping[str, str]) -> Answer:
        """Install and start a server; one that dies at its start is resolved anew, as the product would.

        Args:
            candidate: Which.
            examples: Values for the variables that it may lack.

        Raises:
            VSMError: It could not be installed, did not start, or lists no tools.
        """
        ecosystem = self._ecosystems[candidate.package.ecosystem]
        resolution = await ecosystem.resolve(candidate.package, rung=self._first)
        rungs = [self._first]
        for rung in rungs:
            if rung is not self._first:
                resolution = await ecosystem.resolve(resolution.package, rung=rung)
            try:
                answer = await self._try(candidate, resolution, examples)
            except StartError as error:
                if rung is self._first:
                    rungs += repairs(resolution, error.stderr)
                if rung is rungs[-1]:
                    raise
            else:
                return answer if rung is self._first else replace(answer, repaired=rung.name)
        raise InstallationError(f"{candidate.package} was not tried.", stage="install")

    async def _try(self, candidate: Candidate, resolution: Resolution, examples: Mapping[str, str]) -> Answer:
        ecosystem = self._ecosystems[candidate.package.ecosystem]
        with tempfile.TemporaryDirectory(prefix="catalogue-") as scratch:
            os.chmod(scratch, 0o755)  # noqa: PTH101, S103 - the user that servers run under must be able to read it
            own, whole = Path(scratch, "own"), Path(scratch, "whole")
            for place in (own, whole):
                await self._files.make_directory(place)
            artefact = await ecosystem.fetch(candidate, resolution, into=own)
            launch = await ecosystem.install(await self._vetting.judge(artefact), into=whole)
            if not isinstance(launch, StdioLaunch):
                raise InstallationError(f"{candidate.package} does not run in a process.", stage="install")
            await anyio.to_thread.run_sync(seal, whole)
            tools, lacks = await self._ask_twice(launch, whole, examples)
        return Answer(resolution=artefact.resolution, repaired="", tools=tools, lacks=lacks)

    async def _ask_twice(
        self, launch: StdioLaunch, place: Path, examples: Mapping[str, str]
    ) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        """Ask as it is; a server that does not start so may lack settings: then once more, with examples of them."""
        try:
            return await self._ask(launch, place), None
        except NeedsConfigurationError as error:
            said: VSMError = error
            lacks = error.names
        except StartError as error:
            said, lacks = error, ()
        given = examples or dict.fromkeys(lacks, "example")
        if not given:
            raise said if isinstance(said, StartError) else StartError(said.message) from said
        try:
            tools = await self._ask(replace(launch, env={**launch.env, **given}), place)
        except VSMError:
            if isinstance(said, StartError):
                raise said from None
            tools = ()
        return tools, tuple(lacks) or tuple(examples)

    async def _ask(self, launch: StdioLaunch, place: Path) -> tuple[str, ...]:
        """Start a server in the sandbox and return the names of its tools."""
        command = Command(argv=launch.argv, env=launch.env)
        policy = SandboxPolicy(package=place, limits=LIMITS)
        connector = SdkConnector(eras={}, probe=PROBE_SECONDS, start=START_SECONDS, call=START_SECONDS)

        def start() -> AbstractAsyncContextManager[Confined]:
            return self._sandbox.open(command, policy)

        outcome: tuple[ToolSpec, ...] | VSMError
        async with connector.stdio(start, name="It", digest="") as link:
            try:
                outcome = await link.tools()
            except VSMError as error:
                outcome = error
        if isinstance(outcome, NeedsConfigurationError):
            raise outcome
        if isinstance(outcome, VSMError):
            raise StartError(f"It came up and told no tools: {outcome.message}") from outcome
        if not outcome:
            raise StartError("It came up and lists no tools.")
        return tuple(tool.name for tool in outcome)[:MOST_TOOLS]
