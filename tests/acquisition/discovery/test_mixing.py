"""Words and meaning together: each counts by how far a document stands out, and the score says what each brought."""

import math
import statistics
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.hit import LEAST_PRIOR, MEANING, MOST_PRIOR
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.mixing import COVERED_SHARE, MEANT_BY_WORDS, MEANT_SHARE, MOST_STANDING_OUT, mixed
from vsm_mcp.acquisition.discovery.ranking import Ranking, rank
from vsm_mcp.acquisition.discovery.semantic.meanings import Alike

SUBJECTS = ("rain", "money", "music")
WEATHER = Document(key="weather", name="outlook", description="What the rain will do to your picnic.")
BANK = Document(key="bank", name="teller", description="Your picnic of money.")
OTHERS = [Document(key=f"other-{n}", name=f"Nothing {n}", description="Plays music.") for n in range(30)]


WHOLE = MEANT_SHARE - COVERED_SHARE
"""How much is meaning where one document has the whole query."""


class Subjects:
    """Embeds a text as the subjects it names."""

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        counts = [[1.0 + 9.0 * text.count(subject) for subject in SUBJECTS] for text in texts]
        return [[one / math.hypot(*row) for one in row] for row in counts]


def alike(likeness: Mapping[str, float], *, mean: float = 0.1, spread: float = 0.1) -> Alike:
    rows = {key: row for row, key in enumerate(likeness)}
    return Alike(rows=rows, likeness=list(likeness.values()), mean=mean, spread=spread)


def test_an_embedder_moves_what_means_the_like_and_says_what_it_brought() -> None:
    both = rank([WEATHER, BANK, *OTHERS], ["a picnic in rain"], embedder=Subjects())[0]
    assert both[0].key == "weather"
    shares = {one.term: one.score for one in both[0].why}
    assert shares[MEANING] > 0
    assert sum(shares.values()) == pytest.approx(both[0].score) == pytest.approx(1)
    assert [one.score for one in both[0].why] == sorted(shares.values(), reverse=True)


def test_what_has_no_word_of_the_query_is_found_by_meaning_when_it_stands_out() -> None:
    class Alikes(Subjects):
        def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
            return super().embed([text.replace("drizzle", "rain") for text in texts])

    assert rank([WEATHER, *OTHERS], ["drizzle"]) == [()]
    found = rank([WEATHER, *OTHERS], ["drizzle"], embedder=Alikes())[0]
    assert [(hit.key, [one.term for one in hit.why]) for hit in found] == [("weather", [MEANING])]
    assert rank(OTHERS, ["drizzle"], embedder=Alikes()) == [()]


def test_words_and_meaning_count_in_standard_deviations() -> None:
    found = Ranking([WEATHER, BANK, *OTHERS]).found("rain")
    hits = mixed(found, alike({"weather": 0.3, "bank": 0.4}))
    ((number, score),) = found.best(9)
    words = (1 - WHOLE) * score / found.spread
    assert found.index.key(number) == "weather"
    assert [hit.key for hit in hits] == ["weather", "bank"]
    assert hits[1].score == pytest.approx(WHOLE * 3 / (words + WHOLE * 2))


def test_what_words_mean_together_counts_less_beside_what_knows_more_of_it() -> None:
    found = Ranking([WEATHER, BANK, *OTHERS]).found("rain")
    ((number, _),) = found.best(9)
    less = found.adding({number: MEANT_BY_WORDS * 2})
    words, together = ((1 - WHOLE) * score / less.spread for score in (less.scores[number], MEANT_BY_WORDS * 2))
    hit = mixed(found.adding({number: 2.0}), alike({"weather": 0.3, "bank": 0.2}))[0]
    meant = next(one.score for one in hit.why if one.term == MEANING)
    assert meant == pytest.approx((together + WHOLE * 2) / (words + WHOLE * 2))


