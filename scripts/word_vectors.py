"""Makes the vectors by which the ranking tells what words mean together, and writes them into the package.

A word begins with the vector that the embedder of the extra ``semantic`` gives it alone, on fewer axes, the longer the
rarer it is. Then the axes, the lengths and the vectors themselves are learnt from the requests that a large language
model wrote for published servers and tools (see ``tune_meaning.py``): the vectors of the words of a request, added up,
shall be near those of the words of what it was written for, among all others. That is a softmax over likenesses, with
Adam. The servers are read from the folder ``PUBLISHED_DATA``. The same data give the same file, but for the last digit
of a number on another processor. Run

    pip install 'vsm_mcp[semantic]'
    PUBLISHED_DATA=<folder> python scripts/word_vectors.py

which takes some minutes.
"""

import gzip
import hashlib
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from expansion import forms_of, texts_of, vectors_of
from tune_meaning import REQUESTS, published, requests
from vsm_mcp.acquisition.discovery.index import vectors
from vsm_mcp.acquisition.discovery.index.bm25f import WEIGHTS, meaningful, terms_of
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.segment import Segment
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM
from vsm_mcp.acquisition.discovery.semantic.tuning import tuning
from vsm_mcp.acquisition.discovery.semantic.wordpiece import FILE_NAME as VOCABULARY

OUTPUT = Path(vectors.__file__).with_name(vectors.FILE_NAME)
SOURCES = (
    "Made by scripts/word_vectors.py. Meaning: sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0 "
    "(http://www.apache.org/licenses/LICENSE-2.0), changed by learning. Words: google/bert-base-uncased, Apache "
    "License 2.0; single words of descriptions of servers and tools from modelcontextprotocol/registry, "
    "docker/mcp-registry, toolsdk-ai/toolsdk-mcp-registry, TensorBlock/awesome-mcp-servers, "
    "wong2/awesome-mcp-servers (all MIT License)."
)
LEVELS = 16
LARGEST_SCALE = 255

Numbers: TypeAlias = npt.NDArray[np.float32]
Places: TypeAlias = npt.NDArray[np.int64]
Counted: TypeAlias = Mapping[int, float]
"""What words count in a text, by their rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What else decides what is learnt.

    Attributes:
        sharpness: How much a likeness counts in the softmax.
        cost: What a large number costs in what is learnt for one word.
        rounds: How often all requests are looked at.
        batch: How many of them at once.
        axes: How far one of these moves the axes at first.
        lengths: How far it moves the lengths.
        own: How far it moves a word itself.
    """

    sharpness: float = 8.0
    cost: float = 0.001
    rounds: int = 3
    batch: int = 256
    axes: float = 0.0005
    lengths: float = 0.01
    own: float = 0.002


class Texts:
    """Many texts, each as what words count in it: a sparse matrix, with the two products that are needed."""

    def __init__(self, texts: Sequence[Counted]) -> None:
        """Keep them in flat arrays."""
        self.texts = texts
        sizes = np.array([len(text) for text in texts])
        self._rows = np.repeat(np.arange(len(texts)), sizes)
        self._words: Places = np.fromiter(chain.from_iterable(texts), np.int64)
        counts = chain.from_iterable(text.values() for text in texts)
        self._counts: Numbers = np.fromiter(counts, np.float32)[:, None]
        self._order = np.argsort(self._words, kind="stable")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.texts)

    def some(self, which: Places) -> "Texts":
        """Return these of them."""
        return Texts([self.texts[int(row)] for row in which])

    def added(self, table: Numbers) -> Numbers:
        """Return for each text the vectors of its words, added up."""
        return _added(self._counts * table[self._words], self._rows, len(self))

    def spread(self, slopes: Numbers, size: int) -> Numbers:
        """Return for each of so many words what it gets of the slopes of its texts."""
        order = self._order
        return _added(self._counts[order] * slopes[self._rows[order]], self._words[order], size)


@dataclass(frozen=True, slots=True)
class Pool:
    """Documents, requests, and the right document of each."""

    documents: Texts
    asked: Texts
    right: Places


