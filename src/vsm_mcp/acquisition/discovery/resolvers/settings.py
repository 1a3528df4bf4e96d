"""Where Python packages come from on this machine, as uv and pip themselves report it."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uv

from vsm_mcp.acquisition.discovery.reading import mapping, parse, words
from vsm_mcp.acquisition.discovery.resolvers.options import UvOptions, logged_in, read_options
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.processes import Command, Processes

PYTHON_INHERITS = ("PATH", "HOME", "XDG_CONFIG_*", "PIP_*", "UV_*", "SSL_CERT_FILE", "LANG", "LC_*")
"""What pip and uv read of the environment to know the user's indexes, and how these are trusted."""

_PATIENCE = 60.0
_LONGEST_WORD = 4096
_BUILT_IN = re.compile(r"by default:\s*<(https?://[^>\s]+)>")

_FOR_UV = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "uv.extra")
"""Where uv is told of further indexes, in the order in which it asks those that they name."""

_OPTIONS = (
    "find-links", "index-strategy", "system-certs", "native-tls", "allow-insecure-host", "http-proxy", "https-proxy",
    "no-proxy",
)  # fmt: skip
# Runs in a process of its own: pip and the environment are read there and not in the host's process.
_SCRIPT = """
import contextlib, io, json, os, tomllib
told = {name: value for name, value in os.environ.items() if name.startswith("UV_") or name == "SSL_CERT_FILE"}
home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
for place in (os.environ.get("UV_CONFIG_FILE"), home + "/uv/uv.toml", "/etc/uv/uv.toml"):
    with contextlib.suppress(OSError, ValueError, TypeError):
        with open(place, "rb") as file:
            read = tomllib.load(file)
        listed = read.get("index", [])
        named = [(i.get("default"), i["name"] + "=" + i["url"] if i.get("name") else i["url"]) for i in listed]
        told.setdefault("uv.default", next((url for main, url in named if main), read.get("index-url", "")))
        urls = [url for main, url in named if not main] + read.get("extra-index-url", [])
        told.setdefault("uv.extra", " ".join(urls))
        for key in {options}:
            if key in read:
                value = read[key]
                told.setdefault("uv." + key, ",".join(value) if isinstance(value, list) else str(value))
try:
    from pip._internal.cli.main import main
    from pip._internal.models.index import PyPI
except ImportError:
    pass
else:
    told["pip.built-in"] = PyPI.simple_url
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main(["--no-color", "config", "list"])
    for line in printed.getvalue().splitlines():
        key, equals, value = line.partition("=")
        told["pip." + key.strip()] = value.strip().strip("'\\"")
print(json.dumps(told))
""".replace("{options}", repr(_OPTIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class PyPIIndexes:
    """Where Python packages come from.

    Attributes:
        default: The base address of the main index's simple pages, ending in a slash.
        extra: Those of further indexes; ``file:`` addresses are possible.
        main_last: Whether uv was told of the further indexes: it takes a package from the first one that has it, and
            asks the main one last. Of those that pip was told of the best version of all is taken.
        cafile: The certificates that pip trusts, if the user named a file; ``SSL_CERT_FILE``, which uv reads, wins.
        options: What else is set for uv.
    """

    default: str
    extra: tuple[str, ...] = ()
    main_last: bool = False
    cafile: str | None = None
    options: UvOptions = field(default_factory=UvOptions)

    @property
    def in_order(self) -> tuple[str, ...]:
        """All addresses in the order in which they are asked for a package."""
        return (*self.extra, self.default) if self.main_last else (self.default, *self.extra)

    def __repr__(self) -> str:
        """Show the addresses without user and password."""
        shown = [_shown(address) for address in (self.default, *self.extra)]
        return f"PyPIIndexes(default={shown[0]!r}, extra={shown[1:]!r}, cafile={self.cafile!r})"


async def ask_indexes(processes: Processes) -> PyPIIndexes:
    """Ask uv and pip where packages come from.

    uv's settings (environment, then ``uv.toml``) win over pip's, because uv installs; what neither sets is the client's
    own default.

    Raises:
        ConfigurationError: Neither can say.
    """
    command = Command(argv=(sys.executable, "-I", "-c", _SCRIPT), inherit=PYTHON_INHERITS, cwd=Path("/"))
    done = await processes.run(command, timeout=_PATIENCE)
    told = words(mapping(parse(done.stdout or b"{}", what="pip's configuration")), most=10_000, longest=_LONGEST_WORD)
    default = _first(told, "UV_DEFAULT_INDEX", "UV_INDEX_URL", "uv.default", *_pip("index-url"), "pip.built-in")
    if not default:
        default = await _built_in(processes)
    for_uv = " ".join(told[key] for key in _FOR_UV if told.get(key))
    extra = for_uv or _first(told, *_pip("extra-index-url"))
    return PyPIIndexes(
        default=_based(default, told),
        extra=tuple(dict.fromkeys(_based(word, told) for word in re.split(r"\s+|\\n", extra) if word))[:20],
        main_last=bool(for_uv),
        cafile=None if told.get("SSL_CERT_FILE") else _first(told, *_pip("cert")) or None,
        options=read_options(told),
    )


def _pip(option: str) -> Sequence[str]:
    """Return where pip may have the option, what wins first."""
    return (f"pip.:env:.{option}", f"pip.install.{option}", f"pip.global.{option}")


def _first(told: Mapping[str, str], *keys: str) -> str:
    return next((told[key] for key in keys if told.get(key)), "")


async def _built_in(processes: Processes) -> str:
    command = Command(argv=(uv.find_uv_bin(), "pip", "install", "--help"), inherit=PYTHON_INHERITS, cwd=Path("/"))
    done = await processes.run(command, timeout=_PATIENCE)
    found = _BUILT_IN.search(done.stdout.decode(errors="replace"))
    if found is None:
        raise ConfigurationError(
            "Neither uv nor pip says which package index it uses.",
            remedies=("Set UV_DEFAULT_INDEX to the address of the index's simple pages.",),
        )
    return found.group(1)


def _based(address: str, told: Mapping[str, str]) -> str:
    """Return an index's address (``name=`` in front of it is uv's way to name one) with a slash at its end."""
    return logged_in(address, told).rstrip("/") + "/"


def _shown(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
