"""Acquires one server file as the library does. Run as a program it can be told to kill itself on the way.

Usage: acquire.py STATE SERVER [AT MOMENT | pause | fail BACKEND]
"""

import sys
from pathlib import Path

import anyio

from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import Candidate, PackageRef, Proven, Rung, Vetted
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.testing.faults import CrashingFiles, Moment, die
from vsm_mcp.world.files import Files, LocalFiles


class Pausing(LocalFiles):
    """Files that stop, for a signal to come, before the record is written: everything is staged by then."""

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Write, or wait for ever."""
        if path.name == "record-0":
            sys.stdout.write("paused\n")
            sys.stdout.flush()
            await anyio.sleep_forever()
        await super().write(path, data, mode=mode)


class Slow(LocalFiles):
    """Files that fail before the record is written, and take their time to remove what was staged."""

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Write, or fail."""
        if path.name == "record-0":
            raise ConfigurationError(f"{path} cannot be used.")
        await super().write(path, data, mode=mode)

    async def remove(self, path: Path) -> None:
        """Say so, wait, and remove."""
        if path.parent.name == "staging":
            sys.stdout.write("undoing\n")
            sys.stdout.flush()
            await anyio.sleep(1)
        await super().remove(path)


def parts(state: Path, files: Files) -> tuple[Rollback, Installer]:
    """Return what acquires into ``state``."""
    rollback = Rollback(Journal(state, files), files)
    ecosystem = FileEcosystem(files, python=Path(sys.executable))
    store = PackageStore(state, files)
    return rollback, Installer([ecosystem], store=store, rollback=rollback, files=files)


def candidate(server: Path) -> Candidate:
    """Return the server file as a candidate."""
    return Candidate(name="io.example/server", source="shelf", package=PackageRef(ecosystem="file", name=str(server)))


async def acquire(state: Path, server: Path, files: Files) -> tuple[str, Proven]:
    """Acquire the server, or find that somebody else did; return which of the two and the server."""
    rollback, installer = parts(state, files)
    wanted = candidate(server)
    async with installer.exclusively(wanted):
        known = await installer.find(wanted)
        if known is not None:
            return "found", known
        resolution = await installer.resolve(wanted, Rung())
        async with rollback.transaction("acquire") as transaction:
            artefact = await installer.fetch(wanted, resolution, into=await installer.quarantine(transaction))
            installed = await installer.stage(Vetted(artefact=artefact, verdict=Verdict(accepted=True)), transaction)
            proven = Proven(
                installed=installed,
                tools=(),
                evidence=Evidence(level=ProofLevel.CALLABLE),
                enforcement=Enforcement(confiner="none", profile="none"),
            )
            return "installed", await installer.commit(proven, transaction, needs=("slides",))


def main() -> None:
    """Run as a program."""
    state, server, *fault = sys.argv[1:]
    files: Files = LocalFiles()
    if fault == ["pause"]:
        files = Pausing()
    elif fault and fault[0] == "fail":
        files = Slow()
    elif fault:
        files = CrashingFiles(files, at=int(fault[0]), moment=Moment(fault[1]), only=["append"], way=die)
    backend = fault[1] if fault and fault[0] == "fail" else "asyncio"
    sys.stdout.write(anyio.run(acquire, Path(state), Path(server), files, backend=backend)[0] + "\n")


if __name__ == "__main__":
    main()
