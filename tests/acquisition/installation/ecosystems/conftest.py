"""Package sources on this machine: a Python index in a directory, and an npm registry on the loopback interface."""

import base64
import hashlib
import io
import json
import os
import ssl
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import Artefact, Installed, Proven, Vetted
from vsm_mcp.model.verdict import Verdict

MakeWheel = Callable[..., Path]
MakePackage = Callable[..., None]
Vet = Callable[[Artefact], Vetted]


@pytest.fixture
def vet() -> Vet:
    """Return what accepts everything."""
    return lambda artefact: Vetted(artefact=artefact, verdict=Verdict(accepted=True))


@pytest.fixture
def prove() -> Callable[[Installed], Proven]:
    """Return what believes everything."""
    return lambda installed: Proven(
        installed=installed,
        tools=(),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


@pytest.fixture
def python() -> Path:
    """Return an interpreter that every user may run."""
    system = Path("/usr/bin/python3")
    if os.geteuid() == 0 and not system.exists():
        pytest.skip("no Python that other users may run; install the system's python3 to run this test")
    return system if os.geteuid() == 0 else Path(sys.executable)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty package index; uv gets a cache of its own and no configuration."""
    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    path = tmp_path / "simple"
    path.mkdir()
    return path


@pytest.fixture
def wheel(index: Path) -> MakeWheel:
    """Return what puts a wheel in the index: name, version, files, requirements, console scripts."""

    def make(
        name: str,
        version: str = "1.0",
        *,
        files: Mapping[str, str] | None = None,
        requires: tuple[str, ...] = (),
        scripts: Mapping[str, str] | None = None,
        readme: str = "",
        author: str = "",
    ) -> Path:
        module = name.replace("-", "_")
        path = index / name / f"{module}-{version}-py3-none-any.whl"
        path.parent.mkdir(exist_ok=True)
        metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        metadata += [f"Requires-Dist: {one}" for one in requires]
        metadata += [f"Author: {author}"] * bool(author)
        entries = "".join(f"{script} = {target}\n" for script, target in (scripts or {}).items())
        info = f"{module}-{version}.dist-info"
        content = {
            **(files or {}),
            f"{info}/METADATA": "\n".join(metadata) + f"\n\n{readme}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            **({f"{info}/entry_points.txt": f"[console_scripts]\n{entries}"} if scripts else {}),
        }
        record = "".join(f"{file},,\n" for file in (*content, f"{info}/RECORD"))
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in {**content, f"{info}/RECORD": record}.items():
                archive.writestr(file, text)
        list_files(path.parent)
        return path

    return make


@pytest.fixture
def sdist(index: Path) -> MakeWheel:
    """Return what puts a source archive in the index; building it would leave a mark."""

    def make(name: str, mark: Path) -> Path:
        path = index / name / f"{name}-1.0.tar.gz"
        path.parent.mkdir(exist_ok=True)
        setup = f"open({str(mark)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name={name!r}, version='1.0')\n"
        with tarfile.open(path, "w:gz") as archive:
            for file, text in {
                "setup.py": setup,
                "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            }.items():
                member = tarfile.TarInfo(f"{name}-1.0/{file}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        list_files(path.parent)
        return path

    return make


def list_files(directory: Path) -> None:
    """Write the index page of a project."""
    links = [
        f'<a href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a><br>'
        for file in sorted(directory.iterdir())
        if file.suffix in {".whl", ".gz"}
    ]
    (directory / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")


class Registry:
    """What an npm registry knows: its documents and its archives by path."""

    def __init__(self) -> None:
        self.url = ""
        self.documents: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.logins: list[str] = []
        self.hangs_for = "nobody"
        self.heard_hanging = threading.Event()


@pytest.fixture
def tls() -> ssl.SSLContext | None:
    """Say how the registry encrypts: not at all, unless a test has a fixture of its own."""
    return None


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext | None) -> Generator[Registry]:
    """Run an npm registry; npm gets a cache of its own and no configuration of the user."""
    known = Registry()
    ending = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            known.logins.append(self.headers.get("authorization", ""))
            while self._hangs() and not ending.wait(0.05):
                known.heard_hanging.set()
            body = known.documents.get(unquote(self.path))
            self.send_response(404 if body is None else 200)
            self.send_header("content-type", "text/html" if "/simple/" in self.path else "application/json")
            self.send_header("content-length", str(len(body or b"{}")))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body or b"{}")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _hangs(self) -> bool:
            return self.path.startswith("/hang/") or self.headers.get("user-agent", "").startswith(known.hangs_for)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has above
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        known.url = f"http://127.0.0.1:{server.server_port}/"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            known.url = f"https://localhost:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        (tmp_path / "npmrc").touch()
        (tmp_path / "globalnpmrc").touch()
        monkeypatch.setenv("npm_config_registry", known.url)
        monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
        monkeypatch.setenv("npm_config_globalconfig", str(tmp_path / "globalnpmrc"))
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        yield known
        ending.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def package(registry: Registry) -> MakePackage:
    """Return what publishes an npm package: name, version, files, and more for its package.json."""
    documents: dict[str, dict[str, JsonValue]] = {}

    def make(
        name: str,
        version: str = "1.0.0",
        *,
        files: Mapping[str, str] | None = None,
        date: str = "2025-01-01T00:00:00.000Z",
        **more: JsonValue,
    ) -> None:
        manifest: dict[str, JsonValue] = {"name": name, "version": version, **more}
        archive = tarball({"package.json": json.dumps(manifest), **(files or {})})
        place = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        registry.documents[place] = archive
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
        scripts = more.get("scripts")
        has = isinstance(scripts, Mapping) and "postinstall" in scripts
        documents.setdefault(name, {})[version] = {
            **manifest,
            **({"hasInstallScript": True} if has else {}),
            "maintainers": [{"name": "somebody"}],
            "dist": {"tarball": registry.url.rstrip("/") + place, "integrity": integrity},
        }
        packument: dict[str, JsonValue] = {
            "name": name,
            "dist-tags": {"latest": version},
            "versions": documents[name],
            "time": dict.fromkeys(documents[name], date),
        }
        registry.documents[f"/{name}"] = json.dumps(packument).encode()

    return make


def tarball(files: Mapping[str, str]) -> bytes:
    """Return a gzipped tar archive as npm makes them."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()
