"""Proposals: which servers to acquire next, by the demand they would absorb, how likely they are had, and their cost.

A proposal is worth what it adds to the absorbed share of demand, times the probability that its acquisition succeeds
(`vsm_mcp.variety.selection`). Two beliefs go into it, both from ``Beta(1, 1)`` and what was recorded:

- that the acquisition succeeds, from earlier attempts on servers of the same source and readiness; that a catalogue has
  seen a server work counts as one success, that it needs settings nobody gave as one failure;
- that a server which is had does what it was acquired for: 2/3, what one passed trial shows; for a kind that merely
  found the same server, 1/2, because no trial shows it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from vsm_mcp.model.report import Report
from vsm_mcp.model.server import Candidate, Readiness
from vsm_mcp.variety.gap import OpenKind
from vsm_mcp.variety.selection import Gain, Need, Offer, choose

QUALITY_PROVEN = 2 / 3
QUALITY_UNTRIED = 1 / 2
MOST_CLASSES = 200
Refuses = Callable[[Candidate], str | None]
"""Says why a server is not allowed, or ``None`` when it is."""

_SEEN: Mapping[Readiness, tuple[int, int]] = {
    Readiness.PROVEN: (1, 0),
    Readiness.NEEDS_CONFIGURATION: (0, 1),
    Readiness.UNTRIED: (0, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What discovery found for one kind of demand, best first."""

    kind: OpenKind
    candidates: tuple[Candidate, ...]


class Proposal(Report, frozen=True):
    """A server to acquire, and why.

    Attributes:
        server: Its name.
        package: Its package.
        kind: The kind of demand to acquire it for.
        kinds: All kinds of demand it was found for.
        gain: The share of demand that acquiring it is expected to add to what is absorbed, after the proposals before
            it; the probability that the acquisition fails is in it.
        p_acquire: The probability that its acquisition succeeds.
        attempts: Recorded attempts that this probability comes from; with none it is a prior.
        cost: What acquiring it costs, in acquisitions.
    """

    server: str
    package: str
    kind: str
    kinds: tuple[str, ...]
    gain: float = Field(ge=0)
    p_acquire: float = Field(ge=0, le=1)
    attempts: int = Field(ge=0)
    cost: float


class Proposals(Report, frozen=True):
    """What to acquire, in order.

    Attributes:
        best: The proposals in the order in which to acquire them.
        gain: The share of demand that all of them are expected to add to what is absorbed.
        potential: The same for all servers that are known and allowed together, those that failed lately among them.
        certificate: The part of the best possible gain that is had at least.
        exact: Whether no other choice gains more.
        servers: How many servers there were to choose from.
        kinds: For how many kinds of demand.
        left_out: Servers that were found and not considered, with the reason.
    """

    best: tuple[Proposal, ...]
    gain: float
    potential: float
    certificate: float
    exact: bool
    servers: int
    kinds: int
    left_out: Mapping[str, str]


class AcquisitionRecord:
    """Learns how likely acquisitions succeed, by source and readiness of the server."""

    def __init__(self) -> None:
        """Start without any attempt."""
        self._attempts: dict[tuple[str, Readiness], tuple[int, int]] = {}

    def __repr__(self) -> str:
        """Show how much was recorded."""
        return f"AcquisitionRecord(attempts={sum(map(sum, self._attempts.values()))})"

    def note(self, candidate: Candidate, *, success: bool) -> None:
        """Take note of how an attempt to acquire ``candidate`` ended."""
        key = (candidate.source, candidate.readiness)
        if key not in self._attempts and len(self._attempts) >= MOST_CLASSES:
            return  # sources are named in the settings: more classes than this are not from there
        succeeded, failed = self._attempts.get(key, (0, 0))
        self._attempts[key] = (succeeded + success, failed + (not success))

    def believe(self, candidate: Candidate) -> tuple[float, int]:
        """Return the probability that ``candidate`` can be acquired, and the attempts this is known from."""
        succeeded, failed = self._attempts.get((candidate.source, candidate.readiness), (0, 0))
        seen_well, seen_ill = _SEEN[candidate.readiness]
        mean = (1 + seen_well + succeeded) / (2 + seen_well + seen_ill + succeeded + failed)
        return mean, succeeded + failed


