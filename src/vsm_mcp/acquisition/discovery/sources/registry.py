"""An MCP registry (API v0.1) as a source: read whole once, then only what changed, never through its own search.

The registries' own search looks for a substring of the name only, so everything is listed and ranked here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Self
from urllib.parse import quote, urlsplit

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.discovery.reading import mapping, moment, parse, text
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.acquisition.discovery.sources.entries import Entry
from vsm_mcp.acquisition.discovery.sources.fetching import TRIES, Fetching
from vsm_mcp.acquisition.discovery.sources.pages import LONGEST_TAG, Reading
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.model.server import Candidate
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.http import Http
from vsm_mcp.world.secrets import Secrets

PAGE_SIZE = 100
KEPT_FOR = timedelta(hours=1)
OVERLAP = timedelta(minutes=5)
"""So much earlier than the last reading began are changes asked for: clocks differ, and pages take time."""

WHOLE_AFTER = timedelta(days=7)
"""After so long everything is read again, whatever was missed in between."""

GOES_ON_FOR = timedelta(days=1)
"""A reading that was cut is begun anew when it is older than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """What is kept with a listing: when it was read, when the whole was, and the tag of the only page."""

    since: datetime
    whole: datetime
    etag: str = ""

    @classmethod
    def of(cls, known: Listing | None, now: datetime) -> Self | None:
        """Return the mark of a listing, or ``None`` when it is of no use."""
        if known is None or not known.mark:
            return None
        try:
            told = mapping(parse(known.mark.encode(errors="replace"), what="The mark"))
        except PayloadError:
            return None
        since, whole = moment(told.get("since")), moment(told.get("whole"))
        if since is None or whole is None or not now - WHOLE_AFTER < whole <= since <= now:
            return None
        return cls(since=since, whole=whole, etag=text(told.get("etag"), LONGEST_TAG))

    def __str__(self) -> str:
        """Write it as it is kept."""
        return json.dumps({"since": self.since.isoformat(), "whole": self.whole.isoformat(), "etag": self.etag})


class McpRegistrySource:
    """The servers of one registry: the official one, a company's, a mirror.

    Args:
        base_url: Its address, without ``/v0.1``.
        http: Sends the requests.
        clock: Says what is too old.
        headers: Headers of every request, such as ``{"Authorization": "env:REGISTRY_TOKEN"}``: each value is a
            reference to a secret, read anew for each page. They are not sent unencrypted, except to this machine.
        secrets: Resolves the references.
        fresh_for: After how long it is asked again.
        tries: How often it is asked for a page while what goes wrong may pass.
        emit: Hears of every page.
        random: Spreads the pauses between attempts.

    Attributes:
        name: What it is called in reports.
        identity: Whose answers these are: the whole address, and with which headers it is asked, by their references.
        fresh_for: After how long it is asked again.

    Raises:
        PayloadError: The address or a header cannot be used.
        ConfigurationError: It would never be asked.
    """

    def __init__(
        self,
        base_url: str,
        http: Http,
        clock: Clock,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Secrets | None = None,
        fresh_for: timedelta = KEPT_FOR,
        tries: int = TRIES,
        emit: EventSink = ignore,
        random: Random | None = None,
    ) -> None:
        """Keep the address; nothing is asked yet."""
        self._base_url = address_of(base_url, headers or {})
        self.name: str = name_of(self._base_url)
        self.identity: str = _identity(self._base_url, headers or {})
        self.fresh_for: timedelta = fresh_for
        self._clock = clock
        self._emit = emit
        self._fetching = Fetching(
            self.name, http, clock, headers=headers or {}, secrets=secrets, random=random, tries=tries
        )
        self._reading: Reading | None = None
        self._asking = anyio.Lock()

    def __repr__(self) -> str:
        """Show its name."""
        return f"McpRegistrySource({self.name!r})"

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return all servers of the registry; only what changed is asked for when ``known`` is its own listing.

        A call that is cancelled leaves what it read to the next one.

        Raises:
            LinkError: The registry did not answer.
            CircuitOpenError: It wants to be left alone for now.
            ConfigurationError: It refuses to answer.
            PayloadError: Its answer makes no sense.
        """
        async with self._asking:
            mark = _Mark.of(known, self._clock.now())
            if known is None or mark is None:
                return await self._whole(None)
            if mark.etag:
                return await self._whole(known, etag=mark.etag)
            return await self._changes(known, mark)

    async def _whole(self, known: Listing | None, *, etag: str = "") -> Listing:
        reading = await self._read(f"{self._base_url}/v0.1/servers?limit={PAGE_SIZE}&version=latest", etag=etag)
        if known is not None and reading.unchanged:
            return known
        if reading.omitted and not reading.entries:
            raise self._senseless(reading)
        return await anyio.to_thread.run_sync(_all, reading)

    async def _changes(self, known: Listing, mark: _Mark) -> Listing:
        since = (mark.since - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        address = f"{self._base_url}/v0.1/servers?limit={PAGE_SIZE}&updated_since={quote(since, safe='')}"
        try:
            reading = await self._read(address)
        except ConfigurationError:
            if not self._misunderstood:
                raise
            return await self._whole(None)  # it does not know how to tell what changed
        if reading.omitted > 1 and not reading.entries:  # a single one may well be one publisher's fault
            raise self._senseless(reading)
        changed = await anyio.to_thread.run_sync(_changed, known, reading.entries)
        omitted = max(known.omitted, reading.omitted)
        if changed is known and omitted == known.omitted:
            return known
        return replace(changed, omitted=omitted, mark=str(replace(mark, since=reading.started)))

    def _senseless(self, reading: Reading) -> PayloadError:
        return PayloadError(
            f"None of the {reading.omitted} entries of {self.name} makes sense.",
            remedies=("Check its address, and whether it speaks version v0.1.",),
        )

    async def _read(self, address: str, *, etag: str = "") -> Reading:
        """Read all pages, going on where an earlier call was stopped."""
        reading = self._reading
        now = self._clock.now()
        if reading is None or reading.address != address or now - reading.started > GOES_ON_FOR:
            self._reading = reading = Reading(address, name=self.name, started=now)
        resumed = reading.pages > 0
        try:
            await reading.run(self._fetching, self._emit, etag=etag)
        except ConfigurationError:
            if not resumed or not reading.misunderstood:
                raise
            self._reading = None  # the cursor has become unknown
            return await self._read(address)
        self._reading = None
        return reading

    @property
    def _misunderstood(self) -> bool:
        return self._reading is not None and self._reading.misunderstood


def address_of(base_url: str, headers: Mapping[str, str]) -> str:
    """Return the address of a registry without its last slashes, its scheme and its host in lower case.

    Raises:
        PayloadError: It or one of the headers cannot be used.
    """
    if not base_url.lower().startswith(("http://", "https://")):
        raise PayloadError("A registry needs an http or https address.", remedies=("Write it as https://HOST.",))
    parts = urlsplit(HttpLaunch(url=base_url.rstrip("/"), headers=headers).url)
    address = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
    if "?" in base_url:
        raise PayloadError(
            "The address of a registry has a query.",
            remedies=("Write it as https://HOST, and give credentials as headers.",),
        )
    return address


def name_of(address: str) -> str:
    """Return what the registry at an address is called in reports."""
    parts = urlsplit(address)
    return f"registry:{parts.hostname}" + (f":{parts.port}" if parts.port else "") + parts.path


def newest(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the entry of each server that counts: not taken back, not outdated, and of several the last one."""
    current: dict[str, Entry] = {}
    for entry in entries:
        if entry.deleted or entry.latest is False:
            continue
        present = current.get(entry.name)
        if present is None or not present.latest or entry.latest:
            current[entry.name] = entry
    return current


