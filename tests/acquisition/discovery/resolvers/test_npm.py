"""npm as a resolver: the user's registry is asked, and what it says is read with bounds."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.resolvers import npm
from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.errors import CallTimeoutError, ConfigurationError, DiscoveryError, LinkError, PayloadError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import PackageRef
from vsm_mcp.testing.world import FakeProcesses, ScriptedHttp
from vsm_mcp.world.http import Reply
from vsm_mcp.world.processes import Completed

pytestmark = pytest.mark.anyio

NPM = Path("/usr/bin/npm")
REGISTRY = "http://packages.test/npm/"
CONFIG = {"registry": REGISTRY.rstrip("/"), "@acme:registry": "http://acme.test", "cafile": "/etc/ca.pem"}
MANIFEST: Mapping[str, JsonValue] = {
    "name": "@acme/clock",
    "version": "1.2.0",
    "description": "Tells\u200b the time.",
    "license": "MIT",
    "mcpName": "io.github.acme/clock",
    "author": {"name": "Acme"},
    "repository": {"type": "git", "url": "git+https://code.test/acme/clock.git"},
    "bin": {"clock": "dist/index.js"},
    "engines": {"node": ">=20"},
    "scripts": {"build": "tsc", "postinstall": "node evil.js"},
    "dependencies": {"a": "^1", "b": 5},
    "optionalDependencies": {"c": "~2"},
    "dist": {"integrity": "sha512-AAAA", "tarball": "http://packages.test/clock.tgz", "shasum": "00" * 20},
}
PACKUMENT: Mapping[str, JsonValue] = {
    "name": "@acme/clock",
    "dist-tags": {"latest": "1.2.0"},
    "versions": {"1.2.0": MANIFEST, "1.1.0": {"dist": {"shasum": "ff" * 20}, "bin": "x.js", "gypfile": True}},
    "time": {"created": "2024-01-01T00:00:00Z", "1.2.0": "2025-06-01T10:00:00.000Z", "1.1.0": "soon"},
}


def npm_that(*, config: JsonValue = CONFIG, view: Completed | None = None, code: int = 0) -> FakeProcesses:
    processes = FakeProcesses()
    told = Completed(returncode=code, stdout=json.dumps(config).encode(), stderr=b"")
    processes.on_run(lambda argv: argv[1:] == ("config", "list", "--json"), told)
    if view is not None:
        processes.on_run(lambda argv: argv[1] == "view", view)
    return processes


def answer(value: JsonValue, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode())


def registry(http: ScriptedHttp, processes: FakeProcesses | None = None) -> NpmRegistry:
    return NpmRegistry(http, processes or npm_that(), npm=NPM)


CLOCK = "http://acme.test/@acme%2Fclock"


async def test_a_package_is_read_with_everything_that_installing_and_vetting_need() -> None:
    package = await registry(ScriptedHttp({CLOCK: answer(PACKUMENT)})).metadata("@acme/clock")
    latest = package.version()
    assert (package.latest, sorted(package.versions)) == ("1.2.0", ["1.1.0", "1.2.0"])
    assert latest.integrity == "sha512-AAAA"
    assert latest.released == datetime(2025, 6, 1, 10, tzinfo=UTC)
    assert latest.ownership == "io.github.acme/clock"
    assert (latest.has_install_script, dict(latest.install_scripts)) == (True, {"postinstall": "node evil.js"})
    assert (dict(latest.bin), latest.node, latest.licence) == ({"clock": "dist/index.js"}, ">=20", "MIT")
    assert dict(latest.dependencies) == {"a": "^1", "c": "~2"}
    assert (latest.summary, latest.publisher) == ("Tells the time.", "Acme")


async def test_an_old_version_is_read_as_far_as_it_says_something() -> None:
    old = (await registry(ScriptedHttp({CLOCK: answer(PACKUMENT)})).metadata("@acme/clock", "1.1.0")).version("1.1.0")
    assert old.integrity.startswith("sha1-")
    assert old.released is None
    assert old.has_install_script
    assert list(old.bin.values()) == ["x.js"]


async def test_the_registry_comes_from_npm_itself_which_is_asked_once() -> None:
    http = ScriptedHttp({REGISTRY + "*": answer({**PACKUMENT, "name": "clock"})})
    processes = npm_that()
    resolver = registry(http, processes)
    await resolver.metadata("clock")
    await resolver.metadata("other")
    assert [request.url for request in http.requests] == [REGISTRY + "clock", REGISTRY + "other"]
    assert [command.argv for command in processes.commands] == [(str(NPM), "config", "list", "--json")]
    assert {request.cafile for request in http.requests} == {"/etc/ca.pem"}
    assert repr(resolver) == f"NpmRegistry(npm={NPM})"


@pytest.mark.parametrize("first", [LinkError("no certificate"), Reply(status=401)])
async def test_where_http_is_not_answered_npm_view_asks_with_the_users_credentials(first: LinkError | Reply) -> None:
    told = {**MANIFEST, "versions": ["1.1.0", "1.2.0"], "dist-tags": {"latest": "1.2.0"}, "time": PACKUMENT["time"]}
    view = Completed(returncode=0, stdout=json.dumps(told).encode(), stderr=b"")
    package = await registry(ScriptedHttp({CLOCK: first}), npm_that(view=view)).metadata("@acme/clock", "1.2.0")
    assert package.version("1.2.0").integrity == "sha512-AAAA"
    assert package.version().released == datetime(2025, 6, 1, 10, tzinfo=UTC)


async def test_npm_view_tells_unknown_packages_from_a_registry_that_is_out_of_reach() -> None:
    unknown = Completed(returncode=1, stdout=b'{"error": {"code": "E404"}}', stderr=b"")
    with pytest.raises(DiscoveryError, match="There is no npm package clock"):
        await registry(ScriptedHttp(), npm_that(view=unknown)).metadata("clock")
    away = Completed(
        returncode=1, stdout=b'{"error": {"code": "EX", "summary": "self-signed certificate"}}', stderr=b""
    )
    with pytest.raises(LinkError, match="self-signed certificate") as caught:
        await registry(ScriptedHttp(), npm_that(view=away)).metadata("clock")
    assert "npm view clock" in str(caught.value)
    silent = Completed(returncode=1, stdout=b"", stderr=b"")
    with pytest.raises(LinkError, match="exit code 1"):
        await registry(ScriptedHttp(), npm_that(view=silent)).metadata("clock")


async def test_a_registry_that_does_not_answer_is_told_as_such() -> None:
    processes = npm_that()
    processes.on_run(lambda argv: argv[1] == "view", CallTimeoutError("npm did not end and was killed."))
    with pytest.raises(LinkError, match="no answer from its registry") as caught:
        await registry(ScriptedHttp(), processes).metadata("clock")
    assert "npm ping" in str(caught.value)


async def test_unknown_packages_and_versions_and_failing_registries_are_told_apart() -> None:
    with pytest.raises(DiscoveryError, match="There is no npm package clock"):
        await registry(ScriptedHttp({REGISTRY + "clock": Reply(status=404)})).metadata("clock")
    with pytest.raises(LinkError, match="answered 503 for clock"):
        await registry(ScriptedHttp({REGISTRY + "clock": Reply(status=503)})).metadata("clock")
    with pytest.raises(DiscoveryError, match=r"no version 9\.9\.9") as caught:
        await registry(ScriptedHttp({CLOCK: answer(PACKUMENT)})).metadata("@acme/clock", "9.9.9")
    assert "2 versions" in str(caught.value)


@pytest.mark.security
async def test_answers_that_make_no_sense_and_names_that_are_none_are_refused() -> None:
    for body in (b"<html>", b"[]", b"{}"):
        with pytest.raises(PayloadError):
            await registry(ScriptedHttp({REGISTRY + "clock": Reply(status=200, body=body)})).metadata("clock")
    http = ScriptedHttp()
    for name in ("../etc/passwd", "a b", "Clock", "", "@x"):
        with pytest.raises(PayloadError):
            await registry(http).metadata(name)
    assert http.requests == []


@pytest.mark.parametrize("config", [{}, {"registry": "file:///etc"}, []])
async def test_without_a_registry_in_npms_configuration_there_is_a_remedy(config: JsonValue) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await registry(ScriptedHttp(), npm_that(config=config)).settings()
    assert "npm config get registry" in str(caught.value)
    with pytest.raises(ConfigurationError):
        await registry(ScriptedHttp(), npm_that(code=1)).settings()


async def test_without_npm_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match="npm was not found") as caught:
        await NpmRegistry(ScriptedHttp(), npm_that()).metadata("clock")
    assert "Install Node.js" in str(caught.value)


async def test_npm_is_found_on_the_search_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "npm"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    processes = npm_that()
    await NpmRegistry(ScriptedHttp(), processes).settings()
    assert processes.commands[0].argv[0] == str(program)


async def test_an_exact_package_becomes_a_candidate_only_when_it_exists() -> None:
    resolver = registry(ScriptedHttp({CLOCK: answer(PACKUMENT)}))
    candidate = await resolver.candidate(PackageRef.parse("npm:@acme/clock"))
    assert (candidate.name, candidate.source) == ("@acme/clock", "package")
    assert str(candidate.package) == "npm:@acme/clock@1.2.0"
    with pytest.raises(DiscoveryError):
        await resolver.candidate(PackageRef.parse("npm:@acme/clock@3.0.0"))


WEIRD: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(sorted(MANIFEST)), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.security
@given(manifest=st.dictionaries(st.sampled_from(sorted(MANIFEST)), WEIRD))
def test_no_manifest_breaks_the_reader(manifest: dict[str, JsonValue]) -> None:
    read = npm.read_package({"versions": {"1.0.0": manifest}, "dist-tags": {"latest": "1.0.0"}}, "clock")
    assert read.version().version == "1.0.0"
