"""The registry in memory answers as a registry does."""

import json
from datetime import timedelta

import pytest

from vsm_mcp.acquisition.discovery.reading import items, mapping
from vsm_mcp.errors import LinkError, PayloadError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.testing.registry import FakeRegistry
from vsm_mcp.testing.world import FakeClock, Request
from vsm_mcp.world.http import Reply

pytestmark = pytest.mark.anyio

SERVERS = "http://registry.test/v0.1/servers?"


def entry(name: str, version: str = "1.0.0") -> JsonObject:
    return {"name": f"org.test/{name}", "version": version}


async def page(registry: FakeRegistry, query: str) -> JsonObject:
    reply = await registry.send("GET", SERVERS + query)
    assert reply.status == 200
    return mapping(json.loads(reply.body))


async def listed(registry: FakeRegistry, query: str) -> list[str]:
    entries = [mapping(one) for one in items((await page(registry, query)).get("servers"), 100)]
    meta = [mapping(mapping(one["_meta"])["io.modelcontextprotocol.registry/official"]) for one in entries]
    servers = [mapping(one["server"]) for one in entries]
    return [f"{s['name']} {s['version']} {m['status']}" for s, m in zip(servers, meta, strict=True)]


async def test_pages_follow_each_other_by_their_cursor() -> None:
    registry = FakeRegistry(FakeClock(), most_per_page=2)
    for name in "abc":
        registry.publish(entry(name))
    first = await page(registry, "limit=100")
    assert first["metadata"] == {"nextCursor": "2", "count": 2}
    last = await page(registry, "limit=100&cursor=2")
    assert last["metadata"] == {"nextCursor": None, "count": 1}


async def test_versions_changes_and_what_was_taken_back_are_told_when_asked_for() -> None:
    clock = FakeClock()
    registry = FakeRegistry(clock)
    registry.publish(entry("a"))
    registry.publish(entry("b"))
    clock.advance(timedelta(hours=1))
    registry.publish(entry("a", "2.0.0"))
    registry.delete("org.test/b")
    assert await listed(registry, "version=latest") == ["org.test/a 2.0.0 active"]
    assert await listed(registry, "") == ["org.test/a 1.0.0 active", "org.test/a 2.0.0 active"]
    assert len(await listed(registry, "include_deleted=true")) == 3
    changed = await listed(registry, "updated_since=2026-01-01T00:30:00Z")
    assert changed == ["org.test/b 1.0.0 deleted", "org.test/a 2.0.0 active"]


async def test_failures_come_when_they_are_ordered() -> None:
    registry = FakeRegistry(FakeClock())
    registry.answer_next(None, Reply(status=500), LinkError("No answer."), lambda asked: Reply(status=len(asked.url)))
    assert [(await registry.send("GET", SERVERS)).status for _ in range(2)] == [200, 500]
    with pytest.raises(LinkError):
        await registry.send("GET", SERVERS)
    assert (await registry.send("GET", "x" * 201)).status == 201
    assert (await registry.send("GET", "http://elsewhere.test")).status == 404
    assert (await registry.send("POST", SERVERS)).status == 404
    assert registry.requests[0] == Request(method="GET", url=SERVERS)
    with pytest.raises(PayloadError):
        await registry.send("GET", SERVERS, limit=10)


async def test_a_registry_may_have_tags_and_may_not_tell_changes() -> None:
    registry = FakeRegistry(FakeClock(), tags=True, tells_changes=False)
    first = await registry.send("GET", SERVERS)
    assert (await registry.send("GET", SERVERS, headers={"if-none-match": first.headers["etag"]})).status == 304
    assert (await registry.send("GET", f"{SERVERS}updated_since=2026-01-01T00:00:00Z")).status == 400
