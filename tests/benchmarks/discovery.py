"""How well and how fast discovery ranks, against plain BM25 over the same texts in the same run.

Run ``python tests/benchmarks/discovery.py [--data DIR] [--json] [--quick]``. ``DIR`` holds one folder per set with
``corpus.jsonl`` ({"id", "name", "title", "description", "category", "tools"}), ``queries.jsonl`` ({"qid", "text"}) and
``qrels.tsv`` (query, document, 1); a folder without queries is used for its size. Without ``DIR`` a small set is made
up: that one only shows that the measuring works.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.ranking import Ranking, rank
from vsm_mcp.model.json import JsonObject, JsonValue

DEPTH = 10
QUICK_QUERIES = 50
QUICK_DOCUMENTS = 1500
PHRASES = ("query a sqlite database", "create powerpoint slides", "convert time zones", "read a pdf file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Documents, queries, and which documents are right for each query."""

    name: str
    corpus: Sequence[JsonObject]
    queries: Mapping[str, str]
    right: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Means over the queries of a set: nDCG at 10 and recall at 5, and the nDCG of plain BM25."""

    name: str
    documents: int
    queries: int
    ndcg: float
    recall: float
    plain_ndcg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Seconds to build the index, milliseconds per short query; CPU time of this process."""

    documents: int
    build_seconds: float
    median_ms: float
    p95_ms: float


def read(folder: Path) -> Set:
    """Read a set from its folder."""
    right: dict[str, set[str]] = {}
    judged = folder / "qrels.tsv"
    for line in judged.read_text().splitlines() if judged.exists() else ():
        query, document, _ = line.split("\t")
        right.setdefault(query, set()).add(document)
    asked = folder / "queries.jsonl"
    rows = [json.loads(line) for line in asked.read_text().splitlines()] if asked.exists() else []
    return Set(
        name=folder.name,
        corpus=[json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()],
        queries={row["qid"]: row["text"] for row in rows if row["qid"] in right},
        right={query: frozenset(documents) for query, documents in right.items()},
    )


def made_up() -> Set:
    """Return a small set in which every server is asked for by two of its own words."""
    things = ("invoice", "weather", "graph", "melody", "train", "recipe", "photo", "ticket", "poem", "garden")
    verbs = ("create", "translate", "archive", "compare")
    corpus: list[JsonObject] = [
        {
            "id": f"{verb}-{thing}",
            "name": f"{thing}-server",
            "title": f"{verb} {thing}",
            "description": f"{verb}s a {thing}.",
        }
        for verb in verbs
        for thing in things
    ]
    queries = {f"{verb}-{thing}": f"please {verb} my {thing}s" for verb in verbs for thing in things}
    return Set(name="made-up", corpus=corpus, queries=queries, right={key: frozenset({key}) for key in queries})


def shortened(whole: Set) -> Set:
    """Return a part of a set that still holds the answers to its queries."""
    queries = dict(list(whole.queries.items())[:QUICK_QUERIES])
    needed = {document for query in queries for document in whole.right[query]}
    others = [row for row in whole.corpus if row["id"] not in needed][:QUICK_DOCUMENTS]
    return Set(
        name=whole.name,
        corpus=[row for row in whole.corpus if row["id"] in needed] + others,
        queries=queries,
        right={query: whole.right[query] for query in queries},
    )


def plain(corpus: Sequence[JsonObject], queries: Iterable[str]) -> list[list[str]]:
    """Rank by BM25 over all words of a document at once: k1 1.2, b 0.75, no fields and no weights."""
    tokenizer = Tokenizer()
    texts = [tokenizer.terms(" ".join(_words(row)), 1_000_000) for row in corpus]
    usual = statistics.fmean(len(terms) for terms in texts) or 1.0
    found: dict[str, dict[int, int]] = {}
    for number, terms in enumerate(texts):
        for term in terms:
            counts = found.setdefault(term, {})
            counts[number] = counts.get(number, 0) + 1
    ranked: list[list[str]] = []
    for query in queries:
        scores: dict[int, float] = {}
        for term in tokenizer.query(query):
            counts = found.get(term, {})
            idf = math.log(1 + (len(texts) - len(counts) + 0.5) / (len(counts) + 0.5))
            for number, count in counts.items():
                norm = 1.2 * (0.25 + 0.75 * len(texts[number]) / usual)
                scores[number] = scores.get(number, 0.0) + idf * count * 2.2 / (count + norm)
        best = sorted(scores, key=lambda number: (-scores[number], number))[:DEPTH]
        ranked.append([str(corpus[number]["id"]) for number in best])
    return ranked


def _words(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (word for key, one in value.items() if key not in {"id", "url", "packages"} for word in _words(one))
    elif isinstance(value, list):
        yield from (word for one in value for word in _words(one))


def ndcg(ranked: Sequence[str], right: frozenset[str]) -> float:
    """Return the normalised discounted cumulative gain at 10 with equal gains."""
    gain = sum(1 / math.log2(place + 2) for place, key in enumerate(ranked[:DEPTH]) if key in right)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(DEPTH, len(right))))


def judge(one: Set) -> Quality:
    """Rank all queries of a set and compare with what is right."""
    texts = list(one.queries.values())
    right = [one.right[query] for query in one.queries]
    ours = [[hit.key for hit in hits] for hits in rank(one.corpus, texts, limit=DEPTH)]
    theirs = plain(one.corpus, texts)
    return Quality(
        name=one.name,
        documents=len(one.corpus),
        queries=len(texts),
        ndcg=statistics.fmean(map(ndcg, ours, right)),
        recall=statistics.fmean(len(set(keys[:5]) & good) / len(good) for keys, good in zip(ours, right, strict=True)),
        plain_ndcg=statistics.fmean(map(ndcg, theirs, right)),
    )


def clock(corpus: Sequence[JsonObject]) -> Speed:
    """Build an index and ask it short questions."""
    began = time.process_time()
    ranking = Ranking(Document.read(row) for row in corpus)
    built = time.process_time() - began
    taken: list[float] = []
    for phrase in PHRASES * 25:
        began = time.process_time()
        ranking.search(phrase)
        taken.append((time.process_time() - began) * 1000)
    taken.sort()
    return Speed(
        documents=len(corpus),
        build_seconds=built,
        median_ms=statistics.median(taken),
        p95_ms=taken[len(taken) * 95 // 100],
    )


def measure(data: Path | None, *, quick: bool) -> dict[str, JsonValue]:
    """Measure quality on every set with queries and speed on the largest."""
    sets = [made_up()] if data is None else [read(path.parent) for path in sorted(data.glob("*/corpus.jsonl"))]
    largest = max(sets, key=lambda one: len(one.corpus)).corpus
    asked = [shortened(one) if quick else one for one in sets if one.queries]
    quality = [judge(one) for one in asked]
    return {
        "sets": [asdict(one) for one in quality],
        "macro_ndcg": statistics.fmean(one.ndcg for one in quality),
        "macro_plain_ndcg": statistics.fmean(one.plain_ndcg for one in quality),
        "speed": asdict(clock(largest[:QUICK_DOCUMENTS] if quick else largest)),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Quality and speed of discovery's ranking.")
    parser.add_argument("--data", type=Path, help="the folder of the sets")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="some queries and documents only")
    options = parser.parse_args()
    result = measure(options.data, quick=options.quick)
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return 0
    for name, value in result.items():
        rows = value if isinstance(value, list) else [value]
        sys.stdout.writelines(f"{name}: {json.dumps(row)}\n" for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
