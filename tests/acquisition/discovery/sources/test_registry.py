"""An MCP registry as a source: read whole once, then what changed; over real HTTP and from a fake."""

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.acquisition.discovery.sources import pages
from vsm_mcp.acquisition.discovery.sources.registry import (
    GOES_ON_FOR,
    KEPT_FOR,
    WHOLE_AFTER,
    McpRegistrySource,
)
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.events import SourceRead
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.testing.registry import FakeRegistry
from vsm_mcp.testing.world import FakeClock, MemorySecrets, RecordingSink
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.http import Http, HttpClient, Reply

pytestmark = pytest.mark.anyio

BASE = "http://registry.test"
MINUTE = timedelta(minutes=1)


def server(number: int, **changes: JsonValue) -> JsonObject:
    package: JsonValue = {"registryType": "npm", "identifier": f"tool-{number}", "version": "1.0.0"}
    return {
        "name": f"org.test/tool-{number}",
        "description": f"Does job{number}.",
        "packages": [package],
        "repository": {"url": f"https://code.test/tool-{number}"},
        **changes,
    }


def filled(
    servers: int, clock: FakeClock | None = None, *, page: int = 100, tells_changes: bool = True, tags: bool = False
) -> FakeRegistry:
    registry = FakeRegistry(clock or FakeClock(), most_per_page=page, tells_changes=tells_changes, tags=tags)
    for number in range(servers):
        registry.publish(server(number))
    return registry


def source(http: Http, clock: FakeClock | None = None, base: str = BASE + "/") -> McpRegistrySource:
    return McpRegistrySource(base, http, clock or FakeClock(), random=Random(1))  # noqa: S311 - it repeats itself


def names(listing: Listing) -> list[str]:
    return sorted(one.name.rpartition("/")[2] for one in listing.candidates)


def wishes(registry: FakeRegistry) -> list[Mapping[str, str]]:
    return [{k: v[0] for k, v in parse_qs(urlsplit(one.url).query).items()} for one in registry.requests]


