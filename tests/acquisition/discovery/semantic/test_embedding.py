"""Likeness: what an embedder says of query and documents, remembered, and never taken from one that is broken."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.ranking import MEANING, MEANT_SHARE, MOST_PRIOR, Hit, Matched, Ranking, mixed, rank
from vsm_mcp.acquisition.discovery.semantic.embedding import LONGEST_TOLD, Meanings, told
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.server import ToolSummary

SUBJECTS = ("rain", "money", "music")
WEATHER = Document(key="weather", name="outlook", description="What the rain will do to your picnic.")
BANK = Document(key="bank", name="teller", description="Your picnic of money.")


class Subjects:
    """Embeds a text as the subjects it names."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        self.seen += texts
        counts = [[1.0 + 9.0 * text.count(subject) for subject in SUBJECTS] for text in texts]
        return [[one / math.hypot(*row) for one in row] for row in counts]


class Broken:
    """Returns what it is told to."""

    def __init__(self, *vectors: Sequence[float]) -> None:
        self.vectors = vectors

    def __repr__(self) -> str:
        return "Broken()"

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        return self.vectors


def test_texts_about_the_same_are_more_alike() -> None:
    alike, other = Meanings(Subjects()).likeness("rain", ["rain again", "money"])
    assert 0 < other < alike == pytest.approx(1)


def test_a_text_is_embedded_once() -> None:
    subjects = Subjects()
    meanings = Meanings(subjects)
    first = meanings.likeness("rain", ["money", "music", "money"])
    assert meanings.likeness("rain", ["money", "music", "money"]) == first
    assert subjects.seen == ["rain", "money", "music"]
    assert repr(meanings).endswith("vectors=3)")


def test_what_is_remembered_is_bounded() -> None:
    meanings = Meanings(Subjects(), most=2)
    assert len(meanings.likeness("rain", [f"text {n}" for n in range(9)])) == 9
    assert repr(meanings).endswith("vectors=2)")


def test_no_documents_need_no_embedder() -> None:
    assert Meanings(Broken()).likeness("rain", []) == ()


@pytest.mark.parametrize(
    "vectors",
    [
        ([1.0],),
        ([1.0], [0.5]),
        ([1.0], [math.nan]),
        ([1.0], []),
        ([1.0], [1.0, 0.0]),
        ([1.0], [1.0], [1.0]),
    ],
)
@pytest.mark.security
def test_vectors_that_are_none_are_refused(vectors: tuple[list[float], ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"Broken\(\)"):
        Meanings(Broken(*vectors)).likeness("rain", ["money"])


@given(st.text(max_size=100), st.lists(st.text(max_size=100), max_size=4))
def test_likeness_is_between_0_and_1_for_any_text(query: str, texts: list[str]) -> None:
    found = Meanings(Subjects()).likeness(query, texts)
    assert len(found) == len(texts)
    assert all(0 <= one <= 1 for one in found)


def test_a_document_is_compared_by_its_names_its_description_and_the_names_of_its_tools() -> None:
    tools = tuple(ToolSummary(name=f"tool_{n}", description="hidden") for n in range(100))
    text = told(Document(key="x", name="clock", title="Clock", description="Tells.", category="time", tools=tools))
    assert text.startswith("clock Clock: Tells. time tool 0, tool 1,")
    assert "hidden" not in text
    assert "tool 20" not in text
    assert len(told(Document(key="x", name="n", description="long " * 1000))) <= LONGEST_TOLD


def test_an_embedder_moves_what_means_the_like_and_says_its_share() -> None:
    both = rank([WEATHER, BANK], ["a picnic and rain"], embedder=Subjects())[0]
    assert [hit.key for hit in both] == ["weather", "bank"]
    shares = {one.term: one.score for one in both[0].why}
    assert shares[MEANING] == pytest.approx(MEANT_SHARE)
    assert sum(shares.values()) == pytest.approx(both[0].score)
    assert str(next(one for one in both[0].why if one.term == MEANING)) == f"(meaning) {MEANT_SHARE:.2f}"


def test_words_and_meaning_are_mixed_to_their_shares() -> None:
    hits = [Hit(key=key, score=score, why=()) for key, score in (("a", 8.0), ("b", 6.0), ("c", 4.0))]
    found = mixed(hits, [0.0, 0.0, 1.0], limit=2)
    assert [(hit.key, hit.score) for hit in found] == [
        ("c", pytest.approx(MEANT_SHARE + (1 - MEANT_SHARE) / 2)),
        ("a", pytest.approx(1 - MEANT_SHARE)),
    ]
    assert mixed([], []) == ()


def test_a_prior_counts_after_the_mix_and_within_its_bounds() -> None:
    hit = Hit(key="a", score=2.0, why=(Matched(term="rain", score=2.0, fields=("name",)),))
    assert mixed([hit], [1.0], prior=lambda _: 9.0)[0].score == pytest.approx(MOST_PRIOR)


def test_what_has_no_word_of_the_query_is_not_found_by_meaning_alone() -> None:
    assert rank([WEATHER], ["money"], embedder=Subjects()) == [()]
    assert Ranking([WEATHER]).search("money") == ()
