"""Ranking, whatever is ranked: the order of the input is nothing, evidence never harms, stuffing never helps."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.hit import MEANING, Hit
from vsm_mcp.acquisition.discovery.index.bm25f import MOST_TERMS, terms_of
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.mixing import mixed
from vsm_mcp.acquisition.discovery.ranking import Ranking
from vsm_mcp.acquisition.discovery.semantic.meanings import Alike
from vsm_mcp.model.server import ToolSummary

TOKENIZER = Tokenizer()
WORDS = ("slide", "time", "zone", "database", "query", "convert", "presentation", "sql", "car", "vehicle")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
TOOLS = st.lists(st.builds(ToolSummary, name=TEXTS, description=TEXTS), max_size=3).map(tuple)
DOCUMENTS = st.builds(
    Document, key=st.just(""), name=TEXTS, title=TEXTS, description=TEXTS, category=TEXTS, tools=TOOLS, arguments=TEXTS
)
CORPORA = st.lists(DOCUMENTS, min_size=1, max_size=6).map(
    lambda documents: [replace(one, key=f"k{number}") for number, one in enumerate(documents)]
)
FACTORS = st.lists(st.floats(allow_nan=False), min_size=6, max_size=6).map(
    lambda factors: {f"k{number}": one for number, one in enumerate(factors)}
)
"""What is known of each document of a corpus besides its words, however much that is said to count."""

SEED = 20
SPOKEN = 1200


def place(documents: Sequence[Document], word: str, key: str) -> int:
    hits = [hit.key for hit in Ranking(documents, tokenizer=TOKENIZER).search(word, limit=len(documents))]
    return hits.index(key) if key in hits else len(documents)


def scores(hits: Sequence[Hit]) -> dict[str, float]:
    return {hit.key: hit.score for hit in hits}


def with_word(field: str) -> Callable[[Document, str], Document]:
    if field == "tools":
        return lambda one, word: replace(one, tools=(*one.tools, ToolSummary(name=word, description=word)))
    return lambda one, word: replace(one, **{field: f"{getattr(one, field)} {word}"})


@given(CORPORA, TEXTS, st.randoms(use_true_random=False))
def test_the_order_of_the_documents_does_not_matter(corpus: list[Document], query: str, chance: random.Random) -> None:
    mixed = list(corpus)
    chance.shuffle(mixed)
    assert Ranking(mixed, tokenizer=TOKENIZER).search(query) == Ranking(corpus, tokenizer=TOKENIZER).search(query)


@settings(max_examples=40)  # of each field
@pytest.mark.parametrize("field", ["name", "title", "description", "category", "arguments", "tools"])
@given(case=st.tuples(CORPORA, st.sampled_from(WORDS), st.integers(0, 5)))
def test_one_more_of_the_word_that_is_asked_for_never_lowers_a_document(
    field: str, case: tuple[list[Document], str, int]
) -> None:
    corpus, word, which = case
    chosen = corpus[which % len(corpus)]
    richer = [with_word(field)(one, word) if one is chosen else one for one in corpus]
    assert place(richer, word, chosen.key) <= place(corpus, word, chosen.key)


@given(CORPORA, TEXTS)
def test_the_words_that_were_found_and_their_meaning_add_up_to_the_score(corpus: list[Document], query: str) -> None:
    for hit in Ranking(corpus, tokenizer=TOKENIZER).search(query):
        assert sum(one.score for one in hit.why) == pytest.approx(hit.score)
        asked = TOKENIZER.query(query)
        assert all((one.wanted or one.term) in asked for one in hit.why if one.term != MEANING)
        assert all(one.score > 0 for one in hit.why)


@given(CORPORA, TEXTS, FACTORS)
def test_what_is_known_besides_the_words_moves_a_score_by_15_percent_at_most(
    corpus: list[Document], query: str, factors: dict[str, float]
) -> None:
    ranking = Ranking(corpus, tokenizer=TOKENIZER)
    found = ranking.found(query)
    for search in (partial(ranking.search, query), partial(found.hits, 10)):
        plain, moved = scores(search()), scores(search(prior=factors.__getitem__))
        assert moved.keys() == plain.keys()
        assert all(0.85 * plain[key] <= score <= 1.15 * plain[key] for key, score in moved.items())


@given(CORPORA, TEXTS, st.tuples(FACTORS, st.lists(st.floats(-1, 1), min_size=6, max_size=6)))
def test_that_is_so_where_meaning_counts_as_well(
    corpus: list[Document], query: str, known: tuple[dict[str, float], list[float]]
) -> None:
    (factors, likeness), found = known, Ranking(corpus, tokenizer=TOKENIZER).found(query)
    rows = {key: row for row, key in enumerate(factors)}
    alike = Alike(rows=rows, likeness=likeness, mean=0.1, spread=0.2)
    plain = scores(mixed(found, alike))
    moved = scores(mixed(found, alike, prior=factors.__getitem__))
    assert moved.keys() == plain.keys()
    assert all(0.85 * plain[key] <= score <= 1.15 * plain[key] for key, score in moved.items())


@pytest.mark.parametrize("limit", [1, 2, 5, 10, 30])
@pytest.mark.parametrize("gone", [0, 3, 9])
def test_what_cannot_be_among_the_best_is_left_out_and_nothing_else(gone: int, limit: int) -> None:
    chance = random.Random(SEED + limit)  # noqa: S311 - a fixed sample
    documents = [_of_common_and_rare_words(number, chance) for number in range(400)]
    priors = {one.key: chance.choice((0.1, 0.9, 1.0, 1.05, 9.0)) for one in documents}
    whole = Ranking(documents[20:], tokenizer=TOKENIZER)
    recent = whole.beside(documents[:40], without=[one.key for one in documents[40 : 40 + gone]])
    for ranking in (whole, recent):
        for query in ("time", "zone time database", "car slide time query", "presentation sql convert zone"):
            for prior in (None, priors.__getitem__):
                everything = ranking.search(query, limit=len(ranking), prior=prior)
                assert ranking.search(query, limit=limit, prior=prior) == everything[:limit]
                assert {hit.key for hit in everything} == {hit.key for hit in ranking.found(query).hits(len(ranking))}


UNSEEN = (
    "\u200b\u200e\u202e\u2066\ufeff\u00ad\u034f\u115f\u1160\u17b4\u17b5"
    "\u180b\u180c\u180d\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100"
)


@given(st.text(max_size=60), st.text(alphabet=UNSEEN, min_size=1, max_size=5))
@pytest.mark.security
def test_unseen_characters_change_nothing(text: str, unseen: str) -> None:
    hidden = unseen.join(text)
    assert TOKENIZER.terms(hidden) == TOKENIZER.terms(unseen + hidden)
    assert TOKENIZER.terms(unseen.join("database")) == TOKENIZER.terms("database")
    assert TOKENIZER.terms("\uff44\uff41\uff54\uff41base") == TOKENIZER.terms("database")


@pytest.mark.security
@pytest.mark.parametrize(
    "query",
    [
        "x" * 5_000_000,
        "database " * 500_000,
        " ".join(f"w{number}" for number in range(500_000)),
        "\u5929" * 1_000_000,
        "aB" * 1_000_000,
        "\ufdfa" * 1_000_000,
        "e" + "\u0301" * 1_000_000,
        "_" * 1_000_000,
    ],
    ids=["one word", "same words", "words", "characters", "humps", "that grow", "accents", "nothing"],
)
def test_a_hostile_query_costs_no_more_than_a_long_one(query: str) -> None:
    ranking = Ranking([Document(key=word, name=word) for word in WORDS], tokenizer=TOKENIZER)
    began = time.process_time()
    ranking.search(query)
    assert time.process_time() - began < 1


def test_a_query_ends_at_4_kib() -> None:
    ranking = Ranking([Document(key="clock", name="clock")], tokenizer=TOKENIZER)
    assert ranking.search("x" * 4000 + " clock")
    assert not ranking.search("x" * 4096 + " clock")


@pytest.mark.security
def test_no_more_terms_of_a_field_count_than_an_honest_server_has() -> None:
    text = " ".join(f"w{number}" for number in range(500))
    terms = terms_of(Document(key="x", name=text, title=text, description=text, category=text), TOKENIZER)
    assert all(len(terms[name]) <= most for name, most in MOST_TERMS.items())


@pytest.mark.security
def test_who_speaks_of_everything_is_about_nothing() -> None:
    def documents(different: int) -> list[Document]:
        told = " ".join(f"w{number % different}" for number in range(SPOKEN))
        tools = tuple(
            ToolSummary(name="t", description=told[start : start + 500]) for start in range(0, len(told), 500)
        )
        return [Document(key="broad", name="clock", tools=tools), Document(key="other", name="other")]

    scores = [Ranking(documents(different)).search("clock")[0].score for different in (75, 600)]
    assert scores[1] < 0.5 * scores[0]


@pytest.mark.security
def test_1000_stuffed_servers_reach_the_first_five_in_at_most_1_percent_of_honest_queries() -> None:
    chance = random.Random(SEED)  # noqa: S311 - a fixed sample
    syllables = ("ba", "do", "ge", "ki", "lu", "mo", "ni", "po", "ra", "su", "te", "vo")
    subjects = ["".join(one) + "x" for one in product(syllables, repeat=3)]
    common, rest = subjects[:100], subjects[100:]
    topics = [rest[start : start + 12] for start in range(0, len(rest), 12)]
    honest = [_honest(number, chance, (common, topics[number % len(topics)])) for number in range(2500)]
    asked = common + rest[:300]  # a word of every fifth topic
    stuffed = [_stuffed(number, chance, asked) for number in range(1000)]
    ranking = Ranking([*stuffed, *honest], tokenizer=TOKENIZER)
    queries = [" ".join([*chance.sample(topic, 3), chance.choice(common)]) for topic in topics * 3]
    reached = [any(hit.key.startswith("stuffed") for hit in ranking.search(query, limit=5)) for query in queries]
    assert sum(reached) <= 0.01 * len(queries)


def _of_common_and_rare_words(number: int, chance: random.Random) -> Document:
    """Return a document of a few words, of which the first ones of all are far more common."""
    words = [WORDS[min(int(chance.expovariate(0.7)), len(WORDS) - 1)] for _ in range(6)]
    return Document(key=f"k{number:03}", name=" ".join(words[:2]), description=" ".join(words[2:]))


def _honest(number: int, chance: random.Random, words: tuple[Sequence[str], Sequence[str]]) -> Document:
    """Return a server about a topic, told in some of its words and some that all servers use."""
    common, topic = words
    about = [*chance.sample(topic, 7), *chance.sample(common, 4)]
    tools = tuple(ToolSummary(name=f"{one}_it", description=f"Does {one}.") for one in about[1:3])
    return Document(key=f"h{number:04}", name=f"{about[0]}-server", description=" ".join(about), tools=tools)


def _stuffed(number: int, chance: random.Random, common: Sequence[str]) -> Document:
    """Return a server with 40 words in its title, 300 in its description and 60 tools, all of what is asked often."""
    tools = tuple(
        ToolSummary(name="_".join(chance.sample(common, 2)), description=" ".join(chance.sample(common, 4)))
        for _ in range(60)
    )
    return Document(
        key=f"stuffed{number:04}",
        name="best-server",
        title=" ".join(chance.sample(common, 40)),
        description=" ".join(chance.choices(common, k=300)),
        tools=tools,
    )
