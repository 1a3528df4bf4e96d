"""Cover: few servers for several operations, and an honest word on those that nothing fits."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.index.cover import LEAST_SHARE, Chosen, cover


@dataclass(frozen=True)
class Found:
    key: str
    score: float


KEYS = st.sampled_from(["a", "b", "c", "d"])
HITS = st.dictionaries(KEYS, st.floats(0.01, 100), max_size=4).map(
    lambda scores: [Found(key, score) for key, score in scores.items()]
)
RANKED = st.dictionaries(st.text(min_size=1, max_size=3), HITS, max_size=6)


def test_one_server_that_fits_two_operations_is_chosen_before_two_that_fit_one_each() -> None:
    ranked = {
        "read a pdf": [Found("pdf", 9.0), Found("office", 8.0)],
        "make slides": [Found("slides", 5.0), Found("office", 4.5)],
    }
    assert cover(ranked).chosen == (Chosen(key="office", operations=("read a pdf", "make slides")),)


def test_a_server_that_fits_badly_does_not_count_for_an_operation() -> None:
    ranked = {"weather": [Found("weather", 9.0), Found("all", 2.0)], "time": [Found("all", 3.0)]}
    assert [one.key for one in cover(ranked).chosen] == ["all", "weather"]
    assert [one.key for one in cover(ranked, least=0.1).chosen] == ["all"]


def test_what_nothing_fits_stays_uncovered() -> None:
    found = cover({"fly to the moon": [], "time": [Found("clock", 1.0)], "swim": [Found("clock", 0.0)]})
    assert found.uncovered == ("fly to the moon", "swim")
    assert found.chosen == (Chosen(key="clock", operations=("time",)),)
    assert cover({}).chosen == ()


@given(RANKED)
def test_every_operation_is_covered_once_or_named_and_every_server_fits_what_it_is_for(
    ranked: dict[str, list[Found]],
) -> None:
    found = cover(ranked)
    covered = [operation for one in found.chosen for operation in one.operations]
    assert sorted([*covered, *found.uncovered]) == sorted(ranked)
    for one in found.chosen:
        assert one.operations
        for operation in one.operations:
            scores = {hit.key: hit.score for hit in ranked[operation]}
            assert scores[one.key] >= LEAST_SHARE * max(scores.values())
    assert found.uncovered == tuple(operation for operation, hits in ranked.items() if not hits)


@given(RANKED)
def test_the_order_of_hits_does_not_matter(ranked: dict[str, list[Found]]) -> None:
    assert cover({operation: hits[::-1] for operation, hits in ranked.items()}) == cover(ranked)
