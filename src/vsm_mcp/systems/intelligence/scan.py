"""The scan: what System 4 sees outside and ahead, and what it proposes to do about it."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nlargest
from math import sqrt
from random import Random

from pydantic import Field

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.errors import DiscoveryError
from vsm_mcp.model.report import Report
from vsm_mcp.model.server import Candidate
from vsm_mcp.systems.intelligence.forecast import Forecast, TrendForecaster
from vsm_mcp.systems.intelligence.proposals import AcquisitionRecord, Found, Proposals, Refuses, propose
from vsm_mcp.systems.intelligence.scenario import ScenarioReport, simulate
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.gap import OpenKind
from vsm_mcp.world.clock import Clock

TOLERATED_GAP = 0.2
KINDS_SEARCHED = 10
CANDIDATES_EACH = 5
MOST_PROPOSALS = 5
RELEVANT = 0.75
"""A server that was found with less than this part of the best one's score is not considered for the kind: it merely
shares a word with it, and would count as likely to serve it."""

_SEARCHES_KEPT = 200
_SIMULATED_KINDS = 60
_DRAWS = 200
_SIGNIFICANT = 3.0
_AHEAD = 5
_REST = "(all other kinds)"


class Threat(Report, frozen=True):
    """Something ahead that the present capabilities would not absorb.

    Attributes:
        kind: The kind of demand, when it is one.
        why: What was measured.
    """

    kind: str | None
    why: str


class ScanReport(Report, frozen=True):
    """What System 4 saw.

    Attributes:
        at: When.
        gap_share: The share of demand that the present capabilities would not absorb.
        forecast: Where that share will be five scans ahead; ``None`` before enough scans.
        unseen_share: The share of demand that is of kinds never seen in the window (Good-Turing).
        drift_bits: How much better the demand of late explains the newest demands than the demand of before.
        drifting: Whether that is more than chance.
        threats: What lies ahead.
        proposals: What to acquire, in order.
        scenarios: How probable a larger gap than is tolerated is, for what is known of the shares of demand.
        sources_failed: Sources of servers that could not answer, with the reason.
        n_window: The newest demands that the unseen share and the drift come from.
        basis: What this comes from, in words.
    """

    at: datetime
    gap_share: float | None
    forecast: Forecast | None
    unseen_share: float | None
    drift_bits: float | None
    drifting: bool | None
    threats: tuple[Threat, ...]
    proposals: Proposals
    scenarios: tuple[ScenarioReport, ...]
    sources_failed: Mapping[str, str]
    n_window: int = Field(ge=0)
    basis: str = Field(repr=False)


class Scanner:
    """Looks at demand and outside for servers, and keeps what it learnt of both.

    Args:
        discovery: Knows servers.
        variety: Knows the demand.
        clock: Tells when a search is too old.
        random: Where scenarios are drawn from.
        tolerated_gap: The share of demand that may stay undone.
        refused: Says why a server is not allowed.
        disabled: Says whether a server that is held does a kind of demand and was disabled: none is proposed for it.
        search_again: For how long what discovery found for a kind is good enough.
    """

    def __init__(
        self,
        *,
        discovery: MCPDiscovery,
        variety: VarietyCalculator,
        clock: Clock,
        random: Random,
        tolerated_gap: float = TOLERATED_GAP,
        refused: Refuses | None = None,
        disabled: Callable[[str], bool] | None = None,
        search_again: timedelta = timedelta(minutes=10),
    ) -> None:
        """Start without having seen anything."""
        self._discovery = discovery
        self._variety = variety
        self._clock = clock
        self._random = random
        self._tolerated = tolerated_gap
        self._refused = refused
        self._disabled = disabled
        self._search_again = search_again
        self._searches: dict[str, tuple[datetime, tuple[Candidate, ...]]] = {}
        self._forecaster = TrendForecaster(lowest=0.0, highest=1.0)
        self.record: AcquisitionRecord = AcquisitionRecord()
        self.last: ScanReport | None = None

    def __repr__(self) -> str:
        """Show when it looked last."""
        return f"Scanner(last={None if self.last is None else self.last.at.isoformat(timespec='seconds')})"

    def candidate(self, server: str) -> Candidate | None:
        """Return a server that a search found lately."""
        searches = (found for _, found in self._searches.values())
        return next((candidate for found in searches for candidate in found if candidate.name == server), None)

    async def scan(
        self, *, held: Collection[str], failed: Mapping[str, str], kinds: int = KINDS_SEARCHED
    ) -> ScanReport:
        """Look around.

        Args:
            held: Servers that are held already.
            failed: Servers whose acquisition failed lately, with the reason.
            kinds: For how many of the kinds with the largest gap servers are searched.
        """
        variety = self._variety
        analysis, gap = variety.analyze(worst=1), variety.gap()
        if gap.share is not None:
            self._forecaster.observe(gap.share)
        open_kinds = tuple(open_kind for open_kind in variety.top_gaps(kinds) if open_kind.gap_share > 0)
        found, sources_failed = await self._search(open_kinds)
        forecast = self._forecaster.forecast(_AHEAD)
        self.last = ScanReport(
            at=self._clock.now(),
            gap_share=gap.share,
            forecast=forecast,
            unseen_share=analysis.unseen_share,
            drift_bits=analysis.drift_bits,
            drifting=analysis.drifting,
            threats=(*self._rising(open_kinds), *self._ahead(forecast, drifting=bool(analysis.drifting))),
            proposals=propose(
                found, record=self.record, held=held, failed=failed, refused=self._refused, most=MOST_PROPOSALS
            ),
            scenarios=self._simulate(gap.n_effective),
            sources_failed=sources_failed,
            n_window=analysis.n_window,
            basis=analysis.basis,
        )
        return self.last

    async def _search(self, kinds: Sequence[OpenKind]) -> tuple[list[Found], dict[str, str]]:
        found: list[Found] = []
        failed: dict[str, str] = {}
        for kind in kinds:
            if self._disabled is not None and self._disabled(kind.kind):
                continue
            try:
                candidates = await self._candidates(kind.kind, failed)
            except DiscoveryError as error:  # no source answered: the other kinds may have been searched before
                failed[kind.kind] = error.message
                continue
            found.append(Found(kind=kind, candidates=candidates))
        return found, failed

    async def _candidates(self, kind: str, failed: dict[str, str]) -> tuple[Candidate, ...]:
        now = self._clock.now()
        when, known = self._searches.get(kind, (None, ()))
        if when is not None and timedelta(0) <= now - when < self._search_again:
            return known
        result = await self._discovery.find(kind, limit=CANDIDATES_EACH)
        failed.update(result.errors)
        least = RELEVANT * max((entry.score for entry in result), default=0.0)
        candidates = tuple(entry.candidate for entry in result if entry.score >= least)
        self._searches.pop(kind, None)
        while len(self._searches) >= _SEARCHES_KEPT:
            del self._searches[next(iter(self._searches))]
        self._searches[kind] = (now, candidates)
        return candidates

    def _rising(self, kinds: Sequence[OpenKind]) -> list[Threat]:
        """Return the kinds with a gap that are asked for more often of late than chance explains.

        The test is that of two proportions, the halves of the window of newest demands, at three standard errors.
        """
        window = self._variety.window
        half = len(window) // 2
        older, newer = Counter(window[:half]), Counter(window[len(window) - half :])
        threats: list[Threat] = []
        for kind in kinds:
            before, after = older[kind.kind], newer[kind.kind]
            pooled = (before + after) / (2 * half) if half else 0.0
            error = sqrt(pooled * (1.0 - pooled) * 2.0 / half) if half else 0.0
            if error and (after - before) / half > _SIGNIFICANT * error:
                why = (
                    f"It rose from {before / half:.1%} to {after / half:.1%} of demand within the newest "
                    f"{2 * half}, and {1 - kind.coverage:.0%} of it would be lost."
                )
                threats.append(Threat(kind=kind.kind, why=why))
        return threats

    def _ahead(self, forecast: Forecast | None, *, drifting: bool) -> list[Threat]:
        threats: list[Threat] = []
        if drifting:
            threats.append(Threat(kind=None, why="Demand is not what it was: what is known of it loses its worth."))
        if forecast is not None and forecast.mean > self._tolerated:
            why = (
                f"The gap is on its way to {forecast.mean:.1%} of demand ({forecast.low:.1%} to {forecast.high:.1%}) "
                f"within {forecast.horizon} scans; tolerated are {self._tolerated:.0%}."
            )
            threats.append(Threat(kind=None, why=why))
        return threats

    def _simulate(self, n_effective: float | None) -> tuple[ScenarioReport, ...]:
        if n_effective is None:
            return ()
        shares = self._variety.shares()
        largest = nlargest(_SIMULATED_KINDS, shares.items(), key=lambda entry: entry[1])
        demand = {kind: (min(share, 1.0), self._variety.coverage_of(kind)) for kind, share in largest}
        rest = 1.0 - sum(share for _, share in largest)
        if len(shares) > len(largest) and rest > 0.0:
            covered = 1.0 - (self._variety.gap().share or 0.0) - sum(share * known for share, known in demand.values())
            demand[_REST] = (rest, min(max(covered / rest, 0.0), 1.0))
        return simulate(demand, n_effective=n_effective, limit=self._tolerated, random=self._random, draws=_DRAWS)
