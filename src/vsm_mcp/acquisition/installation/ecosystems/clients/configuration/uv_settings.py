"""uv's configuration for a confined run: indexes, logins, local places, certificates and proxies; nothing else."""

import json
import netrc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

import anyio.to_thread

from vsm_mcp.acquisition.discovery.resolvers.files import files_of_page
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.belongings import read_small, to_show, variables
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import CLIENT_ROOT, Given
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.way_out import (
    Proxies,
    proxies_of_environment,
    way_out,
)
from vsm_mcp.errors import ConfigurationError, InstallationError, PayloadError, SandboxError
from vsm_mcp.model.server import PACKAGE_ROOT, WORK_ROOT
from vsm_mcp.sandbox.linux.argv import Program
from vsm_mcp.sandbox.policy import CACHE_ROOT, refuse_path

MOST_PAGES = 50
MOST_PLACES = 16
LARGEST_PAGE = 1_000_000
LARGEST_NETRC = 1_000_000

_CERTIFICATES = "certificates.pem"

_Value = str | bool | Sequence[str]


async def give_uv(indexes: PyPIIndexes, files: Iterable[str], *, uv: Path, interpreter: Program, cached: bool) -> Given:
    """Return what a confined uv is given.

    Args:
        indexes: Where packages come from.
        files: Addresses of files, as an index told them.
        uv: The program.
        interpreter: What servers run under, as a sandbox finds it.
        cached: Whether it finds a directory that is kept between runs.

    Raises:
        InstallationError: An index cannot be reached from a sandbox, or a local one may not be shown in it.
        ConfigurationError: A file that the configuration names cannot be read.
    """
    options = indexes.options
    proxies = _proxies(indexes)
    places = await anyio.to_thread.run_sync(_places, indexes)
    trusted = await anyio.to_thread.run_sync(_certificates, indexes)
    logins = await anyio.to_thread.run_sync(_logins, _addresses(indexes))
    settings: Mapping[str, _Value] = {
        "keyring-provider": "disabled",
        "index-strategy": options.strategy,
        "find-links": options.find_links,
        "system-certs": options.system_certificates,
        "allow-insecure-host": options.insecure_hosts,
        "http-proxy": proxies.http,
        "https-proxy": proxies.https,
        "no-proxy": [name.strip() for name in proxies.none.split(",") if name.strip()],
    }
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items() if value)
    package, program = await anyio.to_thread.run_sync(_program, uv)
    return Given(
        words=(
            program,
            f"--config-file={CLIENT_ROOT}/uv.toml",
            f"--cache-dir={CACHE_ROOT if cached else f'{CLIENT_ROOT}/cache'}",
            "--no-python-downloads",
        ),
        files={"uv.toml": text.encode(), "netrc": logins, **({_CERTIFICATES: trusted} if trusted else {})},
        env={
            "NETRC": f"{CLIENT_ROOT}/netrc",
            **({"SSL_CERT_FILE": f"{CLIENT_ROOT}/{_CERTIFICATES}"} if trusted else {}),
        },
        package=package,
        read_only=(
            *places,
            *(to_show(Path(program)) if package is None else ()),
            *(() if interpreter.shown is None else (interpreter.shown,)),
        ),
        egress=await way_out(_addresses(indexes), files, proxies),
    )


def _program(uv: Path) -> tuple[Path | None, str]:
    """Return the directory to show at ``/pkg``, if any, and the program: what lies at a sandbox's own places is hidden.

    Blocking.
    """
    real = uv.resolve()
    hidden = any(real.is_relative_to(root) for root in (PACKAGE_ROOT, WORK_ROOT, CACHE_ROOT))
    return (real.parent, f"{PACKAGE_ROOT}/{real.name}") if hidden else (None, str(real))


def _certificates(indexes: PyPIIndexes) -> bytes:
    """Return the certificates that uv trusts instead of its own, if the user named some. Blocking."""
    named = variables("SSL_CERT_FILE").get("SSL_CERT_FILE") or indexes.cafile
    return read_small(Path(named)) if named else b""


def _addresses(indexes: PyPIIndexes) -> list[str]:
    return [indexes.default, *indexes.extra, *indexes.options.find_links]


def _proxies(indexes: PyPIIndexes) -> Proxies:
    """Return the proxies as uv chooses them: variables win over its configuration file."""
    known, options = proxies_of_environment(), indexes.options
    return Proxies(
        http=known.http or options.http_proxy,
        https=known.https or options.https_proxy,
        none=known.none or options.no_proxy,
    )


def _places(indexes: PyPIIndexes) -> tuple[Path, ...]:
    """Return the directories of this machine that indexes are in, and those that their pages name. Blocking."""
    found: dict[Path, None] = {}
    for index in (indexes.default, *indexes.extra):
        if (place := _local(index)) is not None and place.is_dir():
            _check(place)
            found |= dict.fromkeys((place, *_linked(place)))
    for link in indexes.options.find_links:
        place = _local(link) or (Path(link) if link.startswith("/") else None)
        if place is not None and place.exists():
            found[place] = None
    outer = [place for place in found if not any(place != other and place.is_relative_to(other) for other in found)]
    for place in outer[:MOST_PLACES]:
        _check(place)
    return tuple(outer[:MOST_PLACES])


def _check(place: Path) -> None:
    try:
        refuse_path(place)
    except SandboxError as error:
        raise InstallationError(
            f"A package index on this machine cannot be shown to a confined package client: {error.message}",
            remedies=("Put the index in a directory that holds nothing else, such as /srv/index.",),
        ) from error


def _local(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(unquote(parts.path)).resolve() if parts.scheme == "file" else None


def _linked(index: Path) -> Iterator[Path]:
    """Yield the directories in which some pages of a local index say that files are."""
    with suppress(OSError):  # uv will say what is wrong with it
        pages = [project / "index.html" for project in sorted(index.iterdir())[: 10 * MOST_PAGES]]
        yield from _named_by(page for page in pages if os.path.isfile(page))  # noqa: PTH113 - never raises


def _named_by(pages: Iterable[Path]) -> Iterator[Path]:
    for page in islice(pages, MOST_PAGES):
        try:
            files = files_of_page(read_small(page, LARGEST_PAGE), page.as_uri())
        except (ConfigurationError, PayloadError):
            continue  # uv will say what is wrong with it, if it matters
        for file in files:
            place = _local(file.url)
            if place is not None and place.parent.is_dir():
                yield place.parent


def _logins(addresses: Iterable[str]) -> bytes:
    """Return the user's netrc, as far as it is about these addresses. Blocking.

    Raises:
        ConfigurationError: It cannot be read.
    """
    told = variables("NETRC", "HOME")
    path = Path(told.get("NETRC") or f"{told.get('HOME', '/nonexistent')}/.netrc")
    if not path.is_file():
        return b""
    try:
        known = netrc.netrc(str(path))
    except (netrc.NetrcParseError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {type(error).__name__}.", remedies=("Repair it, or unset NETRC.",)
        ) from error
    lines: list[str] = []
    for host in dict.fromkeys(urlsplit(address).hostname or "" for address in addresses):
        login = known.authenticators(host) if host else None
        if login is not None and not any(map(_odd, login)):
            lines.append(f"machine {host} login {login[0]} password {login[2]}\n")
    return "".join(lines).encode()


def _odd(word: str | None) -> bool:
    return word is not None and any(char.isspace() for char in word)
