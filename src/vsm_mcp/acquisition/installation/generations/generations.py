"""Generations: after every change, the exact set of held servers under a number that only grows."""

import re
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, Field, ValidationError

from vsm_mcp.acquisition.installation.ownership import insist_on_own_file
from vsm_mcp.errors import IntegrityError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.world.files import Files

KEPT = 10
LARGEST_GENERATION = 16_000_000
_SHA256 = r"^[0-9a-f]{64}$"
_NAME = re.compile(r"[0-9]{10,18}\.json")


class ChangeKind(StrEnum):
    """What made a generation."""

    BEGINNING = "beginning"
    ACQUIRE = "acquire"
    SERVE = "serve"
    RELEASE = "release"
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    PRUNE = "prune"


class HeldServer(Report, frozen=True):
    """A server of a generation.

    Attributes:
        server: Its name.
        package: Its package with the exact version.
        tree: The sha256 of its files.
        record: The sha256 of its record.
        tools: What its tools are called.
        needs: What it was acquired for.
    """

    server: str
    package: str
    tree: str = Field(pattern=_SHA256)
    record: str = Field(pattern=_SHA256)
    tools: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Generation(Report, frozen=True):
    """What was held after one change. Servers in the host's own process have no files and are in no generation.

    Attributes:
        number: Grows by one with each change, whatever the clock says.
        at: When the change was made, as the clock told.
        change: What kind of change it was.
        reason: The same for people.
        previous: The generation before.
        servers: All servers that were held from then on, by name.
    """

    number: int = Field(ge=0)
    at: AwareDatetime
    change: ChangeKind
    reason: str
    previous: int | None = None
    servers: tuple[HeldServer, ...] = ()

    def __str__(self) -> str:
        """Show it on one line for a person, then one line per server."""
        head = f"Generation {self.number} ({self.at:%Y-%m-%d %H:%M:%S} UTC): {self.reason}"
        return "\n".join((head, *(f"  {held.server} ({held.package})" for held in self.servers)))


class Generations:
    """Reads the generations that are kept.

    Args:
        root: The directory with one file for each.
        files: Reads.
        keep: How many are kept.
    """

    def __init__(self, root: Path, files: Files, *, keep: int = KEPT) -> None:
        """Keep the place; nothing is made."""
        self.root = root
        self.keep: int = keep
        self._files = files

    def __repr__(self) -> str:
        """Show the place."""
        return f"Generations({self.root})"

    def path(self, number: int) -> Path:
        """Return where a generation is, or would be."""
        return self.root / f"{number:010}.json"

    async def numbers(self) -> tuple[int, ...]:
        """Return the numbers of all that are kept, readable or not, the oldest first."""
        names = await self._files.entries(self.root)
        return tuple(sorted(int(name[:-5]) for name in names if _NAME.fullmatch(name)))

    async def list(self) -> tuple[Generation, ...]:
        """Return all that are kept, the oldest first.

        Raises:
            IntegrityError: One of them cannot be read.
            ConfigurationError: Others could have written it.
        """
        found = [await self._load(number) for number in await self.numbers()]
        return tuple(generation for generation in found if generation is not None)

    async def current(self) -> Generation | None:
        """Return the newest one; ``None`` before the first change.

        Raises:
            IntegrityError: It cannot be read.
            ConfigurationError: Others could have written it.
        """
        numbers = await self.numbers()
        return await self._load(numbers[-1]) if numbers else None

    async def find(self, number: int) -> Generation:
        """Return the generation of this number.

        Raises:
            IntegrityError: It is not kept, or cannot be read.
            ConfigurationError: Others could have written it.
        """
        found = await self._load(number)
        if found is None:
            kept = ", ".join(map(str, await self.numbers())) or "none"
            raise IntegrityError(
                f"There is no generation {number}.",
                stage="rollback",
                remedies=(f"Choose one of those that are kept: {kept}.",),
            )
        return found

    async def _load(self, number: int) -> Generation | None:
        path = self.path(number)
        await insist_on_own_file(path)
        try:
            data = await self._files.read(path, limit=LARGEST_GENERATION)
        except PayloadError as error:
            raise _unreadable(number, path, error.message.rstrip(".")) from error
        if data is None:
            return None
        try:
            found = Generation.model_validate_json(data)
        except ValidationError as error:
            raise _unreadable(number, path, f"{error.error_count()} part(s) of it are not as they should be") from error
        if found.number != number:
            raise _unreadable(number, path, f"it says that it is {found.number}")
        return found


def dump(generation: Generation) -> bytes:
    """Return a generation as it is written."""
    return generation.model_dump_json().encode()


def _unreadable(number: int, path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"The generation {number} in {path} cannot be read: {why}.",
        remedies=(f"Remove {path}, then roll back to the generation before it.", "Find out who may write there."),
    )
