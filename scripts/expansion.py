"""Makes the table by which the ranking finds *slide* for *powerpoint*, and writes it into the package.

For the stem of every English word that a reader of the vocabulary below knows, and of every word in the given texts:
those five stems of words in the texts whose meaning is nearest, as the embedder of the extra ``semantic`` sees single
words. Questions and what is right for them are not read, only descriptions of servers and tools. The same texts and
weights give the same table, but for the last digit of a nearness on another processor. Run

    pip install 'vsm_mcp[semantic]'
    python scripts/expansion.py FOLDER...

where every folder holds a ``corpus.jsonl`` of objects ``{"name", "title", "description", "category", "tools"}``.
Sources, named in the first lines of the table as well: the weights of sentence-transformers/all-MiniLM-L6-v2 and the
vocabulary of google/bert-base-uncased (both Apache License 2.0), and single words of server and tool descriptions that
are under the MIT License or the Apache License 2.0.
"""

import argparse
import gzip
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import numpy as np

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.expansion import FILE_NAME as TABLE
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer, words
from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM
from vsm_mcp.acquisition.discovery.semantic.tuning import tuning
from vsm_mcp.acquisition.discovery.semantic.wordpiece import FILE_NAME as VOCABULARY

CORPUS = "corpus.jsonl"
OUTPUT = Path(__file__).resolve().parents[1] / "src/vsm_mcp/acquisition/discovery/index" / TABLE
NEIGHBOURS = 5
LEAST_NEARNESS = 30
KNOWN_TEXTS = 3
NEIGHBOUR_TEXTS = 5
FORMS = 2
SHORTEST = 3
LONGEST = 20
LONGEST_TEXT = 1_000_000
HEADER = """\
# Stems, each with the stems nearest in meaning and how near (percent). Made by scripts/expansion.py, do not edit.
# Meaning: sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0 (http://www.apache.org/licenses/LICENSE-2.0).
# Words: google/bert-base-uncased, Apache License 2.0; single words of descriptions of servers and tools from
# modelcontextprotocol/registry, docker/mcp-registry, toolsdk-ai/toolsdk-mcp-registry, TensorBlock/awesome-mcp-servers,
# wong2/awesome-mcp-servers, pathintegral-institute/mcpm.sh, HowieHwong/MetaTool (all MIT License) and
# ShishirPatil/gorilla (Apache License 2.0).
"""

Embed: TypeAlias = Callable[[Sequence[str]], Iterable[Sequence[float]]]
"""Returns what each of several words means, in their order."""


def texts_of(folder: Path) -> Iterable[str]:
    """Yield the text of every server in a folder."""
    for line in (folder / CORPUS).read_text(encoding="utf-8").splitlines():
        one = Document.read(json.loads(line))
        tools = " ".join(f"{tool.name} {tool.description}" for tool in one.tools)
        yield f"{one.name} {one.title} {one.description} {one.category} {tools}"


def forms_of(texts: Iterable[str], vocabulary: Iterable[str], tokenizer: Tokenizer) -> dict[str, Counter[str]]:
    """Return for each stem its words, each with the number of texts it is in."""
    spread = Counter(word for text in texts for word in set(words(text, LONGEST_TEXT)))
    known = {word for word, times in spread.items() if times >= KNOWN_TEXTS}
    known.update(word for word in vocabulary if len(word) >= SHORTEST)
    forms: dict[str, Counter[str]] = {}
    for word in sorted(known):
        if word.isascii() and word.isalpha() and 1 < len(word) < LONGEST:
            for stem in tokenizer.terms(word):
                forms.setdefault(stem, Counter())[word] = spread[word]
    return forms


def vectors_of(forms: Mapping[str, Counter[str]], stems: Sequence[str], embed: Embed) -> np.ndarray:
    """Return what each stem means: the mean over its most frequent words, less what all words have in common."""
    used = [
        [word for word, _ in sorted(forms[stem].items(), key=lambda one: (-one[1], one[0]))[:FORMS]] for stem in stems
    ]
    embedded = iter(embed([word for words in used for word in words]))
    rows = np.array([np.mean([next(embedded) for _ in words], axis=0) for words in used], dtype=np.float32)
    rows -= rows.mean(axis=0)
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def lines_of(forms: Mapping[str, Counter[str]], embed: Embed) -> Iterable[str]:
    """Yield the lines of the table: a stem, and its neighbours with their nearness."""
    stems = sorted(forms)
    vectors = vectors_of(forms, stems, embed)
    found = [place for place, stem in enumerate(stems) if forms[stem].total() >= NEIGHBOUR_TEXTS]
    for place, stem in enumerate(stems):
        near = (vectors[found] @ vectors[place]).tolist()
        ranked = sorted(zip(near, (stems[one] for one in found), strict=True), key=lambda one: (-one[0], one[1]))
        kept = [(other, int(100 * value)) for value, other in ranked[: NEIGHBOURS + 1] if other != stem][:NEIGHBOURS]
        told = [f"{other} {nearness}" for other, nearness in kept if nearness >= LEAST_NEARNESS]
        if told:
            yield " ".join((stem, *told))


def main() -> int:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Makes the table of words that are near in meaning.")
    parser.add_argument("folders", nargs="+", type=Path, help=f"folders with a {CORPUS}")
    folders: list[Path] = parser.parse_args().folders
    if empty := [str(folder) for folder in folders if not (folder / CORPUS).is_file()]:
        parser.error(f"there is no {CORPUS} in {', '.join(empty)}")
    packed = files("vsm_mcp.acquisition.discovery.semantic").joinpath(VOCABULARY).read_bytes()
    vocabulary = gzip.decompress(packed).decode().split("\n")
    texts = [text for folder in folders for text in texts_of(folder)]
    lines = list(lines_of(forms_of(texts, vocabulary, Tokenizer()), MiniLM(threads=2, learnt=tuning().plain).embed))
    OUTPUT.write_bytes(gzip.compress((HEADER + "\n".join(lines) + "\n").encode(), 9, mtime=0))
    sys.stdout.write(f"{len(lines)} stems from {len(texts)} texts, {OUTPUT.stat().st_size} bytes: {OUTPUT}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
