"""What a registry answered is used for as long as the settings say, and not a moment longer."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Confinement, Settings, Shelf, ViableSystem
from vsm_mcp.model.json import JsonValue
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock, ScriptedHttp, fake_world
from vsm_mcp.world.http import Reply
from vsm_mcp.world.processes import LocalProcesses

BASE = "https://registry.example"
CLOCK: Mapping[str, JsonValue] = {
    "name": "io.example/clock",
    "description": "Tells the time in any zone.",
    "version": "1.0.0",
    "packages": [{"registryType": "npm", "identifier": "clock-server", "version": "1.0.0"}],
}


@pytest.mark.anyio
@pytest.mark.promise("B9", "B34")
async def test_a_registry_is_asked_again_after_the_ten_minutes_that_were_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSM_CACHE_TTL_SECONDS", "600")
    listed: JsonValue = {"servers": [{"server": dict(CLOCK)}], "metadata": {}}
    http, clock = ScriptedHttp({f"{BASE}/*": Reply(status=200, body=json.dumps(listed).encode())}), FakeClock()
    settings = Settings(state=tmp_path, registries=(BASE,), sandbox=Confinement.NONE)
    world = fake_world(http=http, clock=clock, processes=LocalProcesses())

    def asked() -> int:
        return sum(request.url.startswith(BASE) for request in http.requests)

    async with ViableSystem(settings, world=world) as vsm:
        for minutes, times in ((0, 1), (0, 1), (9, 1), (1, 2), (9, 2), (1, 3)):
            clock.advance(timedelta(minutes=minutes))
            found = await vsm.discover_servers("tell the time")
            assert "io.example/clock" in {ranked.candidate.name for ranked in found.ranked}
            with anyio.fail_after(5):
                while asked() < times:  # in the background
                    await vsm.discover_servers("tell the time")
            assert asked() == times


def settings(state: Path) -> Settings:
    odd = ("memory:odd",)
    return Settings(state=state, allow=odd, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, registries=())


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@pytest.mark.anyio
@pytest.mark.promise("C22", "C75")
async def test_a_server_that_proved_itself_is_found_by_its_tools_from_then_on_also_by_the_next_process(
    tmp_path: Path,
) -> None:
    def system() -> ViableSystem:
        shelf = Shelf()
        shelf.offer("odd", lambda: memory_server({"count_words": count_words}))
        return ViableSystem(settings(tmp_path), shelf=shelf, sources=(shelf,))

    async with system() as vsm:
        assert not (await vsm.discover_servers("count words")).ranked
        await vsm.acquire_capability("anything", server="odd")
        (found,) = result = await vsm.discover_servers("count words")
        assert found.why[-1] == "proved itself here x1.05"
        assert (found.tools, found.said_by["tools"]) == (("count_words",), "learned")
        assert "  count_words  " in str(result)
        assert result.model_dump(mode="json")["ranked"][0]["tools"] == ["count_words"]
    async with system() as vsm:
        (found,) = await vsm.discover_servers("count words")
        assert (found.candidate.name, found.tools) == ("odd", ("count_words",))
        (listed,) = await vsm.discover_servers()
        assert (listed.candidate, listed.tools) == (found.candidate, found.tools)
        reports = await vsm.rediscover_servers()
    assert {report.name for report in reports} == {"shelf", "learned"}
    assert (reports.added, reports.removed, reports.changed) == ((), (), ())


@pytest.mark.anyio
async def test_what_was_learnt_can_be_lost_and_nothing_else_with_it(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("odd", lambda: memory_server({"count_words": count_words}))
    learned = tmp_path / "discovery" / "learned.json"
    learned.parent.mkdir(parents=True)
    learned.write_text("[")
    async with ViableSystem(settings(tmp_path), shelf=shelf, sources=(shelf,)) as vsm:
        report = await vsm.acquire_capability("anything", server="odd")
        assert report.server == "odd"
        found = await vsm.discover_servers("odd")
    assert list(found.errors) == ["learned"]
    assert learned.read_text() == "["
