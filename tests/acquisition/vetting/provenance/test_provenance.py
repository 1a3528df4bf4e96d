"""Provenance of an artefact: registries are asked, and everybody's story is compared."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.provenance.history import NpmHistories, PyPIHistories, Release
from vsm_mcp.acquisition.vetting.provenance.imitation import Imitation
from vsm_mcp.acquisition.vetting.provenance.provenance import NO_DATA, Provenance
from vsm_mcp.errors import LinkError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import Artefact, Dependency, PackageRef
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.testing.world import FakeProcesses, ScriptedHttp
from vsm_mcp.world.http import Reply
from vsm_mcp.world.processes import Completed

pytestmark = pytest.mark.anyio

Make = Callable[..., Artefact]
CLOCK = PackageRef(ecosystem="npm", name="clock", version="1.2.0")
FILES = {"example_server-1.0.dist-info/METADATA": "Name: Example_Server\nVersion: 1.0.0\n"}


def answer(value: JsonValue, kind: str = "application/json") -> Reply:
    return Reply(status=200, headers={"content-type": kind}, body=json.dumps(value).encode())


def manifest(uploader: str, **dist: JsonValue) -> JsonValue:
    people: JsonValue = [{"name": "ann"}, "bob <bob@example.test>", {"email": "nameless"}]
    return {"_npmUser": {"name": uploader}, "maintainers": people, "dist": dist, "repository": "github:o/clock"}


async def npm_releases(versions: JsonValue, times: JsonValue) -> Sequence[Release]:
    processes = FakeProcesses()
    told = Completed(returncode=0, stdout=b'{"registry": "http://packages.test"}', stderr=b"")
    processes.on_run(bool, told)
    http = ScriptedHttp({"http://packages.test/clock": answer({"versions": versions, "time": times})})
    return await NpmHistories(NpmRegistry(http, processes, npm=Path("/usr/bin/npm"))).releases(CLOCK)


async def test_the_history_of_an_npm_package_is_read_up_to_the_version_in_question() -> None:
    versions: JsonValue = {
        "1.2.0": manifest("eve", signatures=[{"keyid": "k"}]),
        "1.1.0": manifest("ann", attestations={"url": "http://packages.test/a"}),
        "2.0.0": manifest("ann"),
        "1.0.0": manifest("ann"),
    }
    times: JsonValue = {
        "1.0.0": "2024-01-01T00:00:00Z",
        "1.1.0": "2024-02-01T00:00:00Z",
        "1.2.0": "2024-03-01T00:00:00Z",
        "2.0.0": "2024-04-01T00:00:00Z",
    }
    releases = await npm_releases(versions, times)
    assert [(one.version, one.uploader, one.attested) for one in releases] == [
        ("1.0.0", "ann", None),
        ("1.1.0", "ann", True),
        ("1.2.0", "eve", False),
    ]
    assert releases[-1].maintainers == {"ann", "bob"}
    assert releases[-1].released == datetime(2024, 3, 1, tzinfo=UTC)
    undated = await npm_releases(versions, {})
    assert [one.version for one in undated] == ["1.2.0"]


INDEX = "http://index.test/simple/"
PAGE = "application/vnd.pypi.simple.v1+json"


async def pypi_releases(routes: Mapping[str, Reply], version: str | None = "1.1") -> Sequence[Release]:
    processes = FakeProcesses()
    told = json.dumps({"UV_DEFAULT_INDEX": INDEX}).encode()
    processes.on_run(bool, Completed(returncode=0, stdout=told, stderr=b""))
    index = PyPIIndex(ScriptedHttp({f"{INDEX.removesuffix('simple/')}*": Reply(status=404), **routes}), processes)
    return await PyPIHistories(index).releases(PackageRef(ecosystem="pypi", name="clock", version=version))


async def test_the_history_of_a_python_project_tells_attestations_where_the_index_does() -> None:
    files: JsonValue = [
        {"filename": "clock-1.0-py3-none-any.whl", "upload-time": "2024-01-01T00:00:00Z", "provenance": "http://p"},
        {"filename": "clock-1.1-py3-none-any.whl", "upload-time": "2024-02-01T00:00:00Z", "provenance": None},
        {"filename": "clock-1.1.tar.gz", "upload-time": "2024-02-01T00:00:00Z", "provenance": "http://p"},
    ]
    releases = await pypi_releases({f"{INDEX}clock/": answer({"files": files}, PAGE)})
    assert [(one.version, one.attested, one.uploader) for one in releases] == [("1.0", True, ""), ("1.1", False, "")]


async def test_a_page_in_html_may_tell_of_attestations_too() -> None:
    html = b'<a href="clock-1.1-py3-none-any.whl" data-provenance="http://p">x</a><a href="clock-1.0.tar.gz">y</a>'
    releases = await pypi_releases(
        {f"{INDEX}clock/": Reply(status=200, headers={"content-type": "text/html"}, body=html)}
    )
    assert [(one.version, one.attested) for one in releases] == [("1.1", True)]


async def test_an_index_without_pages_tells_nothing_of_attestations() -> None:
    told: JsonValue = {"info": {"version": "1.1", "project_urls": {"Source": "https://code.test/o/c"}}, "releases": {}}
    urls: JsonValue = [{"filename": "clock-1.1-py3-none-any.whl", "packagetype": "bdist_wheel"}]
    described = answer({**told, "urls": urls})
    releases = await pypi_releases({"http://index.test/pypi/clock/json": described})
    assert [(one.attested, one.repository) for one in releases] == [(None, "https://code.test/o/c")]
    assert await pypi_releases({"http://index.test/pypi/clock/json": described}, None) == ()


class Told:
    """Tells one history."""

    ecosystem = "pypi"

    def __init__(self, *releases: Release, error: LinkError | None = None, silent: bool = False) -> None:
        self._releases = releases
        self._error = error
        self._silent = silent

    async def releases(self, package: PackageRef) -> Sequence[Release]:
        if self._error is not None:
            raise self._error
        if self._silent:
            await anyio.sleep_forever()
        return self._releases


def known(repository: str = "") -> Release:
    return Release(version="1.0", attested=True, repository=repository)


async def found(artefact: Artefact, histories: Told | None = None) -> list[Finding]:
    check = Provenance([] if histories is None else [histories], patience=0.01)
    return [finding for finding in await check.examine(artefact) if finding.code != "attested"]


@pytest.mark.parametrize(
    ("histories", "why"),
    [
        (None, "nobody is asked about packages of pypi"),
        (Told(), "its registry does not say"),
        (Told(Release(version="1.0")), "its registry does not say"),
        (Told(error=LinkError("Nobody there.")), "Nobody there"),
        (Told(silent=True), "its registry did not answer within 0.01 seconds"),
    ],
)
async def test_what_nobody_tells_is_unknown(make_artefact: Make, *, histories: Told | None, why: str) -> None:
    (one,) = await found(make_artefact(FILES), histories)
    assert (one.code, one.unknown, one.severity) == (NO_DATA, True, Severity.LOW)
    assert one.message == f"Who published pypi:example-server@1.0, and how it was built, is not known: {why}."


async def test_a_package_that_is_what_it_says_is_fine(make_artefact: Make) -> None:
    assert await found(make_artefact(FILES), Told(known())) == []
    assert await found(make_artefact(package="file:/srv/a.py")) == []


@pytest.mark.security
@pytest.mark.parametrize("lie", ["Name: other\nVersion: 1.0\n", "Name: example-server\nVersion: 1.0.1\n", "X: y\n"])
async def test_a_manifest_that_lies_refuses(make_artefact: Make, *, lie: str) -> None:
    (one,) = await found(make_artefact({"example_server-1.0.dist-info/METADATA": lie}), Told(known()))
    assert (one.code, one.severity) == ("manifest-differs", Severity.HIGH)


async def test_a_version_that_its_publisher_advises_against_or_withdrew_is_a_signal(make_artefact: Make) -> None:
    told = Told(Release(version="1.0", attested=True, deprecated="no longer\x1b kept" + "!" * 500, yanked="broken"))
    advised, withdrawn = await found(make_artefact(FILES), told)
    assert (advised.code, advised.severity) == ("deprecated", Severity.LOW)
    assert advised.message.startswith(
        "The publisher of pypi:example-server@1.0 advises against using it: 'no longer\\x1b kept!!!"
    )
    assert len(advised.message) < 300
    assert (withdrawn.code, withdrawn.severity) == ("yanked", Severity.MEDIUM)
    assert withdrawn.message == "The publisher of pypi:example-server@1.0 withdrew it: 'broken'."
    codes = [one.code for one in await found(make_artefact(FILES), Told(Release(version="1.0", yanked="broken")))]
    assert codes == ["yanked", NO_DATA]


async def test_registries_tell_what_their_publishers_advise_against() -> None:
    times: JsonValue = {"1.1.0": "2024-02-01T00:00:00Z", "1.2.0": "2024-03-01T00:00:00Z"}
    old: JsonValue = {"1.1.0": {}, "1.2.0": {"deprecated": "use clock-2"}}
    assert [one.deprecated for one in await npm_releases(old, times)] == ["", "use clock-2"]
    files: JsonValue = [
        {"filename": "clock-1.0-py3-none-any.whl", "upload-time": "2024-01-01T00:00:00Z", "yanked": True},
        {"filename": "clock-1.0.tar.gz", "upload-time": "2024-01-01T00:00:00Z", "yanked": False},
        {"filename": "clock-1.1-py3-none-any.whl", "upload-time": "2024-02-01T00:00:00Z", "yanked": "loses data"},
    ]
    releases = await pypi_releases({f"{INDEX}clock/": answer({"files": files}, PAGE)})
    assert [(one.version, one.yanked) for one in releases] == [("1.0", ""), ("1.1", "loses data")]


async def test_a_manifest_that_cannot_be_read_is_unknown(make_artefact: Make) -> None:
    (one,) = await found(make_artefact({}), Told(known()))
    assert (one.code, one.unknown) == ("manifest-unreadable", True)


async def test_registries_that_disagree_about_the_source_are_a_signal(make_artefact: Make) -> None:
    source = "Project-URL: Source, https://github.com/example/server\n"
    files = {"example_server-1.0.dist-info/METADATA": f"Name: example-server\nVersion: 1.0\n{source}"}
    agreed, other = Told(known("https://github.com/Example/server.git")), Told(known("https://github.com/eve/server"))
    assert await found(make_artefact(files), agreed) == []
    (one,) = await found(make_artefact(files), other)
    assert (one.code, one.severity) == ("repository-differs", Severity.MEDIUM)
    assert "the package registry says github.com/eve/server, it says github.com/example/server" in one.message
    (one,) = await found(make_artefact(files, name="io.github.somebody/server"), agreed)
    assert (one.code, one.severity) == ("namespace-differs", Severity.LOW)


OPEN = Policy(allow=("npm:*", "pypi:*"))


def judged(findings: Sequence[Finding]) -> list[tuple[str, str, Severity]]:
    return [(finding.code, finding.where, finding.severity) for finding in findings]


@pytest.mark.security
async def test_an_imitated_name_refuses_unless_exactly_this_name_is_allowed(make_artefact: Make) -> None:
    artefact = make_artefact(package="npm:expresss@1.0.0", dependencies=[])
    assert judged(await Imitation(OPEN).examine(artefact)) == [("imitates-well-known", "expresss", Severity.HIGH)]
    (one,) = await Imitation(Policy(allow=("npm:expresss & version:1.*",))).examine(artefact)
    assert one.severity is Severity.INFO
    assert one.message == "expresss is not the well-known express: its name differs by one letter."


async def test_a_name_with_a_usual_word_more_is_a_mild_signal(make_artefact: Make) -> None:
    artefact = make_artefact(package="npm:lodash-js@1.0.0", dependencies=[])
    assert judged(await Imitation(OPEN).examine(artefact)) == [("resembles-well-known", "lodash-js", Severity.LOW)]


async def test_the_names_of_dependencies_are_compared_too(make_artefact: Make) -> None:
    names = ("example-server", "requests", "reqeusts", "python-requests")
    brought = [Dependency(name=name, version="1", hashes=("h",)) for name in names]
    check = Imitation(OPEN)
    assert judged(await check.examine(make_artefact(dependencies=brought))) == [
        ("imitates-well-known", "reqeusts", Severity.LOW)
    ]
    assert await check.examine(make_artefact(package="file:/srv/a.py")) == ()