@contextmanager
def served(page: Callable[[Mapping[str, str]], JsonValue]) -> Generator[str]:
    """Serve pages on this machine and yield the address."""

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
            """Say nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.send_response(200 if parts.path == "/v0.1/servers" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(page({k: v[0] for k, v in parse_qs(parts.query).items()})).encode())

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@pytest.mark.promise("A42", "C14")
async def test_a_registry_is_read_over_http_page_by_page_and_ranked_here() -> None:
    clock = {**server(250), "name": "io.github.acme/clock", "description": "Tells the time in any zone."}
    entries: list[JsonValue] = [*(server(number) for number in range(250)), clock]

    def page(asked: Mapping[str, str]) -> JsonValue:
        start = int(asked.get("cursor", "0"))
        following = str(start + 100) if start + 100 < len(entries) else None
        return {"servers": entries[start : start + 100], "metadata": {"nextCursor": following}}

    with served(page) as address:
        found = await MCPDiscovery((McpRegistrySource(address, HttpClient(), FakeClock()),)).find("what time is it")
    assert found.ranked[0].candidate.name == "io.github.acme/clock"
    assert found.sources[0].servers == 251


async def test_real_entries_in_the_official_shape_are_read(published_data: Path) -> None:
    told: JsonValue = json.loads((published_data / "fixtures" / "registry_v01_npm_servers.json").read_bytes())
    with served(lambda _: told) as address:
        registered = McpRegistrySource(address, HttpClient(), FakeClock())
        listing = await registered.listing(None)
        found = await MCPDiscovery((registered,)).find("read and write files")
    assert (len({one.name for one in listing.candidates}), listing.omitted) == (100, 0)
    assert all(one.package.ecosystem == "npm" and one.summary for one in listing.candidates)
    assert "io.github.modelcontextprotocol/server-filesystem" in [one.candidate.name for one in found.ranked]


async def test_all_pages_are_read_once_with_an_event_for_each() -> None:
    registry, sink = filled(250), RecordingSink()
    listing = await McpRegistrySource(BASE, registry, FakeClock(), emit=sink).listing(None)
    assert len(listing.candidates) == 250
    assert [event.servers for event in sink.of(SourceRead)] == [100, 200, 250]
    assert {event.source for event in sink.of(SourceRead)} == {"registry:registry.test"}
    assert registry.requests[0].url == f"{BASE}/v0.1/servers?limit=100&version=latest"


async def test_it_is_asked_once_an_hour_unless_one_says_otherwise() -> None:
    assert source(filled(0)).fresh_for == KEPT_FOR == timedelta(hours=1)
    assert McpRegistrySource(BASE, filled(0), FakeClock(), fresh_for=MINUTE).fresh_for == MINUTE


async def test_later_only_what_changed_is_asked_for_with_a_bit_of_overlap() -> None:
    clock = FakeClock()
    registry = filled(3, clock)
    registered = source(registry, clock)
    first = await registered.listing(None)
    clock.advance(timedelta(hours=1))
    registry.publish(server(1, packages=[{"registryType": "pypi", "identifier": "tool-one", "version": "2"}]))
    registry.publish(server(7))
    second = await registered.listing(first)
    assert wishes(registry)[1:] == [{"limit": "100", "updated_since": "2025-12-31T23:55:00Z"}]
    assert names(second) == ["tool-0", "tool-1", "tool-2", "tool-7"]
    assert [str(one.package) for one in second.candidates if one.name == "org.test/tool-1"] == ["pypi:tool-one@2"]
    clock.advance(timedelta(hours=1))
    assert await source(registry, clock).listing(second) is second
    assert wishes(registry)[-1]["updated_since"] == "2026-01-01T00:55:00Z"


async def test_a_later_process_asks_only_for_what_changed_since(tmp_path: Path) -> None:
    clock = FakeClock()
    registry = filled(3, clock)
    for hours, found in ((0, 3), (2, 4), (0.5, 4), (1, 4)):
        clock.advance(timedelta(hours=hours))
        discovery = MCPDiscovery((source(registry, clock),), clock=clock, snapshots=Snapshots(LocalFiles(), tmp_path))
        assert (await discovery.find("job1")).sources[0].servers == found
        registry.publish(server(7))
    whole, *later = wishes(registry)
    assert whole == {"limit": "100", "version": "latest"}
    assert [wish["updated_since"] for wish in later] == ["2025-12-31T23:55:00Z", "2026-01-01T01:55:00Z"]


async def test_what_is_taken_back_goes_and_what_was_an_image_may_become_a_package() -> None:
    clock = FakeClock()
    registry = filled(3, clock)
    image: JsonValue = {"registryType": "oci", "identifier": "images.test/tool"}
    registry.publish(server(8, packages=[image]))
    registry.publish(server(9, packages=[image]))
    registered = source(registry, clock)
    known = await registered.listing(None)
    assert [one.name for one in known.descriptions] == ["org.test/tool-8", "org.test/tool-9"]
    clock.advance(MINUTE)
    registry.delete("org.test/tool-1")
    registry.delete("org.test/tool-8")
    registry.publish(server(9))
    registry.publish(server(0, packages=[image]))
    known = await registered.listing(known)
    assert names(known) == ["tool-2", "tool-9"]
    assert [one.name for one in known.descriptions] == ["org.test/tool-0"]
    assert names(await source(registry, clock).listing(None)) == ["tool-2", "tool-9"]


@pytest.mark.security
async def test_who_takes_back_a_server_takes_back_no_package_of_another_one() -> None:
    clock = FakeClock()
    registry = filled(2, clock)
    registered = source(registry, clock)
    clock.advance(60 * MINUTE)
    known = await registered.listing(None)
    clock.advance(MINUTE)
    registry.publish({**server(1), "name": "org.evil/tool"})
    registry.delete("org.evil/tool")
    known = await registered.listing(known)
    assert sorted(one.name for one in known.candidates) == ["org.test/tool-0", "org.test/tool-1"]


def official(told: JsonObject, **facts: JsonValue) -> JsonValue:
    return {"server": told, "_meta": {"io.modelcontextprotocol.registry/official": facts}}


def page_of(*entries: JsonValue, cursor: JsonValue = None) -> Reply:
    return Reply(status=200, body=json.dumps({"servers": entries, "metadata": {"nextCursor": cursor}}).encode())


async def test_an_old_version_that_is_taken_back_does_not_take_the_newest_one_along() -> None:
    clock = FakeClock()
    registry = filled(2, clock)
    registered = source(registry, clock)
    known = await registered.listing(None)
    old = server(1, packages=[{"registryType": "npm", "identifier": "tool-1", "version": "0.9.0"}])
    registry.answer_next(page_of(official(old, status="deleted", isLatest=False)))
    assert names(await registered.listing(known)) == ["tool-0", "tool-1"]
    registry.answer_next(page_of(official(server(1), status="deleted", isLatest=False)))
    assert names(await registered.listing(known)) == ["tool-0"]
    bare: JsonObject = {"name": "org.test/tool-0"}
    registry.answer_next(page_of(official(bare, status="deleted"), official(server(1), status="active")))
    assert names(await registered.listing(known)) == ["tool-1"]


async def test_of_several_versions_the_newest_counts_whatever_the_order() -> None:
    old = server(1, packages=[{"registryType": "npm", "identifier": "tool-1", "version": "0.1.0"}])
    said = (official(old), official(server(1), isLatest=True), official(old), official(old, isLatest=False))
    registry = filled(0)
    registry.answer_next(page_of(*said))
    (candidate,) = (await source(registry).listing(None)).candidates
    assert candidate.version == "1.0.0"


@pytest.mark.parametrize("days", [0.5, 6.9])
async def test_a_single_change_that_makes_no_sense_is_counted_and_the_source_goes_on(days: float) -> None:
    clock = FakeClock()
    registry = filled(2, clock)
    registered = source(registry, clock)
    known = await registered.listing(None)
    clock.advance(timedelta(days=days))
    registry.answer_next(page_of({"id": 1}))
    later = await registered.listing(known)
    assert (names(later), later.omitted) == (["tool-0", "tool-1"], 1)
    registry.answer_next(page_of({"id": 1}))
    assert await registered.listing(later) is later
    registry.answer_next(page_of({"id": 1}, {"id": 2}, official(server(2))))
    last = await registered.listing(later)
    assert (names(last), last.omitted) == (["tool-0", "tool-1", "tool-2"], 2)


@pytest.mark.parametrize("days", [0, 6.9, 7.1, -1])
async def test_everything_is_read_again_after_a_week_or_when_the_clock_was_set_back(days: float) -> None:
    clock = FakeClock()
    registry = filled(1, clock)
    known = await source(registry, clock).listing(None)
    clock.advance(timedelta(days=days))
    await source(registry, clock).listing(known)
    assert ("updated_since" in wishes(registry)[-1]) is (0 <= days < WHOLE_AFTER.days)


@pytest.mark.security
@pytest.mark.parametrize("mark", ["", "{", "5", "{}", '{"since": "now", "whole": "now"}', "\ud800"])
async def test_a_mark_that_makes_no_sense_means_reading_everything(mark: str) -> None:
    registry = filled(1)
    assert names(await source(registry).listing(Listing(mark=mark))) == ["tool-0"]
    assert "version" in wishes(registry)[0]


async def test_a_registry_that_cannot_tell_what_changed_is_read_whole() -> None:
    registry = filled(2, tells_changes=False)
    registered = source(registry)
    known = await registered.listing(None)
    registry.publish(server(2))
    assert names(await registered.listing(known)) == ["tool-0", "tool-1", "tool-2"]
    assert len(registry.requests) == 3


async def test_a_registry_that_refuses_for_another_reason_is_not_read_whole() -> None:
    registry = filled(2)
    registered = source(registry)
    known = await registered.listing(None)
    registry.answer_next(Reply(status=403))
    with pytest.raises(ConfigurationError, match="answered 403"):
        await registered.listing(known)
    assert len(registry.requests) == 2


async def test_a_single_page_with_a_tag_is_not_sent_twice() -> None:
    registry = filled(2, tags=True)
    registered = source(registry)
    known = await registered.listing(None)
    assert await registered.listing(known) is known
    assert registry.requests[1].headers["if-none-match"]
    registry.publish(server(2))
    assert names(await registered.listing(known)) == ["tool-0", "tool-1", "tool-2"]
    large = filled(3, page=2, tags=True)
    known = await source(large).listing(None)
    await source(large).listing(known)
    assert all("if-none-match" not in request.headers for request in large.requests)


async def test_many_at_once_ask_one_after_the_other() -> None:
    registry = filled(1)
    registered = source(registry)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(registered.listing, None)
    assert len(registry.requests) == 3


class Slow:
    """An answer that does not come while the gate is shut."""

    def __init__(self, registry: FakeRegistry, *, after: int) -> None:
        self._registry = registry
        self._left = after
        self.reached = anyio.Event()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = 0,
        cafile: str | None = None,
    ) -> Reply:
        if self._left == 0:
            self._left = -1
            self.reached.set()
            await anyio.sleep_forever()
        self._left -= 1
        return await self._registry.send(method, url, headers=headers, limit=limit)


async def test_a_reading_that_was_cancelled_goes_on_where_it_was() -> None:
    registry = filled(5, page=1)
    slow = Slow(registry, after=3)
    registered = source(slow)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(registered.listing, None)
        with anyio.fail_after(5):
            await slow.reached.wait()
        tasks.cancel_scope.cancel()
    assert len(registry.requests) == 3
    assert len((await registered.listing(None)).candidates) == 5
    assert len(registry.requests) == 5


async def test_a_reading_that_failed_goes_on_where_it_was_but_not_after_a_day() -> None:
    for later, requests in ((timedelta(), 5), (GOES_ON_FOR + MINUTE, 7)):
        clock = FakeClock()
        registry = filled(4, clock, page=1)
        registered = source(registry, clock)
        registry.answer_next(None, None, Reply(status=200, body=b"<html>"))
        with pytest.raises(PayloadError, match="is not readable JSON"):
            await registered.listing(None)
        clock.advance(later)
        assert len((await registered.listing(None)).candidates) == 4
        assert len(registry.requests) == requests


async def test_a_cursor_that_has_become_unknown_means_beginning_anew() -> None:
    registry = filled(3, page=1)
    registered = source(registry)
    registry.answer_next(None, Reply(status=200, body=b"<html>"))
    with pytest.raises(PayloadError):
        await registered.listing(None)
    registry.answer_next(Reply(status=400))
    assert len((await registered.listing(None)).candidates) == 3
    assert [wish.get("cursor") for wish in wishes(registry)] == [None, "1", "1", None, "1", "2"]


@pytest.mark.security
async def test_one_bad_entry_does_not_spoil_the_page_and_is_counted() -> None:
    registry = filled(0)
    registry.answer_next(page_of(None, 5, {"server": {"name": "no slash"}}, official(server(1)), {"server": []}))
    listing = await source(registry).listing(None)
    assert (names(listing), listing.omitted) == (["tool-1"], 4)
    registry.answer_next(page_of(None, official(server(2))))
    changed = await source(registry).listing(listing)
    assert (names(changed), changed.omitted) == (["tool-1", "tool-2"], 4)


@pytest.mark.security
@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Reply(status=200, body=b"<html>"), "not readable JSON"),
        (Reply(status=200, body=b"[" * 100_000), "not readable JSON"),
        (Reply(status=200, body=b'{"items": []}'), "no list of servers"),
        (Reply(status=200, body=b'{"servers": {}}'), "no list of servers"),
        (page_of({"package": "x"}, {"id": 1}), "None of the 2 entries of registry:registry.test makes sense"),
        (page_of(cursor={"at": 5}), "where the next one is"),
        (page_of(cursor="x" * 5000), "where the next one is"),
        (Reply(status=200, body=bytes(50_000_000)), "more than 5000000 bytes"),
    ],
)
async def test_pages_that_make_no_sense_are_an_error(page: Reply, said: str) -> None:
    registry = filled(1)
    registered = source(registry)
    registry.answer_next(page)
    with pytest.raises(PayloadError, match=said):
        await registered.listing(None)
    assert names(await registered.listing(None)) == ["tool-0"]


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def lines_of(*odd: bytes) -> Reply:
    """Return a page with a good server, and one that says something odd where publishers may, for each."""
    entries = [json.dumps(server(0)).encode()]
    for number, said in enumerate(odd, start=1):
        provided = b'"_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"a": %b}}, ' % said
        entries.append(json.dumps(server(number)).encode().replace(b"{", b"{" + provided, 1))
    return Reply(status=200, body=b'{"servers": [%b], "metadata": {}}' % b", ".join(entries))


@pytest.mark.security
async def test_what_one_publisher_nests_too_deeply_or_writes_with_too_many_digits_costs_nobody_anything() -> None:
    registry = filled(0)
    registry.answer_next(lines_of(nested(1500), b"9" * 5000, b"-" + b"9" * 5000, nested(400_000)))
    listing = await source(registry).listing(None)
    assert (names(listing), listing.omitted) == (["tool-0", "tool-1", "tool-2", "tool-3", "tool-4"], 0)


@pytest.mark.security
async def test_an_entry_that_is_nothing_but_deep_is_counted() -> None:
    registry = filled(0)
    body = b'{"servers": [%b, %b, {"server": %b}]}' % (nested(1500), json.dumps(server(1)).encode(), nested(1500))
    registry.answer_next(Reply(status=200, body=body))
    listing = await source(registry).listing(None)
    assert (names(listing), listing.omitted) == (["tool-1"], 2)


@pytest.mark.security
async def test_a_cursor_with_too_many_digits_is_not_taken_for_the_last_page() -> None:
    registry = filled(0)
    registry.answer_next(Reply(status=200, body=b'{"servers": [], "metadata": {"nextCursor": %b}}' % (b"9" * 5000)))
    with pytest.raises(PayloadError, match="where the next one is"):
        await source(registry).listing(None)


@pytest.mark.security
@pytest.mark.parametrize(("cursors", "requests"), [("ab", 3), ("a", 2)])
async def test_a_cursor_that_goes_in_circles_is_an_error(cursors: str, requests: int) -> None:
    registry = filled(1)
    registered = source(registry)
    registry.answer_next(*(page_of(official(server(1)), cursor=cursor) for cursor in (cursors * 5)[:requests]))
    with pytest.raises(PayloadError, match=f"go in circles after {requests} of them"):
        await registered.listing(None)
    assert len(registry.requests) == requests
    assert names(await registered.listing(None)) == ["tool-0"]
    assert "cursor" not in wishes(registry)[-1]


@pytest.mark.security
@pytest.mark.parametrize(("size", "entries", "pages"), [(0, 0, 600), (4_900_000, 0, 21), (0, 6000, 10)])
async def test_pages_without_end_are_an_error(size: int, entries: int, pages: int) -> None:
    registry = filled(0)
    filling = "x" * size
    for number in range(1000):
        page = {"servers": [None] * entries, "metadata": {"nextCursor": number}, "filling": filling}
        registry.answer_next(lambda _, page=page: Reply(status=200, body=json.dumps(page).encode()))
    with pytest.raises(PayloadError, match=f"do not end after {pages} of them"):
        await source(registry).listing(None)


@pytest.mark.parametrize("told", [{"nextCursor": ""}, {"nextCursor": None}, {}, {"next_cursor": ""}, 5])
async def test_the_last_page_has_no_cursor(told: JsonValue) -> None:
    registry = filled(0)
    body = json.dumps({"servers": [official(server(1))], "metadata": told}).encode()
    registry.answer_next(Reply(status=200, body=body))
    assert names(await source(registry).listing(None)) == ["tool-1"]


@pytest.mark.parametrize("key", ["nextCursor", "next_cursor"])
async def test_a_cursor_is_a_text_or_a_number(key: str) -> None:
    registry = filled(0)
    body = json.dumps({"servers": [], "metadata": {key: 5}}).encode()
    registry.answer_next(Reply(status=200, body=body), page_of(official(server(1))))
    assert names(await source(registry).listing(None)) == ["tool-1"]
    assert wishes(registry)[1]["cursor"] == "5"


@pytest.mark.parametrize(("status", "remedy"), [(401, "headers"), (403, "headers"), (404, "address"), (301, "address")])
async def test_a_registry_that_refuses_says_what_to_do(status: int, remedy: str) -> None:
    registry = filled(1)
    registry.answer_next(Reply(status=status))
    with pytest.raises(ConfigurationError, match=f"answered {status}") as refused:
        await source(registry).listing(None)
    assert remedy in refused.value.remedies[0]


@pytest.mark.security
@pytest.mark.parametrize("tag", ["x" * 300, "é", "a\x00b"])
async def test_a_tag_that_could_not_be_sent_back_is_not_used(tag: str) -> None:
    registry = filled(1)
    registered = source(registry)
    page = page_of(official(server(1)))
    registry.answer_next(Reply(status=200, headers={"etag": tag}, body=page.body))
    await registered.listing(await registered.listing(None))
    assert "if-none-match" not in registry.requests[1].headers


@pytest.mark.security
async def test_a_private_registry_is_given_its_headers_by_reference() -> None:
    registry = FakeRegistry(FakeClock(), base_url="https://registry.test/company")
    registry.publish(server(1))
    registered = McpRegistrySource(
        "https://registry.test/company",
        registry,
        FakeClock(),
        headers={"Authorization": "env:TOKEN"},
        secrets=MemorySecrets({"env:TOKEN": "Bearer s3"}),
    )
    assert names(await registered.listing(None)) == ["tool-1"]
    assert registry.requests[0].headers["Authorization"] == "Bearer s3"
    assert "s3" not in repr(vars(registered))


@pytest.mark.security
@pytest.mark.parametrize(
    ("address", "headers", "said"),
    [
        ("", {}, "http or https"),
        ("registry.test", {}, "http or https"),
        ("file:///etc", {}, "http or https"),
        ("http://", {}, "not the name of a host"),
        ("https://u:p@registry.test", {}, "a user or a password"),
        ("https://registry.test/?key=5", {}, "has a query"),
        ("https://registry.test", {"Authorization": "Bearer x"}, "by reference"),
        ("http://registry.test", {"Authorization": "env:TOKEN"}, "unencrypted"),
        ("https://registry.test", {"accept": "env:TOKEN"}, "cannot be given"),
    ],
)
def test_what_cannot_be_a_registry_is_refused_at_once(address: str, headers: Mapping[str, str], said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        McpRegistrySource(address, filled(0), FakeClock(), headers=headers)


def test_its_name_is_its_address() -> None:
    assert source(filled(0)).name == "registry:registry.test"
    assert repr(source(filled(0), base="http://h.test:81/x/")) == "McpRegistrySource('registry:h.test:81/x')"


@pytest.mark.security
def test_its_identity_is_the_whole_address_and_with_which_references_it_is_asked() -> None:
    def identity(base: str, **headers: str) -> str:
        return McpRegistrySource(base, filled(0), FakeClock(), headers=headers).identity

    own = identity("https://h.test/x", Authorization="env:A")
    assert identity("https://H.test/x/", authorization="env:A") == own
    others = (
        identity("https://h.test/x"),
        identity("https://h.test/x", Authorization="env:B"),
        identity("https://h.test/x", Authorization="env:A", Team="env:B"),
        identity("https://h.test/y", Authorization="env:A"),
        identity("http://h.test/x"),
        identity("http://h.test:81/x"),
    )
    assert len({own, *others}) == 7


@pytest.mark.security
async def test_a_registry_whose_servers_have_too_many_tools_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_TOOLS_IN_ALL", 10)
    registry = FakeRegistry(FakeClock(), most_per_page=1)
    for number in range(3):
        registry.publish(server(number, tools=["a", "b", "c", "d"]))
    registered = source(registry)
    for _ in range(2):
        with pytest.raises(PayloadError, match="more than 10 tools in all"):
            await registered.listing(None)
    assert len(registry.requests) == 6
    one_page = FakeRegistry(FakeClock())
    one_page.publish(server(1, tools=["tool"] * 11))
    with pytest.raises(PayloadError, match="more than 10 tools in all"):
        await source(one_page).listing(None)
