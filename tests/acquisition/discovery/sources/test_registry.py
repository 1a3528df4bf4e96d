"""An MCP registry as a source: real HTTP to a server on this machine, and pages of every shape."""

import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.sources import registry
from vsm_mcp.acquisition.discovery.sources.registry import McpRegistrySource, candidates_of
from vsm_mcp.errors import LinkError, PayloadError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import Candidate, Readiness, Variable
from vsm_mcp.testing.world import FakeClock, Request, ScriptedHttp
from vsm_mcp.world.http import HttpClient, Reply

pytestmark = pytest.mark.anyio

BASE = "http://registry.test"
OFFICIAL = "io.modelcontextprotocol.registry/official"
CLOCK: Mapping[str, JsonValue] = {
    "name": "io.github.acme/clock",
    "description": "Tells the time in any zone.",
    "title": "Clock",
    "version": "1.2.0",
    "repository": {"url": "http://code.test/clock", "source": "github"},
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@acme/clock",
            "version": "1.2.0",
            "transport": {"type": "stdio"},
            "packageArguments": [
                {"type": "positional", "value": "serve"},
                {"type": "named", "name": "--zone", "value": "UTC"},
                {"type": "named", "name": "--verbose", "value": ""},
                {"type": "named", "name": "--file", "isRequired": False},
            ],
            "environmentVariables": [
                {"name": "CLOCK_LEVEL", "description": "How\u202e much.", "default": "low"},
                {"name": "CLOCK_KEY", "isSecret": True},
                {"name": "not a name", "isRequired": True},
                "broken",
            ],
        }
    ],
}


def entry(number: int, **changes: JsonValue) -> JsonValue:
    package: JsonValue = {"registryType": "npm", "identifier": f"tool-{number}", "version": "1.0.0"}
    server = {"name": f"org.test/tool-{number}", "description": f"Does job{number}.", "packages": [package], **changes}
    return {"server": server, "_meta": {OFFICIAL: {"status": "active", "isLatest": True}}}


def pages(entries: Sequence[JsonValue], size: int) -> Callable[[str], JsonValue]:
    def page(cursor: str) -> JsonValue:
        start = int(cursor or 0)
        following = str(start + size) if start + size < len(entries) else None
        return {"servers": entries[start : start + size], "metadata": {"nextCursor": following}}

    return page


def scripted(page: Callable[[str], JsonValue]) -> ScriptedHttp:
    def answer(request: Request) -> Reply:
        cursor = parse_qs(urlsplit(request.url).query).get("cursor", [""])[0]
        return Reply(status=200, body=json.dumps(page(cursor)).encode())

    return ScriptedHttp({f"{BASE}/v0.1/servers*": answer})


def source(http: ScriptedHttp, clock: FakeClock | None = None) -> McpRegistrySource:
    return McpRegistrySource(BASE + "/", http, clock or FakeClock())


