"""What the way in costs: a package resolved, fetched, vetted and installed, against its client alone; and a start.

Run ``python tests/benchmarks/way_in.py [--json] [--quick]``; it needs Node.js, a sandbox and the user's registries.
Both ways are warm: each runs once before anything is measured, and then they take turns. The client alone installs what
the name says into an empty directory; this library does all that comes before a server is first tried, with its clients
confined. A start is measured from the first instruction to the answer to ``initialize``, with and without the sandbox.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import uv

from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.ladder import first_rung
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.events import ignore
from vsm_mcp.model.server import Candidate, Installed, PackageRef, StdioLaunch
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.entrance import make_vetting
from vsm_mcp.wiring.machine import Registries, choose_python, make_ecosystems, make_sandbox
from vsm_mcp.world.processes import Command, LocalProcesses
from vsm_mcp.world.world import World

PACKAGES = (
    PackageRef(ecosystem="npm", name="@modelcontextprotocol/server-memory"),
    PackageRef(ecosystem="pypi", name="mcp-server-time"),
)
HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"benchmark","version":"1"}}}\n'
)
ROUNDS = 3
STARTS = 11
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured for one package: medians, in seconds of wall time; ``ratio`` is that of the starts."""

    version: str
    client_s: float
    library_s: float
    added_s: float
    steps_s: Mapping[str, float]
    plain_start_s: float
    confined_start_s: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, by package."""

    rounds: int
    starts: int
    packages: Mapping[str, Measured]


class Undone(Exception):  # noqa: N818 - nothing went wrong
    """Ends a transaction that was only begun to be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The way in, without what comes after the installation."""

    installer: Installer
    rollback: Rollback
    vetting: Vetting
    policy: Policy
    world: World
    python: Path
    sandbox: Sandbox
    plain: Sandbox

    @asynccontextmanager
    async def installed(self, package: PackageRef, steps: dict[str, list[float]]) -> AsyncGenerator[Installed]:
        """Take the way in, and all of it back at the end."""
        candidate = Candidate(name=package.name, source="benchmark", package=package)
        rung = first_rung(self.world.clock.now(), cool_down=self.policy.min_release_age)
        try:
            async with self.rollback.transaction("measure") as transaction:
                marks = [time.perf_counter()]
                resolution = await self.installer.resolve(candidate, rung)
                marks.append(time.perf_counter())
                into = await self.installer.quarantine(transaction)
                artefact = await self.installer.fetch(candidate, resolution, into=into)
                marks.append(time.perf_counter())
                vetted = await self.vetting.judge(artefact)
                marks.append(time.perf_counter())
                installed = await self.installer.stage(vetted, transaction)
                marks.append(time.perf_counter())
                for name, begin, end in zip(("resolve", "fetch", "vet", "install"), marks, marks[1:], strict=False):
                    steps.setdefault(name, []).append(end - begin)
                steps.setdefault("all", []).append(marks[-1] - marks[0])
                yield installed
                _undo()
        except Undone:
            pass

    async def alone(self, package: PackageRef) -> float:
        """Let the client install the package with all rights of this user, and say how long that took."""
        with tempfile.TemporaryDirectory(prefix="vsm-bench-") as place:
            argv = self._words(package, place)
            began = time.perf_counter()
            await anyio.run_process(argv, cwd=place, stderr=None)
            return time.perf_counter() - began

    def _words(self, package: PackageRef, place: str) -> Sequence[str]:
        if package.ecosystem == "npm":
            quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
            return (
                str(shutil.which("npm")),
                "install",
                *quiet,
                f"--prefix={place}",
                f"{package.name}@{package.version}",
            )
        words = ("pip", "install", "--quiet", "--only-binary", ":all:", "--compile-bytecode", "--link-mode", "copy")
        where = ("--python", str(self.python), "--target", place)
        return (uv.find_uv_bin(), *words, *where, f"{package.name}=={package.version}")

    async def start(self, installed: Installed, *, by: Sandbox) -> float:
        """Start a server until it has answered, and say how long that took."""
        launch = installed.launch
        assert isinstance(launch, StdioLaunch)
        policy = SandboxPolicy(package=installed.path)
        began = time.perf_counter()
        with anyio.fail_after(PATIENCE):
            async with by.open(Command(argv=launch.argv, env=dict(launch.env)), policy) as process:
                await process.stdin.send(HELLO)
                said = b""
                while b"\n" not in said:
                    said += await process.stdout.receive()
                took = time.perf_counter() - began
        assert b'"serverInfo"' in said, said
        return took


def _undo() -> None:
    raise Undone


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="one package, one round, few starts")
    options = parser.parse_args()
    result = anyio.run(measure, *((1, 3, PACKAGES[:1]) if options.quick else (ROUNDS, STARTS, PACKAGES)))
    sys.stdout.write((json.dumps(asdict(result)) if options.json else "\n".join(_lines(result))) + "\n")


def _lines(result: Result) -> list[str]:
    lines: list[str] = []
    for name, measured in result.packages.items():
        steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in measured.steps_s.items())
        lines += [
            f"{name} {measured.version}",
            f"  client alone    {measured.client_s:8.2f} s",
            f"  the whole way   {measured.library_s:8.2f} s ({steps})",
            f"  added           {measured.added_s:8.2f} s",
            f"  plain start     {measured.plain_start_s:8.3f} s",
            f"  confined start  {measured.confined_start_s:8.3f} s (x {measured.ratio:.2f})",
        ]
    return lines


async def measure(rounds: int, starts: int, wanted: Sequence[PackageRef]) -> Result:
    """Measure packages."""
    with tempfile.TemporaryDirectory(prefix="vsm-bench-") as place:
        state = Path(place) / "state"
        state.mkdir(0o755)
        Path(place).chmod(0o755)
        bench = await _bench(Settings(state=state))
        packages = {str(package): await _measured(bench, package, rounds, starts) for package in wanted}
    return Result(rounds=rounds, starts=starts, packages=packages)


async def _bench(settings: Settings) -> Bench:
    world = World()
    sandbox = make_sandbox(settings, world)
    python = await choose_python(settings, sandbox)
    registries = Registries.of(world)
    rollback = Rollback(Journal(settings.state, world.files), world.files, ignore)
    store = PackageStore(settings.state, world.files)
    known = make_ecosystems(settings, world, registries, python=python, emit=ignore)
    policy = Policy(allow=tuple(f"{package.ecosystem}:{package.name}" for package in PACKAGES))
    return Bench(
        installer=Installer(known, store=store, rollback=rollback, files=world.files),
        rollback=rollback,
        vetting=make_vetting(policy, world, registries, emit=ignore),
        policy=policy,
        world=world,
        python=python,
        sandbox=sandbox,
        plain=Sandbox.none(LocalProcesses()),
    )


async def _measured(bench: Bench, package: PackageRef, rounds: int, starts: int) -> Measured:  # noqa: PLR0917
    steps: dict[str, list[float]] = {}
    alone: list[float] = []
    plain: list[float] = []
    confined: list[float] = []
    async with bench.installed(package, {}) as first:
        exact = first.vetted.artefact.resolution.package
        await bench.alone(exact)
        await bench.start(first, by=bench.plain)
        for _ in range(starts):
            plain.append(await bench.start(first, by=bench.plain))
            confined.append(await bench.start(first, by=bench.sandbox))
    for _ in range(rounds):
        alone.append(await bench.alone(exact))
        async with bench.installed(exact, steps):
            pass
    middle = {name: statistics.median(times) for name, times in steps.items()}
    whole = middle.pop("all")
    return Measured(
        version=str(exact.version),
        client_s=statistics.median(alone),
        library_s=whole,
        added_s=whole - statistics.median(alone),
        steps_s=middle,
        plain_start_s=statistics.median(plain),
        confined_start_s=statistics.median(confined),
        ratio=statistics.median(confined) / statistics.median(plain),
    )


if __name__ == "__main__":
    os.umask(0o022)
    main()
