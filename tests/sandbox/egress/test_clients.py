"""Programs as people use them reach allowed names without knowing of it, over TLS, and nothing else."""

import base64
import hashlib
import io
import json
import os
import shutil
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Awaitable, Callable, Generator, Mapping
from pathlib import Path

import pytest
import trustme

from vsm_mcp.events import EgressDecided, Event
from vsm_mcp.model.enforcement import Held
from vsm_mcp.sandbox.egress.rules import Egress

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

Run = Callable[..., Awaitable[tuple[str, Held, list[Event]]]]
PACKAGES = (
    "requests", "urllib3", "charset_normalizer", "certifi", "idna", "httpx2", "httpcore2", "anyio", "h11", "sniffio",
    "truststore",
)  # fmt: skip
HOST = "allowed.example.test"
PYTHON = """
import json, os, subprocess, sys
sys.stdin.readline()
site, authority, *urls = sys.argv[1:]
sys.path.append(site)
os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = authority
import ssl, urllib.request, httpx2, requests

def with_urllib(url):
    with urllib.request.urlopen(url, timeout=10) as reply:
        return reply.read().decode()

def with_httpx(url):
    with httpx2.Client(verify=ssl.create_default_context(cafile=authority), timeout=10) as client:
        return client.get(url).text

def with_requests(url):
    return requests.get(url, timeout=10).text

def with_curl(url):
    done = subprocess.run(["/usr/bin/curl", "-sS", "-m", "10", "--cacert", authority, url], capture_output=True)
    return done.stdout.decode() if done.returncode == 0 else f"failed: {done.returncode}"

def attempt(client, url):
    try:
        return client(url)
    except Exception as error:
        return f"failed: {type(error).__name__}"

clients = {"urllib": with_urllib, "httpx": with_httpx, "requests": with_requests, "curl": with_curl}
print(json.dumps({name: [attempt(client, url) for url in urls] for name, client in clients.items()}))
"""
NODE = """
const https = require("node:https"), urls = process.argv.slice(1)
const withHttps = url => new Promise((resolve, reject) => {
  https.get(url, reply => { let text = ""; reply.on("data", piece => text += piece).on("end", () => resolve(text)) })
    .on("error", reject)
})
const withFetch = async url => (await fetch(url)).text()
const attempt = async (client, url) => { try { return await client(url) } catch (error) { return "failed: " + error } }
process.stdin.once("data", async () => {
  const found = {}
  for (const [name, client] of Object.entries({ https: withHttps, fetch: withFetch })) {
    found[name] = []
    for (const url of urls) found[name].push(await attempt(client, url))
  }
  console.log(JSON.stringify(found))
  process.exit(0)
})
"""


@pytest.fixture
def place(authority: trustme.CA) -> Generator[Path]:
    """Make a directory that every user may enter, with the certificate of the authority."""
    path = Path(tempfile.mkdtemp(prefix="vsm-egress-"))
    path.chmod(0o755)
    authority.cert_pem.write_to_path(str(path / "authority.pem"))
    yield path
    shutil.rmtree(path)


def addresses(port: int) -> tuple[str, ...]:
    """Return addresses of the same page: by the allowed name, another, a number, another port, a private name."""
    return (
        f"https://{HOST}:{port}/page",
        f"https://denied.example.test:{port}/page",
        f"https://127.0.0.1:{port}/page",
        f"https://{HOST}:{port - 1}/page",
        f"https://x.sub.example.test:{port}/page",
    )


def judge(found: Mapping[str, list[str]], clients: set[str]) -> None:
    assert set(found) == clients
    for replies in found.values():
        assert replies[0] == "the page"
        assert all(reply.startswith("failed: ") for reply in replies[1:])


def judge_events(heard: list[Event], port: int) -> None:
    decided = {(e.host, e.port, e.allowed) for e in heard if isinstance(e, EgressDecided)}
    assert {
        (HOST, port, True), ("denied.example.test", None, False), ("127.0.0.1", port, False),
        ("x.sub.example.test", port, False),
    } <= decided  # fmt: skip
    assert {host for host, at, allowed in decided if allowed and at} == {HOST}


def egress(port: int) -> Egress:
    return Egress(allow=(f"{HOST}:{port}", f"*.sub.example.test:{port}"), private=(HOST,))


