"""npm's configuration for a confined run: registries, their credentials, certificates and proxies; nothing else."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread

from vsm_mcp.acquisition.discovery.reading import mapping, parse
from vsm_mcp.acquisition.discovery.resolvers.npm import NPM_INHERITS
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.belongings import read_small, to_show, variables
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import CLIENT_ROOT, Given
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.way_out import (
    Proxies,
    proxies_of_environment,
    way_out,
)
from vsm_mcp.errors import ConfigurationError, InstallationError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.sandbox.policy import CACHE_ROOT
from vsm_mcp.world.processes import Command, Processes

LARGEST_NPMRC = 1_000_000
PATIENCE = 60.0

_PASSED_ON = (
    "ca", "fetch-retries", "fetch-retry-maxtimeout", "fetch-retry-mintimeout", "fetch-timeout", "maxsockets", "noproxy",
    "omit-lockfile-registry-resolved", "replace-registry-host", "strict-ssl",
)  # fmt: skip
_CREDENTIALS = ("_auth", "_authToken", "_password", "certfile", "email", "keyfile", "username")
_FILES = ("certfile", "keyfile")
_OWN, _MORE = "certificates.pem", "more-certificates.pem"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\??\}")
_FROM_ENVIRONMENT = ("npm_config_//*", "NPM_CONFIG_//*")


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmConfiguration:
    """What the user's npm is configured for.

    Attributes:
        registries: The addresses of all registries: the main one first.
        values: The settings that are no secrets, by name.
        sources: The files that hold credentials, what wins last.
    """

    registries: tuple[str, ...]
    values: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue], repr=False)
    sources: tuple[Path, ...] = ()

    def proxies(self) -> Proxies:
        """Return the proxies: npm's own settings win over the environment."""
        known = proxies_of_environment()
        https, http, none = (_text(self.values.get(name)) for name in ("https-proxy", "proxy", "noproxy"))
        return Proxies(http=http or known.http, https=https or http or known.https, none=none or known.none)


async def ask_npm(processes: Processes, npm: Path) -> NpmConfiguration:
    """Ask npm itself how it is configured.

    Raises:
        ConfigurationError: It cannot say.
    """
    command = Command(argv=(str(npm), "config", "list", "--json"), inherit=NPM_INHERITS, cwd=Path("/"))
    done = await processes.run(command, timeout=PATIENCE)
    told = mapping(parse(done.stdout or b"{}", what="What 'npm config list --json' printed"))
    main = _text(told.get("registry"))
    if done.returncode != 0 or urlsplit(main).scheme not in {"http", "https"}:
        raise ConfigurationError(
            f"npm does not say which registry it uses (exit code {done.returncode}).",
            remedies=("See what 'npm config get registry' says, and set it.",),
        )
    scopes = [_text(value) for key, value in told.items() if key.startswith("@") and key.endswith(":registry")]
    files = (_text(told.get(name)) for name in ("globalconfig", "userconfig"))
    return NpmConfiguration(
        registries=tuple(dict.fromkeys(url for url in (main, *scopes) if url)),
        values=told,
        sources=tuple(Path(name) for name in files if name.startswith("/")),
    )


async def give_npm(
    configuration: NpmConfiguration, files: Iterable[str], *, program: tuple[Path, Path], cached: bool
) -> Given:
    """Return what a confined npm is given.

    Args:
        configuration: How the user's npm is configured.
        files: Addresses of files, as the registry told them.
        program: Node.js, and the program of npm that it runs.
        cached: Whether it finds a directory that is kept between runs.

    Raises:
        InstallationError: A registry cannot be reached from a sandbox.
        ConfigurationError: A file that the configuration names cannot be read.
    """
    proxies = configuration.proxies()
    credentials = await anyio.to_thread.run_sync(read_credentials, configuration)
    written, extra = _written(configuration, credentials, proxies)
    trusted = await anyio.to_thread.run_sync(_certificates, configuration)
    words = (
        *map(str, program),
        f"--userconfig={CLIENT_ROOT}/npmrc",
        f"--globalconfig={CLIENT_ROOT}/globalnpmrc",
        f"--cache={CACHE_ROOT if cached else f'{CLIENT_ROOT}/cache'}",
        "--logs-max=0",
    )
    if _OWN in trusted:
        written += _setting("cafile", f"{CLIENT_ROOT}/{_OWN}")
    return Given(
        words=words,
        files={"npmrc": written.encode(), "globalnpmrc": b"", **extra, **trusted},
        env={"NODE_EXTRA_CA_CERTS": f"{CLIENT_ROOT}/{_MORE}"} if _MORE in trusted else {},
        read_only=to_show(program[0], program[1].parent.parent),
        egress=await way_out(configuration.registries, files, proxies),
    )