class Learnt:
    """Numbers that are learnt, by Adam."""

    def __init__(self, numbers: npt.NDArray[np.floating[Any]]) -> None:
        """Begin with these."""
        self.numbers: Numbers = numbers.astype(np.float32)
        self._mean, self._square, self._times = np.zeros_like(self.numbers), np.zeros_like(self.numbers), 0

    def move(self, slope: npt.NDArray[np.floating[Any]], step: float) -> None:
        """Go one step downhill."""
        self._times += 1
        self._mean = 0.9 * self._mean + 0.1 * slope
        self._square = 0.999 * self._square + 0.001 * slope * slope
        mean, square = self._mean / (1 - 0.9**self._times), self._square / (1 - 0.999**self._times)
        self.numbers -= np.float32(step) * mean / (np.sqrt(square) + 1e-8)


class Words:
    """The vectors of all words as they are learnt: on common axes, each with a length, and a part of its own."""

    def __init__(self, seen: Numbers, rarity: Numbers) -> None:
        """Begin with what the embedder saw, on the axes that tell most."""
        strength, axes = np.linalg.eigh(seen.T @ seen)
        axes = axes[:, np.argsort(-strength)[: vectors.SIZE]]
        axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(vectors.SIZE)])
        self._seen = seen
        self._axes = Learnt(axes)
        self._lengths = Learnt(np.log(rarity / rarity.mean() + 0.05)[:, None])
        self._own = Learnt(np.zeros((len(seen), vectors.SIZE)))

    def vectors(self) -> Numbers:
        """Return them as they are now."""
        found: Numbers = np.exp(self._lengths.numbers) * (self._seen @ self._axes.numbers) + self._own.numbers
        return found

    def move(self, slope: Numbers, settings: Settings, left: float) -> None:
        """Go one step downhill, a shorter one the less is ``left`` of the way."""
        lengths, on_axes = np.exp(self._lengths.numbers), self._seen @ self._axes.numbers
        self._axes.move(self._seen.T @ (lengths * slope), left * settings.axes)
        self._lengths.move((slope * on_axes).sum(axis=1, keepdims=True) * lengths, left * settings.lengths)
        self._own.move(slope + settings.cost * self._own.numbers, left * settings.own)


def main() -> None:
    """Learn and write the file."""
    given = os.environ.get("PUBLISHED_DATA", "")
    if not given or not Path(given).is_dir():
        sys.exit("Set PUBLISHED_DATA to the folder of published corpora.")
    settings, tokenizer = Settings(), Tokenizer()
    terms, seen = look(Path(given), tokenizer)
    rows = {term: row for row, term in enumerate(terms)}
    pools = list(pools_of(Path(given), rows, tokenizer))
    table = learn(Words(seen, rarities(pools, len(terms))), pools, settings)
    OUTPUT.write_bytes(vectors.written(terms, *quantised(table), origin=origin(settings), sources=SOURCES))
    print(f"Wrote {OUTPUT.name}: {len(terms)} words, {OUTPUT.stat().st_size} bytes.")


def origin(settings: Settings, folder: Path = REQUESTS) -> str:
    """Return the digest of all that is learnt from, published texts apart: so one sees if the file is old."""
    written = [place.read_text(encoding="utf-8") for place in sorted(folder.glob("*.jsonl"))]
    given = [written, asdict(settings), dict(WEIGHTS)]
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def look(folder: Path, tokenizer: Tokenizer) -> tuple[Sequence[str], Numbers]:
    """Return the stems of all words that are known, and what the embedder sees in each of them."""
    packed = files("vsm_mcp.acquisition.discovery.semantic").joinpath(VOCABULARY).read_bytes()
    texts = [*texts_of(folder / "bigmcp"), *(one.text for one in requests())]
    forms = forms_of(texts, gzip.decompress(packed).decode().split("\n"), tokenizer)
    terms = sorted(forms)
    print(f"Looking at {len(terms)} words.", file=sys.stderr)
    return terms, vectors_of(forms, terms, MiniLM(threads=os.cpu_count() or 1, learnt=tuning().plain).embed)


def pools_of(folder: Path, rows: Mapping[str, int], tokenizer: Tokenizer) -> Iterator[Pool]:
    """Yield all servers and all tools, with what was asked for them."""
    for name, documents in published(folder).items():
        base = Segment.of(documents, tokenizer)
        asked = [one for one in requests() if one.pool == name]
        yield Pool(
            documents=Texts([_known(one, rows) for one in _counted(documents, base, tokenizer)]),
            asked=Texts([_known(_asked(one.text, tokenizer), rows) for one in asked]),
            right=np.array([base.number_of(one.key) for one in asked]),
        )


