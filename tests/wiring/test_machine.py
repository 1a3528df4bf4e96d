"""What is built from this machine: what confines, which interpreter servers run under, which programs there are."""

import sys
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import Given
from vsm_mcp.errors import CapacityError, SandboxError
from vsm_mcp.sandbox.places import SandboxPlaces
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.wiring.machine import Cells, Registries, choose_python, ecosystems, make_sandbox, program
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.world import World


def settings(state: Path, *, sandbox: Confinement = Confinement.NONE, python: Path | None = None) -> Settings:
    return Settings(state=state, sandbox=sandbox, python=python)


def test_the_settings_say_what_confines(tmp_path: Path) -> None:
    names = {kind: make_sandbox(settings(tmp_path, sandbox=kind), World()).name for kind in Confinement}
    assert names == {Confinement.BUBBLEWRAP: "bubblewrap", Confinement.NONE: "none"}


def test_package_clients_are_confined_with_servers_or_not_at_all(tmp_path: Path) -> None:
    assert Cells.of(settings(tmp_path), World()) == Cells()
    cells = Cells.of(settings(tmp_path, sandbox=Confinement.BUBBLEWRAP), World())
    assert cells.npm is not None
    assert cells.uv is not None
    assert (cells.npm.keeps, cells.uv.keeps) == (True, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.promise("B51")
async def test_package_clients_take_the_places_that_servers_take(tmp_path: Path) -> None:
    places, home = SandboxPlaces(1, timeout=0.05), tmp_path / "home"
    home.mkdir()
    cells = Cells.of(settings(tmp_path, sandbox=Confinement.BUBBLEWRAP), World(), places=places)
    assert cells.uv is not None
    async with places.place():
        with pytest.raises(CapacityError):
            await cells.uv.run(("/bin/true",), home, Given(), subject="x", timeout=5)


@pytest.mark.anyio
async def test_without_a_setting_the_first_interpreter_that_runs_is_taken(tmp_path: Path) -> None:
    chosen = await choose_python(settings(tmp_path), Sandbox.none(LocalProcesses()))
    assert chosen == Path(sys.executable)


@pytest.mark.anyio
@pytest.mark.parametrize("there", [True, False])
async def test_an_interpreter_that_cannot_be_run_is_refused_by_name(tmp_path: Path, *, there: bool) -> None:
    python = tmp_path / "python"
    if there:
        python.write_text("#!/bin/sh\nexit 126\n")
        python.chmod(0o755)
    with pytest.raises(SandboxError, match=f"tried {python}") as caught:
        await choose_python(settings(tmp_path, python=python), Sandbox.none(LocalProcesses()))
    assert any("VSM_MCP_PYTHON" in remedy for remedy in caught.value.remedies)


@pytest.mark.anyio
async def test_every_kind_of_package_is_known(tmp_path: Path) -> None:
    world = World()
    known = await ecosystems(
        settings(tmp_path), world, Registries.of(world), sandbox=Sandbox.none(LocalProcesses()), emit=lambda _: None
    )
    assert [ecosystem.name for ecosystem in known] == ["pypi", "npm", "file", "memory", "remote"]


def test_a_program_is_found_on_the_path_or_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (program("node"), program("npm")) == (tmp_path / "node", None)
