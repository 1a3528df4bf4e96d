"""Other ways to rank, each written anew and small, after what is published about it; all see the same texts as ours.

``plain`` is BM25 over all words of a document at once, with our own tokenizer. ``substring`` counts the words of the
query that occur anywhere in the text. ``docker`` is BM25 with the weights published for mcp-find, without stemming.
``toolhive`` is the lexical half of ToolHive's search for tools: SQLite's FTS5 over names and descriptions of tools,
Porter stems, any word of the query; the server's own text is one more row, and its best row is its place. Nothing is
published of how they treat words that say nothing: all are asked without ours, which is better for each of them.
"""

import heapq
import math
import re
import sqlite3
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from discovery_sets import Ranked, Ranker

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer

K1 = 1.2
B = 0.75
DOCKER_WEIGHTS = {"name": 4, "title": 3, "description": 1, "toolname": 2, "tooldesc": 1, "category": 1}
SHORTEST_WORD = 3
ROWS_PER_HIT = 20
_LONGEST = 1_000_000
_TOKENIZER = Tokenizer()


def plain(documents: Sequence[Document], queries: Sequence[str], limit: int) -> Ranked:
    """Rank by BM25 over all words at once: no fields and no weights."""
    counts = [Counter(_TOKENIZER.terms(whole(document), _LONGEST)) for document in documents]
    return bm25(documents, counts, [_TOKENIZER.query(query) for query in queries], limit=limit)


def docker(documents: Sequence[Document], queries: Sequence[str], limit: int) -> Ranked:
    """Rank by BM25 where a word in the name counts four times, in the title three times, in a tool's name twice."""
    counts: list[Counter[str]] = []
    for document in documents:
        counted: Counter[str] = Counter()
        for name, weight in DOCKER_WEIGHTS.items():
            for word in _words(_texts(document)[name]):
                counted[word] += weight
        counts.append(counted)
    return bm25(documents, counts, [dict.fromkeys(_asked(query)) for query in queries], limit=limit)


def substring(documents: Sequence[Document], queries: Sequence[str], limit: int) -> Ranked:
    """Rank by how many words of the query are somewhere in the text, whole words or not.

    What has no space in it can only be inside a word; so the different words are looked through instead of all texts.
    """
    keys = sorted(document.key for document in documents)
    number = {key: place for place, key in enumerate(keys)}
    having: dict[str, set[int]] = {}
    for document in documents:
        for word in _words(whole(document)):
            having.setdefault(word, set()).add(number[document.key])
    around = _Around("\n".join(("", *having, "")))
    ranked: list[list[str]] = []
    for query in queries:
        counted: Counter[int] = Counter()
        for part in {word for word in _asked(query) if len(word) >= SHORTEST_WORD}:
            counted.update(set[int]().union(*(having[word] for word in around[part])))
        best = heapq.nsmallest(limit, counted, key=lambda place: (-counted[place], place))
        ranked.append([keys[place] for place in best])
    return ranked


def toolhive(documents: Sequence[Document], queries: Sequence[str], limit: int) -> Ranked:
    """Rank by SQLite's FTS5 over single tools, joined by any word."""
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("CREATE VIRTUAL TABLE tools USING fts5(server UNINDEXED, name, description, tokenize='porter')")
        base.executemany("INSERT INTO tools VALUES (?, ?, ?)", (row for one in documents for row in _rows(one)))
        rows = limit * ROWS_PER_HIT
        question = "SELECT server FROM tools WHERE tools MATCH ? ORDER BY rank LIMIT ?"
        found = (base.execute(question, (_any_word(query), rows)).fetchall() for query in queries)
        return [list(dict.fromkeys(str(server) for (server,) in hits))[:limit] for hits in found]


def has_fts5() -> bool:
    """Return whether this Python's SQLite was built with FTS5."""
    with closing(sqlite3.connect(":memory:")) as base:
        try:
            base.execute("CREATE VIRTUAL TABLE there USING fts5(word)")
        except sqlite3.OperationalError:
            return False
    return True


def rivals() -> Mapping[str, Ranker]:
    """Return all that can run here, by name."""
    able: dict[str, Ranker] = {"plain": plain, "substring": substring, "docker": docker}
    return able | {"toolhive": toolhive} if has_fts5() else able


def bm25(
    documents: Sequence[Document], counts: Sequence[Counter[str]], queries: Iterable[Iterable[str]], *, limit: int
) -> Ranked:
    """Rank documents by BM25 over counted words: k1 1.2, b 0.75."""
    lengths = [counted.total() for counted in counts]
    usual = statistics.fmean(lengths) or 1.0
    found: dict[str, list[tuple[int, int]]] = {}
    for number, counted in enumerate(counts):
        for word, times in counted.items():
            found.setdefault(word, []).append((number, times))
    ranked: list[list[str]] = []
    for query in queries:
        scores: dict[int, float] = {}
        for word in query:
            places = found.get(word, [])
            rarity = math.log(1 + (len(counts) - len(places) + 0.5) / (len(places) + 0.5))
            for number, times in places:
                norm = K1 * (1 - B + B * lengths[number] / usual)
                scores[number] = scores.get(number, 0.0) + rarity * times * (K1 + 1) / (times + norm)
        best = heapq.nsmallest(limit, scores, key=lambda number: (-scores[number], number))
        ranked.append([documents[number].key for number in best])
    return ranked


class _Around(dict[str, frozenset[str]]):
    """The words that have a part in them, looked for once for each part."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def __missing__(self, part: str) -> frozenset[str]:
        found: set[str] = set()
        place = self._words.find(part)
        while place >= 0:
            end = self._words.index("\n", place)
            found.add(self._words[self._words.rindex("\n", 0, place) + 1 : end])
            place = self._words.find(part, end)
        self[part] = frozenset(found)
        return self[part]


def whole(document: Document) -> str:
    """Return all words of a document."""
    return " ".join((*_texts(document).values(), document.arguments))


def _texts(document: Document) -> Mapping[str, str]:
    return {
        "name": document.name,
        "title": document.title,
        "description": document.description,
        "category": document.category,
        "toolname": " ".join(tool.name for tool in document.tools),
        "tooldesc": " ".join(tool.description for tool in document.tools),
    }


def _rows(document: Document) -> list[tuple[str, str, str]]:
    own = (document.key, document.name, f"{document.title} {document.description} {document.category}")
    return [own, *((document.key, tool.name, tool.description) for tool in document.tools)]


def _any_word(query: str) -> str:
    """Return a query for any of the words; quoted, so that none of them is an operator."""
    return " OR ".join(f'"{word}"' for word in _asked(query)) or '""'


def _asked(query: str) -> list[str]:
    """Return the words of a query that say something; all of them when none does."""
    words = _words(query)
    return [word for word in words if _TOKENIZER.terms(word)] or words


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
