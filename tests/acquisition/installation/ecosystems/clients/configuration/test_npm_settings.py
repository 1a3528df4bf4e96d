"""npm's configuration for a sandbox: the registries' own settings and logins are in it, and nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.npm_settings import (
    NpmConfiguration,
    ask_npm,
    give_npm,
    read_credentials,
)
from vsm_mcp.errors import ConfigurationError, InstallationError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses

PROGRAM = (Path("/home/me/.nvm/node"), Path("/home/me/.nvm/lib/npm/bin/npm-cli.js"))
REGISTRY = "https://npm.example.com/repository/"


class Told(LocalProcesses):
    """An npm that says this of its configuration."""

    def __init__(self, said: bytes, code: int = 0) -> None:
        self.said = said
        self.code = code

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        assert command.argv[1:] == ("config", "list", "--json")
        return Completed(returncode=self.code, stdout=self.said, stderr=b"")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)


def configuration(values: Mapping[str, JsonValue] | None = None, *sources: Path) -> NpmConfiguration:
    return NpmConfiguration(registries=(REGISTRY,), values=values or {"registry": REGISTRY}, sources=sources)


@pytest.mark.anyio
async def test_npm_itself_says_how_it_is_configured(tmp_path: Path) -> None:
    told = {
        "registry": REGISTRY,
        "@a:registry": "https://a.test",
        "userconfig": f"{tmp_path}/npmrc",
        "globalconfig": "",
    }
    found = await ask_npm(Told(json.dumps(told).encode()), Path("/usr/bin/npm"))
    assert found.registries == (REGISTRY, "https://a.test")
    assert found.sources == (tmp_path / "npmrc",)
    for said, code in ((b"{}", 0), (json.dumps(told).encode(), 1), (b'{"registry": "file:///x"}', 0)):
        with pytest.raises(ConfigurationError, match="does not say which registry"):
            await ask_npm(Told(said, code), Path("/usr/bin/npm"))


@pytest.mark.anyio
@pytest.mark.security
async def test_only_what_the_registry_needs_is_handed_in_and_no_secret_is_among_the_words(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("mine")
    (tmp_path / "key.pem").write_text("key")
    npmrc = tmp_path / "npmrc"
    npmrc.write_text(
        "//npm.example.com/repository/:_authToken = 'quoted'\n"
        f"//npm.example.com/:keyfile={tmp_path}/key.pem\n"
        '//npm.example.com/:username="me"\n'
        "//elsewhere.test/:_authToken=other\n//npm.example.com/:tokenHelper=/bin/evil\nscript-shell=/bin/evil\n; note\n"
    )
    values: dict[str, JsonValue] = {
        "registry": REGISTRY,
        "@a:registry": "https://a.test/",
        "cafile": f"{tmp_path}/ca.pem",
        "ca": ["one", "two"],
        "strict-ssl": True,
        "fetch-retries": 0,
        "noproxy": None,
        "script-shell": "/bin/evil",
        "https-proxy": "http://me:secret@proxy.test:3128",
    }
    given = await give_npm(configuration(values, npmrc), [], program=PROGRAM, cached=True)
    text = given.files["npmrc"].decode()
    assert '//npm.example.com/repository/:_authToken="quoted"\n' in text
    assert '//npm.example.com/:username="me"\n' in text
    assert '//npm.example.com/:keyfile="/work/.client/login-0.pem"\n' in text
    assert given.files["login-0.pem"] == b"key"
    assert given.files["certificates.pem"] == b"mine"
    assert 'cafile="/work/.client/certificates.pem"\n' in text
    assert 'ca[]="one"\nca[]="two"\n' in text
    assert "fetch-retries=0\n" in text
    assert "strict-ssl=true\n" in text
    assert not any(word in text for word in ("other", "evil", "noproxy"))
    assert not any("secret" in word or "quoted" in word for word in (*given.words, *given.env.values()))
    assert "quoted" not in repr(given)
    assert given.egress.allow == ("proxy.test:3128",)
    assert given.read_only == (PROGRAM[0], PROGRAM[1].parent.parent)
    assert "--cache=/cache" in given.words


@pytest.mark.anyio
async def test_certificates_of_the_environment_come_besides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "more.pem").write_text("more")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(tmp_path / "more.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    given = await give_npm(configuration(), [], program=PROGRAM, cached=False)
    assert given.env == {"NODE_EXTRA_CA_CERTS": "/work/.client/more-certificates.pem"}
    assert given.files["more-certificates.pem"] == b"more"
    assert 'https-proxy="http://proxy.test:3128"' in given.files["npmrc"].decode()
    assert "--cache=/work/.client/cache" in given.words


@pytest.mark.security
def test_logins_come_from_files_variables_and_the_variables_that_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_text("//npm.example.com/:_authToken=old\n//npm.example.com/:email=${NOT_SET_AT_ALL?}x\n")
    (tmp_path / "two").write_text('//npm.example.com/:_authToken=${A_TOKEN}\n//npm.example.com/:_auth="bad\n')
    monkeypatch.setenv("A_TOKEN", "new")
    monkeypatch.setenv("npm_config_//npm.example.com/:username", "me")
    found = read_credentials(configuration(None, tmp_path / "one", tmp_path / "two", tmp_path / "missing"))
    assert found == {
        "//npm.example.com/:_authToken": "new",
        "//npm.example.com/:_auth": '"bad',
        "//npm.example.com/:email": "x",
        "//npm.example.com/:username": "me",
    }


def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 1_000_001)
    for path in (tmp_path / "large", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_credentials(configuration(None, path))


@pytest.mark.anyio
@pytest.mark.security
async def test_a_setting_cannot_bring_in_another_line() -> None:
    values: dict[str, JsonValue] = {"registry": REGISTRY, "@a\nscript-shell=x:registry": "https://a.test"}
    with pytest.raises(InstallationError, match="cannot be passed on"):
        await give_npm(configuration(values), [], program=PROGRAM, cached=True)


@pytest.mark.security
@given(value=st.text(max_size=40))
def test_no_login_breaks_out_of_its_line(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    npmrc = tmp_path_factory.mktemp("npm") / "npmrc"
    npmrc.write_text(f"//npm.example.com/:_authToken={value}\n", encoding="utf-8", errors="surrogatepass")
    found = read_credentials(configuration(None, npmrc))
    assert all(key.startswith("//npm.example.com/:") for key in found)