def listing_of(entries: Iterable[Entry], *, mark: str, omitted: int) -> Listing:
    """Return the servers of those entries that count."""
    current = newest(entries)
    return Listing(
        candidates=tuple(one for entry in current.values() for one in entry.candidates),
        descriptions=tuple(entry.description for entry in current.values() if entry.description),
        mark=mark,
        omitted=omitted,
    )


def _all(reading: Reading) -> Listing:
    only_page = reading.etag if reading.pages == 1 else ""
    mark = _Mark(since=reading.started, whole=reading.started, etag=only_page)
    return listing_of(reading.entries, mark=str(mark), omitted=reading.omitted)


def _changed(known: Listing, entries: Iterable[Entry]) -> Listing:
    """Return what is known after changes: first what was taken back goes, then what is new comes.

    Whoever takes a server back takes back nothing of other servers, whatever packages it says it has. The answer is
    ``known`` itself when nothing of it changed.
    """
    changes = list(entries)
    gone = {entry.name for entry in changes if entry.deleted and entry.latest is not False}
    taken_back = {(entry.name, str(one.package)) for entry in changes if entry.deleted for one in entry.candidates}
    candidates: dict[str, list[Candidate]] = {}
    for one in known.candidates:
        if one.name not in gone and (one.name, str(one.package)) not in taken_back:
            candidates.setdefault(one.name, []).append(one)
    descriptions: dict[str, Description] = {one.name: one for one in known.descriptions if one.name not in gone}
    for entry in newest(changes).values():
        candidates[entry.name] = list(entry.candidates)
        descriptions.pop(entry.name, None)
        if entry.description is not None:
            descriptions[entry.name] = entry.description
    listed = tuple(one for found in candidates.values() for one in found), tuple(descriptions.values())
    if listed == (known.candidates, known.descriptions):
        return known
    return replace(known, candidates=listed[0], descriptions=listed[1])


def _identity(address: str, headers: Mapping[str, str]) -> str:
    """Return what tells this registry, asked with these headers, from all others; no value of a header is in it."""
    asked_with = sorted(f"{header.lower()}={reference}" for header, reference in headers.items())
    return "\n".join((address, *asked_with))
