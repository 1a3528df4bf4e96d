"""How well and how fast discovery ranks, beside other ways to rank, over the same texts in the same run.

Run ``python tests/benchmarks/discovery.py [--data DIR] [--json] [--quick] [--ours] [--words]``. ``DIR`` has a folder
per set with ``corpus.jsonl`` ({"id", "name", "title", "description", "category", "tools"}), ``queries.jsonl`` ({"qid",
"text"}) and ``qrels.tsv`` (query, document, 1); a folder without queries is used for its size and its tools. Without
``DIR`` a small set is made up: that one only shows that the measuring works. A quick run asks a part of the queries and
leaves out most documents of large sets, but for speed; ``--ours`` measures the quality of our ranking alone, on all
queries. Where the extra ``semantic`` is installed, a run that is not quick takes minutes for it; ``--words`` leaves it
out.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from discovery_rivals import has_fts5, rivals
from discovery_sets import (
    Ahead,
    Judged,
    Ranked,
    Ranker,
    Set,
    ahead,
    judge,
    made_up,
    read,
    shortened,
    through_tools,
    twins,
    without_names,
)
from discovery_speed import speed

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.matching import CapabilityMatcher, KnownTool
from vsm_mcp.acquisition.discovery.ranking import rank
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder
from vsm_mcp.errors import ExtraMissingError
from vsm_mcp.model.json import JsonValue

SEMANTIC = "semantic"
MEASURES = ("ndcg10", "r5", "mrr")
QUICK_QUERIES = 200
QUICK_DOCUMENTS = 2000
FEWEST_TWINS = 30
PART_WITH_TOOLS = 0.5


SPEED: Mapping[str, str] = {
    "p50_ms": "a search nobody asked before, median, ms",
    "p95_ms": "95 of 100 within, ms",
    "p99_ms": "99 of 100 within, ms",
    "cpu_p95_ms": "95 of 100 take CPU of at most, ms",
    "cached_us": "the same search again, median, us",
    "rank_p50_ms": "of it the index, median, ms",
    "rank_p95_ms": "95 of 100 within, ms",
    "rank_long_p50_ms": "the index, 400 characters, median, ms",
    "rank_long_p95_ms": "95 of 100 within, ms",
    "naive_p50_ms": "looking at every text instead, ms",
    "build_s": "making the index, s",
    "load_ms": "loading the index, ms",
    "stored_bytes": "the index on disk, bytes",
    "first_find_s": "200 equal searches at once, nothing known, s",
    "listings_of_200": "for them the source was asked, times",
    "loads_of_200": "for them it was ranked, times",
    "start_ms": "the first search of a process, all on disk, ms",
    "index_rss_mb": "the index in memory, MiB",
    "rss_mb": "the whole discovery in memory, MiB",
    "built_rss_mb": "left of building and its documents, MiB",
    "looked_s": "semantic: looking at all servers, s",
    "meanings_bytes": "what was seen on disk, bytes",
    "meant_start_ms": "the first search of a process, all on disk, ms",
    "meant_p50_ms": "a search nobody asked before, median, ms",
    "meant_p95_ms": "95 of 100 within, ms",
    "meant_cpu_p95_ms": "95 of 100 take CPU of at most, ms",
    "meant_rss_mb": "the whole discovery with the model, MiB",
}
"""What the figures of speed and size are; wall time, in processes of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Means over the queries of a set, or over sets: nDCG at 10, recall at 5, one divided by the first right place."""

    ndcg10: float
    r5: float
    mrr: float

    @classmethod
    def of(cls, judged: Judged) -> "Means":
        """Return the means of what was judged."""
        ndcg10, r5, mrr = (statistics.fmean(values) for values in (judged.ndcg10, judged.r5, judged.mrr))
        return cls(ndcg10=ndcg10, r5=r5, mrr=mrr)

    @classmethod
    def over(cls, means: Sequence["Means"]) -> "Means":
        """Return the means of means: every set counts the same."""
        ndcg10, r5, mrr = (
            statistics.fmean(values) for values in zip(*((one.ndcg10, one.r5, one.mrr) for one in means), strict=True)
        )
        return cls(ndcg10=ndcg10, r5=r5, mrr=mrr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A set, ours, the others, and how far ours is ahead of each of them."""

    documents: int
    queries: int
    ours: Means
    others: Mapping[str, Means] = field(default_factory=dict[str, Means])
    ahead: Mapping[str, Ahead] = field(default_factory=dict[str, Ahead])

    def told(self) -> dict[str, JsonValue]:
        """Return it for JSON."""
        others = {name: asdict(means) | {"ahead": asdict(self.ahead[name])} for name, means in self.others.items()}
        meant = {SEMANTIC: others.pop(SEMANTIC)} if SEMANTIC in others else {}
        return {"documents": self.documents, "queries": self.queries, **asdict(self.ours), "rivals": others, **meant}


