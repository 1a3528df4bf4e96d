"""A window counts what happened within it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.vitals.windows import Window


@pytest.mark.parametrize(("length", "buckets"), [(0, 60), (-1, 60), (math.nan, 60), (math.inf, 60), (60, 1)])
def test_a_window_that_cannot_be_kept_is_refused(length: float, buckets: int) -> None:
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        Window(length=length, buckets=buckets)


@given(st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=80))
def test_a_window_counts_as_its_definition_says(steps: list[tuple[float, bool]]) -> None:
    window = Window(length=100, buckets=10)
    moment, events = 0.0, list[tuple[float, bool]]()
    for step, bad in steps:
        moment += step
        events.append((moment, bad))
        window.add(moment, bad=bad)
        within = [was_bad for at, was_bad in events if at // 10 > moment // 10 - 10]
        assert (window.total, window.bad) == (len(within), sum(within))


def test_a_long_pause_empties_a_window_in_one_step() -> None:
    window = Window(length=100)
    for _ in range(5):
        window.add(0.0, bad=True)
    window.move(1e300)
    assert (window.total, window.bad) == (0, 0)
