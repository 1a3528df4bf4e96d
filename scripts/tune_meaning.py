"""Learns how the extra ``semantic`` looks at servers and requests, and writes that to a file.

A large language model wrote requests for published servers and tools in many roles, each a writer with a file of its
own: what one would type, what one would say without the words of the trade, and a step of a plan, another description
or a longer task. From these the script learns how rare each piece of a word is, and a matrix that turns the vector of a
request towards the right server among all: a softmax over their likenesses, with Adam. The servers are read from the
folder ``PUBLISHED_DATA``. The same data give the same file, but for the last digit of a weight on another processor.
Run

    pip install 'vsm_mcp[semantic]'
    PUBLISHED_DATA=<folder> python scripts/tune_meaning.py [--measure]

which takes about ten minutes, most of them for looking at all servers. ``--measure`` writes nothing: it leaves out a
quarter of the writers at a time, learns from all others, and says how well servers are found for the requests of
those who were left out, among all, by words, by meaning, and by both, without and with turning. No two writers
wrote for the same server or tool.
"""

import argparse
import hashlib
import json
import math
import os
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import LONGEST_QUERY
from vsm_mcp.acquisition.discovery.mixing import mixed
from vsm_mcp.acquisition.discovery.ranking import Ranking
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.semantic import tuning
from vsm_mcp.acquisition.discovery.semantic.embedding import told
from vsm_mcp.acquisition.discovery.semantic.meanings import compared
from vsm_mcp.acquisition.discovery.semantic.minilm import MOST_PIECES, MiniLM
from vsm_mcp.acquisition.discovery.semantic.tuning import Tuning
from vsm_mcp.acquisition.discovery.semantic.wordpiece import WordPiece

ROOT = Path(__file__).resolve().parents[1]
REQUESTS = ROOT / "tests" / "acquisition" / "discovery" / "semantic" / "requests"
OUTPUT = Path(tuning.__file__).with_name(tuning.FILE_NAME)
KINDS = ("say", "need", "step")
RARITY_SCALE = 20
PARTS = 4

Numbers: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What else decides what is learnt.

    Attributes:
        sharpness: How much a likeness counts in the softmax.
        cost: What a large number in the matrix costs.
        rounds: How often all requests are looked at.
        batch: How many of them at once.
        step: How far one of these goes at first.
    """

    sharpness: float = 20.0
    cost: float = 0.05
    rounds: int = 7
    batch: int = 128
    step: float = 0.0007


class Request(NamedTuple):
    """What somebody asked for, and what serves it: the key of a server, or of a tool."""

    text: str
    key: str
    pool: str
    kind: str
    writer: str


@dataclass(frozen=True, slots=True)
class Pool:
    """What is looked among: all servers, or all tools."""

    documents: Sequence[Document]
    rows: Mapping[str, int]
    vectors: Numbers


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is learnt from: requests, their vectors in the same order, the pools, and how rare pieces are."""

    requests: Sequence[Request]
    vectors: Numbers
    pools: Mapping[str, Pool]
    rarity: bytes


def main() -> None:
    """Learn and write the file, or measure."""
    parser = argparse.ArgumentParser(description="Learn how the extra semantic looks at servers and requests.")
    parser.add_argument("--measure", action="store_true", help="leave out those who wrote in turn and write nothing")
    options = parser.parse_args()
    given = os.environ.get("PUBLISHED_DATA", "")
    if not given or not Path(given).is_dir():
        sys.exit("Set PUBLISHED_DATA to the folder of published corpora.")
    settings = Settings()
    seen = look(Path(given), requests())
    if options.measure:
        measure(seen, settings)
        return
    learnt = quantised(seen.rarity, learn(seen, range(len(seen.requests)), settings), origin(settings))
    OUTPUT.write_bytes(tuning.written(learnt))
    print(f"Wrote {OUTPUT.name}.")


