"""One entry of a registry: every revision of its format is read, and nothing in it breaks the reader."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.sources.entries import address_of, keywords_of, read_entry, tools_of
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import Candidate, Readiness, ToolSummary, Variable

OFFICIAL = "io.modelcontextprotocol.registry/official"
PROVIDED = "io.modelcontextprotocol.registry/publisher-provided"
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


def candidates_of(raw: JsonValue, source: str) -> tuple[Candidate, ...]:
    read = read_entry(raw, source)
    assert read is not None
    return read.candidates


def test_an_entry_becomes_a_candidate_with_all_that_it_says() -> None:
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


def test_the_place_of_the_source_code_is_kept_with_its_folder_and_also_when_it_is_none_of_the_web() -> None:
    for told, place in (
        ({"url": "https://code.test/many.git", "subfolder": "src/clock"}, "https://code.test/many/tree/HEAD/src/clock"),
        ({"url": "git@code.test:many"}, "git@code.test:many"),
        ("https://code.test/many", ""),
    ):
        (candidate,) = candidates_of({"server": {**CLOCK, "repository": told}}, "test")
        assert candidate.repository == place


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
def test_a_word_that_only_the_user_knows_needs_configuration(argument: JsonValue) -> None:
    (candidate,) = with_package(packageArguments=[argument])
    assert (candidate.readiness, candidate.arguments) == (Readiness.NEEDS_CONFIGURATION, ())


def test_a_required_variable_needs_configuration_unless_its_value_is_given() -> None:
    required: JsonValue = {"name": "KEY", "isRequired": True}
    assert with_package(environmentVariables=[required])[0].readiness is Readiness.NEEDS_CONFIGURATION
    given_value: JsonValue = {"name": "KEY", "isRequired": True, "value": "k"}
    (candidate,) = with_package(environmentVariables=[given_value])
    assert (candidate.readiness, candidate.environment[0].default) == (Readiness.UNTRIED, "k")


def test_older_spellings_of_the_schema_are_read() -> None:
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


def test_a_version_that_is_only_the_newest_one_is_left_open() -> None:
    assert with_package(version="latest")[0].version is None


@pytest.mark.parametrize(
    "facts",
    [
        {"_meta": {OFFICIAL: {"status": "deleted", "isLatest": False}}},
        {"_meta": {"status": "deleted", "is_latest": False}},
        {"x-io.modelcontextprotocol.registry": {"status": "deleted", "is_latest": False}},
        {"status": "deleted", "version_detail": {"version": "1.0", "is_latest": False}},
    ],
)
def test_what_the_registry_says_about_an_entry_is_read_beside_it_or_in_it(facts: Mapping[str, JsonValue]) -> None:
    inside = read_entry({"server": {**CLOCK, **facts}}, "test")
    assert inside is not None
    if "x-io.modelcontextprotocol.registry" not in facts:
        assert (inside.deleted, inside.latest) == (True, False)
    if "version_detail" not in facts:
        beside = read_entry({"server": CLOCK, **facts}, "test")
        assert beside is not None
        assert (beside.deleted, beside.latest) == (True, False)


@pytest.mark.parametrize("status", ["active", "deprecated", None, 5])
def test_what_is_not_deleted_stays_whatever_else_is_said_of_it(status: JsonValue) -> None:
    for meta in ({OFFICIAL: {"status": status, "isLatest": "yes"}}, {"status": status}):
        read = read_entry({"server": CLOCK, "_meta": meta}, "test")
        assert read is not None
        assert (read.deleted, read.latest, len(read.candidates)) == (False, None, 1)
        assert read.candidates[0].deprecated == (status == "deprecated")


@pytest.mark.parametrize("raw", [None, 5, [], {}, {"server": {"name": "no slash"}}, {"name": 5}, {"server": []}])
def test_an_entry_without_a_name_is_none(raw: JsonValue) -> None:
    assert read_entry(raw, "test") is None


def test_a_server_that_is_an_image_or_runs_elsewhere_is_described_if_its_source_code_has_a_place() -> None:
    told: Mapping[str, JsonValue] = {
        **CLOCK,
        "packages": [{"registryType": "oci", "identifier": "images.test/clock"}],
        "remotes": [{"type": "streamable-http", "url": "https://clock.test/mcp"}],
        "repository": {"url": "https://code.test/acme/clock.git", "subfolder": "servers/clock"},
        "_meta": {PROVIDED: {"tools": ["now"], "tags": ["time", "zones"], "category": "time"}},
    }
    read = read_entry({"server": told}, "registry:test")
    assert read is not None
    assert read.candidates == ()
    assert read.description is not None
    assert (read.description.name, read.description.source) == (CLOCK["name"], "registry:test")
    assert read.description.repository == "https://code.test/acme/clock/tree/HEAD/servers/clock"
    assert read.description.tools == (ToolSummary(name="now"),)
    assert read.description.keywords == ("time", "zones")
    nowhere = read_entry({"server": {**told, "repository": {}}}, "registry:test")
    assert nowhere is not None
    assert (nowhere.candidates, nowhere.description) == ((), None)


@pytest.mark.security
@pytest.mark.parametrize(
    "told", [5, "", "ftp://a.test/b", "javascript:x", "git@a.test:b", "https://u:p@a.test/b", "http://["]
)
def test_only_the_address_of_a_web_site_is_an_address(told: JsonValue) -> None:
    assert address_of(told) == ""


@pytest.mark.parametrize(
    ("subfolder", "address"),
    [
        (None, "https://a.test/b"),
        (".", "https://a.test/b"),
        ("./src/x/", "https://a.test/b/tree/HEAD/src/x"),
        ("../x", ""),
        ("a b", ""),
        ("a//b", ""),
    ],
)
def test_a_folder_is_part_of_the_address(subfolder: JsonValue, address: str) -> None:
    assert address_of("https://a.test/b.git?x=1#readme", subfolder) == address
    assert address_of("https://a.test/b/tree/main/src", "src") == "https://a.test/b/tree/main/src"


@pytest.mark.security
def test_tools_and_words_are_bounded() -> None:
    tools = tools_of([{"name": "n" * 500, "description": "d" * 5000}] * 500)
    assert (len(tools), len(tools[0].name), len(tools[0].description)) == (256, 200, 600)
    assert len(keywords_of(["w" * 99, *(f"word{number}" for number in range(99))])) == 32
    assert keywords_of("time", ["time", 5, "zone"], None) == ("time", "zone")


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
def test_packages_that_are_not_for_npm_or_pypi_over_standard_streams_are_left_out(package: JsonValue) -> None:
    told = package if isinstance(package, dict) else {}
    assert with_package(**told) == ()


def test_tools_are_read_where_a_registry_publishes_them() -> None:
    tools: JsonValue = [{"name": "now", "description": "The time."}, {"description": "no name"}, 5]
    provided: JsonValue = {"io.modelcontextprotocol.registry/publisher-provided": {"tools": tools}}
    for told in ({**CLOCK, "tools": tools}, {**CLOCK, "_meta": provided}):
        (candidate,) = candidates_of({"server": told}, "test")
        assert [tool.name for tool in candidate.tools] == ["now"]


KEYS: tuple[str, ...] = (
    "server", "name", "packages", "registryType", "registry_name", "identifier", "version", "version_detail",
    "packageArguments", "environmentVariables", "value", "default", "isRequired", "_meta", OFFICIAL, PROVIDED,
    "repository", "url", "subfolder", "tools", "tags", "description", "status", "isLatest", "transport", "type",
)  # fmt: skip
WORDS = ("npm", "a/b", "stdio", "clock", "https://a.test/b", "\ud800", "named")
ANYTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.security
@given(raw=ANYTHING, changes=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4))
def test_no_entry_breaks_the_reader(raw: JsonValue, changes: Mapping[str, JsonValue]) -> None:
    packages: JsonValue = [raw, {"registryType": "npm", "identifier": "x", **changes}]
    for told in (raw, {"server": {**CLOCK, **changes}}, {"server": {**CLOCK, "packages": packages}, "_meta": raw}):
        read = read_entry(told, "test")
        assert read is None or all(one.name == read.name for one in read.candidates)