def propose(
    found: Sequence[Found],
    *,
    record: AcquisitionRecord,
    held: Collection[str] = (),
    failed: Mapping[str, str] | None = None,
    refused: Refuses | None = None,
    most: int = 5,
    cost: float = 1.0,
) -> Proposals:
    """Return at most ``most`` servers to acquire, in order.

    Args:
        found: What discovery found for the kinds that are not absorbed.
        record: How earlier acquisitions ended.
        held: Servers that are held already; they are not proposed.
        failed: Servers whose acquisition failed lately, with the reason; they are not proposed.
        refused: Says why a server is not allowed; such servers are not proposed either.
        most: How many at most.
        cost: What one acquisition costs.
    """
    failed = failed or {}
    candidates = {candidate.name: candidate for entry in found for candidate in entry.candidates}
    left_out = {name: why for name, candidate in candidates.items() if (why := _not_allowed(candidate, held, refused))}
    known: dict[str, list[OpenKind]] = {}
    for entry in found:
        for candidate in entry.candidates:
            if candidate.name not in left_out:
                known.setdefault(candidate.name, []).append(entry.kind)
    offers = {name: _offer(candidates[name], kinds, record, cost=cost) for name, kinds in known.items()}
    left_out |= {name: why for name, why in failed.items() if name in offers}
    needs = tuple(
        Need(kind=entry.kind.kind, weight=entry.kind.demand_share, absorbed=entry.kind.coverage) for entry in found
    )
    chosen = choose(needs, tuple(offer for name, offer in offers.items() if name not in failed), k=most)
    return Proposals(
        best=tuple(_proposal(gain, candidates[gain.name], known[gain.name], record=record) for gain in chosen.chosen),
        gain=chosen.gain,
        potential=_potential(needs, tuple(offers.values())),
        certificate=chosen.certificate,
        exact=chosen.exact,
        servers=chosen.offers,
        kinds=len(needs),
        left_out=left_out,
    )


def _not_allowed(candidate: Candidate, held: Collection[str], refused: Refuses | None) -> str | None:
    if candidate.name in held:
        return "It is held already."
    return None if refused is None else refused(candidate)


def _potential(needs: Sequence[Need], offers: Sequence[Offer]) -> float:
    """Return the share of demand that all offers together are expected to add to what is absorbed."""
    gain = 0.0
    for need in needs:
        missed = rest = 1.0 - need.absorbed
        for offer in offers:
            missed *= 1.0 - offer.quality.get(need.kind, 0.0) * offer.p_acquire
        gain += need.weight * (rest - missed)
    return gain


def _offer(candidate: Candidate, kinds: Sequence[OpenKind], record: AcquisitionRecord, *, cost: float) -> Offer:
    main = _main(kinds)
    quality = {kind.kind: QUALITY_PROVEN if kind is main else QUALITY_UNTRIED for kind in kinds}
    return Offer(name=candidate.name, quality=quality, p_acquire=record.believe(candidate)[0], cost=cost)


def _main(kinds: Iterable[OpenKind]) -> OpenKind:
    return max(kinds, key=lambda kind: (kind.gap_share, kind.kind))


def _proposal(gain: Gain, candidate: Candidate, kinds: Sequence[OpenKind], *, record: AcquisitionRecord) -> Proposal:
    p_acquire, attempts = record.believe(candidate)
    return Proposal(
        server=candidate.name,
        package=str(candidate.package),
        kind=_main(kinds).kind,
        kinds=tuple(kind.kind for kind in kinds),
        gain=gain.gain,
        p_acquire=p_acquire,
        attempts=attempts,
        cost=gain.cost,
    )
