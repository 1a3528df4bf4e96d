"""How often a registry is asked, and for how long what it answered is used, are as the settings say."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp import Autonomy, Confinement, Settings, Shelf, ViableSystem
from vsm_mcp.errors import LinkError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.testing.registry import FakeRegistry
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import Answer, FakeClock, ScriptedHttp, fake_world
from vsm_mcp.world.http import DEFAULT_LIMIT, Reply
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


@pytest.mark.anyio
@pytest.mark.promise("B34")
async def test_answers_are_given_again_for_the_ten_minutes_that_were_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSM_MCP_DISCOVERY_CACHE_TTL", "600")
    async with ViableSystem(settings(tmp_path), sources=()) as vsm:
        for _ in range(3):
            await vsm.discover_servers("tell the time")
        stats = vsm.cache_stats()["discovery"]
    assert (stats.ttl, stats.hits, stats.misses) == (600, 2, 1)


class Gated(ScriptedHttp):
    """The network, which takes as long as a test says."""

    def __init__(self, routes: Mapping[str, Answer]) -> None:
        super().__init__(routes)
        self.gate = anyio.Event()
        self.gate.set()
        self.waiting = 0

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = DEFAULT_LIMIT,
        cafile: str | None = None,
    ) -> Reply:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        return await super().send(method, url, headers=headers, body=body, limit=limit, cafile=cafile)


def listing(*names: str) -> Reply:
    servers: list[JsonValue] = [{"server": {**CLOCK, "name": name, "packages": [package(name)]}} for name in names]
    return Reply(status=200, body=json.dumps({"servers": servers, "metadata": {}}).encode())


def package(name: str) -> JsonValue:
    return {"registryType": "npm", "identifier": name.partition("/")[2], "version": "1.0.0"}


@pytest.mark.anyio
@pytest.mark.promise("A18", "A60")
async def test_what_was_known_answers_at_once_while_a_registry_is_asked_again_and_when_it_fails(tmp_path: Path) -> None:
    http, clock = Gated({f"{BASE}/*": listing("io.example/clock")}), FakeClock()
    world = fake_world(http=http, clock=clock, processes=LocalProcesses(), random=Hasty())
    settings = Settings(state=tmp_path, registries=(BASE,), sandbox=Confinement.NONE)

    async def known(vsm: ViableSystem, wanted: str = "tell the time") -> set[str]:
        found = await vsm.discover_servers(wanted)
        return {one.candidate.name for one in found} & {"io.example/clock", "io.example/watch"}

    with anyio.fail_after(20):
        async with ViableSystem(settings, world=world) as vsm:
            assert await known(vsm) == {"io.example/clock"}
            clock.advance(timedelta(hours=2))
            http.gate = anyio.Event()
            http.route(f"{BASE}/*", listing("io.example/clock", "io.example/watch"))
            for wanted in ("tell the time", "the time in any zone"):
                assert await known(vsm, wanted) == {"io.example/clock"}
            while not http.waiting:
                await anyio.lowlevel.checkpoint()
            http.gate.set()
            while len(await known(vsm)) < 2:
                await anyio.lowlevel.checkpoint()  # until it is indexed, in a thread
            clock.advance(timedelta(hours=2))
            http.route(f"{BASE}/*", LinkError("Nobody answers."))
            while not (found := await vsm.discover_servers("tell the time")).errors:
                await anyio.lowlevel.checkpoint()  # until it was asked, in the background
            assert found.errors == {"registry:registry.example": "Nobody answers."}
            assert await known(vsm, "the time in any zone") == {"io.example/clock", "io.example/watch"}


@pytest.mark.anyio
@pytest.mark.promise("C150")
async def test_rediscovering_asks_at_once_what_is_not_due_yet_and_says_what_differs(tmp_path: Path) -> None:
    clock = FakeClock()
    registry = FakeRegistry(clock, base_url=BASE)
    settings = Settings(state=tmp_path, registries=(BASE,), sandbox=Confinement.NONE)
    world = fake_world(http=registry, clock=clock, processes=LocalProcesses())
    registry.publish(CLOCK)
    async with ViableSystem(settings, world=world) as vsm:
        await vsm.discover_servers("tell the time")
        registry.delete("io.example/clock")
        registry.publish({**CLOCK, "name": "io.example/watch", "packages": [package("io.example/watch")]})
        before = {one.candidate.name for one in await vsm.discover_servers("tell the time")}
        found = await vsm.rediscover_servers()
        after = {one.candidate.name for one in await vsm.discover_servers("tell the time")}
    assert (found.added, found.removed, found.changed) == (("io.example/watch",), ("io.example/clock",), ())
    assert (before - after, after - before) == ({"io.example/clock"}, {"io.example/watch"})


class Hasty(Random):
    """Makes no pauses."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


@pytest.mark.anyio
@pytest.mark.promise("B66")
@pytest.mark.parametrize(("tries", "times"), [(None, 6), ("2", 2)])
async def test_a_registry_that_fails_is_asked_as_often_as_was_set_and_then_the_search_goes_on_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tries: str | None, times: int
) -> None:
    if tries is not None:
        monkeypatch.setenv("VSM_MCP_REGISTRY_TRIES", tries)
    http = ScriptedHttp({f"{BASE}/*": Reply(status=500)})
    settings = Settings(state=tmp_path, registries=(BASE,), sandbox=Confinement.NONE)
    world = fake_world(http=http, processes=LocalProcesses(), random=Hasty())
    async with ViableSystem(settings, world=world) as vsm:
        found = await vsm.discover_servers("tell the time")
    assert found.errors == {"registry:registry.example": f"registry:registry.example answered 500, {times} times."}
    assert found.ranked  # from the catalogue
    assert sum(request.url.startswith(BASE) for request in http.requests) == times


@pytest.mark.anyio
@pytest.mark.promise("B66")
async def test_a_search_waits_for_a_registry_as_long_as_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSM_HTTP_TIMEOUT_MS", "20")
    http = Gated({})
    http.gate = anyio.Event()
    settings = Settings(state=tmp_path, registries=(BASE,), sandbox=Confinement.NONE)
    with anyio.fail_after(5):
        async with ViableSystem(settings, world=fake_world(http=http, processes=LocalProcesses())) as vsm:
            found = await vsm.discover_servers("tell the time")
    assert found.ranked  # from the catalogue
    said = "It has not answered within 0.02 seconds, and is still being read."
    assert found.errors == {"registry:registry.example": said}


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
