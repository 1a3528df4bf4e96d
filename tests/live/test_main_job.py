"""The whole way with real registries, real packages, real processes and the real sandbox."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Probe, Settings, ViableSystem
from vsm_mcp.acquisition.report import Fate
from vsm_mcp.errors import AcquisitionError, DiscoveryError
from vsm_mcp.model.enforcement import Level

pytestmark = [pytest.mark.live, pytest.mark.sandbox]


@pytest.fixture
def anyio_backend() -> str:
    """Real packages are installed once per test; both back ends are covered where nothing is installed."""
    return "asyncio"


@pytest.fixture
def state() -> Generator[Path]:
    """A directory that confined servers can reach under another user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def tree(root: Path) -> list[Path]:
    """Return what is there, but for what package clients keep."""
    kept = (root / "cache", root / "tools")
    return sorted(path for path in root.rglob("*") if not any(path.is_relative_to(place) for place in kept))


def settings(state: Path, *allow: str) -> Settings:
    return Settings(state=state, autonomy=Autonomy.AUTO, allow=allow, registries=())


@pytest.mark.anyio
@pytest.mark.promise("A43", "B73")
async def test_a_gap_is_closed_by_a_server_of_pypi_that_needs_the_repair_ladder(state: Path) -> None:
    async with ViableSystem(settings(state, "pypi:office-powerpoint-mcp-server")) as vsm:
        await vsm.execute(Operation(needs="create a PowerPoint presentation", arguments={"id": "story"}))
        slide = {"layout_index": 1, "title": "Beer", "presentation_id": "story"}
        await vsm.execute(Operation(needs="add a slide", tool="add_slide", arguments=slide))
        save = {"file_path": "deck.pptx", "presentation_id": "story"}
        await vsm.execute(Operation(needs="save it", tool="save_presentation", arguments=save))
        report = vsm.acquisitions[0]
        deck = await vsm.read_file(report.server, "deck.pptx")
        held = {h.aspect: h.level for h in report.enforcement.held}
    assert deck.startswith(b"PK")
    assert report.rung != "as published"
    assert [step.failure is None for step in report.steps if step.stage == "start"] == [False, True]
    assert held["network"] is Level.KERNEL
    assert held["files"] is Level.KERNEL
    assert any(record.fate is Fate.TAKEN for record in report.candidates)


@pytest.mark.anyio
async def test_what_was_acquired_is_there_after_a_restart_and_gone_after_release(state: Path) -> None:
    options = settings(state, "pypi:mcp-server-time")
    convert = Operation(
        needs="convert time zones",
        tool="convert_time",
        arguments={"source_timezone": "Europe/Berlin", "time": "09:00", "target_timezone": "Asia/Tokyo"},
    )
    async with ViableSystem(options) as vsm:
        probe = Probe(tool="get_current_time", arguments={"timezone": "UTC"}, accepts=lambda r: "UTC" in r.text)
        report = await vsm.acquire_capability("convert time zones", "pypi:mcp-server-time", probe=probe)
        assert report.proof == "satisfied"
    async with ViableSystem(options) as vsm:
        outcome = await vsm.execute(convert)
        assert not vsm.acquisitions
        assert "Asia/Tokyo" in outcome.text
        await vsm.release_capability(report.server)
        assert tree(state / "store")
        await vsm.prune()
    assert not tree(state / "store")


@pytest.mark.anyio
@pytest.mark.node
async def test_a_server_of_npm_remembers_in_its_own_directory(state: Path) -> None:
    package = "npm:@modelcontextprotocol/server-memory"
    entity = {"name": "Beer", "entityType": "person", "observations": ["wrote Brain of the Firm"]}
    async with ViableSystem(settings(state, package)) as vsm:
        await vsm.acquire_capability("remember facts", package)
        await vsm.execute(Operation(needs="remember facts", tool="create_entities", arguments={"entities": [entity]}))
        found = await vsm.execute(Operation(needs="recall facts", tool="search_nodes", arguments={"query": "Beer"}))
    assert "Brain of the Firm" in found.text


@pytest.mark.anyio
async def test_a_plan_shows_argv_permissions_and_egress_and_leaves_no_trace_but_caches(state: Path) -> None:
    async with ViableSystem(settings(state, "pypi:mcp-server-time")) as vsm:
        before = tree(state)
        plan = await vsm.plan_acquisition("convert time zones", server="pypi:mcp-server-time")
        assert tree(state) == before
    text = str(plan)
    assert plan.servers[0].accepted
    assert plan.servers[0].argv
    assert all(word in text for word in ("would run", "permissions", "egress"))


@pytest.mark.anyio
@pytest.mark.parametrize("package", ["pypi:vsm-mcp-there-is-no-such-package", "npm:@vsm-mcp/there-is-no-such-package"])
async def test_a_name_that_does_not_exist_is_said_to_not_exist(state: Path, package: str) -> None:
    if package.startswith("npm:") and shutil.which("npm") is None:
        pytest.skip("npm is not on the PATH; install Node.js with npm to run this test")
    async with ViableSystem(settings(state, package)) as vsm:
        with pytest.raises((DiscoveryError, AcquisitionError), match="no-such-package"):
            await vsm.acquire_capability("do anything", package)


@pytest.mark.anyio
@pytest.mark.parametrize("package", ["pypi:six", "pypi:ruff"])
async def test_a_package_without_a_server_in_it_is_refused_and_leaves_nothing(state: Path, package: str) -> None:
    async with ViableSystem(settings(state, package)) as vsm:
        with pytest.raises(AcquisitionError):
            await vsm.acquire_capability("do anything", package)
    assert not tree(state / "staging")
