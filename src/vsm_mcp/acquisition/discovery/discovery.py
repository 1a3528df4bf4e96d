"""MCPDiscovery: asks all sources at once, merges what they know, and ranks it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Protocol

import anyio
import anyio.to_thread
from packaging.utils import canonicalize_name

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import LONGEST_QUERY
from vsm_mcp.acquisition.discovery.ranking import Hit, Ranking
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.result import DiscoveryResult, RankedServer
from vsm_mcp.acquisition.discovery.source import Source
from vsm_mcp.errors import ConfigurationError, DiscoveryError, PayloadError, VSMError
from vsm_mcp.events import CandidatesFound, EventSink, SourceFailed, ignore
from vsm_mcp.model.server import Candidate, PackageRef, Readiness

MOST_PER_SOURCE = 300

_PRIORS = {Readiness.PROVEN: 1.05, Readiness.UNTRIED: 1.0, Readiness.NEEDS_CONFIGURATION: 0.9}
_NEAR_NAMES = 3


class Resolver(Protocol):
    """Confirms that an exact package of one ecosystem exists."""

    @property
    def name(self) -> str:
        """The ecosystem."""
        ...

    async def candidate(self, package: PackageRef) -> Candidate:
        """Return the package as a candidate.

        Raises:
            DiscoveryError: There is no such package or version.
            VSMError: Nobody could be asked.
        """
        ...


class MCPDiscovery:
    """Finds servers: every source is asked at the same time, and one that fails does not stop the others.

    Args:
        sources: Who knows servers; where two know the same package, the earlier one's word counts.
        emit: Hears about failed sources and about what was found.
        timeout: Seconds each source may take.
        resolvers: Confirm packages that are named exactly and known to no source.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        emit: EventSink = ignore,
        timeout: float = 15.0,
        resolvers: Sequence[Resolver] = (),
    ) -> None:
        """Keep the sources; nothing is asked yet."""
        names = Counter(source.name for source in sources)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ConfigurationError(
                f"Two sources are named {twice[0]!r}.", remedies=("Give every source a name of its own.",)
            )
        self._sources = tuple(sources)
        self._emit = emit
        self._timeout = timeout
        self._resolvers = {resolver.name: resolver for resolver in resolvers}

    def __repr__(self) -> str:
        """Show the names of the sources."""
        return f"MCPDiscovery(sources={[source.name for source in self._sources]})"

    async def find(self, wanted: str, *, limit: int = 10) -> DiscoveryResult:
        """Return the best ``limit`` servers for what is ``wanted``, or fewer.

        Raises:
            DiscoveryError: There are sources, and none of them could answer.
            PayloadError: ``wanted`` is empty or longer than 4096 characters.
        """
        asked = _checked(wanted)
        found, errors = await self._ask(asked)
        merged = _merged(found)
        ranked = await anyio.to_thread.run_sync(_ranked, merged, asked, limit)
        self._emit(CandidatesFound(wanted=asked, names=tuple(entry.candidate.name for entry in ranked)))
        return DiscoveryResult(wanted=asked, ranked=ranked, errors=errors)

    async def named(self, server: str) -> Candidate:
        """Return the one server with that name, or that package, such as ``pypi:mcp-server-time``.

        Raises:
            DiscoveryError: No source knows it, and it is no package that exists either.
            PayloadError: ``server`` is empty, too long, or names a package in a form that cannot be.
        """
        asked = _checked(server)
        package = PackageRef.parse(asked) if asked.startswith(("npm:", "pypi:")) else None
        found, errors = await self._ask(asked if package is None else package.name)
        merged = _merged(found)
        for candidate in merged:
            if candidate.name == asked or str(candidate.package) == asked:
                return candidate
        if package is not None:
            same = next((one for one in merged if key_of(one.package) == key_of(package)), None)
            return await self._exactly(package, same)
        raise _nobody_knows(asked, merged, errors)

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

    async def _ask(self, wanted: str) -> tuple[list[Sequence[Candidate]], dict[str, str]]:
        answers: dict[str, Sequence[Candidate]] = {}
        failed: dict[str, str] = {}

        async def ask(source: Source) -> None:
            try:
                answers[source.name] = await self._answer(source, wanted)
            except VSMError as error:
                failed[source.name] = error.message
                self._emit(SourceFailed(source=source.name, reason=error.message))

        async with anyio.create_task_group() as tasks:
            for source in self._sources:
                tasks.start_soon(ask, source)
        names = [source.name for source in self._sources]
        errors = {name: failed[name] for name in names if name in failed}
        if errors and not answers:
            raise DiscoveryError(
                f"None of the {len(errors)} sources could answer.",
                stage="discover",
                failures=errors,
                remedies=("Check the network, or add the bundled catalogue to the sources.",),
            )
        return [answers[name] for name in names if name in answers], errors

    async def _answer(self, source: Source, wanted: str) -> Sequence[Candidate]:
        try:
            with anyio.fail_after(self._timeout):
                return (await source.search(wanted, limit=MOST_PER_SOURCE))[:MOST_PER_SOURCE]
        except VSMError:
            raise
        except TimeoutError as error:
            raise DiscoveryError(f"It did not answer within {self._timeout:g} seconds.", stage="discover") from error
        except Exception as error:  # A source may be foreign code: its defects must not stop the others.
            raise DiscoveryError(f"It broke: {type(error).__name__}: {clean(str(error), 200)}") from error