def test_the_more_of_a_query_one_document_has_the_more_words_count() -> None:
    ranking = Ranking([WEATHER, BANK, *OTHERS])

    def brought(query: str) -> float:
        found = ranking.found(query)
        hit = next(hit for hit in mixed(found, alike({"weather": 0.3, "bank": 0.3})) if hit.key == "weather")
        shares = {one.term: one.score for one in hit.why}
        numbers = {found.index.key(number): number for number in found.scores}
        return shares["picnic"] / shares[MEANING] / (found.scores[numbers["weather"]] / found.spread)

    whole, none_of_the_rest = brought("picnic"), brought("picnic upon submarine volcanoes")
    assert none_of_the_rest < whole == pytest.approx((1 - WHOLE) / WHOLE / 2)


def test_coverage_is_what_one_document_has_of_the_query_by_rarity_and_only_of_its_own_words() -> None:
    ranking = Ranking([WEATHER, BANK, *OTHERS])
    every = range(len(ranking))
    assert ranking.found("rain picnic").coverage(every) == pytest.approx(1)
    assert ranking.found("rain picnic").coverage([]) == 0
    apart = ranking.found("rain money")
    assert 0.4 < apart.coverage(every) < 0.6
    assert ranking.found("money unheard").coverage(every) < apart.coverage(every)
    near = ranking.found("melody")
    assert near.weighted
    assert near.coverage(every) == 0
    assert ranking.found("").coverage(every) == 0


@given(st.lists(st.sampled_from(["rain", "money", "picnic", "music", "nothing", "unheard"]), max_size=9))
def test_coverage_is_0_to_1_and_grows_with_more_documents(words: list[str]) -> None:
    ranking = Ranking([WEATHER, BANK, *OTHERS])
    found = ranking.found(" ".join(words))
    shares = [found.coverage(range(number)) for number in range(len(ranking) + 1)]
    assert shares == sorted(shares)
    assert 0 == shares[0] <= shares[-1] <= 1


def test_the_spread_is_over_all_documents_also_those_without_any_of_the_words() -> None:
    found = Ranking([WEATHER, BANK, *OTHERS]).found("picnic")
    assert len(found.scores) == 2
    assert found.spread == pytest.approx(statistics.pstdev([*found.scores.values(), *(0.0 for _ in OTHERS)]))
    assert Ranking([]).found("picnic").spread == 0


def test_one_word_among_very_many_documents_is_bounded() -> None:
    many = [Document(key=f"{n}", name="same", description="words here") for n in range(2000)]
    found = Ranking([*many, WEATHER]).found("rain")
    assert found.scores
    assert max(found.scores.values()) / found.spread > MOST_STANDING_OUT
    brought = {one.term: one.score for one in mixed(found, alike({"weather": 0.2}))[0].why}
    assert brought["rain"] / brought[MEANING] == pytest.approx((1 - WHOLE) * MOST_STANDING_OUT / WHOLE)


def test_a_prior_counts_after_the_mix_and_within_its_bounds() -> None:
    found = Ranking([WEATHER, BANK]).found("rain")
    for factor, bound in ((9.0, MOST_PRIOR), (0.0, LEAST_PRIOR)):
        hits = mixed(found, alike({"weather": 0.5}), prior=lambda _, factor=factor: factor)
        assert hits[0].score == pytest.approx(bound)


def test_what_is_unlike_the_query_loses_but_is_still_found_by_its_words() -> None:
    found = Ranking([WEATHER, BANK, *OTHERS]).found("picnic rain")
    hits = mixed(found, alike({"weather": -0.9, "bank": 0.9}))
    assert [hit.key for hit in hits] == ["bank", "weather"]
    assert hits[1].score == 0
    assert hits[1].why[-1].term == MEANING
    assert hits[1].why[-1].score < 0
    assert mixed(Ranking([]).found("rain"), alike({})) == ()


@given(st.dictionaries(st.sampled_from(["weather", "bank", "other-1"]), st.floats(-1, 1)), st.integers(0, 5))
def test_scores_are_0_to_1_and_in_order_for_any_likeness(likeness: dict[str, float], limit: int) -> None:
    found = Ranking([WEATHER, BANK, *OTHERS]).found("rain picnic")
    scores = [hit.score for hit in mixed(found, alike(likeness), limit=limit)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) <= limit
    assert all(0 <= score <= 1.000001 for score in scores)
