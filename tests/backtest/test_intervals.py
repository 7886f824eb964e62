"""Bootstrap intervals against a bootstrap written by hand over the same days."""

import math

import numpy as np
import pytest

from ocw_strategy.backtest.intervals import (
    block_days,
    bootstrap_intervals,
    paired_difference,
    resampled_days,
)
from ocw_strategy.backtest.significance import StatisticsError


def record(days: int = 300, mean: float = 0.001, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, days)


def clustered(days: int, persistence: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.zeros(days)
    for day in range(1, days):
        values[day] = persistence * values[day - 1] + rng.normal(0, 0.01)
    return values


def by_hand(returns: list[float]) -> tuple[float, float, float]:
    """Return compounded return, annual Sharpe ratio and deepest fall of a record, day by day."""
    worth = peak = 1.0
    fall = 0.0
    for value in returns:
        worth *= 1 + value
        peak = max(peak, worth)
        fall = min(fall, worth / peak - 1)
    mean = sum(returns) / len(returns)
    spread = math.sqrt(sum((v - mean) ** 2 for v in returns) / (len(returns) - 1))
    return worth - 1, mean / spread * math.sqrt(365), fall


def test_it_is_a_bootstrap_by_hand_over_the_same_days() -> None:
    returns = record()
    found = bootstrap_intervals(returns, rng=np.random.default_rng(5), resamples=400)
    assert found
    days = resampled_days(300, found.block_days, 400, np.random.default_rng(5))
    drawn = np.array([by_hand([float(returns[day]) for day in row]) for row in days])
    for column, interval in enumerate((found.total_return, found.sharpe, found.max_drawdown)):
        low, high = np.percentile(drawn[:, column], [2.5, 97.5])
        assert interval.low == pytest.approx(low, abs=1e-9)
        assert interval.high == pytest.approx(high, abs=1e-9)
        assert interval.estimate == pytest.approx(by_hand(returns.tolist())[column], abs=1e-9)


def test_the_days_come_in_runs_of_the_stated_mean_length() -> None:
    days = resampled_days(1_000, 20, 50, np.random.default_rng(2))
    assert days.shape == (50, 1_000)
    goes_on = (np.diff(days, axis=1) % 1_000) == 1
    assert 1 / (1 - goes_on.mean()) == pytest.approx(20, rel=0.08)
    assert np.bincount(days.ravel(), minlength=1_000).min() > 0


def test_more_dependence_asks_for_longer_runs() -> None:
    assert block_days(record(600)) < block_days(clustered(600, 0.9))
    assert block_days(clustered(600, 0.999)) <= 60
    assert block_days(record(20)) == 1
    assert block_days(np.zeros(300)) == 1


def test_a_95_percent_interval_holds_the_truth_about_so_often() -> None:
    truth, held = 0.05 * math.sqrt(365), 0
    for seed in range(200):
        returns = np.random.default_rng(seed).normal(0.0005, 0.01, 250)
        found = bootstrap_intervals(returns, rng=np.random.default_rng(seed), resamples=300)
        assert found
        held += found.sharpe.low <= truth <= found.sharpe.high
    assert 0.89 <= held / 200 <= 0.99


def test_the_same_generator_gives_the_same_interval() -> None:
    first, second, other = (
        bootstrap_intervals(record(), rng=np.random.default_rng(seed), resamples=100)
        for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_what_both_share_falls_out_of_a_difference() -> None:
    market = record(400, seed=9) * 5
    found = paired_difference(
        market + record(400, 0.002, 3) / 10, market, rng=np.random.default_rng(0)
    )
    assert found
    assert found.daily_return.low > 0
    assert found.better == 1.0
    backward = paired_difference(
        market, market + record(400, 0.002, 3) / 10, rng=np.random.default_rng(0)
    )
    assert backward
    assert backward.daily_return.estimate == pytest.approx(-found.daily_return.estimate)
    assert backward.better == 0.0


@pytest.mark.parametrize("returns", [[], [0.1], [0.0] * 300, [0.01] * 300, [0.01, 0.02] * 14])
def test_what_says_nothing_gets_no_interval(returns: list[float]) -> None:
    rng = np.random.default_rng(0)
    assert bootstrap_intervals(returns, rng=rng) is None
    assert paired_difference(returns, returns, rng=rng) is None


def test_a_record_is_no_different_from_itself() -> None:
    assert paired_difference(record(), record(), rng=np.random.default_rng(0)) is None


def test_what_is_no_record_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(StatisticsError, match="mend day 2"):
        bootstrap_intervals([0.1, 0.2, math.nan], rng=rng)
    with pytest.raises(StatisticsError, match="same 300 days"):
        paired_difference(record(300), record(299), rng=rng)
