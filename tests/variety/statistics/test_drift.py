import math
from collections import defaultdict
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.variety.statistics.drift import DriftDetector

TWENTY = [1 / rank**0.8 for rank in range(1, 21)]
MANY = [1 / rank for rank in range(1, 201)]


def demands(random: Random, weights: Sequence[float], count: int) -> list[str]:
    return random.choices([f"kind {number}" for number in range(len(weights))], weights, k=count)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311


def learnt(weights: Sequence[float], random: Random, *, threshold: float = 12.0) -> DriftDetector:
    detector = DriftDetector(threshold=threshold)
    for kind in demands(random, weights, 6000):
        detector.observe(kind)
    assert not detector.drifting
    return detector


def delay(detector: DriftDetector, stream: Sequence[str]) -> float:
    for number, kind in enumerate(stream, 1):
        detector.observe(kind)
        if detector.drifting:
            return number
    return math.inf


def sums_by_definition(stream: Sequence[str], *, fast: float, slow: float, mass: float, most: float) -> list[float]:
    """Recompute both sets of shares from all demands so far at every step."""
    sums: list[float] = []
    bits = 0.0
    for now, kind in enumerate(stream):
        recent: defaultdict[str, float] = defaultdict(float)
        lasting: defaultdict[str, float] = defaultdict(float)
        for then, seen in enumerate(stream[:now]):
            recent[seen] += 2 ** ((then - now) / fast)
            lasting[seen] += 2 ** ((then - now) / slow)
        if kind in lasting:
            expected = lasting[kind] / sum(lasting.values())
            found = (recent[kind] + mass * expected) / (sum(recent.values()) + mass)
            bits = min(max(bits + math.log2(found / expected), 0.0), most)
        sums.append(bits)
    return sums


@pytest.mark.parametrize("weights", [TWENTY, MANY])
def test_steady_demand_raises_no_false_alarm(weights: list[float]) -> None:
    detector = DriftDetector()
    for kind in demands(seeded(1), weights, 60_000):
        detector.observe(kind)
        assert not detector.drifting
    assert detector.since is None
    assert detector.observations == 60_000


@pytest.mark.promise("A39")
@pytest.mark.parametrize("weights", [TWENTY, MANY])
def test_a_new_kind_with_a_tenth_of_demand_is_noticed_within_200(weights: list[float]) -> None:
    delays: list[float] = []
    for seed in range(9):
        random = seeded(seed)
        detector = learnt(weights, random)
        stream = ["new" if random.random() < 0.1 else kind for kind in demands(random, weights, 1000)]
        delays.append(delay(detector, stream))
    assert max(delays) < 200
    assert 20 < sorted(delays)[4] < 110


