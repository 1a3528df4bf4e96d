"""Tunes the extra ``semantic`` to servers and requests, and writes what was learnt to a file.

A large language model wrote requests for published servers and tools in many roles, each a writer with a file of its
own: what one would type, what one would say without the words of the trade, and a step of a plan, another description
or a longer task. From these the script learns how rare each piece of a word is, and tunes the network (see
``minilm_network.py``) so that each request is nearer to what serves it than to what serves others, and than to one that
has the same words. That is a softmax over their likenesses, with Adam. The servers are read from the folder
``PUBLISHED_DATA``. The same data give the same file, but for the last digit of a number on another processor. Run

    pip install 'vsm_mcp[semantic]' jax onnx
    PUBLISHED_DATA=<folder> python scripts/tune_meaning.py [--measure]

which takes about forty minutes with two processors. ``--measure`` writes nothing: it leaves out a quarter of the
writers, learns from all others, and says how well servers are found for the requests of those who were left out, among
all, by words, by meaning, and by both, before and after tuning. No two writers wrote for the same server or tool.
"""

import argparse
import hashlib
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

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
from vsm_mcp.acquisition.discovery.semantic.minilm import MOST_PIECES, MiniLM, weights
from vsm_mcp.acquisition.discovery.semantic.tuning import Tuning
from vsm_mcp.acquisition.discovery.semantic.wordpiece import WordPiece

if TYPE_CHECKING:
    from minilm_network import Batch, Network

ROOT = Path(__file__).resolve().parents[1]
REQUESTS = ROOT / "tests" / "acquisition" / "discovery" / "semantic" / "requests"
OUTPUT = Path(tuning.__file__).with_name(tuning.FILE_NAME)
KINDS = ("say", "need", "step")
RARITY_SCALE = 20
PARTS = 4
LENGTHS = (32, 64)
ALIKE = (3, 60)
"""Which places by words a document has that has the same words as a request."""

TELL = 10

Numbers: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What else decides what is learnt.

    Attributes:
        sharpness: How much a likeness counts in the softmax.
        cost: What it costs that a document moves away from where it was.
        rounds: How often all requests are looked at.
        batch: How many of them at once.
        step: How far one of these goes at most.
        slow: So many of them go less far at first.
    """

    sharpness: float = 20.0
    cost: float = 0.5
    rounds: int = 2
    batch: int = 48
    step: float = 0.002
    slow: int = 30


class Request(NamedTuple):
    """What somebody asked for, and what serves it: the key of a server, or of a tool."""

    text: str
    key: str
    pool: str
    kind: str
    writer: str


@dataclass(frozen=True, slots=True)
class Pool:
    """What is looked among: all servers, or all tools, and their vectors before anything was tuned."""

    documents: Sequence[Document]
    rows: Mapping[str, int]
    pieces: Sequence[Sequence[int]]
    vectors: Numbers


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is learnt from.

    Attributes:
        requests: The requests.
        pieces: The pieces of each.
        alike: For each the rows of some documents that have the same words.
        pools: What is looked among, by name.
        rarity: How rare pieces are.
    """

    requests: Sequence[Request]
    pieces: Sequence[Sequence[int]]
    alike: Sequence[Sequence[int]]
    pools: Mapping[str, Pool]
    rarity: bytes


def main() -> None:
    """Learn and write the file, or measure."""
    parser = argparse.ArgumentParser(description="Tune the extra semantic to servers and requests.")
    parser.add_argument("--measure", action="store_true", help="leave out a quarter of the writers and write nothing")
    options = parser.parse_args()
    given = os.environ.get("PUBLISHED_DATA", "")
    if not given or not Path(given).is_dir():
        sys.exit("Set PUBLISHED_DATA to the folder of published corpora.")
    settings, seen = Settings(), look(Path(given), requests())
    from minilm_network import read  # noqa: PLC0415 - what it needs is half a gigabyte

    network = read(weights())
    if options.measure:
        measure(seen, network, settings)
        return
    tuned = learn(seen, range(len(seen.requests)), network=network, settings=settings)
    OUTPUT.write_bytes(tuning.written(kept(seen.rarity, network.sizes, tuned, made_from=origin(settings))))
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
    texts = {name: [told(one) for one in pool] for name, pool in documents.items()}
    rarity = rarities({*(one.text for one in asked), *(text for some in texts.values() for text in some)})
    print(f"Looking at {sum(map(len, texts.values()))} texts.", file=sys.stderr)
    pools = {
        name: Pool(
            documents=pool,
            rows={document.key: row for row, document in enumerate(pool)},
            pieces=pieces_of(texts[name]),
            vectors=vectors_of(texts[name], Tuning(rarity=rarity)),
        )
        for name, pool in documents.items()
    }
    return Seen(asked, pieces_of([one.text for one in asked]), list(_alike(asked, pools)), pools, rarity)


