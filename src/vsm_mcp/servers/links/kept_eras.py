"""How packages want to be greeted, kept in a file: a host that starts anew probes none of them again."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import cast

import anyio
import orjson

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.servers.links.eras import Era
from vsm_mcp.world.files import Files

MOST_KEPT = 1_000
LARGEST_FILE = 256 * 1024
_FORMAT = 1


class KeptEras(MutableMapping[str, str]):
    """What was learned of how servers want to be greeted, by digest of their package, also by earlier processes.

    It saves time and is no promise: a file that cannot be read is as none, one that cannot be written is left as it is,
    and beyond `MOST_KEPT` packages those that were learned first are forgotten.

    Args:
        path: The file.
        files: Changes files.
        stays: Says whether the package of a digest was taken in; of one that is only tried no trace is left. Without
            it all stay.
    """

    def __init__(self, path: Path, files: Files, *, stays: Callable[[str], Awaitable[bool]] | None = None) -> None:
        """Keep the path; nothing is read yet."""
        self._path = path
        self._files = files
        self._stays = stays
        self._kept: Mapping[str, str] = {}
        self._known: dict[str, str] = {}
        self._news: dict[str, str] = {}
        self._writing = anyio.Lock()

    def __repr__(self) -> str:
        """Show the path."""
        return f"KeptEras({str(self._path)!r})"

    def __getitem__(self, digest: str) -> str:
        """Return what was learned."""
        return self._known[digest]

    def __setitem__(self, digest: str, era: str) -> None:
        """Remember something, in this process only; `keep` writes it down."""
        self._known.pop(digest, None)
        self._known[digest] = era
        if len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]

    def __delitem__(self, digest: str) -> None:
        """Forget something, in this process."""
        del self._known[digest]

    def __iter__(self) -> Iterator[str]:
        """Begin with what was learned first."""
        return iter(self._known)

    def __len__(self) -> int:
        """Return of how many packages something is known."""
        return len(self._known)

    async def load(self) -> None:
        """Know what earlier processes have learned."""
        self._known = await self._read()
        self._kept = dict(self._known)

    async def keep(self, digest: str) -> None:
        """Write down what is known of a package that stays, beside what other processes wrote down meanwhile."""
        era = self._known[digest]
        if self._kept.get(digest) == era or not (self._stays is None or await self._stays(digest)):
            return
        self._news[digest] = era
        async with self._writing:
            news = dict(self._news)
            if not news:  # written by whoever held the lock
                return
            others = {key: era for key, era in (await self._read()).items() if key not in news}
            kept = dict([*others.items(), *news.items()][-MOST_KEPT:])
            with suppress(ConfigurationError):  # without the file this package is probed once more: nothing is lost
                await self._files.write(self._path, _written(kept))
                self._kept = kept
            self._news = {key: era for key, era in self._news.items() if news.get(key) != era}

    async def _read(self) -> dict[str, str]:
        try:
            data = await self._files.read(self._path, limit=LARGEST_FILE)
            told: object = None if data is None else orjson.loads(data)
        except (ConfigurationError, PayloadError, ValueError):  # nothing depends on it: no reason not to start
            return {}
        return _sound(told)


def _sound(told: object) -> dict[str, str]:
    """Return what makes sense of the content of a file, the newest of it if it is too much."""
    own: Mapping[str, object] = cast("Mapping[str, object]", told) if isinstance(told, Mapping) else {}
    eras = own.get("eras")
    if own.get("format") != _FORMAT or not isinstance(eras, Mapping):
        return {}
    pairs = cast("Mapping[str, object]", eras).items()
    sound = [(key, era) for key, era in pairs if _DIGEST.fullmatch(key) and isinstance(era, str) and era in _ERAS]
    return dict(sound[-MOST_KEPT:])


def _written(eras: dict[str, str]) -> bytes:
    return orjson.dumps({"format": _FORMAT, "eras": eras}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


_ERAS = frozenset(Era)
_DIGEST = re.compile(r"[0-9A-Za-z:.-]{1,160}")
