"""The files of a project's releases, as an index's JSON interface or its simple pages list them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from vsm_mcp.acquisition.discovery.reading import mapping, moment, text
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject

MOST_FILES = 50_000

_LONGEST_WORD = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PyPIFile:
    """One file of a release.

    Attributes:
        filename: Its name.
        version: The version it belongs to.
        wheel: True for a wheel, False for a source distribution.
        url: Where the index says it is.
        sha256: Its digest, hex; empty when the index gives none.
        requires_python: The range of Python versions it asks for.
        released: When it was uploaded there.
        yanked: Why it was withdrawn (at least one word); empty when it was not.
        size: Its size in bytes, when the index says so.
        attested: Whether the index serves an attestation of how it was built; ``None`` when it tells nothing of it.
    """

    filename: str
    version: str
    wheel: bool
    url: str = ""
    sha256: str = ""
    requires_python: str = ""
    released: datetime | None = None
    yanked: str = ""
    size: int | None = None
    attested: bool | None = None


def yanked(files: Sequence[PyPIFile]) -> str:
    """Return why a version of these files was withdrawn; empty when it was not, or has no files."""
    return files[0].yanked if files and all(file.yanked for file in files) else ""


def by_version(files: Iterable[PyPIFile], name: str) -> dict[str, tuple[PyPIFile, ...]]:
    """Return the files that are of the project ``name``, by version."""
    grouped: dict[str, tuple[PyPIFile, ...]] = {}
    for file in files:
        if file.version and canonicalize_name(file.filename).startswith(f"{name}-"):
            grouped[file.version] = (*grouped.get(file.version, ()), file)
    return grouped


def json_file(raw: JsonObject, version: str, base: str) -> PyPIFile:
    """Read a file as the JSON interface describes it."""
    size = raw.get("size")
    return PyPIFile(
        filename=text(raw.get("filename")),
        version=version,
        wheel=text(raw.get("packagetype")) == "bdist_wheel",
        url=_joined(base, text(raw.get("url"), _LONGEST_WORD)),
        sha256=text(mapping(raw.get("digests")).get("sha256"), 64),
        requires_python=text(raw.get("requires_python"), 200),
        released=moment(raw.get("upload_time_iso_8601")) or moment(raw.get("upload_time")),
        yanked=_yanked(raw.get("yanked") is True, text(raw.get("yanked_reason"))),
        size=size if isinstance(size, int) else None,
    )


def simple_file(raw: JsonObject, base: str) -> PyPIFile:
    """Read a file as a simple page in JSON describes it."""
    filename, size, yanked = text(raw.get("filename")), raw.get("size"), raw.get("yanked")
    return PyPIFile(
        filename=filename,
        version=_version_of(filename),
        wheel=filename.endswith(".whl"),
        url=_joined(base, text(raw.get("url"), _LONGEST_WORD)),
        sha256=text(mapping(raw.get("hashes")).get("sha256"), 64),
        requires_python=text(raw.get("requires-python"), 200),
        released=moment(raw.get("upload-time")),
        yanked=_yanked(bool(yanked), text(yanked)),
        size=size if isinstance(size, int) else None,
        attested=bool(text(raw.get("provenance"))) if "provenance" in raw else None,
    )


def files_of_page(body: bytes, base: str) -> list[PyPIFile]:
    """Read the files of a simple page in HTML.

    Raises:
        PayloadError: The page is not HTML.
    """
    reader = _LinkReader()
    try:
        reader.feed(body.decode(errors="replace"))
    except AssertionError as error:  # what the parser says of markup that no browser knows
        raise PayloadError("The page of the package index is not readable HTML.") from error
    return [_linked_file(link, base) for link in reader.links]


class _LinkReader(HTMLParser):
    """Collects the attributes of the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and len(self.links) < MOST_FILES:
            self.links.append(dict(attrs))


def _linked_file(link: Mapping[str, str | None], base: str) -> PyPIFile:
    url = _joined(base, (link.get("href") or "")[:_LONGEST_WORD])
    place, _, digest = url.partition("#")
    filename = unquote(place.rpartition("/")[2])
    return PyPIFile(
        filename=filename,
        version=_version_of(filename),
        wheel=filename.endswith(".whl"),
        url=place,
        sha256=digest.removeprefix("sha256=") if digest.startswith("sha256=") else "",
        requires_python=text(link.get("data-requires-python"), 200),
        released=moment(link.get("data-upload-time")),
        yanked=_yanked("data-yanked" in link, text(link.get("data-yanked"))),
        attested=True if link.get("data-provenance") else None,
    )


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def _yanked(withdrawn: bool, reason: str) -> str:  # noqa: FBT001 - private, read from the page just above
    return (reason or "withdrawn") if withdrawn else ""


def _version_of(filename: str) -> str:
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""
