"""Figures of an equity curve, against computations of their own."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.backtest.statistics import Times, Values, daily_returns, drawdowns, performance
from ocw_strategy.units import DAY_NS, HOUR_NS

START_NS = 19_783 * DAY_NS  # 2024-03-01


def hourly(count: int) -> Times:
    return START_NS + np.arange(count) * HOUR_NS


def walk(days: int, seed: int = 3) -> Values:
    steps = np.random.default_rng(seed).normal(0.0, 0.004, days * 24)
    return 10_000.0 * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))


def test_a_sample_at_midnight_closes_the_day_before_it() -> None:
    equity = np.array([100.0] * 24 + [110.0] + [121.0] * 24)
    returns = daily_returns(hourly(49), equity)
    assert returns.tolist() == pytest.approx([0.10, 0.10])
    assert returns.index.tolist() == [pd.Timestamp("2024-03-01"), pd.Timestamp("2024-03-02")]


def test_a_part_of_a_day_at_the_end_is_a_day_of_its_own() -> None:
    returns = daily_returns(hourly(26), np.array([100.0] * 25 + [150.0]))
    assert returns.tolist() == pytest.approx([0.0, 0.5])


def test_a_day_without_samples_returned_nothing_and_the_next_sample_tells() -> None:
    ts_ns = START_NS + np.array([0, 1, 3]) * DAY_NS
    returns = daily_returns(ts_ns, np.array([100.0, 110.0, 99.0]))
    assert returns.tolist() == pytest.approx([0.10, 0.0, -0.10])


def test_daily_returns_compound_to_the_total_return() -> None:
    equity = walk(40)[: 24 * 37 + 7]
    returns = daily_returns(hourly(len(equity)), equity)
    assert np.prod(1 + returns) - 1 == pytest.approx(equity[-1] / equity[0] - 1)


def test_annual_figures_equal_numpy_on_365_days() -> None:
    equity = walk(200)
    found = performance(hourly(len(equity)), equity)
    x = equity[24::24] / equity[:-1:24] - 1
    assert len(x) == 200
    downside = math.sqrt((np.minimum(x, 0) ** 2).mean())
    assert found.sharpe == pytest.approx(x.mean() / x.std(ddof=1) * math.sqrt(365), rel=1e-9)
    assert found.sortino == pytest.approx(x.mean() / downside * math.sqrt(365), rel=1e-9)
    assert found.volatility == pytest.approx(x.std(ddof=1) * math.sqrt(365), rel=1e-9)
    assert found.cagr == pytest.approx((equity[-1] / equity[0]) ** (365 / 200) - 1, rel=1e-9)


def test_drawdown_sees_the_hours_between_two_midnights() -> None:
    equity = np.array([100.0] * 25 + [50.0] + [100.0] * 23)
    assert performance(hourly(49), equity).max_drawdown == -0.5
    assert daily_returns(hourly(49), equity).tolist() == [0.0, 0.0]


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=25))
def test_drawdown_is_the_worst_fall_between_any_two_samples(values: list[float]) -> None:
    worst = min(later / earlier - 1 for i, earlier in enumerate(values) for later in values[i:])
    assert drawdowns(np.array(values)).min() == pytest.approx(worst, abs=1e-12)


def test_time_under_water_counts_from_the_peak() -> None:
    #                  peak        under            back at the peak      under to the end
    equity = np.array([10.0, 12.0, 11.0, 11.5, 11.9, 12.0, 13.0, 13.0, 12.9])
    found = performance(hourly(9), equity)
    assert found.under_water_fraction == 4 / 8
    assert found.longest_under_water_days == pytest.approx(3 / 24)


@pytest.mark.parametrize("count", [1, 2, 25])
def test_a_flat_or_single_sample_has_no_ratios_and_no_error(count: int) -> None:
    found = performance(hourly(count), np.full(count, 10_000.0))
    assert (found.total_return, found.max_drawdown, found.under_water_fraction) == (0, 0, 0)
    assert found.sharpe is None
    assert found.sortino is None


def test_one_day_has_a_return_and_no_volatility() -> None:
    found = performance(hourly(25), np.linspace(100.0, 101.0, 25))
    assert found.total_return == pytest.approx(0.01)
    assert found.volatility is None
    assert found.sharpe is None
