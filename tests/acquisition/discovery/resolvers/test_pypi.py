"""PyPI as a resolver: the user's indexes are asked, by their JSON interface or their simple pages."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.resolvers.files import files_of_page
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes, ask_indexes
from vsm_mcp.errors import ConfigurationError, DiscoveryError, LinkError, PayloadError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import PackageRef
from vsm_mcp.testing.world import FakeProcesses, ScriptedHttp
from vsm_mcp.world.http import Reply
from vsm_mcp.world.processes import Completed, LocalProcesses

pytestmark = pytest.mark.anyio

INDEX = "http://index.test/root"
JSON = f"{INDEX}/pypi/acme-clock/json"
SIMPLE = f"{INDEX}/simple/acme-clock/"
WHEEL = "acme_clock-1.2.0-py3-none-any.whl"
README = "# Clock\n\n<!-- mcp-name: io.github.acme/clock -->\nTells the time."


def told_by(**told: str) -> FakeProcesses:
    processes = FakeProcesses()
    answer = json.dumps({"pip.built-in": f"{INDEX}/simple", **told}).encode()
    processes.on_run(lambda argv: "-c" in argv, Completed(returncode=0, stdout=answer, stderr=b""))
    return processes


def file(name: str, *, day: int = 1, yanked: str | None = None) -> Mapping[str, JsonValue]:
    return {
        "filename": name,
        "packagetype": "bdist_wheel" if name.endswith(".whl") else "sdist",
        "url": f"../../files/{name}",
        "digests": {"sha256": "ab" * 32},
        "requires_python": ">=3.10",
        "upload_time_iso_8601": f"2025-06-{day:02}T10:00:00Z",
        "yanked": yanked is not None,
        "yanked_reason": yanked,
        "size": 1000,
    }


PROJECT: Mapping[str, JsonValue] = {
    "info": {
        "version": "1.2.0",
        "summary": "Tells the time.",
        "description": README,
        "author": "Acme",
        "license_expression": "MIT",
        "project_urls": {"Repository": "http://code.test/clock"},
    },
    "releases": {
        "1.2.0": [file(WHEEL, day=3), file("acme_clock-1.2.0.tar.gz", day=2)],
        "1.1.0": [file("acme_clock-1.1.0.tar.gz", yanked="broken")],
        "1.0.0": [],
    },
}


def answer(value: JsonValue) -> Reply:
    return Reply(status=200, headers={"content-type": "application/json"}, body=json.dumps(value).encode())


def page(html: str) -> Reply:
    return Reply(status=200, headers={"content-type": "text/html"}, body=html.encode())


def index(http: ScriptedHttp, processes: FakeProcesses | None = None) -> PyPIIndex:
    return PyPIIndex(http, processes or told_by())


async def test_a_project_is_read_with_everything_that_installing_and_vetting_need() -> None:
    project = await index(ScriptedHttp({JSON: answer(PROJECT)})).metadata("Acme.Clock")
    assert (project.name, project.version, sorted(project.files)) == ("acme-clock", "1.2.0", ["1.1.0", "1.2.0"])
    assert (project.ownership, project.described) == ("io.github.acme/clock", True)
    assert project.released() == datetime(2025, 6, 2, 10, tzinfo=UTC)
    assert (project.has_wheel(), project.has_wheel("1.1.0")) == (True, False)
    assert (project.yanked(), project.yanked("1.1.0")) == ("", "broken")
    assert (project.summary, project.publisher, project.licence) == ("Tells the time.", "Acme", "MIT")
    assert (project.requires_python, project.repository) == (">=3.10", "http://code.test/clock")
    wheel = project.of()[0]
    assert (wheel.sha256, wheel.size, wheel.wheel) == ("ab" * 32, 1000, True)
    assert wheel.url == f"{INDEX}/files/{WHEEL}"


async def test_of_an_older_version_the_index_is_asked_for_its_own_description() -> None:
    older = f"{INDEX}/pypi/acme-clock/1.1.0/json"
    http = ScriptedHttp({JSON: answer(PROJECT), older: answer({"info": {"description": "mcp-name: org.acme/old"}})})
    assert (await index(http).metadata("acme-clock", "1.1.0")).ownership == "org.acme/old"
    http = ScriptedHttp({JSON: answer(PROJECT), older: Reply(status=404)})
    project = await index(http).metadata("acme-clock", "1.1.0")
    assert (project.version, project.ownership, project.described) == ("1.1.0", None, False)


async def test_without_a_json_interface_the_simple_page_is_read() -> None:
    html = (
        f'<a href="/files/{WHEEL}#sha256={"cd" * 32}" data-requires-python="&gt;=3.9" '
        f'data-upload-time="2025-06-01T00:00:00Z">x</a>'
        f'<a href="../acme_clock-2.0.0rc1.tar.gz" data-yanked="">y</a><a href="other-9.whl">z</a><a>w</a>'
        f'<a href="http://[broken/acme_clock-3.0.0.tar.gz">v</a>'
    )
    project = await index(ScriptedHttp({JSON: Reply(status=404), SIMPLE: page(html)})).metadata("acme-clock")
    assert (project.version, sorted(project.files)) == ("1.2.0", ["1.2.0", "2.0.0rc1"])
    assert (project.described, project.ownership, project.requires_python) == (False, None, ">=3.9")
    assert project.of()[0].sha256 == "cd" * 32
    assert project.of()[0].url == f"http://index.test/files/{WHEEL}"
    assert project.released() == datetime(2025, 6, 1, tzinfo=UTC)
    assert project.yanked("2.0.0rc1") == "withdrawn"


async def test_a_simple_page_in_json_is_read_as_well() -> None:
    files: JsonValue = [
        {"filename": WHEEL, "url": WHEEL, "hashes": {"sha256": "ef" * 32}, "upload-time": "2025-06-01T00:00:00Z"},
        {"filename": "acme_clock-1.3.0-py3-none-any.whl", "url": "x", "yanked": "too early", "size": 5},
        "broken",
    ]
    reply = Reply(status=200, headers={"content-type": "application/vnd.pypi.simple.v1+json"}, body=b"")
    reply = Reply(status=200, headers=reply.headers, body=json.dumps({"files": files}).encode())
    project = await index(ScriptedHttp({JSON: page("<html>no json"), SIMPLE: reply})).metadata("acme-clock")
    assert project.version == "1.2.0"
    assert project.of()[0].sha256 == "ef" * 32
    assert project.yanked("1.3.0") == "too early"


async def test_further_indexes_are_asked_only_about_what_the_first_does_not_know(tmp_path: Path) -> None:
    place = tmp_path / "simple" / "acme-clock"
    place.mkdir(parents=True)
    (place / "index.html").write_text(f'<a href="../../{WHEEL}#sha256={"01" * 32}">x</a>')
    processes = told_by(**{"pip.global.extra-index-url": f"file://{tmp_path}/simple"})
    missing = ScriptedHttp({INDEX + "*": Reply(status=404)})
    assert (await index(missing, processes).metadata("acme-clock")).of()[0].sha256 == "01" * 32
    known = ScriptedHttp({JSON: answer(PROJECT)})
    assert (await index(known, processes).metadata("acme-clock")).described
    with pytest.raises(DiscoveryError, match="There is no PyPI project other"):
        await index(missing, processes).metadata("other")
    (place / "index.html").unlink()
    (place / "index.html").mkdir()
    with pytest.raises(LinkError, match="cannot be read"):
        await index(missing, processes).metadata("acme-clock")


@pytest.mark.parametrize("told", ["UV_INDEX", "UV_EXTRA_INDEX_URL", "uv.extra"])
async def test_indexes_that_uv_was_told_of_are_asked_first_because_uv_installs_from_them(
    tmp_path: Path, told: str
) -> None:
    place = tmp_path / "simple" / "acme-clock"
    place.mkdir(parents=True)
    (place / "index.html").write_text(f'<a href="../../{WHEEL}#sha256={"01" * 32}">x</a>')
    processes = told_by(**{told: f"file://{tmp_path}/simple"})
    known = ScriptedHttp({JSON: answer(PROJECT)})
    assert (await index(known, processes).metadata("acme-clock")).of()[0].sha256 == "01" * 32
    (place / "index.html").unlink()
    assert (await index(known, processes).metadata("acme-clock")).described


async def test_an_index_that_is_silent_is_not_an_unknown_project() -> None:
    with pytest.raises(LinkError, match="nobody there"):
        await index(ScriptedHttp({INDEX + "*": LinkError("nobody there")})).metadata("acme-clock")
    with pytest.raises(LinkError, match="answered 503"):
        await index(ScriptedHttp({INDEX + "*": Reply(status=503)})).metadata("acme-clock")


@pytest.mark.parametrize(("told", "cafile"), [({}, "/etc/ca.pem"), ({"SSL_CERT_FILE": "/etc/others.pem"}, None)])
async def test_the_certificates_of_pip_are_trusted_unless_the_environment_names_others(
    told: Mapping[str, str], cafile: str | None
) -> None:
    http = ScriptedHttp({JSON: answer(PROJECT)})
    await index(http, told_by(**{"pip.global.cert": "/etc/ca.pem", **told})).metadata("acme-clock")
    assert {request.cafile for request in http.requests} == {cafile}


async def test_unknown_versions_are_told_and_equal_ones_are_recognised() -> None:
    resolver = index(ScriptedHttp({JSON: answer(PROJECT)}))
    with pytest.raises(DiscoveryError, match=r"no version 9\.9"):
        await resolver.metadata("acme-clock", "9.9")
    with pytest.raises(DiscoveryError, match="no version"):
        await index(ScriptedHttp({JSON: answer({"info": {}})})).metadata("acme-clock")
    assert (await resolver.metadata("acme-clock", "1.2")).version == "1.2.0"


async def test_the_files_of_the_current_version_may_stand_alone() -> None:
    told: JsonValue = {"info": {"version": "1.2.0", "author_email": "a@b.test"}, "urls": [file(WHEEL)]}
    project = await index(ScriptedHttp({JSON: answer(told), INDEX + "*": Reply(status=404)})).metadata("acme-clock")
    assert (project.version, project.publisher, project.repository) == ("1.2.0", "a@b.test", "")
    assert project.of()[0].filename == WHEEL


async def test_a_version_that_is_no_version_is_the_last_choice() -> None:
    told: JsonValue = {"info": {}, "releases": {"banana": [file("x.tar.gz")], "0.1": [file("acme_clock-0.1.tar.gz")]}}
    http = ScriptedHttp({JSON: answer(told), INDEX + "*": Reply(status=404)})
    assert (await index(http).metadata("acme-clock")).version == "0.1"


@pytest.mark.security
async def test_answers_that_make_no_sense_and_names_that_are_none_are_refused() -> None:
    with pytest.raises(PayloadError):
        await index(ScriptedHttp({JSON: Reply(status=200, body=b"{")})).metadata("acme-clock")
    with pytest.raises(PayloadError, match="not readable HTML"):
        files_of_page(b"<![foo>", INDEX)
    http = ScriptedHttp()
    for name in ("../x", "a b", "", "a/b"):
        with pytest.raises(PayloadError):
            await index(http).metadata(name)
    assert http.requests == []


@pytest.mark.security
@given(st.text(alphabet=st.sampled_from("<a hrefdt-ynk=\"'>/!&#;.whl1"), max_size=200))
def test_no_page_breaks_the_reader(html: str) -> None:
    try:
        assert isinstance(files_of_page(html.encode(), INDEX), list)
    except PayloadError as error:
        assert "HTML" in error.message  # noqa: PT017 - both ends are fine


async def test_an_exact_package_becomes_a_candidate_only_when_it_exists() -> None:
    resolver = index(ScriptedHttp({JSON: answer(PROJECT)}))
    candidate = await resolver.candidate(PackageRef.parse("pypi:acme-clock@1.2.0"))
    assert (candidate.name, candidate.source, candidate.publisher) == ("acme-clock", "package", "Acme")
    assert str(candidate.package) == "pypi:acme-clock@1.2.0"


@pytest.mark.parametrize(
    ("told", "default"),
    [
        ({}, f"{INDEX}/simple/"),
        ({"pip.global.index-url": "http://pip.test/simple"}, "http://pip.test/simple/"),
        (
            {"pip.global.index-url": "http://pip.test/s", "pip.:env:.index-url": "http://env.test/s/"},
            "http://env.test/s/",
        ),
        ({"pip.:env:.index-url": "http://pip.test/s", "uv.default": "http://toml.test/s"}, "http://toml.test/s/"),
        ({"uv.default": "http://toml.test/s", "UV_INDEX_URL": "http://uv.test/s"}, "http://uv.test/s/"),
        ({"UV_INDEX_URL": "http://a.test/s", "UV_DEFAULT_INDEX": "own=http://b.test/s"}, "http://b.test/s/"),
    ],
)
async def test_the_users_own_index_is_used_and_uvs_word_counts_first(told: dict[str, str], default: str) -> None:
    assert (await ask_indexes(told_by(**told))).default == default


async def test_the_indexes_are_asked_for_once_and_shown_without_passwords() -> None:
    processes = told_by(UV_INDEX="http://me:secret@extra.test/simple other=file:///srv/simple")
    resolver = index(ScriptedHttp(), processes)
    indexes = await resolver.indexes()
    assert indexes is await resolver.indexes()
    assert len(processes.commands) == 1
    assert indexes.extra == ("http://me:secret@extra.test/simple/", "file:///srv/simple/")
    assert "secret" not in repr(indexes)
    assert repr(resolver) == "PyPIIndex()"


async def test_further_indexes_are_in_uvs_order_each_once_and_those_of_pip_count_where_uv_has_none() -> None:
    pip = {"pip.global.extra-index-url": "http://pip.test/s"}
    first, second, third = (f"http://{name}.test/s" for name in ("first", "second", "third"))
    told = {"uv.extra": f"{third} {second}", "UV_EXTRA_INDEX_URL": second, "UV_INDEX": first}
    of_uv = await ask_indexes(told_by(**pip, **told))
    assert of_uv.in_order == (f"{first}/", f"{second}/", f"{third}/", of_uv.default)
    of_pip = await ask_indexes(told_by(**pip))
    assert of_pip.in_order == (of_pip.default, "http://pip.test/s/")


async def test_without_pip_uv_tells_its_own_default() -> None:
    processes = told_by(**{"pip.built-in": ""})
    told = b"  --default-index\n   The default package index (by default:\n   <http://uv.test/simple>) [env: X]"
    processes.on_run(lambda argv: "--help" in argv, Completed(returncode=0, stdout=told, stderr=b""))
    assert await ask_indexes(processes) == PyPIIndexes(default="http://uv.test/simple/")
    processes.on_run(lambda argv: "--help" in argv, Completed(returncode=0, stdout=b"", stderr=b""))
    with pytest.raises(ConfigurationError, match="Neither uv nor pip"):
        await ask_indexes(processes)


async def test_this_machines_clients_are_really_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://mirror.test/simple")
    assert (await ask_indexes(LocalProcesses())).default == "http://mirror.test/simple/"
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("PIP_CERT", "/etc/ca.pem")
    monkeypatch.setenv("PIP_INDEX_URL", "http://pip.test/simple")
    of_pip = await ask_indexes(LocalProcesses())
    assert (of_pip.default, of_pip.cafile) == ("http://pip.test/simple/", "/etc/ca.pem")
    config = tmp_path / "uv.toml"
    config.write_text(
        '[[index]]\nurl = "http://toml.test/simple"\ndefault = true\n[[index]]\nurl = "http://b.test/s"\n'
    )
    monkeypatch.setenv("UV_CONFIG_FILE", str(config))
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/others.pem")
    indexes = await ask_indexes(LocalProcesses())
    assert (indexes.default, indexes.extra) == ("http://toml.test/simple/", ("http://b.test/s/",))
    assert indexes.cafile is None