@pytest.mark.parametrize("weights", [TWENTY, MANY])
def test_the_most_frequent_kind_changing_places_is_noticed_within_250(weights: list[float]) -> None:
    swapped = weights.copy()
    swapped[0], swapped[len(weights) // 2] = swapped[len(weights) // 2], swapped[0]
    delays: list[float] = []
    for seed in range(9):
        random = seeded(seed)
        detector = learnt(weights, random)
        delays.append(delay(detector, demands(random, swapped, 1000)))
        assert detector.since is not None
        assert 5500 < detector.since <= 6250
    assert max(delays) < 250
    assert 35 < sorted(delays)[4] < 170


def test_a_lower_threshold_notices_sooner() -> None:
    random = seeded(7)
    stream = ["new" if random.random() < 0.1 else kind for kind in demands(random, TWENTY, 1000)]
    assert delay(learnt(TWENTY, seeded(3), threshold=8), stream) < delay(learnt(TWENTY, seeded(3)), stream)


def test_demand_of_one_kind_only_never_looks_like_a_change() -> None:
    detector = DriftDetector()
    assert max(detector.observe("only") for _ in range(30_000)) == pytest.approx(0, abs=1e-6)


def test_since_names_the_demand_with_which_the_change_began() -> None:
    detector = DriftDetector()
    for _ in range(500):
        detector.observe("old")
    assert detector.since is None
    for _ in range(20):
        detector.observe("new")
    assert detector.drifting
    assert detector.since == 501  # the first demand of a new kind tells nothing; the second one does


def test_a_drift_is_over_when_demand_has_settled() -> None:
    random = seeded(11)
    detector = learnt(TWENTY, random)
    stream = demands(random, TWENTY[::-1], 30_000)
    assert delay(detector, stream) < 250
    for kind in stream:
        assert detector.observe(kind) <= 24
        if not detector.drifting:
            break
    assert (detector.drifting, detector.since, detector.bits) == (False, None, 0)


@given(
    st.lists(st.sampled_from("abcde"), max_size=60),
    st.sampled_from([(1.0, 2.0), (5.0, 50.0)]),
    st.sampled_from([0.5, 20.0]),
)
@settings(max_examples=50)
def test_the_running_sum_is_the_one_of_the_definition(
    stream: list[str], half_lives: tuple[float, float], mass: float
) -> None:
    fast, slow = half_lives
    detector = DriftDetector(threshold=3, fast=fast, slow=slow, mass=mass)
    sums = [detector.observe(kind) for kind in stream]
    assert sums == pytest.approx(sums_by_definition(stream, fast=fast, slow=slow, mass=mass, most=6), abs=1e-9)


def test_counting_weights_anew_changes_no_sum() -> None:
    random = seeded(2)
    stream = demands(random, TWENTY, 2500)
    detector = DriftDetector(threshold=3, fast=2, slow=20)
    sums = [detector.observe(kind) for kind in stream]
    late = sums_by_definition(stream[2000:], fast=2, slow=20, mass=20, most=6)
    assert sums[-100:] == pytest.approx(late[-100:], abs=1e-6)


@given(st.lists(st.text(max_size=3), max_size=80), st.integers(1, 4))
def test_the_sum_stays_between_zero_and_twice_the_threshold(stream: list[str], most_kinds: int) -> None:
    detector = DriftDetector(threshold=2, fast=3, slow=9, most_kinds=most_kinds)
    for kind in stream:
        assert 0 <= detector.observe(kind) <= 4
        assert detector.drifting is (detector.since is not None)


def test_novelty_is_the_share_of_new_kinds_lately() -> None:
    detector = DriftDetector(fast=10, slow=100)
    for number in range(9):
        detector.observe(f"kind {number}")
    assert detector.novelty is None
    detector.observe("kind 0")
    assert detector.novelty == pytest.approx(0.9)
    for _ in range(10):
        detector.observe("kind 0")
    assert detector.novelty == 0
    detector.observe("another")
    assert detector.novelty == pytest.approx(0.1)


def test_a_flood_of_kinds_takes_no_more_room_and_shows_as_novelty() -> None:
    detector = DriftDetector(fast=20, slow=200, most_kinds=5)
    for number in range(3000):
        assert math.isfinite(detector.observe(f"kind {number}"))
    assert detector.novelty == 1


def test_kinds_that_faded_make_room_for_new_ones() -> None:
    detector = DriftDetector(fast=2, slow=4, most_kinds=2)
    detector.observe("faded")
    for _ in range(100):
        detector.observe("present")
    detector.observe("new")
    for _ in range(8):
        detector.observe("new")
    assert detector.novelty == 0  # "new" has a place of its own, or each of its demands would count as new


def test_kinds_that_were_forgotten_weigh_nothing_any_more() -> None:
    kept = ["present"] * 50 + ["new"] * 3
    detector = DriftDetector(threshold=50, fast=2, slow=4, most_kinds=50)
    for number in range(49):
        detector.observe(f"faded {number}")
    sums = [detector.observe(kind) for kind in kept]
    alone = sums_by_definition(kept, fast=2, slow=4, mass=20, most=100)
    assert sums[-1] - sums[-3] == pytest.approx(alone[-1] - alone[-3], abs=1e-9)


def test_a_table_that_is_full_of_present_kinds_stays_as_it_is() -> None:
    detector = DriftDetector(fast=2, slow=4, most_kinds=1)
    for _ in range(20):
        detector.observe("present")
    for _ in range(3):
        detector.observe("other")
    assert detector.novelty == 1


def test_after_a_reset_the_demand_of_now_is_normal() -> None:
    detector = DriftDetector()
    for kind in ["old"] * 500 + ["new"] * 50:
        detector.observe(kind)
    assert detector.drifting
    detector.reset()
    assert (detector.bits, detector.drifting, detector.since, detector.observations) == (0, False, None, 550)
    for _ in range(500):
        assert detector.observe("new") == pytest.approx(0, abs=1e-9)


def test_the_detector_shows_what_it_has_found() -> None:
    detector = DriftDetector()
    detector.observe("a")
    assert repr(detector) == "DriftDetector(n=1, bits=0, since=None)"


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_thresholds_and_masses_that_make_no_sense_are_refused(value: float) -> None:
    with pytest.raises(ConfigurationError, match="threshold"):
        DriftDetector(threshold=value)
    with pytest.raises(ConfigurationError, match="mass"):
        DriftDetector(mass=value)


@pytest.mark.parametrize(
    ("fast", "slow"), [(0.5, 10), (10, 10), (20, 10), (math.nan, 10), (10, math.nan), (10, math.inf), (1e9, 1e10)]
)
def test_half_lives_that_cannot_be_compared_are_refused(fast: float, slow: float) -> None:
    with pytest.raises(ConfigurationError, match="Half-lives"):
        DriftDetector(fast=fast, slow=slow)


def test_no_room_for_any_kind_is_refused_by_the_detector() -> None:
    with pytest.raises(ConfigurationError, match="0 kinds"):
        DriftDetector(most_kinds=0)