def key_of(package: PackageRef) -> str:
    """Return what makes two packages the same one, whatever their version."""
    name = canonicalize_name(package.name) if package.ecosystem == "pypi" else package.name
    return f"{package.ecosystem}:{name}"


def _checked(wanted: str) -> str:
    asked = clean(wanted, LONGEST_QUERY)
    if not asked or len(wanted) > LONGEST_QUERY:
        raise PayloadError(
            f"What is wanted must have 1 to {LONGEST_QUERY} characters, not {len(wanted)}.",
            remedies=("Say in a short phrase what is needed, such as 'convert time zones'.",),
        )
    return asked


def _merged(answers: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Join what several sources say about one package; the earlier source's word counts where both speak."""
    merged: dict[str, Candidate] = {}
    for candidate in (one for answer in answers for one in answer):
        key = key_of(candidate.package)
        merged[key] = _completed(merged[key], candidate) if key in merged else candidate
    return list(merged.values())


def _completed(known: Candidate, other: Candidate) -> Candidate:
    """Fill in texts only: what is run, with which words, variables and hosts, stays the earlier source's word."""
    return replace(
        known,
        title=known.title or other.title,
        summary=known.summary or other.summary,
        keywords=known.keywords or other.keywords,
        publisher=known.publisher or other.publisher,
        repository=known.repository or other.repository,
        tools=known.tools or other.tools,
    )


def _ranked(candidates: Sequence[Candidate], wanted: str, limit: int) -> tuple[RankedServer, ...]:
    by_key = {key_of(candidate.package): candidate for candidate in candidates}
    hits = Ranking(Document.of(one, key) for key, one in by_key.items()).search(wanted, limit=len(by_key))
    entries = [_entry(by_key[hit.key], hit) for hit in hits]
    return tuple(sorted(entries, key=lambda entry: -entry.score)[: max(0, limit)])


def _entry(candidate: Candidate, hit: Hit) -> RankedServer:
    prior = _PRIORS[candidate.readiness]
    known = () if prior == 1 else (f"{candidate.readiness.value} x{prior:g}",)
    return RankedServer(candidate=candidate, score=hit.score * prior, why=(*map(str, hit.why), *known))


def _nobody_knows(asked: str, known: Sequence[Candidate], errors: Mapping[str, str]) -> DiscoveryError:
    near = get_close_matches(asked, [candidate.name for candidate in known], n=_NEAR_NAMES)
    return DiscoveryError(
        f"No source knows a server named {asked[:200]!r}.",
        stage="discover",
        failures=errors,
        remedies=(
            *(f"Did you mean {name}?" for name in near),
            "Name a package exactly, such as npm:NAME or pypi:NAME, or look for it with discover_servers.",
        ),
    )
