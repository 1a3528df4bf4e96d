"""What was held can be held again: a released server comes back whole, and a plan says before what that means."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.clearance import Go
from vsm_mcp.errors import CapabilityMissingError, InstallationError, IntegrityError, VSMError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.settings.settings import Confinement

PROGRAM = Path(__file__).parent / "tool_server.py"
COUNT = Operation(needs="count words", arguments={"text": "what a system does"})
SPELL = Operation(needs="spell words", arguments={"text": "what a system says"})

NOTHING = '"""Do what a test writes here."""'
WAIT = """
    if text == "wait":
        import time
        Path("waiting").touch()
        while not Path("go").exists():
            time.sleep(0.01)"""


def write(file: Path, tools: Mapping[str, str]) -> Path:
    """Write a server file; asked to wait, its tools wait for a file."""
    nature = json.dumps(json.dumps({"tools": tools}))
    text = PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})")
    file.write_text(text.replace(NOTHING, NOTHING + WAIT))
    return file


def system(root: Path, *, block: Sequence[str] = ()) -> ViableSystem:
    counter = write(root / "counter.py", {"count_words": "Count the words of a text."})
    speller = write(root / "speller.py", {"spell_words": "Spell the words of a text."})
    offered = Shelf()
    offered.offer_file(counter, summary="Counts the words of a text.")
    offered.offer_file(speller, summary="Spells the words of a text.")
    settings = Settings(state=root / "state", autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    return ViableSystem(
        settings, shelf=offered, sources=(offered,), policy=Policy(allow=("file:*",), block=tuple(block))
    )


async def hold_both(vsm: ViableSystem) -> int:
    """Acquire two servers; return the generation that holds both."""
    await vsm.acquire_capability("count words", "counter")
    await vsm.acquire_capability("spell words", "speller")
    return (await vsm.generations())[-1].number


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a directory, without what only says who uses it now."""
    return {
        str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()
    }


