"""The filters reproduce the published series, agree with the definition in matrices, and stay finite."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.control.cyberfilter import OPERATIONS, PUBLISHED
from vsm_mcp.systems.control.filters import Form, LevelModel, MultiProcess, Prior

CP6 = [
    620, 633, 652, 652, 661, 683, 693, 715, 743, 743, 752, 870, 784, 765, 756, 775, 743, 734, 765, 734, 752, 793, 756,
    784, 911, 852, 879, 879, 829, 852, 875, 852, 879, 852, 870, 852, 961, 966, 929, 980, 943, 980, 998, 939, 957, 929,
    902, 920, 952, 911, 893, 861, 888, 870, 929, 916, 888, 861, 888, 870,
]  # fmt: skip
PRIOR = Prior(level=600, slope=10, level_variance=10_000, slope_variance=25, variance=144, evidence=10)
UNIT = Prior(level=0, level_variance=1, slope_variance=1, variance=1)

Matrix = list[list[float]]


def times(left: Matrix, right: Matrix) -> Matrix:
    return [[math.fsum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)]
            for row in left]  # fmt: skip


def plus(left: Matrix, right: Matrix, factor: float = 1.0) -> Matrix:
    return [[a + factor * b for a, b in zip(one, other, strict=True)] for one, other in zip(left, right, strict=True)]


def turned(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


class Transcription:
    """The definition, step by step in matrices, with nothing shared with what is tested."""

    def __init__(self, prior: Prior, forms: tuple[Form, ...], discount: float = 1.0) -> None:
        self.forms, self.discount, self.n = forms, discount, prior.evidence
        self.states = [
            (1.0, [[prior.level], [prior.slope]], [[prior.level_variance, 0.0], [0.0, prior.slope_variance]],
             prior.variance)
        ]  # fmt: skip
        self.begun = False
        self.now: list[float] = []
        self.back: list[float] = []
        self.total = 0.0

    def expect(self, form: Form, state: tuple[float, Matrix, Matrix, float]) -> tuple[Matrix, Matrix]:
        _, m, c, _ = state
        if not self.begun:
            return m, c
        g = [[1.0, 1.0], [0.0, 1.0]]
        w = [[c[0][0] * (1 / form.level_discount - 1), 0.0], [0.0, c[1][1] * (1 / form.slope_discount - 1)]]
        return times(g, m), times(times(g, plus(c, w)), turned(g))

    def observe(self, y: float) -> None:
        n = self.discount * self.n
        paths: list[list[tuple[float, Matrix, Matrix, float]]] = []
        for form in self.forms:
            row: list[tuple[float, Matrix, Matrix, float]] = []
            for state in self.states:
                a, r = self.expect(form, state)
                q = r[0][0] + form.noise * state[3]
                e = y - a[0][0]
                gain = [[r[0][0] / q], [r[1][0] / q]]
                s = (n * state[3] + state[3] * e * e / q) / (n + 1)
                density = math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2)) / math.sqrt(n * math.pi * q)
                weight = form.selection * state[0] * density * (1 + e * e / (q * n)) ** (-(n + 1) / 2)
                c = [[s / state[3] * v for v in line] for line in plus(r, times(gain, turned(gain)), -q)]
                row.append((weight, plus(a, gain, e), c, s))
            paths.append(row)
        self.collapse(paths, y)
        self.n = n + 1

    def collapse(self, paths: list[list[tuple[float, Matrix, Matrix, float]]], y: float) -> None:
        total = math.fsum(path[0] for row in paths for path in row)
        self.total += math.log(total)
        p = [[path[0] / total for path in row] for row in paths]
        self.back = [math.fsum(column) for column in zip(*p, strict=True)] if self.begun else []
        self.now = [math.fsum(row) for row in p]
        self.states.clear()
        for here, row, chances in zip(self.now, paths, p, strict=True):
            s = 1 / math.fsum(chance / (path[3] * here) for chance, path in zip(chances, row, strict=True))
            shares = [s / path[3] * chance / here for chance, path in zip(chances, row, strict=True)]
            m, c = [[0.0], [0.0]], [[0.0, 0.0], [0.0, 0.0]]
            for share, path in zip(shares, row, strict=True):
                m = plus(m, path[1], share)
            for share, path in zip(shares, row, strict=True):
                apart = plus(path[1], m, -1.0)
                c = plus(c, plus(path[2], times(apart, turned(apart))), share)
            self.states.append((here, m, c, s))
        self.begun = True

    def estimate(self) -> tuple[float, float]:
        return (
            math.fsum(state[0] * state[1][0][0] for state in self.states),
            math.fsum(state[0] * state[1][1][0] for state in self.states),
        )


def test_the_published_first_order_series() -> None:
    model = LevelModel(level=130, variance=400, noise=100, drift=5)
    seen = [
        (model.observe(y), model.forecast_variance, model.gain) for y in (150, 136, 143, 154, 135, 148, 128, 149, 146)
    ]
    assert [round(level, 1) for level, _, _ in seen] == [146.0, 141.4, 142.0, 145.3, 142.8, 144.0, 140.5, 142.3, 143.1]
    assert [round(spread or 0) for _, spread, _ in seen] == [505, 185, 151, 139, 133, 130, 128, 127, 126]
    assert [round(gain or 0, 2) for _, _, gain in seen] == [0.80, 0.46, 0.34, 0.28, 0.25, 0.23, 0.22, 0.21, 0.21]


def test_a_level_that_is_not_seen_drifts() -> None:
    model = LevelModel(level=1, variance=2, noise=1, drift=5)
    assert model.observe(None) == 1
    assert (model.variance, model.gain) == (7, None)
    assert repr(model) == "LevelModel(level=1, deviation=2.65)"
    with pytest.raises(PayloadError, match="An observation cannot be nan"):
        model.observe(math.nan)


@pytest.mark.parametrize("option", [{"noise": 0.0}, {"drift": -1.0}, {"variance": math.inf}, {"level": math.nan}])
def test_a_level_model_that_makes_no_sense_is_refused(option: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        LevelModel(**{"level": 0.0, "variance": 1.0, "noise": 1.0, "drift": 1.0, **option})


def test_the_published_monthly_sales() -> None:
    process = MultiProcess(prior=PRIOR, forms=PUBLISHED.forms)
    now: dict[int, list[float]] = {}
    back: dict[int, list[float]] = {}
    expected_12 = level_1 = 0.0
    for month, sold in enumerate(CP6, 1):
        expected_12 = process.forecast()[0] if month == 12 else expected_12
        process.observe(sold)
        now[month], back[month] = list(process.now), list(process.back)
        level_1 = process.estimate()[0] if month == 1 else level_1
    assert now[1] == pytest.approx([0.871162, 0.046846, 0.051245, 0.030747], abs=5e-7)
    assert level_1 == pytest.approx(619.1764, abs=5e-5)
    assert now[12] == pytest.approx([0.000224, 0.608049, 0.371065, 0.020662], abs=5e-7)
    assert expected_12 == pytest.approx(769.8243, abs=5e-5)
    assert back[13] == pytest.approx([0.000007, 0.991407, 0.008344, 0.000242], abs=5e-7)
    assert back[26] == pytest.approx([0.000693, 0.779661, 0.199718, 0.019929], abs=5e-7)
    assert back[38] == pytest.approx([0.001457, 0.022282, 0.968277, 0.007984], abs=5e-7)
    assert process.estimate()[:2] == pytest.approx((868.1683, -8.9058), abs=5e-5)
    assert process.log_likelihood == pytest.approx(-308.0048, abs=5e-5)
    assert repr(process) == "MultiProcess(observations=60, level=868.168, slope=-8.906)"


def compare(series: list[float], prior: Prior, *, forms: tuple[Form, ...], discount: float) -> None:
    process = MultiProcess(prior=prior, forms=forms, variance_discount=discount)
    plain = Transcription(prior, forms, discount)
    for value in series:
        process.observe(value)
        plain.observe(value)
        assert process.now == pytest.approx(plain.now, abs=1e-9)
        assert list(process.back) == pytest.approx(plain.back, abs=1e-9)
        assert process.estimate()[:2] == pytest.approx(plain.estimate(), rel=1e-9, abs=1e-9)
    assert process.log_likelihood == pytest.approx(plain.total, rel=1e-9, abs=1e-9)


def test_the_published_series_agrees_with_the_definition_in_matrices() -> None:
    compare([float(sold) for sold in CP6], PRIOR, forms=PUBLISHED.forms, discount=1.0)


@settings(max_examples=15)
@given(st.lists(st.floats(-30, 30), min_size=2, max_size=25), st.sampled_from([1.0, 0.995, 0.9]))
def test_any_series_agrees_with_the_definition_in_matrices(series: list[float], discount: float) -> None:
    compare(series, UNIT, forms=OPERATIONS.forms, discount=discount)


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e60, 1e60), st.sampled_from([0.0, 1e60, -1e60, 1e-300])),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([25.0, math.inf]),
)
def test_whatever_comes_everything_stays_finite_and_probable(series: list[float | None], surprise: float) -> None:
    process = MultiProcess(prior=UNIT, forms=OPERATIONS.forms, variance_discount=0.995, most_surprise=surprise)
    for value in series:
        if value is None:
            process.skip()
        else:
            process.observe(value)
        figures = (*process.estimate(), *process.forecast(), process.log_likelihood)
        assert all(map(math.isfinite, figures)), figures
        assert not process.now or math.fsum(process.now) == pytest.approx(1.0)
        assert not process.back or math.fsum(process.back) == pytest.approx(1.0)
        assert all(chance >= 0.0 for chance in (*process.now, *process.back))


def test_a_step_without_an_observation_makes_the_forecast_wider_and_moves_it_along() -> None:
    process = MultiProcess(prior=PRIOR, forms=PUBLISHED.forms)
    process.skip()
    assert (process.observations, process.forecast()[0]) == (0, 600)
    for sold in CP6[:10]:
        process.observe(sold)
    level, slope, _ = process.estimate()
    _, before, _ = process.forecast()
    process.skip()
    assert process.estimate()[0] == pytest.approx(level + slope)
    assert process.forecast()[1] > before
    assert process.now == pytest.approx([0.85, 0.07, 0.05, 0.03])
    assert process.observations == 10


def test_a_long_silence_does_not_widen_the_state_without_bound() -> None:
    process = MultiProcess(prior=PRIOR, forms=PUBLISHED.forms)
    process.observe(620)
    widths: list[float] = []
    for _ in range(5_000):
        process.skip()
        widths.append(process.forecast()[1])
    assert widths[9] > widths[0]
    assert widths[-1] == widths[10]
    process.observe(640)
    assert process.estimate()[0] == pytest.approx(640, abs=20)


def test_a_series_that_stands_still_ends_in_no_certainty_below_the_resolution() -> None:
    process = MultiProcess(prior=UNIT, forms=OPERATIONS.forms, variance_discount=0.995, resolution=0.5)
    for _ in range(5_000):
        process.observe(0.0)
    assert process.forecast()[1] >= 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e61])
def test_what_is_no_usable_number_is_refused_and_nothing_learnt(value: float) -> None:
    process = MultiProcess(prior=PRIOR, forms=PUBLISHED.forms)
    process.observe(620)
    before = process.estimate()
    with pytest.raises(PayloadError, match="An observation cannot be"):
        process.observe(value)
    assert (process.estimate(), process.observations) == (before, 1)


def test_models_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"2 models sum to 0\.75"):
        MultiProcess(prior=PRIOR, forms=(Form(selection=0.5), Form(selection=0.25)))
    for selection in (0.0, math.nan, 1.5):
        with pytest.raises(ConfigurationError, match="selection"):
            Form(selection=selection)
    for discount in (0.0, 1.1, math.nan):
        with pytest.raises(ConfigurationError, match="discount of a level"):
            Form(selection=0.5, level_discount=discount)
        with pytest.raises(ConfigurationError, match="discount of a variance"):
            MultiProcess(prior=PRIOR, forms=PUBLISHED.forms, variance_discount=discount)
    with pytest.raises(ConfigurationError, match="surprise"):
        MultiProcess(prior=PRIOR, forms=PUBLISHED.forms, most_surprise=0.5)
    with pytest.raises(ConfigurationError, match="noise"):
        Form(selection=0.5, noise=0)
    with pytest.raises(ConfigurationError, match="noise"):
        Prior(level=0, level_variance=1, slope_variance=1, variance=0)
    with pytest.raises(ConfigurationError, match="variance of a slope"):
        Prior(level=0, level_variance=1, slope_variance=-1, variance=1)


def test_an_explanation_that_is_nearly_impossible_is_not_lost_for_ever() -> None:
    forms = (Form(selection=0.9), Form(selection=0.1, noise=1e6))
    process = MultiProcess(prior=UNIT, forms=forms, variance_discount=0.9975)
    for place in range(600):
        process.observe(1.0 if place % 2 else -1.0)
    process.observe(1e50)
    assert all(0.0 < chance <= 1.0 for chance in process.now)
    process.observe(0.0)
    assert math.fsum(process.now) == pytest.approx(1.0)