def ours(documents: Sequence[Document], queries: Sequence[str], limit: int) -> Ranked:
    """Rank as this library does."""
    return [[hit.key for hit in hits] for hits in rank(documents, queries, limit=limit)]


def matched(
    documents: Sequence[Document], queries: Sequence[str], limit: int, *, embedder: Embedder | None = None
) -> Ranked:
    """Rank single tools as this library does for an operation."""
    tools = {
        (server, one.name): (
            one.key,
            KnownTool(server=server, tool=one.name, title=one.title, description=one.description),
        )
        for one in documents
        for server in (one.key.partition("\t")[0],)
    }
    matcher = CapabilityMatcher((tool for _, tool in tools.values()), embedder=embedder)
    found = (matcher.match(query, limit=limit) for query in queries)
    return [[tools[match.server, match.tool][0] for match in matches] for matches in found]


def meant(embedder: Embedder) -> Ranker:
    """Return our ranking with meaning mixed in."""

    def by_meaning(documents: Sequence[Document], queries: Sequence[str], limit: int) -> Ranked:
        return [[hit.key for hit in hits] for hits in rank(documents, queries, limit=limit, embedder=embedder)]

    return by_meaning


def semantic() -> Embedder | None:
    """Return the embedder of the extra ``semantic``, where that is installed."""
    try:
        from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - it may not be there
    except ExtraMissingError:
        return None
    return MiniLM()


def sets_of(data: Path | None) -> list[Set]:
    """Return all sets of a folder, or one that is made up."""
    return [made_up()] if data is None else [read(path.parent) for path in sorted(data.glob("*/corpus.jsonl"))]


def tool_sets(sets: Iterable[Set]) -> list[Set]:
    """Return the sets in which single tools are ranked, as far as these servers have tools."""
    made: list[Set] = []
    for one in sets:
        by_tools = through_tools(one)
        if len(by_tools.queries) > PART_WITH_TOOLS * len(one.queries):
            made.append(by_tools)
        if not one.queries and len((pairs := twins(one)).queries) >= FEWEST_TWINS:
            made.append(pairs)
    return made


def compared(one: Set, others: Mapping[str, Ranker], *, own_ranker: Ranker = ours) -> Compared:
    """Judge ours and the others on a set."""
    own = judge(one, own_ranker)
    judged = {name: judge(one, other) for name, other in others.items()}
    return Compared(
        documents=len(one.documents),
        queries=len(one.queries),
        ours=Means.of(own),
        others={name: Means.of(other) for name, other in judged.items()},
        ahead={name: ahead(own, other) for name, other in judged.items()},
    )


def quality(sets: Sequence[Set], others: Mapping[str, Ranker], *, quick: bool, words: bool) -> dict[str, JsonValue]:
    """Judge ours and the others on every set with queries; what else is judged does not count for the means."""
    asked = [one for one in sets if one.queries]
    unnamed = [without_names(one) for one in sets if one.unnamed]
    tools = tool_sets(sets)
    if quick:
        asked, tools, unnamed = [_quick(one) for one in asked], [_quick(one) for one in tools], []
    embedder = None if quick or words else semantic()
    variants: Mapping[str, Ranker] = {} if embedder is None else {SEMANTIC: meant(embedder)}
    of_tools: Mapping[str, Ranker] = {} if embedder is None else {SEMANTIC: partial(matched, embedder=embedder)}
    found = {one.name: compared(one, {**others, **variants}) for one in asked}
    macro = {name: asdict(Means.over([one.others[name] for one in found.values()])) for name in (*others, *variants)}
    return {
        **_named(asdict(Means.over([one.ours for one in found.values()])), ""),
        **(_named(macro.pop(SEMANTIC), f"{SEMANTIC}_") if variants else {}),
        "rivals_macro": macro,
        "sets": {name: one.told() for name, one in found.items()},
        "tool_sets": {one.name: compared(one, {**others, **of_tools}, own_ranker=matched).told() for one in tools},
        "unnamed_sets": {one.name: compared(one, others).told() for one in unnamed},
    }


