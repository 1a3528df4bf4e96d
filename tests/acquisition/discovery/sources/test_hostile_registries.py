"""A registry that lies, drowns or hangs costs nothing but its own entries, and the result names it."""

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import anyio
import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.result import SourceState
from vsm_mcp.acquisition.discovery.sources.registry import McpRegistrySource
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.events import SourceFailed
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.settings.settings import Settings
from vsm_mcp.testing.registry import FakeRegistry
from vsm_mcp.testing.world import FakeClock, RecordingSink, Request
from vsm_mcp.world.http import Http, HttpClient, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.security]

BASE = "http://bad.test"
NAME = "registry:bad.test"


def clock_server(name: str = "org.test/clock") -> JsonObject:
    package: JsonValue = {"registryType": "npm", "identifier": name.partition("/")[2], "version": "1.0.0"}
    return {"name": name, "description": "Tells the time.", "packages": [package]}


def told(value: JsonValue) -> Reply:
    return Reply(status=200, body=json.dumps(value).encode())


def circle(_: Request) -> Reply:
    return told({"servers": [{"server": clock_server()}], "metadata": {"nextCursor": "again"}})


def shelf() -> Shelf:
    good = Shelf()
    good.offer("good-clock", object, summary="Tells the time.")
    return good


class Hasty(Random):
    """Waits no longer than it must."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


class Slowest(Random):
    """Waits as long as it may."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Hanging:
    """A registry that never answers."""

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
        await anyio.sleep_forever()
        return Reply(status=200)


def answering(answer: Callable[[Request], Reply] | Reply) -> FakeRegistry:
    registry = FakeRegistry(FakeClock(), base_url=BASE)
    registry.answer_next(*[answer] * 50)
    return registry


TROUBLES: Mapping[str, tuple[Http, str]] = {
    "it hangs": (Hanging(), "did not answer within 0.2 seconds"),
    "it fails": (answering(Reply(status=500)), "answered 500, 6 times"),
    "it refuses": (answering(Reply(status=404)), "answered 404"),
    "it rests": (answering(Reply(status=503, headers={"retry-after": "900"})), "wants to be left alone"),
    "it sends 50 MB": (answering(Reply(status=200, body=bytes(50_000_000))), "more than 5000000 bytes"),
    "it goes in circles": (answering(circle), "go in circles after 2 of them"),
    "it sends a page for people": (answering(Reply(status=200, body=b"<html>")), "not readable JSON"),
    "its schema has changed": (answering(told({"results": [clock_server()]})), "no list of servers"),
    "its entries have changed": (answering(told({"servers": [{"id": 1}, {"id": 2}]})), "None of the 2 entries"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.promise("A42", "C14")
async def test_the_other_sources_are_found_and_the_failing_one_is_named(trouble: str) -> None:
    http, said = TROUBLES[trouble]
    sink = RecordingSink()
    bad = McpRegistrySource(BASE, http, FakeClock(), random=Hasty())
    with anyio.fail_after(5):
        found = await MCPDiscovery((shelf(), bad), timeout=0.2, emit=sink).find("time")
    assert [entry.candidate.name for entry in found] == ["good-clock"]
    assert list(found.errors) == [NAME]
    assert said in found.errors[NAME]
    assert said in str(found)
    assert found.sources[1].state is SourceState.FAILED
    assert [event.source for event in sink.of(SourceFailed)] == [NAME]


@pytest.mark.parametrize("after", [timedelta(hours=2), timedelta(days=8)])
@pytest.mark.parametrize("trouble", sorted(set(TROUBLES) - {"it hangs"}))
async def test_what_it_listed_before_stays_in_use(trouble: str, after: timedelta) -> None:
    clock = FakeClock()
    registry = FakeRegistry(clock, base_url=BASE)
    registry.publish(clock_server())
    discovery = MCPDiscovery((McpRegistrySource(BASE, registry, clock, random=Hasty()),), clock=clock, fresh=0.001)
    assert [entry.candidate.name for entry in await discovery.find("time")] == ["org.test/clock"]
    clock.advance(after)
    http, said = TROUBLES[trouble]
    assert isinstance(http, FakeRegistry)
    reply = await http.send("GET", f"{BASE}/v0.1/servers?limit=1", limit=100_000_000)
    registry.answer_next(*[reply] * 6)
    found = await discovery.find("the time")
    assert [entry.candidate.name for entry in found] == ["org.test/clock"]
    assert (found.sources[0].state, said in found.errors[NAME]) == (SourceState.KEPT, True)


@pytest.mark.virtual_time
@pytest.mark.promise("B66")
async def test_a_search_waits_long_enough_to_hear_why_a_registry_fails_however_often_it_is_asked() -> None:
    bad = McpRegistrySource(BASE, answering(Reply(status=500)), FakeClock(), random=Slowest())
    found = await MCPDiscovery((shelf(), bad)).find("time")
    assert found.errors == {NAME: f"{NAME} answered 500, 6 times."}
    assert Settings().discovery_timeout == 15


@contextmanager
def drowning() -> Generator[str]:
    """Serve 50 MB for every address on this machine."""

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
            """Say nothing."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(50):
                    self.wfile.write(b" " * 1_000_000)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing."""

    listening = Quiet(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


async def test_fifty_megabytes_over_the_wire_are_not_read_to_the_end() -> None:
    with drowning() as address:
        bad = McpRegistrySource(address, HttpClient(), FakeClock())
        with anyio.fail_after(20):
            found = await MCPDiscovery((shelf(), bad), timeout=10).find("time")
    assert [entry.candidate.name for entry in found] == ["good-clock"]
    assert "answered with more than 5000000 bytes" in found.errors[bad.name]
