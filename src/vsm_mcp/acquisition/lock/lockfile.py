"""The lock file: written in one stable form, checked against itself when it is read, compared with what is held.

Its digests show that it was edited by hand or damaged. They are no signature: whoever may write the file may write them
as well, so keep it where changes are reviewed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, cast

import anyio.to_thread
from pydantic import BaseModel, Field, ValidationError

from vsm_mcp.acquisition.lock.content import files_digest
from vsm_mcp.acquisition.lock.entries import Grant, LockedServer, entry_digest
from vsm_mcp.errors import ConfigurationError, IntegrityError, PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.pins import digest
from vsm_mcp.model.server import Candidate, PackageRef, Proven
from vsm_mcp.world.files import Files

FORMAT = 1
LARGEST_LOCK = 64_000_000
MOST_NAMED = 5
_SHORT = 16

_REMEDIES = (
    "Take back the edit: restore the file from version control.",
    "Write a new lock from what is held, and read what differs before you keep it.",
)


class Lockfile(BaseModel, frozen=True, extra="forbid"):
    """What was acquired, to the byte.

    Attributes:
        format: Which form of the file this is.
        servers: The servers, by name.
    """

    format: Literal[1] = FORMAT
    servers: Mapping[str, LockedServer] = Field(default_factory=dict[str, LockedServer])

    @classmethod
    async def of(cls, servers: Sequence[Proven], *, grants: Mapping[str, Grant] | None = None) -> Self:
        """Lock what is held; every file of it is read.

        Args:
            servers: What is held, as proven.
            grants: What of the policy let each server in, by name.

        Raises:
            IntegrityError: The files of a server cannot be read.
        """
        given = grants or {}
        entries = {
            proven.candidate.name: LockedServer.of(
                proven, files=await files_of(proven), grant=given.get(proven.candidate.name)
            )
            for proven in servers
        }
        return cls(servers=dict(sorted(entries.items())))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a lock.

        Raises:
            IntegrityError: It is no lock, or not as it was written.
        """
        content = _checked(_document(data))
        try:
            lock = cls.model_validate_json(json.dumps(content))
        except (ValidationError, PayloadError) as error:
            raise IntegrityError(
                f"The lock does not hold what a lock holds: {_first(error)}", remedies=_REMEDIES
            ) from error
        for name, server in lock.servers.items():
            if server.candidate.name != name or server.entry != entry_digest(server.candidate):
                raise IntegrityError(
                    f"The lock says of {name[:200]!r} what its source did not say.", remedies=_REMEDIES
                )
        return lock

    @classmethod
    async def load(cls, path: Path, files: Files) -> Self:
        """Read the lock at ``path``.

        Raises:
            ConfigurationError: There is none, or it cannot be read.
            IntegrityError: It is no lock, or not as it was written.
        """
        try:
            data = await files.read(path, limit=LARGEST_LOCK)
        except PayloadError as error:
            raise IntegrityError(f"The lock cannot be used: {error.message}", remedies=_REMEDIES) from error
        if data is None:
            raise ConfigurationError(
                f"There is no lock {path}.", remedies=("Save one first, or give the path of one that exists.",)
            )
        try:
            return cls.parse(data)
        except IntegrityError as error:
            raise IntegrityError(f"{path}: {error.message}", stage=error.stage, remedies=error.remedies) from error

    def dump(self) -> bytes:
        """Return it as it is written: the same lock always in the same bytes, one value a line."""
        content = cast("JsonObject", self.model_dump(mode="json"))
        servers = cast("Mapping[str, JsonObject]", content["servers"])
        stated = {name: {**server, "digests": _digests(server)} for name, server in servers.items()}
        document = {"format": self.format, "digest": _whole(content), "servers": stated}
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

    async def save(self, path: Path, files: Files) -> None:
        """Write it to ``path``, in one step.

        Raises:
            ConfigurationError: It cannot be written.
        """
        await files.write(path, self.dump(), mode=0o644)

    def package(self, package: PackageRef) -> LockedServer | None:
        """Return the server that is locked for a package, or ``None``."""
        for server in self.servers.values():
            locked = PackageRef.parse(server.package.package)
            same = (locked.ecosystem, locked.name) == (package.ecosystem, package.name)
            if same and package.version in {None, locked.version}:
                return server
        return None

    def server(self, candidate: Candidate) -> LockedServer:
        """Return what is locked for a candidate.

        Raises:
            IntegrityError: Nothing is, or for another candidate of this name.
        """
        locked = self.servers.get(candidate.name)
        if locked is None:
            raise IntegrityError(
                f"{candidate.name} is not in the lock.",
                remedies=("Acquire it without the lock, then lock it.", "Choose a server that is in the lock."),
            )
        return locked


