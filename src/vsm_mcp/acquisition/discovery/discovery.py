"""MCPDiscovery: all that the sources know as one ranked whole, in memory; asked in words, it answers at once."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.discovery.hit import Hit
from vsm_mcp.acquisition.discovery.index.cover import cover
from vsm_mcp.acquisition.discovery.index.segment import Segment
from vsm_mcp.acquisition.discovery.index.tokens import LONGEST_QUERY
from vsm_mcp.acquisition.discovery.memory.comparison import Comparison
from vsm_mcp.acquisition.discovery.memory.known import Known
from vsm_mcp.acquisition.discovery.memory.listings import Listings
from vsm_mcp.acquisition.discovery.memory.merging import Merged, key_of, merge
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.mixing import mixed
from vsm_mcp.acquisition.discovery.priors import prior
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.rediscovery import Rediscovery
from vsm_mcp.acquisition.discovery.resolvers.resolver import Resolver
from vsm_mcp.acquisition.discovery.result import Covering, DiscoveryResult, ServerCover
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder
from vsm_mcp.acquisition.discovery.sifting import MOST_WITHHELD, Withholds, by_prior, sifted
from vsm_mcp.acquisition.discovery.source import Listing, Source
from vsm_mcp.errors import ConfigurationError, DiscoveryError, PayloadError
from vsm_mcp.events import CandidatesFound, EventSink, SourceFailed, ignore
from vsm_mcp.model.server import Candidate, PackageRef, Readiness
from vsm_mcp.world.caching.cache import Cache
from vsm_mcp.world.caching.figures import CacheFigures
from vsm_mcp.world.clock import Clock, SystemClock

FRESH = 300.0
MOST_ANSWERS = 500
LEAST_STORED = 1000
"""Fewer servers than that are indexed sooner than an index is read."""

MOST_RANKED = 300
"""An answer has no more servers than that."""

MOST_OPERATIONS = 50
"""For so many operations at once a cover of servers is chosen."""

MEANT_AT_ONCE = 30
"""So many of the best by words are looked at by the embedder while a search waits, if it has not seen them before."""

_NEAR_NAMES = 3
_T = TypeVar("_T")


def _nothing(_candidate: Candidate) -> str | None:
    """Withhold no server."""
    return None


class MCPDiscovery:
    """Finds servers among all that the sources know, without asking anybody while what they said is fresh.

    Used as it is, a search reads sources whose listing has grown old, all at the same time, and waits for them. Within
    ``async with discovery.background():`` they are read beside it: a search then answers with what is known, and what
    was begun for one that is cancelled is there for the next.

    Args:
        sources: Who knows servers; where two know the same package, the earlier one's word counts.
        emit: Hears about sources that were read or failed, and about what was found.
        timeout: Seconds a search waits for each source.
        resolvers: Confirm packages that are named exactly and known to no source.
        clock: Says when a listing is too old.
        snapshots: Remembers listings and the index across processes; ``None`` remembers nothing.
        withholds: Says why the policy would never have a server; such a one is not ranked.
        fresh: Seconds for which an answer to the same words is given again.
        most_answers: How many answers are kept for that.
        embedder: Compares servers by meaning as well, such as `MiniLM` of the extra ``semantic``.
        now: Tells the time in seconds; never runs back. How long an answer is given again, and how long a source that
            failed is left alone.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        emit: EventSink = ignore,
        timeout: float = 15.0,
        resolvers: Sequence[Resolver] = (),
        clock: Clock | None = None,
        snapshots: Snapshots | None = None,
        withholds: Withholds = _nothing,
        fresh: float = FRESH,
        most_answers: int = MOST_ANSWERS,
        embedder: Embedder | None = None,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Keep the sources; nothing is asked yet."""
        names = Counter(source.name for source in sources)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ConfigurationError(
                f"Two sources are named {twice[0]!r}.", remedies=("Give every source a name of its own.",)
            )
        self._sources = tuple(sources)
        self._listings = Listings(
            sources,
            clock=clock or SystemClock(),
            snapshots=snapshots,
            emit=emit,
            timeout=timeout,
            changed=self._index_aside,
            now=now,
        )
        self._snapshots = snapshots
        self._emit = emit
        self._resolvers = {resolver.name: resolver for resolver in resolvers}
        self._withholds = withholds
        self._answers: Cache[tuple[str, int], DiscoveryResult] = Cache(
            self._answer, most=most_answers, fresh=fresh, now=now
        )
        self._comparison = None if embedder is None else Comparison(embedder, snapshots=snapshots, emit=emit)
        self._following = anyio.Lock()
        self._known: Known | None = None
        self._known_of: Mapping[str, Listing] = {}
        self._indexing = 0
        self._stored: Segment | None = None

    def __repr__(self) -> str:
        """Show the names of the sources."""
        return f"MCPDiscovery(sources={[source.name for source in self._sources]})"

    @asynccontextmanager
    async def background(self) -> AsyncGenerator[None]:
        """Let sources be read and answers be made in the background while this is entered.

        Raises:
            ConfigurationError: It is entered already.
        """
        async with self._listings.background(), self._answers:
            yield

    async def find(self, wanted: str, *, limit: int = 10) -> DiscoveryResult:
        """Return the best ``limit`` servers for what is ``wanted``, or fewer; never more than 300.

        Raises:
            DiscoveryError: There are sources, and none of them could answer.
            PayloadError: ``wanted`` is empty or longer than 4096 bytes (UTF-8).
        """
        asked = _checked(wanted)
        await self._follow()
        answer = await self._answers.get((asked, min(max(0, limit), MOST_RANKED)))
        result = answer.model_copy(update={"sources": self._listings.reports()})
        self._emit(CandidatesFound(wanted=asked, names=tuple(entry.candidate.name for entry in result)))
        return result

    async def known(self, *, limit: int = 10) -> DiscoveryResult:
        """Return the first ``limit`` of all servers that are known, or fewer; never more than 300.

        Those come first of which most speaks for them besides their words, such as that they proved themselves here;
        equals by name.

        Raises:
            DiscoveryError: There are sources, and none of them could answer.
        """
        known = await self._follow()
        hits, most = await _aside(lambda: by_prior(known.servers)), min(max(0, limit), MOST_RANKED)
        ranked, withheld = sifted(hits, known.servers, limit=most, withholds=self._withholds)
        sources = self._listings.reports()
        return DiscoveryResult(wanted="", ranked=tuple(ranked), withheld=tuple(withheld), sources=sources)

    async def cover(self, wanted: Sequence[str], *, limit: int = 10) -> ServerCover:
        """Return few servers that are together among the best for all of several operations.

        Each operation is ranked for itself, its best ``limit`` servers compete, and greedily the one is chosen that
        fits most operations that have none yet, and fits them best.

        Raises:
            DiscoveryError: There are sources, and none of them could answer.
            PayloadError: There are none or more than 50 operations, or one is empty or too long.
        """
        if isinstance(wanted, str) or not 0 < len(wanted) <= MOST_OPERATIONS:
            said = "text" if isinstance(wanted, str) else f"{len(wanted)}"
            raise PayloadError(
                f"Servers are chosen for a list of 1 to {MOST_OPERATIONS} operations, not for {said}.",
                remedies=("Give a list, and fewer at a time.",),
            )
        operations = tuple(dict.fromkeys(map(_checked, wanted)))
        found = {operation: await self.find(operation, limit=limit) for operation in operations}
        entries = {key_of(one.candidate.package): one for result in found.values() for one in result}
        hits = {
            operation: [Hit(key=key_of(one.candidate.package), score=one.score, why=()) for one in result]
            for operation, result in found.items()
        }
        chosen = cover(hits)
        return ServerCover(
            chosen=tuple(Covering(server=entries[one.key], operations=one.operations) for one in chosen.chosen),
            uncovered=chosen.uncovered,
        )

    async def named(self, server: str) -> Candidate:
        """Return the one server with that name, or that package, such as ``pypi:mcp-server-time``.

        Raises:
            DiscoveryError: No source knows it, and it is no package that exists either.
            PayloadError: ``server`` is empty, too long, or names a package in a form that cannot be.
        """
        asked = _checked(server)
        package = PackageRef.parse(asked) if asked.startswith(("npm:", "pypi:")) else None
        servers = (await self._follow()).servers
        everybody = [one.candidate for one in servers.values()]
        for candidate in (*everybody, *(other for one in servers.values() for other in one.also)):
            if asked in {candidate.name, str(candidate.package)}:
                return candidate
        if package is not None:
            same = servers.get(key_of(package))
            return await self._exactly(package, same.candidate if same else None)
        errors = {report.name: report.error for report in self._listings.reports() if report.error}
        raise await anyio.to_thread.run_sync(_nobody_knows, asked, servers, errors)

    async def refresh(self) -> Rediscovery:
        """Have every source asked anew, whatever its age, and return how they stand then, and what differs.

        What is remembered from an earlier process was known before.

        Raises:
            DiscoveryError: There are sources, and none of them could answer.
        """
        if self._known is None:
            remembered = tuple((await self._listings.remembered()).values())
            before: Mapping[str, Merged] = await _aside(lambda: merge(remembered))
        else:
            before = self._known.servers
        after = (await self._follow(insist=True)).servers
        sources = self._listings.reports()
        return await _aside(lambda: Rediscovery.between(before, after, sources=sources))

    def figures(self) -> CacheFigures:
        """Return how often an answer was there already."""
        return self._answers.figures()

    async def _exactly(self, package: PackageRef, known: Candidate | None) -> Candidate:
        if known is not None and package.version in {None, known.package.version}:
            return known
        resolver = self._resolvers.get(package.ecosystem)
        if resolver is None:
            raise DiscoveryError(
                f"No source knows {package}, and there is nobody to ask about {package.ecosystem} packages.",
                stage="discover",
                remedies=("Name a server that 'discover_servers' shows.",),
            )
        confirmed = await resolver.candidate(package)
        if known is None:
            return confirmed
        return replace(known, package=confirmed.package, version=confirmed.version, readiness=Readiness.UNTRIED)

    async def _follow(self, *, insist: bool = False) -> Known:
        """Return what is known now, indexed.

        While something new is being indexed in the background, what was known before answers, unless a source that is
        asked for every search said something new.
        """
        listings = await self._listings.now(insist=insist)
        if self._known is None or insist:
            return await self._index()
        if self._is_followed(listings):
            return self._known
        unchanged = all(self._known_of.get(name) is listings.get(name) for name in self._listings.prompt)
        return self._known if unchanged and self._indexing else await self._index()

    def _is_followed(self, listings: Mapping[str, Listing]) -> bool:
        ours = self._known_of
        return len(listings) == len(ours) and all(ours.get(name) is one for name, one in listings.items())

    async def _index_aside(self) -> None:
        """Index what was read in the background."""
        self._indexing += 1
        try:
            await self._index()
        finally:
            self._indexing -= 1

    async def _index(self) -> Known:
        async with self._following:
            listings = self._listings.held()
            if self._known is None or not self._is_followed(listings):
                self._known, self._known_of = await self._indexed(tuple(listings.values())), listings
                self._answers.clear()
            return self._known

    async def _compare(self) -> None:
        """Have all servers looked at by the embedder; what was answered before is answered anew then."""
        if self._comparison is not None and await self._comparison.look():
            self._answers.clear()

    async def _indexed(self, listings: Sequence[Listing]) -> Known:
        servers = await _aside(lambda: merge(listings))
        known = self._known
        if known is not None:
            new = await _aside(lambda: known.followed_by(servers))
        else:
            new = await self._recalled(servers) or await _aside(lambda: Known.of(servers))
        if self._snapshots is not None and len(servers) >= LEAST_STORED:
            await self._keep(new, self._snapshots)
        if self._comparison is not None:
            await self._comparison.follow(servers)
            self._listings.aside(self._compare)
        return new

    async def _recalled(self, servers: Mapping[str, Merged]) -> Known | None:
        """Return these servers with the index that is on disk, if there is one."""
        if self._snapshots is None or len(servers) < LEAST_STORED:
            return None
        try:
            stored = await self._snapshots.index()
        except ConfigurationError as error:
            self._emit(SourceFailed(source="index", reason=f"It cannot be read: {error.message}"))
            return None
        return None if stored is None else await _aside(lambda: Known.recalled(servers, stored))

    async def _keep(self, known: Known, snapshots: Snapshots) -> None:
        """Store an index that was made anew."""
        if known.ranking.index.base is self._stored:
            return
        self._stored = known.ranking.index.base
        stored = await _aside(known.stored)
        try:
            if stored is not None:
                await snapshots.keep_index(stored)
        except ConfigurationError as error:
            self._emit(SourceFailed(source="index", reason=f"It is not kept: {error.message}"))

    async def _answer(self, key: tuple[str, int]) -> DiscoveryResult:
        asked, limit = key
        known = self._known or Known.of({})
        deep = limit
        while True:  # further down each time, until there are as many as were asked for
            hits = await self._hits(known, asked, deep)
            ranked, withheld = sifted(hits, known.servers, limit=limit, withholds=self._withholds)
            if len(ranked) == limit or len(hits) < deep:
                return DiscoveryResult(wanted=asked, ranked=tuple(ranked), withheld=tuple(withheld))
            deep = max(4 * deep, deep + MOST_WITHHELD)

    async def _hits(self, known: Known, asked: str, limit: int) -> Sequence[Hit]:
        def factor(key: str) -> float:
            return prior(known.servers[key])

        search = partial(known.ranking.search, asked, limit=limit, prior=factor)
        if self._comparison is None:
            return search() if limit <= MOST_RANKED else await _aside(search)  # a short one would take longer there
        found = known.ranking.found(asked)
        first = [found.index.key(number) for number, _ in found.best(MEANT_AT_ONCE)]
        alike = await self._comparison.alike(asked, first)
        if alike is None:
            return search()
        return mixed(found, alike.among(known.servers), limit=limit, prior=factor)


async def _aside(work: Callable[[], _T]) -> _T:
    """Do in a thread what takes time and may be dropped: it changes nothing."""
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _checked(wanted: str) -> str:
    asked = clean(wanted, LONGEST_QUERY)
    size = len(wanted.encode(errors="replace"))
    if not asked or size > LONGEST_QUERY:
        raise PayloadError(
            f"What is wanted must have 1 to {LONGEST_QUERY} bytes of visible text, not {size}.",
            remedies=("Say in a short phrase what is needed, such as 'convert time zones'.",),
        )
    return asked


def _nobody_knows(asked: str, known: Mapping[str, Merged], errors: Mapping[str, str]) -> DiscoveryError:
    near = get_close_matches(asked, [one.candidate.name for one in known.values()], n=_NEAR_NAMES)
    return DiscoveryError(
        f"No source knows a server named {asked[:200]!r}.",
        stage="discover",
        failures=errors,
        remedies=(
            *(f"Did you mean {name}?" for name in near),
            "Name a package exactly, such as npm:NAME or pypi:NAME, or look for it with discover_servers.",
        ),
    )
