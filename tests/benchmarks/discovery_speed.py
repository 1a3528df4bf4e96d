"""How quick and how large the index is: building, storing, loading, searching, memory; each in a process of its own.

A process that has judged sets before has a memory full of them; so this program starts itself again, once to build
(``built DIR``: reads ``documents.json``, writes ``index``, ``content`` and ``long.json``) and once to load what was
built and to search it (``loaded DIR``).
"""

import gc
import heapq
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from discovery_rivals import whole
from pydantic import TypeAdapter

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.store import Stored, digest_of, read, write
from vsm_mcp.acquisition.discovery.ranking import Ranking

SHORT = (
    "query a sqlite database", "create powerpoint slides", "convert time zones", "read a pdf file", "send an email",
    "search the web", "list github issues", "weather forecast", "translate text", "take a screenshot",
    "post a message to slack", "run python code", "resize images", "book a flight", "stock prices",
    "create a calendar event", "download youtube transcript", "manage docker containers", "query postgres",
    "deploy to kubernetes", "search arxiv papers", "generate a qr code", "scrape a web page", "edit a spreadsheet",
    "play music on spotify", "crypto price", "read files", "git commit history", "send a tweet", "jira tickets",
    "figma design", "text to speech", "generate images", "solve equations", "google maps directions",
    "control home lights", "knowledge graph memory", "browser automation", "redis cache", "mongodb aggregation",
    "convert markdown to html", "notion pages", "unit tests", "monitor servers", "aws s3 buckets", "vector search",
    "invoice payment stripe", "news headlines", "recipe ideas", "chess game",
)  # fmt: skip
"""What people ask for in few words; none of them belongs to a set."""
ROUNDS = 10
LONG_ROUNDS = 3
LONG_QUERIES = 50
LONG = 400
NAIVE_QUERIES = 10
SEED = 20261121
DOCUMENTS = TypeAdapter(tuple[Document, ...])
MIB = 1024 * 1024
FOUND = str(Path(__file__).with_name("discovery_found.py"))

T = TypeVar("T")


def speed(documents: Sequence[Document], *, meant: bool = False) -> dict[str, float]:
    """Build an index of ``documents`` in one process, load and search it in another, and return the figures of both.

    When it is ``meant``, they are looked at by the embedder and searched by meaning as well, which takes minutes.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "documents.json").write_bytes(DOCUMENTS.dump_json(tuple(documents)))
        parts = [(__file__, "built"), (__file__, "loaded"), (FOUND, "cold"), (FOUND, "warm")]
        if meant:
            parts += [(FOUND, "looked"), (FOUND, "meant")]
        told = {name: value for script, part in parts for name, value in _told(script, part, folder).items()}
    return told | naive(documents)


def naive(documents: Sequence[Document]) -> dict[str, float]:
    """Return the milliseconds it takes to look for the words of a query in every text: what ours is compared with."""
    texts = [whole(one).lower() for one in documents]

    def look(query: str) -> object:
        words = query.split()
        return heapq.nlargest(10, ((sum(word in text for word in words), place) for place, text in enumerate(texts)))

    taken = [_timed(partial(look, query))[1] * 1000 for query in SHORT[:NAIVE_QUERIES]]
    return {"naive_p50_ms": statistics.median(taken)}


def percentiles(taken: Sequence[float], start: str) -> dict[str, float]:
    """Return the 50th, 95th and 99th percentile of milliseconds, by names that begin with ``start``."""
    ordered = sorted(taken)
    return {f"{start}p{share}_ms": ordered[(len(ordered) - 1) * share // 100] for share in (50, 95, 99)}


def resident() -> int:
    """Return the resident memory of this process in bytes, after all garbage is gone."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _told(script: str, part: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, script, part, str(folder)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout)


def _built(folder: Path) -> Mapping[str, float]:
    before = resident()
    documents = DOCUMENTS.validate_json((folder / "documents.json").read_bytes())
    ranking, lasted, cpu = _timed(partial(Ranking, documents))
    base = ranking.index.base
    by_key = {document.key: document for document in documents}
    data = write(Stored(segment=base, digests=[digest_of(by_key[key]) for key in base.keys]))
    (folder / "index").write_bytes(data)
    (folder / "long.json").write_text(json.dumps(list(_long(documents))))
    size, entries = len(data), len(documents)
    del documents, data, by_key
    return {
        "documents": entries,
        "build_s": lasted,
        "build_cpu_s": cpu,
        "stored_bytes": size,
        "built_rss_mb": (resident() - before) / MIB,
    }


def _loaded(folder: Path) -> Mapping[str, float]:
    long = json.loads((folder / "long.json").read_text())
    Ranking((Document(key="one", name="one"),)).search("one")  # imports and stemmer are there before
    before = resident()
    ranking, lasted, cpu = _timed(lambda: Ranking(index=Index(base=read((folder / "index").read_bytes()).segment)))
    loaded = resident() - before
    short_wall, short_cpu = _searched(ranking, SHORT * ROUNDS)
    long_wall, _ = _searched(ranking, long * LONG_ROUNDS)
    return {
        "load_ms": lasted * 1000,
        "load_cpu_ms": cpu * 1000,
        "index_rss_mb": loaded / MIB,
        **percentiles(short_wall, "rank_"),
        **percentiles(short_cpu, "rank_cpu_"),
        **percentiles(long_wall, "rank_long_"),
    }


def _searched(ranking: Ranking, queries: Iterable[str]) -> tuple[list[float], list[float]]:
    """Ask in an order that is mixed, but always the same; return milliseconds by the clock and of this process."""
    mixed = list(queries)
    random.Random(SEED).shuffle(mixed)  # noqa: S311 - an order, no secret
    wall, cpu = list[float](), list[float]()
    for query in mixed:
        _, lasted, spent = _timed(lambda query=query: ranking.search(query))
        wall.append(lasted * 1000)
        cpu.append(spent * 1000)
    return wall, cpu


def _long(documents: Sequence[Document]) -> Iterable[str]:
    """Return queries of 400 characters: descriptions of servers from all over, one after the other."""
    texts = [one.description for one in documents if one.description]
    step = max(1, len(texts) // LONG_QUERIES)
    for first in range(0, len(texts), step):
        text = " ".join(texts[(first + place) % len(texts)] for place in range(20))
        yield text[:LONG]


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """Do some work; return what it gave, and the seconds by the clock and of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - began, time.process_time() - cpu


if __name__ == "__main__":
    part = {"built": _built, "loaded": _loaded}[sys.argv[1]]
    sys.stdout.write(json.dumps(part(Path(sys.argv[2]))))
