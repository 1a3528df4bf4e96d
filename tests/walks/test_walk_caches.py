"""What is kept for speed is kept in a living system, and the figures say how often it was of use."""

import json
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import CapabilityMissingError
from vsm_mcp.events import CapabilityAdopted, Event, ignore
from vsm_mcp.model.operation import Stage
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.system.batches import execute_in_batches
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.world.files import DEFAULT_LIMIT, LocalFiles
from vsm_mcp.world.world import World

PROGRAM = Path(__file__).parent / "tool_server.py"


class Counting(LocalFiles):
    """Files that remember which of them were read or listed."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = list[str]()

    async def read(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
        self.looked_at.append(path.parent.name)
        return await super().read(path, limit=limit)

    async def entries(self, path: Path) -> tuple[str, ...]:
        self.looked_at.append(path.name)
        return await super().entries(path)


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def counting(text: str) -> Operation:
    return Operation(needs="count words", arguments={"text": text})


def system(state: Path, *, heard: list[Event] | None = None, **options: float) -> ViableSystem:
    shelf = Shelf()
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, allow=("memory:*",), sandbox=Confinement.NONE)
    settings = Settings.model_validate({**settings.model_dump(exclude_unset=True), **options})
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), emit=ignore if heard is None else heard.append)


@pytest.mark.anyio
async def test_the_tools_for_a_need_are_looked_for_once_after_each_change_of_what_is_held(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        await vsm.acquire_capability("count words")
        before = vsm.cache_stats()["matches"]
        for _ in range(5):
            await vsm.execute(counting("one two"))
        stats = vsm.cache_stats()["matches"]
        assert (stats.hits - before.hits, stats.misses - before.misses) == (4, 1)
        assert (stats.size, stats.max_size, stats.ttl) == (1, 2000, 600)
        await vsm.release_capability("text")
        assert vsm.cache_stats()["matches"].size == 0


@pytest.mark.anyio
@pytest.mark.promise("A60", "A79", "B55", "E55")
async def test_the_same_words_get_the_same_answer_for_five_minutes_of_which_five_hundred_are_kept(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as vsm:
        first = await vsm.discover_servers("count words")
        for _ in range(3):
            assert (await vsm.discover_servers("count words")).ranked == first.ranked
        stats = vsm.cache_stats()["discovery"]
    assert (stats.hits, stats.misses, stats.hit_rate) == (3, 1, 0.75)
    assert (stats.size, stats.max_size, stats.ttl) == (1, 500, 300)
    async with system(tmp_path, discovery_cache_ttl=60.0, discovery_cache_size=2) as vsm:
        for wanted in ("count words", "count pages", "count lines"):
            await vsm.discover_servers(wanted)
        stats = vsm.cache_stats()["discovery"]
    assert (stats.size, stats.max_size, stats.ttl, stats.evictions) == (2, 2, 60, 1)


@pytest.mark.anyio
@pytest.mark.promise("A62")
async def test_where_a_server_is_installed_is_looked_up_once_until_it_is_released(tmp_path: Path) -> None:
    nature = json.dumps(json.dumps({"tools": {"count_words": "Count the words of a text."}}))
    program = tmp_path / "counter.py"
    program.write_text(PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})"))
    shelf, files = Shelf(), Counting()
    shelf.offer_file(program, summary="Counts the words of a text.")

    def host() -> ViableSystem:
        settings = Settings(state=tmp_path / "state", autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
        world, policy = World(files=files), Policy(allow=("file:*",))
        return ViableSystem(settings, shelf=shelf, sources=(shelf,), world=world, policy=policy)

    async with host() as vsm:
        await vsm.acquire_capability("count words")
    async with host() as vsm:
        looked_up = files.looked_at.count("servers")
        for _ in range(20):
            await vsm.execute(counting("one two"))
        assert files.looked_at.count("servers") == looked_up > 0
        await vsm.release_capability("counter")
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.system1.execute(counting("one two"))


@pytest.mark.anyio
@pytest.mark.promise("B54")
async def test_a_thousand_kinds_of_demand_are_told_apart_and_no_more_are_kept(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        for number in range(5000):
            vsm.parts.variety.observe(f"kind {number}", Stage.UNKNOWN)
        stats = vsm.cache_stats()["kinds"]
    assert stats.size == stats.max_size == 1000
    assert (stats.misses, stats.hit_rate) == (5000, 0.0)


@pytest.mark.anyio
async def test_a_batch_that_lacks_one_thing_acquires_it_once(tmp_path: Path) -> None:
    heard = list[Event]()
    async with system(tmp_path, heard=heard) as vsm:
        outcome = await execute_in_batches(vsm.execute, [counting("word " * number) for number in range(1, 16)])
        assert [one.text for one in outcome.outcomes] == [f"{number}" for number in range(1, 16)]
        assert (outcome.batches, len(vsm.acquisitions)) == (2, 1)
    assert sum(isinstance(event, CapabilityAdopted) for event in heard) == 1