def origin(settings: Settings, folder: Path = REQUESTS) -> str:
    """Return the digest of all that is learnt from, published texts apart: so one sees if the file is old."""
    written = [place.read_text(encoding="utf-8") for place in sorted(folder.glob("*.jsonl"))]
    return hashlib.sha256(json.dumps([written, asdict(settings)], sort_keys=True).encode()).hexdigest()


def requests(folder: Path = REQUESTS) -> list[Request]:
    """Return all that was written."""
    found: list[Request] = []
    for place in sorted(folder.glob("*.jsonl")):
        for line in place.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            key, pool = (f"{row['server']}\t{row['tool']}", "tools") if "tool" in row else (row["server"], "servers")
            found += (Request(clean(row[kind], LONGEST_QUERY), key, pool, kind, place.stem) for kind in KINDS)
    return found


def published(folder: Path) -> Mapping[str, Sequence[Document]]:
    """Return the servers and the tools that requests are for, and all others."""
    corpus = folder / "bigmcp" / "corpus.jsonl"
    if not corpus.is_file():
        sys.exit(f"There is no {corpus}. Set PUBLISHED_DATA to the folder of published corpora.")
    rows = [json.loads(line) for line in corpus.read_text("utf-8").splitlines()]
    tools = [
        {**tool, "id": f"{row['id']}\t{tool['name']}", "title": row.get("title") or row["name"]}
        for row in rows
        for tool in row["tools"]
    ]
    return {"servers": [Document.read(row) for row in rows], "tools": [Document.read(tool) for tool in tools]}


def look(folder: Path, asked: Sequence[Request]) -> Seen:
    """Look at all texts, once it is certain that there is what is asked for."""
    documents = published(folder)
    there = {name: {document.key for document in pool} for name, pool in documents.items()}
    if absent := sorted({repr(one.key) for one in asked if one.key not in there[one.pool]}):
        sys.exit(f"Of what is asked for {len(absent)} are not in {folder}, such as {', '.join(absent[:3])}.")
    texts = [one.text for one in asked], *([told(one) for one in pool] for pool in documents.values())
    rarity = rarities({text for some in texts for text in some})
    plain = Tuning("", rarity, array("b", bytes(384 * 384)), 0.0)
    print(f"Looking at {sum(map(len, texts))} texts.", file=sys.stderr)
    vectors = [
        np.array(MiniLM(threads=os.cpu_count() or 1, learnt=plain).embed(some), dtype=np.float32) for some in texts
    ]
    pools = {
        name: Pool(pool, {document.key: row for row, document in enumerate(pool)}, looked_at)
        for (name, pool), looked_at in zip(documents.items(), vectors[1:], strict=True)
    }
    return Seen(asked, vectors[0], pools, rarity)


def rarities(texts: Iterable[str]) -> bytes:
    """Return how rare each piece of the vocabulary is."""
    pieces, having, number = WordPiece.bundled(), Counter[int](), 0
    for number, text in enumerate(texts, 1):  # noqa: B007 - the last one is how many there are
        having.update(set(pieces.numbers(text, MOST_PIECES)))
    return bytes(
        min(255, round(RARITY_SCALE * math.log(1 + number / (1 + having[piece])))) for piece in range(pieces.size)
    )


def learn(seen: Seen, which: Sequence[int], settings: Settings) -> Numbers:
    """Return the matrix that is learnt from some of the requests."""
    chance = np.random.default_rng(0)
    by_pool = {name: [one for one in which if seen.requests[one].pool == name] for name in seen.pools}
    size = seen.vectors.shape[1]
    turn, mean, square = (np.zeros((size, size), dtype=np.float32) for _ in range(3))
    most = settings.rounds * sum(math.ceil(len(some) / settings.batch) for some in by_pool.values())
    turns = (batch for _ in range(settings.rounds) for batch in _batches(by_pool, settings.batch, chance))
    for number, (name, batch) in enumerate(turns, 1):
        pool = seen.pools[name]
        right = [pool.rows[seen.requests[one].key] for one in batch]
        slope = _slope(turn, seen.vectors[batch], among=pool.vectors, right=right, settings=settings)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope * slope
        step = settings.step * (1 - 0.95 * number / most)
        turn -= np.float32(step) * (mean / (1 - 0.9**number)) / (np.sqrt(square / (1 - 0.999**number)) + 1e-8)
    return turn