def _counted(documents: Sequence[Document], base: Segment, tokenizer: Tokenizer) -> Iterator[Mapping[str, float]]:
    """Yield what the words of each document count for what it means, in the order of the index."""
    by_key = {document.key: document for document in documents}
    for key in base.keys:
        yield meaningful(*base.usual.counts(terms_of(by_key[key], tokenizer)))


def _asked(text: str, tokenizer: Tokenizer) -> Mapping[str, float]:
    return {term: 1 + math.log(times) for term, times in tokenizer.query(text).items()}


def _known(counted: Mapping[str, float], rows: Mapping[str, int]) -> Counted:
    return {rows[term]: count for term, count in counted.items() if term in rows}


def rarities(pools: Sequence[Pool], size: int) -> Numbers:
    """Return how rare each word is in documents."""
    having = Counter(chain.from_iterable(chain.from_iterable(pool.documents.texts for pool in pools)))
    everything = sum(len(pool.documents) for pool in pools)
    return np.array([math.log(1 + everything / (1 + having[row])) for row in range(size)], dtype=np.float32)


def learn(words: Words, pools: Sequence[Pool], settings: Settings) -> Numbers:
    """Return the vectors that are learnt from all requests."""
    chance = np.random.default_rng(0)
    for turn in range(settings.rounds):
        batches = [
            (pool, np.array(batch))
            for pool in pools
            for batch in _batches(chance.permutation(len(pool.right)), settings.batch)
        ]
        for number, place in enumerate(chance.permutation(len(batches))):
            pool, batch = batches[int(place)]
            left = 1 - 0.95 * (turn + number / len(batches)) / settings.rounds
            words.move(_slope(words.vectors(), pool, batch, settings=settings), settings, left)
        print(f"Looked at all requests, {turn + 1} of {settings.rounds} times.", file=sys.stderr)
    return words.vectors()


def _batches(order: Places, size: int) -> Iterator[Places]:
    yield from (order[start : start + size] for start in range(0, len(order), size))


def _slope(table: Numbers, pool: Pool, batch: Places, *, settings: Settings) -> Numbers:
    """Return how the loss of these requests changes with each number of the table."""
    requests = pool.asked.some(batch)
    asked, length = _of_length_one(requests.added(table))
    documents, lengths = _of_length_one(pool.documents.added(table))
    scores = settings.sharpness * (asked @ documents.T)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    scores[np.arange(len(batch)), pool.right[batch]] -= 1
    scores *= settings.sharpness / len(batch)
    of_asked = requests.spread(_before_length(scores @ documents, asked, length), len(table))
    return of_asked + pool.documents.spread(_before_length(scores.T @ asked, documents, lengths), len(table))


def _of_length_one(rows: Numbers) -> tuple[Numbers, Numbers]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6
    return rows / lengths, lengths


def _before_length(slope: Numbers, rows: Numbers, lengths: Numbers) -> Numbers:
    found: Numbers = (slope - rows * (slope * rows).sum(axis=1, keepdims=True)) / lengths
    return found


def _added(values: Numbers, rows: Places, size: int) -> Numbers:
    """Return the sums of the values of each row, which stand one after the other."""
    found = np.zeros((size, values.shape[1]), dtype=np.float32)
    there, starts = np.unique(rows, return_index=True)
    if len(there):
        found[there] = np.add.reduceat(values, starts, axis=0)
    return found


def quantised(table: Numbers) -> tuple[bytes, bytes]:
    """Return what is kept: a byte for the largest number of each word, and half a byte for each number.

    The axes are turned at random before, for few bits tell most where all axes tell the like.
    """
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(vectors.SIZE, vectors.SIZE)))[0]
    table = (table @ turn).astype(np.float32)
    largest: Numbers = np.abs(table).max(axis=1, keepdims=True)
    step: Numbers = largest / (LEVELS / 2) + 1e-12
    scales = np.maximum(1, np.round(LARGEST_SCALE * largest / float(largest.max()))).astype(np.uint8)
    levels = np.floor(table / step) + LEVELS / 2
    kept = np.clip(levels, 0, LEVELS - 1).astype(np.uint8)
    return scales.tobytes(), (kept[:, ::2] << 4 | kept[:, 1::2]).tobytes()


if __name__ == "__main__":
    main()
