"""The whole way with in-process servers: a gap is met, measured, closed and served."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Operation, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.report import Fate, PlannedServer
from vsm_mcp.errors import (
    AcquisitionError,
    ArgumentError,
    CapabilityMissingError,
    ConfigurationError,
    DiscoveryError,
    PolicyError,
    VerificationError,
)
from vsm_mcp.events import CapabilityAdopted, Event, OperationEnded, StageEntered, ignore
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.testing.servers import memory_server

COUNT = Operation(needs="count words", arguments={"text": "what a system does"})


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def refuse(text: str) -> str:
    """Always fail."""
    raise ValueError(text)


def tree(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def shelf_with(name: str = "text", tool: Callable[..., object] = count_words) -> Shelf:
    shelf = Shelf()
    shelf.offer(name, lambda: memory_server({tool.__name__: tool}), summary="Counts the words of a text.")
    return shelf


def system(
    state: Path,
    *,
    autonomy: Autonomy = Autonomy.AUTO,
    allow: tuple[str, ...] = ("memory:*",),
    shelf: Shelf | None = None,
    heard: list[Event] | None = None,
) -> ViableSystem:
    offered = shelf or shelf_with()
    settings = Settings(state=state, autonomy=autonomy, allow=allow, sandbox=Confinement.NONE)
    emit = ignore if heard is None else heard.append
    return ViableSystem(settings, shelf=offered, sources=(offered,), emit=emit)


@pytest.mark.anyio
@pytest.mark.promise("A41", "A52", "C77")
async def test_a_gap_is_met_measured_closed_and_served(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        outcome = await vsm.execute(COUNT)
        report = vsm.acquisitions[0]
    assert outcome.value in (4, {"result": 4})
    assert outcome.server == report.server
    assert report.gap_before is not None
    assert report.gap_after is not None
    assert report.gap_before.share == 1.0
    assert report.gap_after.share is not None
    assert report.gap_after.share < 1.0


@pytest.mark.anyio
@pytest.mark.promise("A24")
async def test_the_stages_are_passed_in_order_and_the_report_shows_them(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with system(tmp_path, heard=heard) as vsm:
        await vsm.execute(COUNT)
        report = vsm.acquisitions[0]
    stages = ["plan", "fetch", "vet", "consent", "stage", "start", "verify", "commit"]
    assert [event.stage for event in heard if isinstance(event, StageEntered)] == stages
    assert [step.stage for step in report.steps] == stages
    assert any(isinstance(event, CapabilityAdopted) for event in heard)


@pytest.mark.anyio
async def test_a_second_operation_of_the_kind_needs_no_acquisition(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with system(tmp_path, heard=heard) as vsm:
        await vsm.execute(COUNT)
        await vsm.execute(COUNT)
        assert len(vsm.acquisitions) == 1
    stages = [event.stage for event in heard if isinstance(event, OperationEnded)]
    assert stages == ["s4_unknown", "absorbed", "absorbed"]


@pytest.mark.anyio
async def test_an_empty_allow_list_installs_nothing(tmp_path: Path) -> None:
    async with system(tmp_path, allow=()) as vsm:
        with pytest.raises(AcquisitionError) as refusal:
            await vsm.execute(COUNT)
        assert not vsm.status().servers
    assert refusal.value.failures


@pytest.mark.anyio
@pytest.mark.parametrize("autonomy", [Autonomy.OBSERVE, Autonomy.SUGGEST, Autonomy.APPROVE])
async def test_without_leave_the_gap_is_only_measured(tmp_path: Path, autonomy: Autonomy) -> None:
    async with system(tmp_path, autonomy=autonomy) as vsm:
        with pytest.raises(CapabilityMissingError) as missing:
            await vsm.execute(COUNT)
        assert ("Acquire text: memory:text (shelf)." in missing.value.remedies) is (autonomy > Autonomy.OBSERVE)
        assert vsm.analyze_variety().total_gap_share == 1.0
        with pytest.raises(PolicyError):
            await vsm.acquire_capability("count words")


@pytest.mark.anyio
async def test_a_human_sees_the_plan_and_decides(tmp_path: Path) -> None:
    asked: list[PlannedServer] = []

    async def approve(plan: PlannedServer) -> bool:
        asked.append(plan)
        return len(asked) > 1

    async with system(tmp_path, autonomy=Autonomy.APPROVE) as vsm:
        with pytest.raises(AcquisitionError, match="None of 1"):
            await vsm.acquire_capability("count words", approve=approve)
        await vsm.acquire_capability("count words", approve=approve)
    assert [plan.package for plan in asked] == ["memory:text", "memory:text"] or all(
        plan.package.startswith("memory:text") for plan in asked
    )


@pytest.mark.anyio
@pytest.mark.promise("A40")
async def test_a_server_that_fails_its_call_leaves_nothing_behind(tmp_path: Path) -> None:
    async with system(tmp_path, shelf=shelf_with(tool=refuse)) as vsm:
        with pytest.raises(AcquisitionError) as failure:
            await vsm.acquire_capability("count words")
        assert not vsm.status().servers
    assert "text" in failure.value.failures
    assert not tree(tmp_path / "staging")


@pytest.mark.anyio
async def test_a_need_that_could_not_be_met_is_not_tried_again_at_once(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with system(tmp_path, shelf=shelf_with(tool=refuse), heard=heard) as vsm:
        for _ in range(2):
            with pytest.raises(AcquisitionError):
                await vsm.execute(COUNT)
    assert [event.stage for event in heard if isinstance(event, StageEntered)].count("verify") == 1


@pytest.mark.anyio
async def test_a_held_server_that_no_longer_starts_is_not_taken_for_another_need(tmp_path: Path) -> None:
    works = [True]

    def make() -> object:
        if not works[0]:
            raise OSError("The model file is gone.")
        return memory_server({"count_words": count_words})

    shelf = Shelf()
    shelf.offer("text", make, summary="Counts the words of a text.")
    async with system(tmp_path, shelf=shelf) as vsm:
        await vsm.acquire_capability("count words", "text")
        works[0] = False
        with pytest.raises(VerificationError, match="The model file is gone"):
            await vsm.acquire_capability("measure a text", "text")


@pytest.mark.anyio
async def test_a_probe_that_wants_more_refuses_a_server_that_does_less(tmp_path: Path) -> None:
    probe = Probe(tool="count_words", arguments={"text": "a b"}, accepts=lambda result: "7" in result.text)
    async with system(tmp_path) as vsm:
        with pytest.raises(AcquisitionError, match="not what was wanted") as refusal:
            await vsm.acquire_capability("count words", server="text", probe=probe)
    assert refusal.value.remedies


@pytest.mark.anyio
async def test_what_a_tool_fails_at_is_told_and_counted(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        await vsm.execute(COUNT)
        with pytest.raises(ArgumentError, match="text"):
            await vsm.execute(Operation(needs="count words", tool="count_words", arguments={"wrong": 1}))
        assert vsm.status().systems.system1.failed == 1


@pytest.mark.anyio
async def test_nothing_known_is_said_with_a_remedy(tmp_path: Path) -> None:
    async with system(tmp_path, shelf=Shelf()) as vsm:
        with pytest.raises(DiscoveryError, match="No source knows"):
            await vsm.acquire_capability("fold proteins")


@pytest.mark.anyio
@pytest.mark.promise("C149")
async def test_a_released_server_is_gone(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        await vsm.execute(COUNT)
        server = vsm.acquisitions[0].server
        assert (await vsm.test_connection(server)).ok
        await vsm.release_capability(server)
        assert not vsm.status().servers
        with pytest.raises(DiscoveryError, match="No server named"):
            await vsm.release_capability(server)
        with pytest.raises(DiscoveryError, match="No server named"):
            await vsm.test_connection(server)


@pytest.mark.anyio
@pytest.mark.promise("A20", "A22")
async def test_many_who_lack_the_same_at_once_share_one_acquisition(tmp_path: Path) -> None:
    heard: list[Event] = []
    outcomes: list[object] = []
    async with system(tmp_path, heard=heard) as vsm:

        async def ask() -> None:
            outcomes.append((await vsm.execute(COUNT)).value)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(ask)
        assert len(vsm.acquisitions) == 1
    assert len(outcomes) == 5
    assert sum(isinstance(event, CapabilityAdopted) for event in heard) == 1


@pytest.mark.anyio
async def test_a_plan_says_what_would_run_and_leaves_no_trace(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        before = tree(tmp_path)
        plan = await vsm.plan_acquisition("count words")
        assert tree(tmp_path) == before
    assert plan.servers[0].accepted
    assert "would run" in str(plan)


@pytest.mark.anyio
@pytest.mark.promise("C76")
async def test_candidates_that_were_not_needed_are_in_the_report(tmp_path: Path) -> None:
    shelf = shelf_with("text")
    shelf.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts words, too.")
    async with system(tmp_path, shelf=shelf) as vsm:
        report = await vsm.acquire_capability("count words")
    assert sorted(record.fate for record in report.candidates) == [Fate.NOT_NEEDED, Fate.TAKEN]


@pytest.mark.anyio
async def test_a_system_is_entered_once_and_used_only_then(tmp_path: Path) -> None:
    vsm = system(tmp_path)
    with pytest.raises(ConfigurationError, match="not entered"):
        vsm.status()
    async with vsm:
        with pytest.raises(ConfigurationError, match="entered already"):
            await vsm.__aenter__()


@pytest.mark.anyio
async def test_the_hosts_own_error_passes_bare(tmp_path: Path) -> None:
    async def host() -> None:
        async with system(tmp_path) as vsm:
            await vsm.execute(COUNT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await host()


@pytest.mark.anyio
async def test_the_status_shows_figures_servers_and_the_missing_sandbox(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        assert vsm.status().viable is None
        await vsm.execute(COUNT)
        status = vsm.status()
    assert status.sandbox == "none"
    assert any("without any sandbox" in reason for reason in status.reasons)
    assert [server.tools for server in status.servers] == [("count_words",)]
    assert status.model_dump_json()