def _batches(
    by_pool: Mapping[str, Sequence[int]], size: int, chance: np.random.Generator
) -> Sequence[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = []
    for name, some in by_pool.items():
        order = [some[int(place)] for place in chance.permutation(len(some))]
        found += [(name, order[start : start + size]) for start in range(0, len(order), size)]
    return [found[int(place)] for place in chance.permutation(len(found))]


def _slope(turn: Numbers, asked: Numbers, *, among: Numbers, right: Sequence[int], settings: Settings) -> Numbers:
    scores = settings.sharpness * ((asked + asked @ turn) @ among.T)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    shares[np.arange(len(right)), right] -= 1
    found: Numbers = settings.sharpness * (asked.T @ (shares @ among)) / len(right) + settings.cost * turn
    return found


def quantised(rarity: bytes, turn: Numbers, made_from: str) -> Tuning:
    """Return what is kept of what was learnt: a byte for each number."""
    scale = float(np.abs(turn).max()) / 127 or 1.0
    return Tuning(made_from, rarity, array("b", np.round(turn / scale).astype(np.int8).tobytes()), scale)


def measure(seen: Seen, settings: Settings) -> None:
    """Say how well the right server or tool is found for those who were left out."""
    writers = sorted({one.writer for one in seen.requests})
    parts = [set(writers[part::PARTS]) for part in range(PARTS)]
    figures: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    rankings = {name: Ranking(pool.documents) for name, pool in seen.pools.items()}
    for part in parts:
        left_out = [row for row, one in enumerate(seen.requests) if one.writer in part]
        turn = learn(seen, [row for row, one in enumerate(seen.requests) if one.writer not in part], settings)
        for row in left_out:
            one = seen.requests[row]
            figures.setdefault((one.pool, one.kind), []).append(
                _judged(seen, row, ranking=rankings[one.pool], turn=turn)
            )
        print(f"left out: {', '.join(sorted(part))}", file=sys.stderr)
    print("nDCG@10            requests   words meaning  turned    both  turned")
    for (pool, kind), some in sorted(figures.items()):
        print(_line(f"{pool} {kind}", some))
    print(_line("all", [one for some in figures.values() for one in some]))


def _judged(seen: Seen, row: int, *, ranking: Ranking, turn: Numbers) -> tuple[float, ...]:
    """Return the gain of a request by words, by meaning without and with what was learnt, and by both likewise."""
    one, asked = seen.requests[row], seen.vectors[row]
    pool, found = seen.pools[one.pool], ranking.found(one.text)
    hits = [[hit.key for hit in found.hits(10)]]
    turned = asked + asked @ turn
    likeness = [(pool.vectors @ vector).tolist() for vector in (asked, turned / np.linalg.norm(turned))]
    known = bytes([1]) * len(pool.rows)
    by: list[Callable[[Sequence[float]], list[str]]] = [
        lambda like: [pool.documents[int(best)].key for best in np.argsort(-np.array(like), kind="stable")[:10]],
        lambda like: [hit.key for hit in mixed(found, compared(pool.rows, like, known))],
    ]
    hits += [way(like) for way in by for like in likeness]
    return tuple(1 / math.log2(2 + keys.index(one.key)) if one.key in keys else 0.0 for keys in hits)


def _line(name: str, some: Sequence[tuple[float, ...]]) -> str:
    means = [sum(column) / len(some) for column in zip(*some, strict=True)]
    return f"{name:16} {len(some):10} " + " ".join(f"{mean:7.3f}" for mean in means)


if __name__ == "__main__":
    main()