async def files_of(proven: Proven) -> str:
    """Return the digest of the files of a server; empty for one of the host's own process.

    Raises:
        IntegrityError: They cannot be read.
    """
    path = proven.installed.path
    if path is None:
        return ""
    try:
        return await anyio.to_thread.run_sync(files_digest, path)
    except OSError as error:
        raise IntegrityError(
            f"The files of {proven.candidate.name} cannot be read: {error.strerror}.",
            remedies=("Release the server and acquire it again.",),
        ) from error


def _document(data: bytes) -> JsonObject:
    if len(data) > LARGEST_LOCK:
        raise IntegrityError(f"A lock of more than {LARGEST_LOCK} bytes is not read.", remedies=_REMEDIES)
    try:
        document: JsonValue = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"The lock cannot be read: {_first(error)}", remedies=_REMEDIES) from error
    known = _object(document)
    if known is None or _object(known.get("servers")) is None:
        raise IntegrityError("This is no lock: it names no servers.", remedies=_REMEDIES)
    if known.get("format") != FORMAT or set(known) != {"format", "digest", "servers"}:
        raise IntegrityError(
            f"This is no lock of format {FORMAT}.",
            remedies=("Read it with the version that wrote it, or write a new lock.", *_REMEDIES[:1]),
        )
    return known


def _checked(document: JsonObject) -> JsonObject:
    """Return what the document holds, without its digests, which fit."""
    servers = cast("Mapping[str, JsonValue]", document["servers"])
    edited: list[str] = []
    kept: dict[str, JsonValue] = {}
    for name, entry in servers.items():
        server = _object(entry)
        if server is None:
            raise IntegrityError(f"The lock holds no server under {name[:200]!r}.", remedies=_REMEDIES)
        kept[name] = said = {key: value for key, value in server.items() if key != "digests"}
        edited += _edited(name, said, server.get("digests"))
    content: JsonObject = {"format": document["format"], "servers": kept}
    if not edited and document["digest"] != _whole(content):
        edited = ["servers were added, removed or renamed"]
    if edited:
        more = f" and {len(edited) - MOST_NAMED} more" if len(edited) > MOST_NAMED else ""
        raise IntegrityError(
            f"The lock was edited by hand or damaged: {'; '.join(edited[:MOST_NAMED])}{more}.", remedies=_REMEDIES
        )
    return content


def _edited(name: str, said: JsonObject, stated: JsonValue) -> list[str]:
    """Return which parts of a server are not what their digests say."""
    found = _digests(said)
    known = _object(stated) or {}
    parts = sorted(part for part in {*found, *known} if found.get(part) != known.get(part))
    return [f"{name[:200]}: {', '.join(part[:40] for part in parts)}"] if parts else []


def _digests(server: JsonObject) -> dict[str, str]:
    return {part: _digest(value)[:_SHORT] for part, value in server.items()}


def _whole(content: JsonObject) -> str:
    return f"sha256:{_digest(content)}"


def _digest(value: JsonValue) -> str:
    try:
        return digest(value)
    except PayloadError as error:
        raise IntegrityError(f"The lock holds what no lock holds: {error.message}", remedies=_REMEDIES) from error


def _object(value: JsonValue) -> JsonObject | None:
    return value if isinstance(value, Mapping) else None


def _unique(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    known = dict(pairs)
    if len(known) != len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place]))
        raise ValueError(f"{twice[:100]!r} is named twice in one object")
    return known


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in one['loc'])[:200]}: {one['msg']}."
    text = error.message if isinstance(error, PayloadError) else str(error)
    return f"{text[:300].rstrip('.')}."
