"""Manifest: what an unpacked package says about itself, read with bounds and without running any of it. Blocking."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from packaging.utils import canonicalize_name

from vsm_mcp.acquisition.discovery.reading import mapping, parse, text, words
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.server import PackageRef

LARGEST_MANIFEST = 2_000_000

_MOST_DEPENDENCIES = 5_000
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_SOURCE_LINKS = ("repository", "source", "source code", "github", "homepage")
_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a package says about itself.

    Attributes:
        name: Its name.
        version: Its version.
        repository: Where its source is.
        needs: The names of the packages it asks for, Python's in their normal form.
    """

    name: str
    version: str
    repository: str = ""
    needs: frozenset[str] = frozenset()


def read_manifest(root: Path, package: PackageRef) -> Manifest | None:
    """Return the manifest of an unpacked package, or ``None`` when there is none that can be read."""
    return _node(root) if package.ecosystem == "npm" else _python(root, package.name)


def plain(ecosystem: str, name: str) -> str:
    """Return a name as its ecosystem compares it."""
    return str(canonicalize_name(name)) if ecosystem == "pypi" else name


def _node(root: Path) -> Manifest | None:
    data = _read(root / "package.json")
    try:
        told = mapping(parse(data or b"", what="package.json"))
    except PayloadError:
        return None
    needs = (name for kind in _NEEDS for name in words(told.get(kind), most=_MOST_DEPENDENCIES, longest=4096))
    return Manifest(
        name=text(told.get("name"), 300),
        version=text(told.get("version"), 300),
        repository=_link(told),
        needs=frozenset(needs),
    )


def _link(told: JsonObject) -> str:
    stated = told.get("repository")
    return text(mapping(stated).get("url")) or text(stated)


def _python(root: Path, name: str) -> Manifest | None:
    info = next((path for path in sorted(root.glob("*.dist-info")) if _is_of(path, name)), None)
    data = None if info is None else _read(info / "METADATA")
    if data is None:
        return None
    told = BytesParser().parsebytes(data, headersonly=True)
    return Manifest(
        name=str(told.get("Name", "")).strip(),
        version=str(told.get("Version", "")).strip(),
        repository=_source(told),
        needs=frozenset(_required(told)),
    )


def _is_of(path: Path, name: str) -> bool:
    return canonicalize_name(path.name.removesuffix(".dist-info").rpartition("-")[0]) == canonicalize_name(name)


def _required(told: Message) -> Iterator[str]:
    for line in (told.get_all("Requires-Dist") or ())[:_MOST_DEPENDENCIES]:
        found = _REQUIREMENT.match(str(line))
        if found:
            yield str(canonicalize_name(found.group(1)))


def _source(told: Message) -> str:
    pairs = (str(line).partition(",") for line in (told.get_all("Project-URL") or ())[:100])
    links = {label.strip().casefold(): address.strip() for label, _, address in pairs}
    return next((links[label][:1024] for label in _SOURCE_LINKS if label in links), "")


def _read(path: Path) -> bytes | None:
    """Read a plain file; a link may lead anywhere and is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(LARGEST_MANIFEST + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= LARGEST_MANIFEST else None