def machine() -> dict[str, JsonValue]:
    """Say where this was measured, and how busy it was there."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load": os.getloadavg()[0],
    }


def measure(data: Path | None, *, quick: bool, words: bool) -> dict[str, JsonValue]:
    """Measure quality on every set, and speed on the largest."""
    sets = sets_of(data)
    largest = max(sets, key=lambda one: len(one.documents)).documents
    figures: dict[str, JsonValue] = {**speed(largest, meant=not quick and not words and semantic() is not None)}
    missing: dict[str, JsonValue] = {} if has_fts5() else {"toolhive": "SQLite here was built without FTS5."}
    judged = quality(sets, rivals(), quick=quick, words=words)
    return {**figures, **judged, "skipped": missing, "quick": quick, "machine": machine()}


def shown(told: Mapping[str, Any]) -> str:
    """Return the figures as tables for people."""
    lines = [f"{json.dumps(told['machine'])}{' (a quick run)' if told['quick'] else ''}"] if "machine" in told else []
    for part in ("sets", "tool_sets", "unnamed_sets"):
        for name, one in told[part].items():
            lines += ["", f"{name}: {one['queries']} queries, {one['documents']} documents"]
            lines.append(f"  {'':10} {'nDCG@10':>8} {'R@5':>8} {'MRR@10':>8}  ours ahead in nDCG@10 (95 %)")
            lines.append(_row("ours", one))
            beside = one["rivals"] | ({SEMANTIC: one[SEMANTIC]} if SEMANTIC in one else {})
            lines += [_row(other, by) + _lead(by["ahead"]) for other, by in beside.items()]
    lines += ["", f"means of {len(told['sets'])} sets"]
    for name, start in (("ours", ""), (SEMANTIC, f"{SEMANTIC}_")):
        if f"{start}{MEASURES[0]}_macro" in told:
            lines.append(_row(name, {measure: told[f"{start}{measure}_macro"] for measure in MEASURES}))
    lines += [_row(rival, by) for rival, by in told["rivals_macro"].items()]
    lines += [f"not measured: {rival}: {reason}" for rival, reason in told.get("skipped", {}).items()]
    if "documents" in told:
        lines += ["", f"speed and size with {told['documents']} servers"]
    lines += [f"  {text:48} {told[name]:>12,.3f}" for name, text in SPEED.items() if name in told]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Quality and speed of discovery's ranking.")
    parser.add_argument("--data", type=Path, help="the folder of the sets")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a part of the queries and documents only")
    parser.add_argument("--ours", action="store_true", help="only the quality of our own ranking, by words")
    parser.add_argument("--words", action="store_true", help="without the extra semantic, which takes minutes")
    options = parser.parse_args()
    if options.ours:
        result = quality(sets_of(options.data), {}, quick=options.quick, words=True)
    else:
        result = measure(options.data, quick=options.quick, words=options.words)
    sys.stdout.write((json.dumps(result) if options.json else shown(result)) + "\n")
    return 0


def _quick(one: Set) -> Set:
    return shortened(one, queries=QUICK_QUERIES, documents=QUICK_DOCUMENTS)


def _named(means: Mapping[str, float], start: str) -> dict[str, float]:
    return {f"{start}{measure}_macro": value for measure, value in means.items()}


def _row(name: str, of: Mapping[str, float]) -> str:
    return f"  {name:10} " + " ".join(f"{of[measure]:8.4f}" for measure in MEASURES)


def _lead(by: Mapping[str, float]) -> str:
    return f"  {by['difference']:+.4f} [{by['low']:+.4f}, {by['high']:+.4f}]"


if __name__ == "__main__":
    sys.exit(main())
