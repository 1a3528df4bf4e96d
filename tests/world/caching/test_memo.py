"""What is computed at once is kept for a time, too."""

import pytest

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.caching.table import Memo


def test_a_value_is_made_once_and_given_until_it_is_too_old() -> None:
    times, made = [0.0, 599.9, 600.0, 700.0], list[int]()

    def make() -> int:
        made.append(len(times))
        return made[-1]

    memo = Memo[str, int](most=2, fresh=600, now=lambda: times.pop(0))
    assert [memo.get("a", make) for _ in range(4)] == [3, 3, 1, 1]
    figures = memo.figures()
    assert (figures.hits, figures.misses, figures.loads, figures.hit_rate, figures.fresh) == (2, 2, 2, 0.5, 600)


def test_what_was_used_longest_ago_makes_room_for_what_is_new() -> None:
    made = list[str]()

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key

        return memo.get(key, make)

    memo = Memo[str, str](most=2, fresh=600, now=lambda: 0.0)
    for key in "abacab":
        assert get(key) == key
    assert "".join(made) == "abcb"
    assert (memo.figures().evicted, memo.figures().size, memo.figures().most) == (2, 2, 2)
    assert repr(memo) == "Memo(2 of 2)"
    memo.clear()
    get("a")
    assert (len(made), memo.figures().size) == (5, 1)


def test_an_error_is_not_kept() -> None:
    memo = Memo[str, float](most=2, fresh=600, now=lambda: 0.0)
    with pytest.raises(ZeroDivisionError):
        memo.get("a", lambda: 1 / 0)
    assert memo.get("a", lambda: 1.0) == 1.0


def test_a_memo_without_room_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot keep 0 values"):
        Memo[str, str](most=0, fresh=1, now=lambda: 0.0)