@pytest.mark.anyio
@pytest.mark.promise("A29")
async def test_a_released_server_comes_back_and_is_called_again_also_in_the_next_life(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        await vsm.execute(COUNT)
        await vsm.release_capability("counter")
        generations = await vsm.generations()
        assert [{one.server for one in generation.servers} for generation in generations] == [
            set(),
            {"counter"},
            {"counter", "speller"},
            {"speller"},
        ]
        plan = await vsm.plan_rollback(both)
        assert plan.possible
        assert [change.server for change in plan.back] == ["counter"]
        assert not plan.gone
        done = await vsm.rollback_to(plan)
        assert done.back == plan.back
        assert (await vsm.execute(COUNT)).server == "counter"
        assert (await vsm.execute(SPELL)).server == "speller"
        assert {one.server for one in (await vsm.generations())[-1].servers} == {"counter", "speller"}
        numbers = [generation.number for generation in await vsm.generations()]
    async with system(tmp_path) as vsm:
        assert [generation.number for generation in await vsm.generations()] == numbers
        assert (await vsm.execute(COUNT)).server == "counter"
        assert (await vsm.execute(SPELL)).server == "speller"


@pytest.mark.anyio
async def test_going_back_takes_a_newer_server_away_and_leaves_what_it_wrote(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        work = vsm.parts.workspace.directory("speller")
        await vsm.execute(SPELL)
        (work / "kept.txt").write_text("what it wrote")
        plan = await vsm.plan_rollback(both - 1)
        assert [change.server for change in plan.gone] == ["speller"]
        assert plan.gone[0].tools_lost == ("spell_words",)
        assert plan.unserved == ("spell words",)
        (risk,) = plan.data_at_risk
        assert (risk.server, risk.path, risk.size >= len("what it wrote")) == ("speller", str(work), True)
        await vsm.rollback_to(plan)
        with pytest.raises(CapabilityMissingError):
            vsm.parts.router.route(SPELL)
        assert [server.name for server in vsm.status().servers] == ["counter"]
        assert (await vsm.execute(COUNT)).server == "counter"
        assert (work / "kept.txt").read_text() == "what it wrote"


@pytest.mark.anyio
async def test_a_plan_shows_calls_that_are_under_way_and_going_back_lets_them_finish(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        work, said = vsm.parts.workspace.directory("speller"), list[str]()

        async def wait() -> None:
            said.append((await vsm.execute(Operation(needs="spell words", arguments={"text": "wait"}))).text)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                while not (work / "waiting").exists():  # noqa: ASYNC110 - another process tells
                    await anyio.sleep(0.01)
                plan = await vsm.plan_rollback(both - 1)
                assert plan.open_calls == {"speller": 1}
                assert (await vsm.plan_rollback(both)).open_calls == {}
                tasks.start_soon(vsm.rollback_to, plan)
                (work / "go").touch()
        assert said == ["one: spell_words sees 1 words in wait"]
        assert [server.name for server in vsm.status().servers] == ["counter"]


@pytest.mark.anyio
async def test_a_plan_that_is_no_longer_true_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        await vsm.release_capability("counter")
        plan = await vsm.plan_rollback(both)
        await vsm.release_capability("speller")
        numbers = [generation.number for generation in await vsm.generations()]
        with pytest.raises(InstallationError, match="not the current one any more"):
            await vsm.rollback_to(plan)
        assert [generation.number for generation in await vsm.generations()] == numbers
        assert not vsm.status().servers
        await vsm.rollback_to(both)
        assert (await vsm.execute(SPELL)).server == "speller"


@pytest.mark.anyio
@pytest.mark.security
async def test_a_kept_package_that_was_changed_is_not_held_again_and_nothing_is_touched(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        await vsm.release_capability("counter")
        kept = next((tmp_path / "state" / "store").rglob("counter.py"))
        kept.chmod(0o644)
        kept.write_text(kept.read_text() + "# one line more\n")
        plan = await vsm.plan_rollback(both)
        assert not plan.possible
        assert "was changed" in " ".join(plan.obstacles)
        before = tree(tmp_path / "state")
        for target in (both, plan):
            with pytest.raises(IntegrityError, match="was changed"):
                await vsm.rollback_to(target)
        assert tree(tmp_path / "state") == before
        assert [server.name for server in vsm.status().servers] == ["speller"]
        assert (await vsm.execute(SPELL)).server == "speller"


@pytest.mark.anyio
@pytest.mark.security
async def test_a_held_package_that_was_changed_is_told_and_is_well_again_after_what_is_advised(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        await hold_both(vsm)
    kept = next((tmp_path / "state" / "store").rglob("counter.py"))
    kept.chmod(0o644)
    kept.write_text(kept.read_text() + "# one line more\n")
    async with system(tmp_path) as vsm:
        with pytest.raises(CapabilityMissingError):
            vsm.parts.router.route(COUNT)
        (need,) = (await vsm.preflight(["counter.count_words"])).needs
        assert (need.go, need.remedy) == (Go.OPERATOR, "Release the server and acquire it again.")
        damaged = {one.server: one.damage for one in (await vsm.security_report()).servers if not one.intact}
        assert list(damaged) == ["counter"]
        assert "was changed" in damaged["counter"]
        assert (await vsm.execute(SPELL)).server == "speller"
        await vsm.release_capability("counter")
        await vsm.acquire_capability("count words", "counter")
        assert (await vsm.execute(COUNT)).server == "counter"
        assert (await vsm.preflight(["counter.count_words"])).go is Go.GO
        assert all(one.intact for one in (await vsm.security_report(full=True)).servers)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_package_that_is_changed_while_the_system_lives_is_not_started(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        await hold_both(vsm)
        kept = next((tmp_path / "state" / "store").rglob("counter.py"))
        kept.chmod(0o644)
        kept.write_text(kept.read_text() + "# one line more\n")
        with pytest.raises(IntegrityError, match="was changed"):
            await vsm.parts.guarded.call(ToolCall(server="counter", tool="count_words", arguments={"text": "a"}))
        assert (await vsm.execute(SPELL)).server == "speller"


@pytest.mark.anyio
@pytest.mark.security
async def test_going_back_to_what_the_policy_of_today_forbids_makes_nothing_of_it_callable(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        await vsm.release_capability("counter")
    async with system(tmp_path, block=("file:*/counter.py",)) as vsm:
        await vsm.rollback_to(both)
        with pytest.raises(CapabilityMissingError):
            vsm.parts.router.route(COUNT)
        with pytest.raises(VSMError):
            await vsm.parts.guarded.call(ToolCall(server="counter", tool="count_words", arguments={"text": "a"}))
        assert (await vsm.preflight(["counter.count_words"])).go is Go.OPERATOR
        assert [one.server for one in (await vsm.security_report()).servers if one.refused] == ["counter"]
        assert (await vsm.execute(SPELL)).server == "speller"
    async with system(tmp_path) as vsm:
        assert (await vsm.execute(COUNT)).server == "counter"


@pytest.mark.anyio
async def test_a_generation_that_is_not_kept_is_an_error_and_pruned_ones_are_gone(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        both = await hold_both(vsm)
        await vsm.release_capability("counter")
        current = await vsm.prune(keep=1)
        assert current is not None
        assert {one.server for one in current.servers} == {"speller"}
        assert not list((tmp_path / "state" / "store").rglob("counter.py"))
        with pytest.raises(IntegrityError):
            await vsm.plan_rollback(both)
        assert (await vsm.execute(SPELL)).server == "speller"