def pieces_of(texts: Iterable[str]) -> list[list[int]]:
    """Return the pieces of each text."""
    pieces = WordPiece.bundled()
    return [pieces.numbers(text, MOST_PIECES) for text in texts]


def vectors_of(texts: Sequence[str], learnt: Tuning) -> Numbers:
    """Return what the network says of texts with what was learnt."""
    return np.array(MiniLM(threads=os.cpu_count() or 1, learnt=learnt).embed(texts), dtype=np.float32)


def _alike(asked: Sequence[Request], pools: Mapping[str, Pool]) -> Iterator[Sequence[int]]:
    """Yield for each request documents that have its words, but the very best: those may serve it as well."""
    rankings = {name: Ranking(pool.documents) for name, pool in pools.items()}
    for one in asked:
        found, rows = rankings[one.pool].found(one.text), pools[one.pool].rows
        best = (rows[found.index.key(number)] for number, _ in found.best(ALIKE[1])[ALIKE[0] :])
        yield [row for row in best if row != rows[one.key]]


def rarities(texts: Iterable[str]) -> bytes:
    """Return how rare each piece of the vocabulary is."""
    pieces, having, number = WordPiece.bundled(), Counter[int](), 0
    for number, text in enumerate(texts, 1):  # noqa: B007 - the last one is how many there are
        having.update(set(pieces.numbers(text, MOST_PIECES)))
    return bytes(
        min(255, round(RARITY_SCALE * math.log(1 + number / (1 + having[piece])))) for piece in range(pieces.size)
    )


def learn(seen: Seen, which: Sequence[int], *, network: "Network", settings: Settings) -> Numbers:
    """Return the numbers of the network that are tuned, learnt from some of the requests."""
    from minilm_network import slopes  # noqa: PLC0415 - as above

    chance = np.random.default_rng(0)
    rarity = np.frombuffer(seen.rarity, np.uint8).astype(np.float32)
    slope_of = slopes(network, rarity, sharpness=settings.sharpness, cost=settings.cost)
    tuned, mean, square = network.tuned.copy(), np.zeros_like(network.tuned), np.zeros_like(network.tuned)
    batches = list(_batches(seen, which, settings, chance=chance))
    for number, (pool, batch) in enumerate(batches, 1):
        loss, slope = slope_of(tuned, _batch(seen, pool, batch, chance=chance))
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope * slope
        step = settings.step * min(1.0, number / settings.slow) * (1 - 0.95 * number / len(batches))
        tuned -= np.float32(step) * (mean / (1 - 0.9**number)) / (np.sqrt(square / (1 - 0.999**number)) + 1e-8)
        if number % TELL == 0:
            print(f"Looked at {number} of {len(batches)} batches; the loss is {loss:.2f}.", file=sys.stderr)
    return tuned


def _batches(
    seen: Seen, which: Sequence[int], settings: Settings, *, chance: np.random.Generator
) -> Iterator[tuple[Pool, Sequence[int]]]:
    """Yield whole batches, each of one pool, in any order; a rest is left out."""
    for _ in range(settings.rounds):
        found: list[tuple[Pool, Sequence[int]]] = []
        for name, pool in seen.pools.items():
            order = chance.permutation([one for one in which if seen.requests[one].pool == name])
            whole = len(order) // settings.batch * settings.batch
            found += [
                (pool, order[start : start + settings.batch].tolist()) for start in range(0, whole, settings.batch)
            ]
        yield from (found[int(place)] for place in chance.permutation(len(found)))


