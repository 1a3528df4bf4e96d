"""The sets that discovery is measured on: reading them, cutting them down, judging what was ranked, comparing."""

import json
import math
import random
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.model.json import JsonObject

DEPTH = 10
RECALL_DEPTH = 5
LOOKED_THROUGH = 60
"""How many documents a ranking is asked for where not each of them counts."""
RESAMPLES = 2000
SEED = 20261121
LONGEST_TWIN = 200
MOST_TWINS = 10

Ranked = Sequence[Sequence[str]]
Ranker = Callable[[Sequence[Document], Sequence[str], int], Ranked]
"""Documents, queries, how many hits for each; the keys of the hits, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Documents, queries, and which documents are right for each query.

    Attributes:
        name: Its name.
        documents: What can be found.
        queries: What is asked for, by a name of the query.
        right: The right answers.
        unnamed: The same queries without the words of the right server's name, where that is known.
        passed_over: Documents that do not count for a query, such as the one it was taken from.
        owners: For what a document stands, where that is not itself: each owner counts where its first document is.
    """

    name: str
    documents: Sequence[Document]
    queries: Mapping[str, str]
    right: Mapping[str, frozenset[str]]
    unnamed: Mapping[str, str] = field(default_factory=dict[str, str])
    passed_over: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    owners: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """For each query the normalised discounted cumulative gain at 10, the recall at 5, one by the first right place."""

    ndcg10: Sequence[float]
    r5: Sequence[float]
    mrr: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How far one is ahead of another in nDCG at 10: the mean and its 95 % interval by a paired bootstrap."""

    difference: float
    low: float
    high: float


def rows_of(path: Path) -> list[JsonObject]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in _lines(path)]


def read(folder: Path) -> Set:
    """Read a set from its folder; without ``queries.jsonl`` only its size and its tools are of use."""
    right: dict[str, set[str]] = {}
    for line in _lines(folder / "qrels.tsv"):
        query, document, grade = line.split("\t")
        if float(grade) > 0:
            right.setdefault(query, set()).add(document)
    asked = [row for row in rows_of(folder / "queries.jsonl") if row["qid"] in right]
    return Set(
        name=folder.name,
        documents=[Document.read(row) for row in rows_of(folder / "corpus.jsonl")],
        queries={str(row["qid"]): str(row["text"]) for row in asked},
        unnamed={str(row["qid"]): str(row["anon"]) for row in asked if row.get("anon")},
        right={query: frozenset(documents) for query, documents in right.items()},
    )


def made_up() -> Set:
    """Return a small set in which every server is asked for by two of its own words."""
    things = ("invoice", "weather", "graph", "melody", "train", "recipe", "photo", "ticket", "poem", "garden")
    verbs = ("create", "translate", "archive", "compare")
    documents = [
        Document(
            key=f"{verb}-{thing}",
            name=f"{thing}-server",
            title=f"{verb} {thing}",
            description=f"{verb}s a {thing}.",
        )
        for verb in verbs
        for thing in things
    ]
    queries = {f"{verb}-{thing}": f"please {verb} my {thing}s" for verb in verbs for thing in things}
    return Set(name="made-up", documents=documents, queries=queries, right={key: frozenset({key}) for key in queries})


def shortened(whole: Set, *, queries: int, documents: int | None = None) -> Set:
    """Return a part of a set: queries spread over all of it, and documents among which all their answers are."""
    step = max(1, len(whole.queries) // queries)
    asked = dict(list(whole.queries.items())[::step][:queries])
    if documents is None:
        return replace(whole, queries=asked)
    needed = {key for query in asked for key in whole.right[query] | whole.passed_over.get(query, frozenset())}
    others = [one for one in whole.documents if not {one.key, whole.owners.get(one.key)} & needed]
    wanted = needed | {one.key for one in others[:: max(1, len(others) // documents)][:documents]}
    kept = [one for one in whole.documents if {one.key, whole.owners.get(one.key)} & wanted]
    return replace(whole, queries=asked, documents=kept)


def without_names(whole: Set) -> Set:
    """Return a set whose queries do not say the name of what is right."""
    return replace(whole, name=f"{whole.name}-unnamed", queries=whole.unnamed)


def through_tools(servers: Set) -> Set:
    """Return the tools of a set's servers as documents; a server counts where its first tool stands.

    Asked is only what a server with tools is right for.
    """
    tools = {tool.key: one.key for one in servers.documents for tool in _tools(one)}
    able = frozenset(tools.values())
    right = {query: servers.right[query] & able for query in servers.queries}
    return Set(
        name=f"{servers.name}-tools",
        documents=[tool for one in servers.documents for tool in _tools(one)],
        queries={query: text for query, text in servers.queries.items() if right[query]},
        right={query: keys for query, keys in right.items() if keys},
        owners=tools,
    )


def twins(servers: Set) -> Set:
    """Return a set in which a tool's description asks for tools of the same name that others describe otherwise.

    Names have two words at least and are in two to ten servers; tools with the very words of the query do not count.
    """
    tools = [tool for one in servers.documents for tool in _tools(one)]
    named: dict[str, list[Document]] = {}
    for tool in tools:
        if len(words := _words(tool.name)) > 1 and len(_words(tool.description)) > 3:
            named.setdefault(" ".join(words), []).append(tool)
    queries: dict[str, str] = {}
    right: dict[str, frozenset[str]] = {}
    same: dict[str, frozenset[str]] = {}
    for name, group in sorted(named.items()):
        asked = min(group, key=lambda tool: (len(tool.description), tool.key))
        copies = frozenset(tool.key for tool in group if _words(tool.description) == _words(asked.description))
        others = frozenset(tool.key for tool in group) - copies
        if others and len(group) <= MOST_TWINS and len(asked.description) <= LONGEST_TWIN:
            queries[name], right[name], same[name] = asked.description, others, copies
    return Set(name=f"{servers.name}-twins", documents=tools, queries=queries, right=right, passed_over=same)


def judge(one: Set, ranker: Ranker) -> Judged:
    """Rank all queries of a set and compare with what is right."""
    limit = LOOKED_THROUGH if one.owners or one.passed_over else DEPTH
    ranked = ranker(one.documents, list(one.queries.values()), limit)
    places = [_counted(one, query, keys) for query, keys in zip(one.queries, ranked, strict=True)]
    right = [one.right[query] for query in one.queries]
    return Judged(
        ndcg10=[ndcg(keys, good) for keys, good in zip(places, right, strict=True)],
        r5=[len(good & set(keys[:RECALL_DEPTH])) / len(good) for keys, good in zip(places, right, strict=True)],
        mrr=[
            next((1 / place for place, key in enumerate(keys, 1) if key in good), 0.0)
            for keys, good in zip(places, right, strict=True)
        ],
    )


def ndcg(ranked: Sequence[str], right: frozenset[str]) -> float:
    """Return the normalised discounted cumulative gain at 10 with equal gains."""
    gain = sum(1 / math.log2(place + 2) for place, key in enumerate(ranked[:DEPTH]) if key in right)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(DEPTH, len(right))))


def ahead(ours: Judged, theirs: Judged) -> Ahead:
    """Return how far ours is ahead: the same queries are drawn for both, always the same ones."""
    differences = [our - their for our, their in zip(ours.ndcg10, theirs.ndcg10, strict=True)]
    draw = random.Random(SEED)  # noqa: S311 - no secret: the draws shall be the same in every run
    means = sorted(statistics.fmean(draw.choices(differences, k=len(differences))) for _ in range(RESAMPLES))
    edge = RESAMPLES * 25 // 1000
    return Ahead(difference=statistics.fmean(differences), low=means[edge], high=means[-edge - 1])


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, none when it is not there; only a line feed ends one, as in JSON lines."""
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()] if path.exists() else []


def _counted(one: Set, query: str, keys: Iterable[str]) -> Sequence[str]:
    not_counted = one.passed_over.get(query, frozenset())
    return list(dict.fromkeys(one.owners.get(key, key) for key in keys if key not in not_counted))[:DEPTH]


def _tools(server: Document) -> list[Document]:
    """Return a server's tools as documents of their own, each with the server's title (or name)."""
    return [
        Document(
            key=f"{server.key}\t{number}",
            name=tool.name,
            title=server.title or server.name,
            description=tool.description,
        )
        for number, tool in enumerate(server.tools)
    ]


def _words(text: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return [word.lower() for word in re.findall(r"[^\W_]+", parted)]