@pytest.mark.promise("A5")
async def test_clients_in_python_and_curl_reach_what_is_allowed(
    run_inside: Run, documents: dict[str, bytes], web: int, *, place: Path
) -> None:
    documents["/page"] = b"the page"
    site, installed = place / "site", Path(sysconfig.get_path("purelib"))
    for name in PACKAGES:
        for path in (installed / name, *installed.glob(f"{name}-*.dist-info")):
            shutil.copytree(path, site / path.name)
    shutil.copy(installed / "typing_extensions.py", site)
    words = (str(site), str(place / "authority.pem"), *addresses(web))
    argv = ("/usr/bin/python3", "-I", "-S", "-c", PYTHON, *words)
    said, _, heard = await run_inside(argv, egress(web), read_only=(place,))
    assert said.startswith("{"), said
    judge(json.loads(said), {"urllib", "httpx", "requests", "curl"})
    judge_events(heard, web)


@pytest.mark.node
async def test_fetch_and_https_of_node_reach_what_is_allowed(
    run_inside: Run, documents: dict[str, bytes], web: int, *, place: Path
) -> None:
    documents["/page"] = b"the page"
    argv = ("/usr/bin/env", f"NODE_EXTRA_CA_CERTS={place}/authority.pem", "node", "-e", NODE, *addresses(web))
    said, _, heard = await run_inside(argv, egress(web), read_only=(place,))
    judge(json.loads(said), {"https", "fetch"})
    judge_events(heard, web)


@pytest.mark.node
async def test_npm_installs_from_an_allowed_registry(
    run_inside: Run, documents: dict[str, bytes], web: int, *, place: Path
) -> None:
    archive = _tarball({"package/package.json": b'{"name": "tiny", "version": "1.0.0"}', "package/index.js": b""})
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    dist = {"tarball": f"https://{HOST}:{web}/tiny/-/tiny-1.0.0.tgz", "integrity": integrity}
    versions = {"1.0.0": {"name": "tiny", "version": "1.0.0", "dist": dist}}
    documents["/tiny"] = json.dumps({"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": versions}).encode()
    documents["/tiny/-/tiny-1.0.0.tgz"] = archive
    script = f"""read line; touch /tmp/a /tmp/b; export npm_config_userconfig=/tmp/a npm_config_globalconfig=/tmp/b
        npm install tiny --registry=https://{HOST}:{web}/ --cafile={place}/authority.pem --cache=/tmp/cache \\
        --ignore-scripts --no-audit --no-fund --fetch-retries=0 >&2 && ls node_modules/tiny
        npm install tiny --registry=https://denied.example.test:{web}/ --cache=/tmp/other --fetch-retries=0 \\
        --prefix /work/other >&2 || echo refused"""
    said, _, _ = await run_inside(("/bin/sh", "-c", script), egress(web), read_only=(place,))
    assert said.split() == ["index.js", "package.json", "refused"]


async def test_uv_installs_from_an_allowed_index(
    run_inside: Run, documents: dict[str, bytes], web: int, *, place: Path
) -> None:
    uv = shutil.which("uv", path=os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])))
    assert uv is not None
    shutil.copy(uv, place / "uv")
    (place / "uv").chmod(0o755)
    name = "tiny-1.0.0-py3-none-any.whl"
    documents["/simple/tiny/"] = f'<a href="../../{name}">{name}</a>'.encode()
    documents[f"/{name}"] = _wheel("tiny", "1.0.0")
    script = f"""read line; export SSL_CERT_FILE={place}/authority.pem UV_NO_CONFIG=1 UV_CACHE_DIR=/tmp/uv
        export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
        {place}/uv pip install --python /usr/bin/python3 --target /work/site --index-url https://{HOST}:{web}/simple \\
        tiny >&2 && ls /work/site/tiny.py
        UV_HTTP_RETRIES=0 {place}/uv pip install --python /usr/bin/python3 --target /work/other --no-cache \\
        --index-url https://denied.example.test:{web}/simple tiny >&2 || echo refused"""
    said, _, _ = await run_inside(("/bin/sh", "-c", script), egress(web), read_only=(place,))
    assert said.split() == ["/work/site/tiny.py", "refused"], said


def _tarball(files: Mapping[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


def _wheel(name: str, version: str) -> bytes:
    data = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return data.getvalue()
