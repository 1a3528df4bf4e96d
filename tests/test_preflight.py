"""The doctor says what works on this machine, with a remedy per line, and its exit code sums it up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vsm_mcp.errors import LinkError
from vsm_mcp.preflight import Examined, Preflight, PreflightReport, Readiness
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.testing.world import FakeProcesses, ScriptedHttp, fake_world
from vsm_mcp.world.processes import Completed, LocalProcesses


def examined(readiness: Readiness) -> Examined:
    return Examined(name="disk", readiness=readiness, detail="3 GiB", remedy="Free some." if readiness else "")


@pytest.mark.parametrize("worst", list(Readiness))
def test_the_worst_of_all_decides(worst: Readiness) -> None:
    report = PreflightReport(examined=(examined(Readiness.READY), examined(worst)))
    assert report.readiness is worst
    assert worst.name.lower() in str(report)
    assert ("Free some." in str(report)) is bool(worst)


@pytest.mark.anyio
async def test_without_any_network_the_rest_is_still_examined(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, sandbox=Confinement.NONE, registries=("https://registry.example",))
    world = fake_world(http=ScriptedHttp({"*": LinkError("No network.")}), processes=LocalProcesses())
    report = await Preflight(settings, world=world).run()
    found = {one.name: one for one in report.examined}
    assert report.readiness is Readiness.DEGRADED
    assert found["mcp registries"].readiness is Readiness.DEGRADED
    assert found["disk"].readiness is Readiness.READY
    assert found["sandbox"].remedy
    assert report.enforcement is not None
    assert report.enforcement.confiner == "none"


@pytest.mark.anyio
async def test_a_machine_without_a_sandbox_is_not_usable(tmp_path: Path) -> None:
    world = fake_world(http=ScriptedHttp({"*": LinkError("No network.")}), processes=FakeProcesses())
    report = await Preflight(Settings(state=tmp_path, registries=()), world=world).run()
    assert report.readiness is Readiness.UNUSABLE
    assert report.enforcement is None


@pytest.mark.sandbox
@pytest.mark.promise("A86", "B59", "B62")
def test_the_doctor_of_this_machine_speaks_json_and_its_exit_code_says_the_same() -> None:
    command = [sys.executable, "-m", "vsm_mcp", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == max(one["readiness"] for one in report["examined"])
    assert done.returncode < Readiness.UNUSABLE
    assert all(one["remedy"] for one in report["examined"] if one["readiness"])


def test_a_wrong_setting_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_AUTONOMIE", "auto")
    done = subprocess.run([sys.executable, "-m", "vsm_mcp"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == Readiness.UNUSABLE
    assert "VSM_MCP_AUTONOMY" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.anyio
@pytest.mark.promise("D12")
@pytest.mark.parametrize(
    ("said", "readiness"),
    [
        ("v20.0.0", Readiness.READY),
        ("v22.11.0", Readiness.READY),
        ("v18.19.1", Readiness.DEGRADED),
        ("v9.0.0", Readiness.DEGRADED),
        ("twenty", Readiness.DEGRADED),
    ],
)
async def test_a_node_that_is_too_old_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, said: str, readiness: Readiness
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    processes = FakeProcesses()
    ending = Completed(returncode=0, stdout=f"{said}\n".encode(), stderr=b"")
    processes.on_run(lambda words: words[0].endswith("node"), ending)
    world = fake_world(http=ScriptedHttp({"*": LinkError("No network.")}), processes=processes)
    settings = Settings(state=tmp_path, sandbox=Confinement.NONE, registries=())
    report = await Preflight(settings, world=world).run()
    (node,) = (one for one in report.examined if one.name == "node and npm")
    assert node.readiness is readiness
    assert said in node.detail
    assert bool(node.remedy) is (readiness is Readiness.DEGRADED)
