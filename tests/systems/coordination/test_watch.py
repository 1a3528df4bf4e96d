"""Series are watched by name; what swings gets advice, the mildest damper first."""

from math import nan

import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.damping import Damper
from vsm_mcp.systems.coordination.watch import Watch


def swing(watch: Watch, name: str, *, times: int, length: int = 4) -> None:
    for step in range(times * length):
        watch.observe(name, 5.0 if (step // length) % 2 else -5.0)


@pytest.mark.promise("C10")
def test_what_keeps_swinging_gets_the_next_damper_after_each_round_of_crossings() -> None:
    watch, advised = Watch(), list[Damper]()
    swing(watch, "load", times=30)
    for _ in range(6):
        advice = watch.advise("load")
        assert advice is not None
        assert watch.advise("load") == advice, "asking again changes nothing"
        advised.append(advice.damper)
        swing(watch, "load", times=14)
    assert advised == [*Damper, Damper.SUPPRESSION]


def test_advice_says_why_with_its_figures() -> None:
    watch = Watch()
    swing(watch, "load", times=40)
    advice = watch.advise("load")
    assert advice is not None
    assert advice.series == "load"
    assert (advice.damper, advice.n) == (Damper.HYSTERESIS, 160)
    assert advice.period == pytest.approx(8.0)
    assert advice.reason.startswith("It swings every 8 observations (r = ")
    assert "act only outside a band of" in advice.reason


def test_what_came_to_rest_gets_no_advice_and_starts_over() -> None:
    watch = Watch()
    swing(watch, "load", times=30)
    watch.advise("load")
    swing(watch, "load", times=14)
    second = watch.advise("load")
    assert second is not None
    assert second.damper is Damper.GAIN
    for _ in range(20):
        watch.observe("load", 0.0)
    assert watch.advise("load") is None
    swing(watch, "load", times=40)
    anew = watch.advise("load")
    assert anew is not None
    assert anew.damper is Damper.HYSTERESIS


def test_series_are_told_apart_and_the_most_regular_comes_first() -> None:
    watch = Watch()
    swing(watch, "slow", times=40, length=10)
    swing(watch, "fast", times=40, length=2)
    watch.observe("calm", 1.0)
    swinging = watch.oscillating()
    assert [name for name, _ in swinging] == ["slow", "fast"]
    assert all(r > 1.0 for _, r in swinging)
    report = watch.report("calm")
    assert report is not None
    assert (report.n, report.r, report.oscillating) == (1, None, False)
    assert watch.report("unknown") is None
    assert watch.advise("unknown") is None
    assert repr(watch) == "Watch(series=3, oscillating=2)"


def test_only_so_many_series_are_watched_and_the_one_fed_longest_ago_goes() -> None:
    watch = Watch(most_series=2)
    for name in ("a", "b", "a", "c"):
        watch.observe(name, 1.0)
    assert watch.report("b") is None
    kept = watch.report("a")
    assert kept is not None
    assert kept.n == 2


def test_what_is_no_measurement_is_left_out() -> None:
    watch = Watch()
    with pytest.raises(PayloadError):
        watch.observe("load", nan)
    assert watch.report("load") is None


def test_options_of_the_watch_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        Watch(most_series=0)
    with pytest.raises(ConfigurationError):
        Watch(intervals=1)
