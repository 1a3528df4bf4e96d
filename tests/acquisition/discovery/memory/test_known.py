"""Known servers: what is recent is found beside the large index, as if all had been indexed together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.memory import known as rooms
from vsm_mcp.acquisition.discovery.memory.known import Known
from vsm_mcp.acquisition.discovery.memory.merging import Merged
from vsm_mcp.model.server import Candidate, PackageRef

WORDS = ("time", "zones", "slides", "weather", "git")


def server(number: int, words: str) -> Merged:
    package = PackageRef(ecosystem="npm", name=f"server{number}")
    return Merged(candidate=Candidate(name=package.name, source="one", package=package, summary=words))


def of(summaries: dict[int, str]) -> dict[str, Merged]:
    return {f"npm:server{number}": server(number, words) for number, words in summaries.items()}


SUMMARIES = st.dictionaries(
    st.integers(0, 8), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join), min_size=1
)


@given(SUMMARIES, SUMMARIES, SUMMARIES)
def test_whatever_came_changed_and_went_exactly_what_there_is_now_is_found(
    first: dict[int, str], second: dict[int, str], third: dict[int, str]
) -> None:
    known = Known.of(of(first)).followed_by(of(second)).followed_by(of(third))
    assert len(known.ranking) == len(third)
    for word in WORDS:
        found = {hit.key for hit in known.ranking.search(word, limit=99)}
        assert found == {f"npm:server{number}" for number, words in third.items() if word in words.split()}


def test_a_recent_server_scores_as_one_of_the_large_index_would() -> None:
    many = of(dict.fromkeys(range(50), "tells time") | {60: "shows slides"})
    known = Known.of(many).followed_by({**many, **of({99: "tells time"})})
    scores = {hit.key: hit.score for hit in known.ranking.search("time", limit=99)}
    assert scores["npm:server99"] == pytest.approx(scores["npm:server7"], rel=0.1)


def test_as_long_as_little_differs_the_large_index_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MOST_RECENT", 2)
    many = of(dict.fromkeys(range(30), "tells time"))
    known = Known.of(many)
    little = known.followed_by({**many, **of({99: "shows slides"})})
    assert little.ranking.index.base is known.ranking.index.base
    much = little.followed_by({**many, **of(dict.fromkeys(range(90, 99), "shows slides"))})
    assert much.ranking.index.base is not known.ranking.index.base
    assert len(much.ranking.search("slides", limit=99)) == 9


def test_servers_that_were_all_gone_for_a_while_are_found_again() -> None:
    some = of({1: "tells time", 2: "shows slides"})
    known = Known.of(some).followed_by({}).followed_by(some)
    assert [hit.key for hit in known.ranking.search("slides")] == ["npm:server2"]


@given(st.integers(0, 5), st.integers(1, 60))
def test_a_few_servers_do_not_set_the_standard_for_many_that_come_later(first: int, later: int) -> None:
    few = of(dict.fromkeys(range(first), "shows slides"))
    many = few | of(dict.fromkeys(range(100, 100 + later), "tells time"))
    found = Known.of(few).followed_by(many).ranking.search("slides time", limit=99)
    assert len(found) == first + later
    assert all(hit.score > 0 for hit in found)
