"""vet: everything that can be said about a package, while nothing of it runs and nothing is left behind."""

import base64
import hashlib
import io
import json
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from vsm_mcp.__main__ import main as command
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError, PayloadError
from vsm_mcp.events import EgressEnded, Event
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import Artefact, Candidate, Resolution
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.vet_package import ANYTHING, Opinion, VetReport, vet

HONEST = "import sys\n\n\ndef main():\n    print(sys.argv)\n"
WICKED = "import base64\nexec(base64.b64decode('cHJpbnQoMSk='))\n"
OLD = "2025-01-01T00:00:00.000Z"
PATIENT = Policy(allow=ANYTHING, min_release_age=timedelta(0))


@pytest.fixture
def tmp_path() -> Generator[Path]:
    """A directory that the users of sandboxes can reach, other than the usual one."""
    with tempfile.TemporaryDirectory(prefix="vsm-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Give temporary directories a place of their own, which must be empty at the end, and what is kept another."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    yield
    assert [*place.iterdir()] == []


def file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "server.py"
    path.write_text(text)
    return f"file:{path}"


def codes(report: VetReport) -> dict[str, str]:
    return {finding.code: finding.severity for finding in report.findings}


@pytest.mark.anyio
@pytest.mark.promise("A14")
async def test_an_honest_file_is_accepted_without_any_network(tmp_path: Path) -> None:
    report = await vet(file(tmp_path, HONEST))
    assert (report.verdict, report.score, report.reasons) == (Opinion.ACCEPTED, 100, ())
    assert report.package.startswith(f"file:{tmp_path}/server.py@")
    assert report.integrity == f"sha256:{hashlib.sha256(HONEST.encode()).hexdigest()}"
    assert (len(report.digest or ""), report.dependencies) == (64, 1)
    assert VetReport.model_validate_json(report.model_dump_json()) == report
    assert "accepted (score 100/100" in str(report)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_wicked_file_is_refused_and_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    report = await vet(file(tmp_path, f"open({str(mark)!r}, 'w').close()\n{WICKED}"))
    assert (report.verdict, mark.exists()) == (Opinion.REFUSED, False)
    assert report.reasons[0] in str(report)
    (run,) = json.loads(json.dumps(report.sarif()))["runs"]
    assert any(result["level"] == "error" for result in run["results"])
    assert {result["message"]["text"] for result in run["results"]} == {one.message for one in report.findings}


@pytest.mark.anyio
async def test_a_policy_of_ones_own_counts_as_it_is(tmp_path: Path) -> None:
    report = await vet(file(tmp_path, HONEST), policy=Policy())
    assert (report.verdict, codes(report)) == (Opinion.REFUSED, {"not-allowed": "critical"})
    settings = Settings(allow=("npm:*",))
    assert (await vet(file(tmp_path, HONEST), settings=settings)).verdict is Opinion.REFUSED


@pytest.mark.anyio
async def test_what_cannot_be_vetted_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(PayloadError, match="no package to vet"):
        await vet("memory:server")
    with pytest.raises(InstallationError, match="no server file"):
        await vet(f"file:{tmp_path}/missing.py")
    with pytest.raises(IntegrityError, match="not 0000"):
        await vet(f"{file(tmp_path, HONEST)}@0000")
    with pytest.raises(ConfigurationError, match="database of advisories"):
        await vet(file(tmp_path, HONEST), advisories=tmp_path / "missing")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what puts a wheel in a package index of this test's own, which tells no dates."""
    place = tmp_path / "simple"
    for name in ("UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", place.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def make(name: str, files: Mapping[str, str], *, requires: str = "") -> None:
        info = f"{name.replace('-', '_')}-1.0.dist-info"
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        content = {
            **files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[console_scripts]\n{name} = server:main\n",
        }
        wheel = place / name / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        wheel.parent.mkdir(parents=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in {**content, f"{info}/RECORD": ""}.items():
                archive.writestr(path, text)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')

    return make


def database(tmp_path: Path, identity: str, package: str, **more: JsonValue) -> Path:
    """Write an OSV database of one record that holds for all versions."""
    ecosystem, _, name = package.partition(":")
    affected: JsonValue = {
        "package": {"ecosystem": {"pypi": "PyPI"}.get(ecosystem, ecosystem), "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
    }
    path = tmp_path / "osv"
    path.mkdir(exist_ok=True)
    (path / f"{identity}.json").write_text(json.dumps({"id": identity, "affected": [affected], **more}))
    return path


@pytest.mark.anyio
@pytest.mark.sandbox
@pytest.mark.security
@pytest.mark.promise("A14")
async def test_a_python_package_is_vetted_with_all_it_brings_along_and_none_of_it_runs(
    tmp_path: Path, index: Callable[..., None]
) -> None:
    mark = tmp_path / "ran"
    starts = f"open({str(mark)!r}, 'w').close()\n"
    index("slides-mcp", {"server.py": starts + HONEST, "slides.pth": f"import os; {starts}"}, requires="left-padding")
    index("left-padding", {"left.py": starts})
    severe: JsonValue = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]
    known = database(tmp_path, "GHSA-1", "pypi:left-padding", severity=severe, aliases=["CVE-2025-1"])
    report = await vet("pypi:slides-mcp@1.0", advisories=known)
    assert (report.verdict, report.dependencies, mark.exists()) == (Opinion.REFUSED, 2, False)
    assert codes(report)["GHSA-1"] == "high"
    assert codes(report)["age-unknown"] == "medium"
    assert any("a direct dependency, is subject to GHSA-1 (rated critical)" in reason for reason in report.reasons)


@pytest.mark.anyio
@pytest.mark.sandbox
async def test_only_unanswered_questions_leave_the_verdict_open(index: Callable[..., None]) -> None:
    index("slides-mcp", {"server.py": HONEST})
    report = await vet("pypi:slides-mcp@1.0")
    assert report.verdict is Opinion.UNKNOWN
    assert {finding.code for finding in report.findings if finding.unknown} >= {"age-unknown", "no-advisory-data"}
    assert "? low      vulnerabilities/no-advisory-data" in str(report)
    lenient = PATIENT.model_copy(update={"refuse_unknown": False})
    assert (await vet("pypi:slides-mcp@1.0", policy=lenient)).verdict is Opinion.ACCEPTED


@pytest.mark.anyio
@pytest.mark.sandbox
async def test_a_package_of_which_every_version_is_too_young_is_named_only_when_its_version_is(
    index: Callable[..., None],
) -> None:
    index("slides-mcp", {"server.py": HONEST})
    with pytest.raises(InstallationError, match="old enough"):
        await vet("pypi:slides-mcp")
    with pytest.raises(InstallationError, match=r"old enough|does not exist"):
        await vet("pypi:slides-mcp@7.0")


@pytest.mark.anyio
@pytest.mark.sandbox
async def test_files_that_must_not_be_in_a_package_leave_it_without_a_digest(
    index: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("slides-mcp", {"server.py": HONEST})
    fetch = PyPIEcosystem.fetch

    async def with_a_link(self: PyPIEcosystem, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        artefact = await fetch(self, candidate, resolution, into=into)
        (into / "link").symlink_to("/etc/passwd")
        return artefact

    monkeypatch.setattr(PyPIEcosystem, "fetch", with_a_link)
    report = await vet("pypi:slides-mcp@1.0")
    assert (report.verdict, report.digest, codes(report)["link-leads-out"]) == (Opinion.REFUSED, None, "high")


class Registry:
    """An npm registry: documents by path, and its answer about advisories."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.documents: dict[str, bytes] = {}
        self.advisories: dict[str, JsonValue] | None = None

    def publish(self, name: str, version: str, *, files: Mapping[str, str], date: str = OLD, **more: JsonValue) -> None:
        """Make a package of one version known."""
        manifest: dict[str, JsonValue] = {"name": name, "version": version, "bin": "index.js", **more}
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            for path, text in {"package.json": json.dumps(manifest), **files}.items():
                member = tarfile.TarInfo(f"package/{path}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        place = f"/{name}/-/{name}-{version}.tgz"
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(data.getvalue()).digest()).decode()
        dist: JsonValue = {"tarball": self.url + place, "integrity": integrity, "attestations": {"url": self.url}}
        told: JsonValue = {**manifest, "_npmUser": {"name": "ann"}, "dist": dist}
        document: JsonValue = {
            "name": name,
            "dist-tags": {"latest": version},
            "versions": {version: told},
            "time": {version: date},
        }
        self.documents |= {place: data.getvalue(), f"/{name}": json.dumps(document).encode()}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Registry]:
    """Run a registry on this machine, with an npm that knows no other."""
    known: list[Registry] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(known[0].documents.get(unquote(self.path)))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            told = known[0].advisories
            self._send(None if told is None else json.dumps(told).encode())

        def _send(self, body: bytes | None) -> None:
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has above
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        known.append(Registry(f"http://127.0.0.1:{server.server_port}"))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for name in ("userconfig", "globalconfig"):
            (tmp_path / name).touch()
            monkeypatch.setenv(f"npm_config_{name}", str(tmp_path / name))
        monkeypatch.setenv("npm_config_registry", known[0].url)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        yield known[0]
        server.shutdown()
        thread.join()


SCRIPT = "#!/usr/bin/env node\nconsole.log(process.argv.length)\n"


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.sandbox
@pytest.mark.promise("A14")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_npm_package_is_vetted_through_the_users_registry(registry: Registry) -> None:
    registry.publish("slides-mcp", "1.0.0", files={"index.js": SCRIPT}, mcpName="io.example/slides")
    registry.advisories = {}
    report = await vet("npm:slides-mcp")
    assert (report.verdict, report.package) == (Opinion.ACCEPTED, "npm:slides-mcp@1.0.0")
    assert (report.publisher, report.ownership) == ("ann", "io.example/slides")
    assert codes(report)["attested"] == "info"
    malice: JsonValue = {"id": 1, "title": "Malware", "severity": "critical", "cwe": ["CWE-506"]}
    registry.advisories = {"slides-mcp": [{**malice, "vulnerable_versions": ">=1.0.0"}]}
    report = await vet("npm:slides-mcp")
    assert (report.verdict, codes(report)["npm:1"]) == (Opinion.REFUSED, "critical")


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.sandbox
@pytest.mark.security
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_archive_that_is_not_the_one_that_was_pinned_is_refused(registry: Registry) -> None:
    registry.publish("slides-mcp", "1.0.0", files={"index.js": SCRIPT})
    registry.documents["/slides-mcp/-/slides-mcp-1.0.0.tgz"] = b"something else"
    report = await vet("npm:slides-mcp@1.0.0")
    assert (report.verdict, codes(report), report.score) == (Opinion.REFUSED, {"not-as-pinned": "critical"}, 0)
    assert report.digest is None


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.sandbox
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_version_that_is_too_young_to_be_installed_is_vetted_and_found_to_be(registry: Registry) -> None:
    registry.publish("slides-mcp", "1.0.0", files={"index.js": SCRIPT}, date="2099-01-01T00:00:00.000Z")
    report = await vet("npm:slides-mcp@1.0.0")
    assert (report.verdict, codes(report)["too-young"]) == (Opinion.REFUSED, "high")


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.sandbox
@pytest.mark.security
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("confinement", Confinement)
async def test_package_clients_are_confined_unless_nothing_is(
    registry: Registry, tmp_path: Path, confinement: Confinement
) -> None:
    registry.publish("slides-mcp", "1.0.0", files={"index.js": SCRIPT})
    heard: list[Event] = []
    settings = Settings(state=tmp_path / "state", sandbox=confinement)
    report = await vet("npm:slides-mcp", policy=PATIENT, settings=settings, emit=heard.append)
    assert report.package == "npm:slides-mcp@1.0.0"
    reached = {place for event in heard if isinstance(event, EgressEnded) for place in event.reached}
    assert reached == (
        {registry.url.replace("http://127.0.0.1", "localhost")} if confinement == "bubblewrap" else set()
    )
    assert sorted(path.name for path in (tmp_path / "state").glob("*")) == (["cache"] if reached else [])


def test_the_command_line_answers_with_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["vet", file(tmp_path, HONEST), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "accepted"
    log = tmp_path / "log.sarif"
    assert command(["vet", file(tmp_path, WICKED), "--sarif", str(log)]) == 1
    assert "refused (score" in capsys.readouterr().out
    assert json.loads(log.read_text())["version"] == "2.1.0"
    assert command(["vet", file(tmp_path, HONEST), "--sarif", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []


def test_what_could_not_be_told_is_neither_yes_nor_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["vet", "file:/missing.py"]) == 2
    assert "no server file" in capsys.readouterr().err
    assert command(["vet", file(tmp_path, HONEST), "--advisories", str(tmp_path / "missing")]) == 2
    assert command(["vet", file(tmp_path, HONEST), "--sarif", str(tmp_path / "no" / "folder")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.anyio
@pytest.mark.live
@pytest.mark.node
@pytest.mark.sandbox
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_real_packages_are_vetted_with_the_users_own_registries() -> None:
    for package in ("npm:@modelcontextprotocol/server-memory", "pypi:mcp-server-time"):
        report = await vet(package)
        assert report.verdict is not Opinion.REFUSED, report
        assert (report.score >= 80, report.dependencies > 10) == (True, True)
        assert (report.ownership or "").startswith("io.github.modelcontextprotocol/")
