"""One reading of a registry's pages, from the first to the last; it may be cut at any page and goes on there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import anyio.to_thread

from vsm_mcp.acquisition.discovery.reading import items, mapping
from vsm_mcp.acquisition.discovery.sources.entries import Entry, read_entry
from vsm_mcp.acquisition.discovery.sources.fetching import Fetching
from vsm_mcp.acquisition.discovery.sources.lenient import parse_leniently
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.events import EventSink, SourceRead
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.world.http import Reply

MOST_PAGES = 600
MOST_ENTRIES = 60_000
MOST_BYTES = 100_000_000
MOST_TOOLS_IN_ALL = 500_000
"""How many tools one source may say its servers have, all together; a package of a server has them all."""

LONGEST_CURSOR = 4096
LONGEST_TAG = 256

UNCHANGED = 304
_UNKNOWN_WISH = frozenset({400, 404, 405, 422, 501})
_NO_ENTRY = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    entries: Sequence[Entry]
    omitted: int
    cursor: str


class Reading:
    """The pages at one address, one after the other.

    Args:
        address: The first page; the others add a cursor to it.
        name: The registry, for messages and events.
        started: When the reading began.

    Attributes:
        entries: What was read so far.
        omitted: How many entries made no sense.
        pages: How many pages were read.
        etag: The tag of the first page, if the registry gave one.
        unchanged: Whether it said that the first page is the one that was had before.
        misunderstood: Whether it refused the address as it is, so that a plainer one may work.
    """

    def __init__(self, address: str, *, name: str, started: datetime) -> None:
        """Begin before the first page; nothing is asked yet."""
        self.address: str = address
        self.started: datetime = started
        self.entries: list[Entry] = []
        self.omitted: int = 0
        self.pages: int = 0
        self.etag: str = ""
        self.unchanged: bool = False
        self.misunderstood: bool = False
        self.whole: bool = False
        self._name = name
        self._cursors = [""]
        self._bytes = 0
        self._tools = 0

    async def run(self, fetching: Fetching, emit: EventSink, *, etag: str = "") -> None:
        """Read until the last page; called again after it was stopped, it goes on.

        Raises:
            LinkError: The registry did not answer.
            ConfigurationError: It refuses to answer.
            PayloadError: Its pages make no sense, have no end, or are too many.
        """
        while not self.whole:
            cursor = self._cursors[-1]
            reply = await fetching.get(self._address_of(cursor), etag="" if cursor else etag)
            if reply.status == UNCHANGED and etag and not cursor:
                self.unchanged = self.whole = True
                return
            if not reply.ok:
                self.misunderstood = reply.status in _UNKNOWN_WISH
                raise self._refusal(reply.status)
            self._take(reply, await anyio.to_thread.run_sync(_read, reply.body, self._name))
            emit(SourceRead(source=self._name, servers=len(self.entries)))

    def _address_of(self, cursor: str) -> str:
        return f"{self.address}&cursor={quote(cursor, safe='')}" if cursor else self.address

    def _take(self, reply: Reply, page: _Page) -> None:
        if not self.pages:
            tag = reply.headers.get("etag", "")
            self.etag = tag if tag.isascii() and tag.isprintable() and len(tag) <= LONGEST_TAG else ""
        self.pages += 1
        self._bytes += len(reply.body)
        self._tools += sum(one.tools for one in page.entries)
        self.entries += page.entries
        self.omitted += page.omitted
        if self._tools > MOST_TOOLS_IN_ALL:
            self.address = ""  # nobody goes on with this one
            raise too_many_tools(self._name)
        self.whole = not page.cursor
        if self.whole:
            return
        if page.cursor in self._cursors:
            raise self._endless(f"go in circles after {self.pages} of them")
        if self.pages >= MOST_PAGES or len(self.entries) + self.omitted >= MOST_ENTRIES or self._bytes >= MOST_BYTES:
            raise self._endless(f"do not end after {self.pages} of them with {len(self.entries)} entries")
        self._cursors.append(page.cursor)

    def _endless(self, how: str) -> PayloadError:
        self.address = ""  # nobody goes on with this one
        return PayloadError(f"The pages of {self._name} {how}.", remedies=("Tell those who run the registry.",))

    def _refusal(self, status: int) -> ConfigurationError:
        remedy = "Check the address of the registry."
        if status in _NO_ENTRY:
            remedy = "Give the registry the headers it asks for, each by reference, such as env:NAME."
        return ConfigurationError(f"{self._name} answered {status}.", remedies=(remedy,))


def entries_of(servers: Sequence[JsonValue], source: str) -> tuple[list[Entry], int]:
    """Return the entries that make sense, and how many do not.

    Raises:
        PayloadError: They have more tools than one source may have.
    """
    entries: list[Entry] = []
    tools = 0
    for entry in (read_entry(raw, source) for raw in servers):
        if entry is not None:
            entries.append(entry)
            tools += entry.tools
            if tools > MOST_TOOLS_IN_ALL:
                raise too_many_tools(source)
    return entries, len(servers) - len(entries)


def too_many_tools(source: str) -> PayloadError:
    """Return the error that a source says its servers have too many tools."""
    return PayloadError(
        f"{source} says that its servers have more than {MOST_TOOLS_IN_ALL} tools in all.",
        remedies=("Leave out the tools of most servers, or use fewer servers.",),
    )


def _read(body: bytes, name: str) -> _Page:
    told = mapping(parse_leniently(body, what=f"The page of {name}"))
    servers = told.get("servers")
    if not isinstance(servers, list):
        raise PayloadError(f"The page of {name} has no list of servers.", remedies=("Check its address.",))
    entries, omitted = entries_of(items(servers, MOST_ENTRIES), name)
    return _Page(entries=entries, omitted=omitted, cursor=_cursor(mapping(told.get("metadata")), name))


def _cursor(metadata: JsonObject, name: str) -> str:
    """Return where the next page begins; empty when there is none."""
    told = metadata.get("nextCursor", metadata.get("next_cursor"))
    if told is None:
        return ""
    if isinstance(told, str | int) and not isinstance(told, bool) and len(str(told)) <= LONGEST_CURSOR:
        return str(told)
    raise PayloadError(f"The page of {name} does not say where the next one is.", remedies=("Check its address.",))
