"""uv's configuration for a sandbox: indexes, logins, local places and proxies are in it, and nothing else."""

import tomllib
from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.resolvers.options import UvOptions
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import Given
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.uv_settings import give_uv
from vsm_mcp.errors import ConfigurationError, InstallationError
from vsm_mcp.sandbox.linux.argv import Program

UV = Path("/opt/tools/uv")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "hidden")


async def given_to_uv(indexes: PyPIIndexes, *, uv: Path = UV, shown: Path | None = None) -> Given:
    interpreter = Program(path="/usr/bin/python3", shown=shown)
    return await give_uv(indexes, (), uv=uv, interpreter=interpreter, cached=True)


@pytest.mark.anyio
@pytest.mark.security
async def test_only_what_the_indexes_need_is_handed_in(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("mine")
    (tmp_path / "netrc").write_text(
        "machine index.example.com login me password word\nmachine other.test login you password hidden\n"
    )
    options = UvOptions(
        strategy="first-index",
        system_certificates=True,
        insecure_hosts=("plain.test",),
        https_proxy="http://me:secret@proxy.test:3128",
        no_proxy="a.test, b.test",
        find_links=(str(tmp_path), "/nowhere/at/all"),
    )
    indexes = PyPIIndexes(default="https://index.example.com/simple/", cafile=str(tmp_path / "ca.pem"), options=options)
    given = await given_to_uv(indexes, shown=Path("/opt/python"))
    assert tomllib.loads(given.files["uv.toml"].decode()) == {
        "keyring-provider": "disabled",
        "index-strategy": "first-index",
        "find-links": [str(tmp_path), "/nowhere/at/all"],
        "system-certs": True,
        "allow-insecure-host": ["plain.test"],
        "https-proxy": "http://me:secret@proxy.test:3128",
        "no-proxy": ["a.test", "b.test"],
    }
    assert given.files["netrc"] == b"machine index.example.com login me password word\n"
    assert given.files["certificates.pem"] == b"mine"
    assert given.env == {
        "NETRC": "/work/.client/netrc",
        "SSL_CERT_FILE": "/work/.client/certificates.pem",
    }
    assert not any("secret" in word or "word" in word for word in given.words)
    assert "secret" not in repr(given) + repr(options)
    assert given.egress.allow == ("proxy.test:3128",)
    assert given.read_only == (tmp_path, UV, Path("/opt/python"))
    assert given.package is None


@pytest.mark.anyio
async def test_a_local_index_is_shown_with_the_places_that_its_pages_name(tmp_path: Path) -> None:
    page = tmp_path / "index" / "simple" / "a" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text('<a href="../../../files/a-1.0-py3-none-any.whl">a</a><a href="http://[">b</a>')
    (page.parent.parent / "broken").mkdir()
    (page.parent.parent / "broken" / "index.html").write_bytes(b"<![if a]><!x")
    (tmp_path / "files").mkdir()
    indexes = PyPIIndexes(default=f"{(tmp_path / 'index' / 'simple').as_uri()}/", extra=("file:///nowhere/",))
    given = await given_to_uv(indexes)
    assert given.read_only == (tmp_path / "index" / "simple", tmp_path / "files", UV)
    assert not given.egress
    assert tomllib.loads(given.files["uv.toml"].decode()) == {"keyring-provider": "disabled"}


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("place", ["file:///", "file:///etc/", "file:///home/"])
async def test_a_local_index_in_a_place_of_others_is_refused(place: str) -> None:
    with pytest.raises(InstallationError, match="on this machine cannot be shown") as caught:
        await given_to_uv(PyPIIndexes(default=place))
    assert caught.value.remedies


@pytest.mark.anyio
async def test_a_uv_that_lies_where_a_sandbox_has_its_own_is_shown_elsewhere() -> None:
    given = await given_to_uv(PyPIIndexes(default="https://a.test/"), uv=Path("/work/venv/bin/uv"))
    assert given.package == Path("/work/venv/bin")
    assert given.words[0] == "/pkg/uv"
    assert given.read_only == ()


@pytest.mark.anyio
async def test_a_netrc_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine")
    with pytest.raises(ConfigurationError, match="netrc cannot be read"):
        await given_to_uv(PyPIIndexes(default="https://a.test/"))