def _certificates(configuration: NpmConfiguration) -> dict[str, bytes]:
    """Return the certificates that npm trusts instead of Node.js's own, and those that it trusts besides. Blocking."""
    named = {
        _OWN: _text(configuration.values.get("cafile")),
        _MORE: variables("NODE_EXTRA_CA_CERTS").get("NODE_EXTRA_CA_CERTS", ""),
    }
    read = {name: read_small(Path(path)) for name, path in named.items() if path}
    return {name: data for name, data in read.items() if data}


def read_credentials(configuration: NpmConfiguration) -> Mapping[str, str]:
    """Return the settings that log in to the configured registries, and to nothing else. Blocking.

    Raises:
        ConfigurationError: A configuration file is too large or cannot be read.
    """
    found: dict[str, str] = {}
    for source in configuration.sources:
        found |= _lines(read_small(source, LARGEST_NPMRC).decode(errors="replace"))
    found |= {name[len("npm_config_") :]: value for name, value in variables(*_FROM_ENVIRONMENT).items()}
    hosts = {urlsplit(url).netloc.rpartition("@")[2] for url in configuration.registries}
    return {key: _expanded(value) for key, value in found.items() if _is_for(key, hosts)}


def _is_for(key: str, hosts: set[str]) -> bool:
    place, colon, name = key.rpartition(":")
    return bool(colon) and key.startswith("//") and name in _CREDENTIALS and place[2:].partition("/")[0] in hosts


def _lines(text: str) -> dict[str, str]:
    """Read the lines of an npmrc that are about one registry."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key.startswith("//"):
            found[_plain(key)] = _plain(value)
    return found


def _plain(word: str) -> str:
    """Take a word out of its quotes."""
    word = word.strip()
    if len(word) > 1 and word[0] == word[-1] == "'":
        return word[1:-1]
    if len(word) > 1 and word[0] == word[-1] == '"':
        try:
            value: JsonValue = json.loads(word)
        except ValueError:
            return word[1:-1]
        return _text(value)
    return word


def _expanded(value: str) -> str:
    """Put variables in: npm lets a configuration file name the variable that holds a token."""
    known = variables(*_VARIABLE.findall(value))
    return _VARIABLE.sub(lambda found: known.get(found.group(1), ""), value)


def _written(
    configuration: NpmConfiguration, credentials: Mapping[str, str], proxies: Proxies
) -> tuple[str, Mapping[str, bytes]]:
    """Return the text of the configuration file, and the files that it names."""
    settings: dict[str, JsonValue] = {
        key: value
        for key, value in configuration.values.items()
        if value is not None
        and (key in _PASSED_ON or key == "registry" or (key.startswith("@") and key.endswith(":registry")))
    }
    settings |= {"https-proxy": proxies.https} if proxies.https else {}
    settings |= {"proxy": proxies.http} if proxies.http else {}
    settings |= {"noproxy": proxies.none} if proxies.none else {}
    named: dict[str, bytes] = {}
    for key, value in credentials.items():
        if key.rpartition(":")[2] in _FILES:
            name = f"login-{len(named)}.pem"
            named[name] = read_small(Path(value), LARGEST_NPMRC)
            settings[key] = f"{CLIENT_ROOT}/{name}"
        else:
            settings[key] = value
    return "".join(_setting(key, value) for key, value in settings.items()), named


def _setting(key: str, value: JsonValue) -> str:
    if isinstance(value, list):
        return "".join(f"{key}[]={json.dumps(one)}\n" for one in value if isinstance(one, str))
    if "\n" in key or "\r" in key or "=" in key:
        raise InstallationError(
            f"npm's setting {key[:60]!r} cannot be passed on.",
            stage="plan",
            remedies=("Correct its name in your npmrc, or remove it: see 'npm config list'.",),
        )
    return f"{key}={json.dumps(value)}\n"


def _text(value: JsonValue | JsonObject) -> str:
    return value if isinstance(value, str) else ""
