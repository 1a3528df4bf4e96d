"""Sifting: hits become servers as they are shown, and what the policy blocks is taken out and named."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from vsm_mcp.acquisition.discovery.hit import Hit
from vsm_mcp.acquisition.discovery.memory.merging import Merged
from vsm_mcp.acquisition.discovery.priors import prior, reasons
from vsm_mcp.acquisition.discovery.result import RankedServer
from vsm_mcp.model.server import Candidate

MOST_WITHHELD = 20
"""So many servers that the policy blocks are named in an answer: the best of them."""

MOST_NAMED_TOOLS = 64
"""So many tools of a server are named in an answer."""

Withholds = Callable[[Candidate], str | None]
"""Says why the policy would never have a server; ``None`` when it might."""


def sifted(
    hits: Iterable[Hit], servers: Mapping[str, Merged], *, limit: int, withholds: Withholds
) -> tuple[Sequence[RankedServer], Sequence[RankedServer]]:
    """Return the first ``limit`` servers that the policy does not block, and the first of those above them it does."""
    ranked, withheld = list[RankedServer](), list[RankedServer]()
    for hit in hits:
        if len(ranked) == limit:
            break
        one = servers[hit.key]
        reason = withholds(one.candidate)
        if reason is None:
            ranked.append(_entry(one, hit))
        elif len(withheld) < MOST_WITHHELD:
            withheld.append(RankedServer(candidate=one.candidate, score=hit.score, why=(reason,)))
    return ranked, withheld


def by_prior(servers: Mapping[str, Merged]) -> Sequence[Hit]:
    """Return all servers, those first that most speaks for besides their words; equals by name."""
    factors = {key: prior(one) for key, one in servers.items()}
    order = sorted(servers, key=lambda key: (-factors[key], servers[key].candidate.name, key))
    return [Hit(key=key, score=factors[key], why=()) for key in order]


def _entry(known: Merged, hit: Hit) -> RankedServer:
    why = (*map(str, hit.why), *reasons(known))
    tools = tuple(tool.name for tool in known.tools[:MOST_NAMED_TOOLS])
    return RankedServer(candidate=known.candidate, score=hit.score, why=why, said_by=known.said_by, tools=tools)