@contextmanager
def served(page: Callable[[str], JsonValue]) -> Generator[str]:
    """Serve pages on this machine and yield the address."""

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
            """Say nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.send_response(200 if parts.path == "/v0.1/servers" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(page(parse_qs(parts.query).get("cursor", [""])[0])).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.promise("A42")
async def test_a_registry_is_read_over_http_page_by_page_and_ranked_here() -> None:
    entries = [entry(number) for number in range(250)] + [{"server": CLOCK}]
    with served(pages(entries, 100)) as address:
        found = await McpRegistrySource(address, HttpClient(), FakeClock()).search("what time is it", limit=5)
    assert [one.name for one in found] == ["io.github.acme/clock"]


async def test_real_entries_in_the_official_shape_are_read(published_data: Path) -> None:
    told: JsonValue = json.loads((published_data / "fixtures" / "registry_v01_npm_servers.json").read_bytes())
    with served(lambda _: told) as address:
        registered = McpRegistrySource(address, HttpClient(), FakeClock())
        found = await registered.search("read and write files", limit=300)
    assert "io.github.modelcontextprotocol/server-filesystem" in [one.name for one in found[:10]]
    assert all(one.package.ecosystem == "npm" and one.summary for one in found)


async def test_an_entry_becomes_a_candidate_with_all_that_it_says() -> None:
    (candidate,) = candidates_of({"server": CLOCK}, "registry:test")
    assert (candidate.name, candidate.source, candidate.publisher) == (CLOCK["name"], "registry:test", "io.github.acme")
    assert (str(candidate.package), candidate.version) == ("npm:@acme/clock@1.2.0", "1.2.0")
    assert (candidate.title, candidate.repository) == ("Clock", "http://code.test/clock")
    assert candidate.arguments == ("serve", "--zone", "UTC", "--verbose")
    assert candidate.readiness is Readiness.UNTRIED
    assert candidate.environment == (
        Variable(name="CLOCK_LEVEL", description="How much.", default="low"),
        Variable(name="CLOCK_KEY", secret=True),
    )


def with_package(**package: JsonValue) -> tuple[Candidate, ...]:
    told: JsonValue = {"registryType": "npm", "identifier": "clock", **package}
    return candidates_of({"server": {**CLOCK, "packages": [told]}}, "test")


@pytest.mark.parametrize(
    "argument",
    [
        {"type": "positional", "valueHint": "directory", "isRequired": True},
        {"type": "named", "name": "--zone", "value": "{zone}"},
        {"type": "positional", "value": "a\nb"},
        {"type": "positional", "value": "x" * 1001},
    ],
)
async def test_a_word_that_only_the_user_knows_needs_configuration(argument: JsonValue) -> None:
    (candidate,) = with_package(packageArguments=[argument])
    assert (candidate.readiness, candidate.arguments) == (Readiness.NEEDS_CONFIGURATION, ())


async def test_a_required_variable_needs_configuration_unless_its_value_is_given() -> None:
    required: JsonValue = {"name": "KEY", "isRequired": True}
    assert with_package(environmentVariables=[required])[0].readiness is Readiness.NEEDS_CONFIGURATION
    given_value: JsonValue = {"name": "KEY", "isRequired": True, "value": "k"}
    (candidate,) = with_package(environmentVariables=[given_value])
    assert (candidate.readiness, candidate.environment[0].default) == (Readiness.UNTRIED, "k")


async def test_older_spellings_of_the_schema_are_read() -> None:
    package: JsonValue = {
        "registry_name": "pypi",
        "name": "acme-clock",
        "version": "0.1.0",
        "environment_variables": [{"name": "KEY", "is_required": True, "is_secret": True}],
        "package_arguments": [{"type": "positional", "value": "go"}],
    }
    (candidate,) = candidates_of({"name": "io.github.acme/clock", "packages": [package]}, "test")
    assert (str(candidate.package), candidate.arguments) == ("pypi:acme-clock@0.1.0", ("go",))
    assert candidate.environment == (Variable(name="KEY", required=True, secret=True),)


@pytest.mark.parametrize(
    "meta",
    [{OFFICIAL: {"status": "deleted"}}, {"status": "deleted"}, {OFFICIAL: {"isLatest": False}}, {"is_latest": False}],
)
async def test_deleted_and_outdated_entries_are_left_out(meta: JsonValue) -> None:
    assert candidates_of({"server": CLOCK, "_meta": meta}, "test") == ()
    assert candidates_of({"server": {**CLOCK, "_meta": meta}}, "test") == ()


@pytest.mark.parametrize("status", ["active", "deprecated", None])
async def test_other_entries_are_kept_whatever_their_meta_says(status: JsonValue) -> None:
    assert len(candidates_of({"server": CLOCK, "_meta": {OFFICIAL: {"status": status}}}, "test")) == 1
    assert len(candidates_of({"server": CLOCK, "_meta": {"status": status}}, "test")) == 1


@pytest.mark.parametrize(
    "package",
    [
        {"registryType": "oci", "identifier": "docker.test/clock"},
        {"transport": {"type": "streamable-http", "url": "http://x.test"}},
        {"identifier": "../../etc"},
        {"identifier": 5},
        {"version": "latest; rm -rf"},
    ],
)
async def test_packages_that_are_not_for_npm_or_pypi_over_standard_streams_are_left_out(package: JsonValue) -> None:
    told = package if isinstance(package, dict) else {}
    assert with_package(**told) == ()


async def test_tools_are_read_where_a_registry_publishes_them() -> None:
    tools: JsonValue = [{"name": "now", "description": "The time."}, {"description": "no name"}, 5]
    provided: JsonValue = {"io.modelcontextprotocol.registry/publisher-provided": {"tools": tools}}
    for told in ({**CLOCK, "tools": tools}, {**CLOCK, "_meta": provided}):
        (candidate,) = candidates_of({"server": told}, "test")
        assert [tool.name for tool in candidate.tools] == ["now"]


ANYTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["npm", "a/b", "stdio", "clock"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "server",
                    "name",
                    "packages",
                    "registryType",
                    "identifier",
                    "version",
                    "packageArguments",
                    "value",
                    "_meta",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@pytest.mark.security
@given(raw=ANYTHING)
def test_no_entry_breaks_the_reader(raw: JsonValue) -> None:
    assert isinstance(candidates_of(raw, "test"), tuple)
    assert isinstance(
        candidates_of({"server": {**CLOCK, "packages": [raw, {"registryType": "npm", "x": raw}]}}, ""), tuple
    )


@pytest.mark.security
async def test_one_bad_entry_does_not_spoil_the_page() -> None:
    entries: list[JsonValue] = [None, 5, {"server": {"name": "no slash"}}, {"server": []}, entry(1), entry(2)]
    found = await source(scripted(pages(entries, 100))).search("job1 job2", limit=10)
    assert sorted(one.name for one in found) == ["org.test/tool-1", "org.test/tool-2"]


async def test_pages_are_kept_for_an_hour() -> None:
    http, clock = scripted(pages([entry(1)], 100)), FakeClock()
    registered = source(http, clock)
    for _ in range(3):
        assert len(await registered.search("job1", limit=5)) == 1
    assert len(http.requests) == 1
    clock.advance(timedelta(minutes=61))
    await registered.search("job1", limit=5)
    assert len(http.requests) == 2
    assert http.requests[0].url == f"{BASE}/v0.1/servers?limit=100&version=latest"


async def test_pages_are_kept_for_as_long_as_one_says() -> None:
    http, clock = scripted(pages([entry(1)], 100)), FakeClock()
    registered = McpRegistrySource(BASE, http, clock, kept_for=timedelta(minutes=5))
    await registered.search("job1", limit=5)
    clock.advance(timedelta(minutes=4))
    await registered.search("job1", limit=5)
    assert len(http.requests) == 1
    clock.advance(timedelta(minutes=1))
    await registered.search("job1", limit=5)
    assert len(http.requests) == 2


async def test_many_at_once_read_the_pages_once() -> None:
    http = scripted(pages([entry(1)], 100))
    registered = source(http)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(lambda: registered.search("job1", limit=5))
    assert len(http.requests) == 1


async def test_a_reading_that_was_stopped_goes_on_where_it_was() -> None:
    entries = [entry(number) for number in range(5)]
    whole = pages(entries, 1)
    stopped: list[bool] = []

    def page(cursor: str) -> JsonValue:
        if cursor == "3" and not stopped:
            stopped.append(True)
            return []
        return whole(cursor)

    http = scripted(page)
    registered = source(http)
    with pytest.raises(PayloadError, match="has no list of servers"):
        await registered.search("job4", limit=5)
    assert [one.name for one in await registered.search("job4", limit=5)] == ["org.test/tool-4"]
    assert len(http.requests) == 6
    assert len(await registered.search("job0", limit=5)) == 1


@pytest.mark.security
async def test_a_cursor_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_PAGES", 7)
    http = scripted(lambda cursor: {"servers": [entry(1)], "metadata": {"nextCursor": str(int(cursor or 0) + 1)}})
    assert len(await source(http).search("job1", limit=5)) == 1
    assert len(http.requests) == 7
    http = scripted(lambda _: {"servers": [entry(1)], "metadata": {"nextCursor": "same"}})
    await source(http).search("job1", limit=5)
    assert len(http.requests) == 2


async def test_a_server_is_found_by_its_exact_name_or_package_even_without_a_common_word() -> None:
    http = scripted(pages([entry(1), {"server": CLOCK}], 100))
    for wanted in ("io.github.acme/clock", "@acme/clock"):
        assert (await source(http).search(wanted, limit=5))[0].name == "io.github.acme/clock"


async def test_a_registry_that_fails_says_so() -> None:
    with pytest.raises(LinkError, match="answered 500"):
        await source(ScriptedHttp({BASE + "*": Reply(status=500)})).search("x", limit=5)
    with pytest.raises(PayloadError):
        await source(ScriptedHttp({BASE + "*": Reply(status=200, body=b"<html>")})).search("x", limit=5)
    with pytest.raises(LinkError):
        await source(ScriptedHttp()).search("x", limit=5)


@pytest.mark.parametrize("address", ["", "registry.test", "file:///etc", "http://"])
def test_only_an_http_address_can_be_a_registry(address: str) -> None:
    with pytest.raises(PayloadError, match="http or https"):
        McpRegistrySource(address, ScriptedHttp(), FakeClock())


def test_its_name_is_its_host() -> None:
    assert source(ScriptedHttp()).name == "registry:registry.test"
    assert repr(McpRegistrySource("http://h.test:81/x", ScriptedHttp(), FakeClock())) == (
        "McpRegistrySource('registry:h.test:81')"
    )
