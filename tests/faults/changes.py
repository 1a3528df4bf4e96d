"""Changes what a state directory holds, as the library does. Run as a program it can be told to kill itself on the way.

Usage: changes.py CHANGE STATE [AT MOMENT]
"""

import sys
from dataclasses import replace
from pathlib import Path

import anyio

from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.generations.reversal import Reversal
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import Candidate, Installed, PackageRef, Proven, Rung, Vetted
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.testing.faults import CrashingFiles, Moment, die
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.files import Files, LocalFiles


class QuickStore(PackageStore):
    """A store that does not wait for the whole machine's disks: what is killed here is a process, not the power."""

    async def settle(self) -> None:
        """Do nothing."""


class Place:
    """A state directory with what changes it."""

    def __init__(self, state: Path, files: Files, *, clock: Clock | None = None, keep: int = 4) -> None:
        """Join the parts."""
        self.state = state
        self.rollback: Rollback = Rollback(Journal(state, files), files)
        self.store: PackageStore = QuickStore(state, files)
        self.installer: Installer = Installer(
            [FileEcosystem(files, python=Path(sys.executable))],
            store=self.store,
            rollback=self.rollback,
            files=files,
            clock=clock,
            keep=keep,
        )
        self.reversal: Reversal = Reversal(
            self.installer.holdings, self.rollback, workspace=Workspace(state.parent / "work")
        )

    async def hold(self, name: str, content: str) -> None:
        """Acquire a server, or upgrade it."""
        file = self.state.parent / f"{name}-{content}.py"
        file.write_text(f"print({content!r})\n")
        package = PackageRef(ecosystem="file", name=str(file))
        wanted = Candidate(name=name, source="shelf", package=package, summary=content)
        known = next((record for record in await self.installer.records() if record.name == name), None)
        resolution = await self.installer.resolve(wanted, Rung())
        async with self.rollback.transaction(f"acquire {name}") as transaction:
            artefact = await self.installer.fetch(wanted, resolution, into=await self.installer.quarantine(transaction))
            vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
            proven = Proven(
                installed=_as_version(await self.installer.stage(vetted, transaction), of=Path(f"/srv/{name}.py")),
                tools=(),
                evidence=Evidence(level=ProofLevel.CALLABLE),
                enforcement=Enforcement(confiner="none", profile="none"),
            )
            await self.installer.commit(proven, transaction, needs=(name,), replaces=known)

    async def change(self, kind: str) -> None:
        """Make one change to what `prepare` left."""
        if kind == "upgrade":
            await self.hold("a", "3")
        elif kind == "release":
            await self.installer.remove("a")
        elif kind == "rollback":
            await self.reversal.rollback_to(1)
        elif kind == "prune":
            await self.installer.prune(keep=1)
        else:
            await self.under_load()

    async def under_load(self) -> None:
        """Make many changes at once."""
        async with anyio.create_task_group() as tasks:
            for name in "cdefg":
                tasks.start_soon(self.hold, name, "1")
            tasks.start_soon(self.installer.remove, "b")
            tasks.start_soon(self.hold, "a", "4")

    async def prepare(self) -> None:
        """Hold two servers, one of them in its second version."""
        await self.hold("a", "1")
        await self.hold("b", "1")
        await self.hold("a", "2")

    async def held(self) -> dict[str, str]:
        """Return the tree of each server."""
        return {record.name: record.proven.installed.digest for record in await self.installer.records()}

    async def check(self) -> None:
        """Recover, then check that nothing is broken, lost or left over."""
        await self.rollback.recover()
        assert await self.rollback.recover() == ()
        assert await self.rollback.journal.open() == ()
        assert self.names("staging") == self.names("transactions") == []
        assert await self.installer.broken() == ()
        generations = await self.installer.generations.list()
        numbers = [generation.number for generation in generations]
        assert numbers == sorted(set(numbers))
        assert len(numbers) <= self.installer.generations.keep
        servers = [server for generation in generations for server in generation.servers]
        assert self.names("store") == sorted({server.tree for server in servers})
        assert self.names("manifests") == sorted({f"{server.tree}.json" for server in servers})
        assert self.names("records") == sorted({f"{server.record}.json" for server in servers})
        current = {server.server: server.tree for server in generations[-1].servers} if generations else {}
        assert await self.held() == current
        assert len(self.names("servers")) == len(current)
        for tree in {server.tree for server in servers}:
            await self.store.verify(tree, full=True)
        assert not list(self.state.rglob("*.tmp"))

    def names(self, part: str) -> list[str]:
        """Return what is in a part of the state directory."""
        directory = self.state / part
        return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def _as_version(installed: Installed, *, of: Path) -> Installed:
    """Return a server as a version of the package ``of``: every version is a file of its own, so that none changes."""
    artefact = installed.vetted.artefact
    package = replace(artefact.resolution.package, name=str(of))
    known = replace(
        artefact,
        candidate=replace(artefact.candidate, package=replace(package, version=None)),
        resolution=replace(artefact.resolution, package=package),
    )
    return replace(installed, vetted=replace(installed.vetted, artefact=known))


def main() -> None:
    """Run as a program."""
    kind, state, *fault = sys.argv[1:]
    files: Files = LocalFiles()
    if fault:
        files = CrashingFiles(files, at=int(fault[0]), moment=Moment(fault[1]), way=die)
    anyio.run(Place(Path(state), files).change, kind)


if __name__ == "__main__":
    main()