def _batch(seen: Seen, pool: Pool, which: Sequence[int], *, chance: np.random.Generator) -> "Batch":
    """Return requests with what serves them, and for each one document that has the same words."""
    from minilm_network import Batch  # noqa: PLC0415 - as above

    right = [pool.rows[seen.requests[one].key] for one in which]
    alike = [seen.alike[one] or range(len(pool.documents)) for one in which]
    rows = [*right, *(int(chance.choice(some)) for some in alike)]
    same = np.array(right)[:, None] == np.array(rows)
    same[np.arange(len(which)), np.arange(len(which))] = False
    asked = _padded([seen.pieces[one] for one in which])
    return Batch(asked, _padded([pool.pieces[row] for row in rows]), pool.vectors[rows], same)


def _padded(texts: Sequence[Sequence[int]]) -> npt.NDArray[np.int32]:
    """Return the pieces of texts, all of one of few lengths: each takes a while to prepare for."""
    longest = max(map(len, texts))
    found = np.zeros((len(texts), next(length for length in LENGTHS if length >= longest)), dtype=np.int32)
    for row, text in enumerate(texts):
        found[row, : len(text)] = text
    return found


def kept(rarity: bytes, sizes: Mapping[str, int], tuned: Numbers, *, made_from: str) -> Tuning:
    """Return what is kept of what was learnt: two bytes for each number."""
    return Tuning(made_from, rarity, sizes, tuned.astype(tuning.NUMBER).tobytes())


def measure(seen: Seen, network: "Network", settings: Settings) -> None:
    """Say how well the right server or tool is found for those who were left out."""
    left_out = set(sorted({one.writer for one in seen.requests})[::PARTS])
    print(f"left out: {', '.join(sorted(left_out))}", file=sys.stderr)
    others = [row for row, one in enumerate(seen.requests) if one.writer not in left_out]
    tuned = kept(seen.rarity, network.sizes, learn(seen, others, network=network, settings=settings), made_from="")
    print("nDCG@10            requests   words meaning   tuned    both   tuned")
    for name, pool in seen.pools.items():
        asked = [one for one in seen.requests if one.writer in left_out and one.pool == name]
        judged = _judged(pool, asked, (Tuning(rarity=seen.rarity), tuned))
        for kind in KINDS if asked else ():
            print(
                _line(f"{name} {kind}", [found for one, found in zip(asked, judged, strict=True) if one.kind == kind])
            )


def _judged(pool: Pool, asked: Sequence[Request], learnt: Sequence[Tuning]) -> list[tuple[float, ...]]:
    """Return the gain of each request by words, by meaning with all that was learnt in turn, and by both likewise.

    The table of word vectors does not count: it was learnt from those who are left out, too.
    """
    ranking, texts = Ranking(pool.documents), [told(document) for document in pool.documents]
    likeness = [vectors_of([one.text for one in asked], some) @ vectors_of(texts, some).T for some in learnt]
    known, judged = bytes([1]) * len(texts), list[tuple[float, ...]]()
    for row, one in enumerate(asked):
        found, likes = ranking.found(one.text).meaning(0), [some[row].tolist() for some in likeness]
        hits = [[hit.key for hit in found.hits(10)]]
        hits += [
            [pool.documents[int(best)].key for best in np.argsort(-np.array(like), kind="stable")[:10]]
            for like in likes
        ]
        hits += [[hit.key for hit in mixed(found, compared(pool.rows, like, known))] for like in likes]
        judged.append(tuple(1 / math.log2(2 + keys.index(one.key)) if one.key in keys else 0.0 for keys in hits))
    return judged


def _line(name: str, some: Sequence[tuple[float, ...]]) -> str:
    means = [sum(column) / len(some) for column in zip(*some, strict=True)]
    return f"{name:16} {len(some):10} " + " ".join(f"{mean:7.3f}" for mean in means)


if __name__ == "__main__":
    main()
