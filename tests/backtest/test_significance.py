"""Sharpe ratios against luck: the published formulas written out, and what says nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ocw_strategy.backtest.significance import (
    MINIMUM_DAYS,
    StatisticsError,
    daily_sharpe,
    significance,
)

EULER = 0.5772156649015329


def record(days: int = 400, mean: float = 0.001, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(5, days) * 0.01 + mean


def moments(returns: np.ndarray) -> tuple[float, float, float]:
    """Return Sharpe ratio, skew and kurtosis a day, the last two by the adjusted estimators."""
    n, gap = len(returns), returns - returns.mean()
    m2, m3, m4 = (float((gap**power).mean()) for power in (2, 3, 4))
    skew = math.sqrt(n * (n - 1)) / (n - 2) * m3 / m2**1.5
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (m4 / m2**2 - 3) + 6)
    return returns.mean() / math.sqrt(m2), skew, excess + 3


def by_hand(returns: np.ndarray, benchmark: float) -> float:
    """Return the probabilistic Sharpe ratio of Bailey and López de Prado (2012), written out."""
    ratio, skew, kurtosis = moments(returns)
    error = math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    z = (ratio - benchmark) * math.sqrt(len(returns) - 1) / error
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def best_of(trials: int, variance: float) -> float:
    """Return what the best of worthless trials shows, Bailey and López de Prado (2014)."""
    first = stats.norm.ppf(1 - 1 / trials)
    second = stats.norm.ppf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * first + EULER * second)


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_the_published_formulas(seed: int) -> None:
    returns = record(seed=seed)
    tried = np.random.default_rng(seed + 100).normal(0, 0.04, 20)
    found = significance(returns, trials=37, trial_sharpes=tried.tolist())
    benchmark = best_of(37, float(tried.var(ddof=1)))
    ratio, skew, kurtosis = moments(returns)
    assert found.daily_sharpe == pytest.approx(ratio, abs=1e-12)
    assert found.sharpe == pytest.approx(ratio * math.sqrt(365), abs=1e-12)
    assert found.skew == pytest.approx(skew, abs=1e-9)
    assert found.kurtosis == pytest.approx(kurtosis, abs=1e-9)
    assert found.probabilistic == pytest.approx(by_hand(returns, 0.0), abs=1e-10)
    assert found.benchmark_sharpe == pytest.approx(benchmark * math.sqrt(365), abs=1e-10)
    assert found.deflated == pytest.approx(by_hand(returns, benchmark), abs=1e-10)


def test_the_example_of_the_paper_comes_out() -> None:
    # Bailey and López de Prado (2014): an annual Sharpe ratio of 2.5 over 1,250 days, 100 trials
    # with a variance of 1/2 a year of 250 days, skew -3 and kurtosis 10 give 0.9004
    benchmark = best_of(100, 0.5 / 250)
    ratio = 2.5 / math.sqrt(250)
    error = math.sqrt(1 + 3 * ratio + 9 / 4 * ratio**2)
    assert benchmark == pytest.approx(0.1132, abs=5e-5)
    probability = stats.norm.cdf((ratio - benchmark) * math.sqrt(1249) / error)
    assert probability == pytest.approx(0.9004, abs=5e-5)


def test_the_benchmark_of_many_trials_is_the_mean_best_of_as_many_draws() -> None:
    drawn = np.random.default_rng(7).normal(size=(20_000, 50)).max(axis=1).mean()
    found = significance(record(), trials=50, trial_sharpes=[-0.05, -0.02, 0.0, 0.03, 0.04])
    spread = np.std([-0.05, -0.02, 0.0, 0.03, 0.04], ddof=1) * math.sqrt(365)
    assert found.benchmark_sharpe is not None
    assert found.benchmark_sharpe / spread == pytest.approx(drawn, abs=0.03)


def test_the_minimum_record_is_the_shortest_that_convinces() -> None:
    returns = record()
    needed = significance(returns).minimum_days
    assert needed is not None
    ratio, skew, kurtosis = moments(returns)
    error = math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)

    def convinces(days: float) -> bool:
        return bool(stats.norm.cdf(ratio * math.sqrt(days - 1) / error) >= 0.95)

    assert convinces(needed)
    assert not convinces(needed - 1)


def test_one_trial_is_deflated_by_nothing_and_more_trials_by_more() -> None:
    returns = record()
    found = [significance(returns, trials=n).deflated for n in (1, 2, 10, 100, 1_000)]
    assert found[0] == significance(returns).probabilistic
    assert all(a is not None for a in found)
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)


def test_too_few_known_trials_are_held_to_the_harder_standard() -> None:
    returns = record()
    alike = significance(returns, trials=20, trial_sharpes=[0.05] * 4)
    assert alike.benchmark_sharpe == pytest.approx(best_of(20, 1 / 399) * math.sqrt(365))


def test_a_loser_never_has_a_record_long_enough() -> None:
    found = significance(record(mean=-0.002))
    assert found.minimum_days is None
    assert found.probabilistic is not None
    assert found.probabilistic < 0.5


@pytest.mark.parametrize(
    "returns",
    [[], [0.01], [0.01] * 400, record(MINIMUM_DAYS - 1).tolist(), [0.0] * 400],
    ids=["none", "one", "constant", "short", "flat"],
)
def test_what_says_nothing_gets_no_figure(returns: list[float]) -> None:
    found = significance(returns, trials=3)
    assert (found.sharpe, found.probabilistic, found.deflated) == (None, None, None)
    assert (found.benchmark_sharpe, found.minimum_days) == (None, None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_return_that_is_no_number_is_refused(bad: float) -> None:
    returns = record().tolist()
    returns[7] = bad
    with pytest.raises(StatisticsError, match="mend day 7"):
        significance(returns)
    with pytest.raises(StatisticsError, match="mend day 7"):
        daily_sharpe(returns)
    with pytest.raises(StatisticsError, match="trial_sharpes"):
        significance(record(), trials=3, trial_sharpes=[0.1, bad])


@pytest.mark.parametrize("trials", [0, -1])
def test_a_result_without_a_trial_is_refused(trials: int) -> None:
    with pytest.raises(StatisticsError, match="trials"):
        significance(record(), trials=trials)


def test_two_dimensions_are_refused() -> None:
    with pytest.raises(StatisticsError, match="one series"):
        significance(np.zeros((40, 2)))


@given(st.lists(st.floats(-0.5, 0.5), min_size=MINIMUM_DAYS, max_size=60), st.integers(1, 10_000))
def test_a_figure_is_a_probability_or_none(returns: list[float], trials: int) -> None:
    found = significance(returns, trials=trials)
    for value in (found.probabilistic, found.deflated):
        assert value is None or 0.0 <= value <= 1.0
