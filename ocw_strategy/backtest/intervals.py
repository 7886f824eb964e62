"""How far the figures of an equity curve could have come out otherwise: block-bootstrap intervals.

The stationary bootstrap of Politis and Romano (1994) puts the days of a record together anew, in
runs of random length, so that spells of volatility stay together; the mean length of a run comes
from the record (Politis and White 2004, corrected 2009). Percentiles of the figure over the
resampled records are its interval. It says what this record's days allow, not what another market
would do.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ocw_strategy.backtest.significance import (
    CONFIDENCE,
    FLAT,
    MINIMUM_DAYS,
    StatisticsError,
    checked,
)
from ocw_strategy.backtest.statistics import Values
from ocw_strategy.model import Strict
from ocw_strategy.units import DAYS_PER_YEAR

RESAMPLES = 2_000


class Interval(Strict):
    """A figure between its bounds."""

    estimate: float
    low: float
    high: float


class Intervals(Strict):
    """The figures of a record, each between its bounds, at `level`."""

    level: float
    days: int
    block_days: int
    """Mean length of the runs put together."""
    resamples: int
    total_return: Interval
    sharpe: Interval
    """Annualised on 365 days."""
    max_drawdown: Interval
    """From daily closes; 0 or negative."""


class Difference(Strict):
    """How much better one record did than another over the same days."""

    daily_return: Interval
    """Mean daily return of the first less that of the second."""
    sharpe: Interval
    """Annualised Sharpe ratio of the first less that of the second."""
    better: float
    """Share of the resampled records in which the first had the higher Sharpe ratio."""


def block_days(returns: ArrayLike) -> int:
    """Return the mean run length to resample daily returns with: at least 1, at most a tenth.

    Raises
    ------
    StatisticsError
        If the series is not finite.
    """
    # heavy to import, and every worker of a walk-forward imports this module to resample nothing
    from arch.bootstrap import optimal_block_length

    values = checked(returns)
    if len(values) < MINIMUM_DAYS or values.std() <= FLAT:
        return 1
    # of the returns and of their size: spells of volatility must stay together too
    found = [
        float(optimal_block_length(series)["stationary"].iloc[0])
        for series in (values, np.abs(values))
        if series.std() > FLAT
    ]
    longest = max((each for each in found if math.isfinite(each)), default=1.0)
    return max(1, min(math.ceil(longest), len(values) // 10))


def resampled_days(
    count: int, block: int, resamples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return which days make up each resampled record, shape (resamples, count)."""
    from arch.bootstrap import StationaryBootstrap

    bootstrap = StationaryBootstrap(block, np.arange(count), seed=rng)
    return np.array([data[0][0] for data in bootstrap.bootstrap(resamples)], dtype=np.int64)


def bootstrap_intervals(
    returns: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = CONFIDENCE,
) -> Intervals | None:
    """Return the intervals of a record; None where it is too short or never moved.

    Parameters
    ----------
    returns : array_like, shape (n,)
        Daily returns, fractions.
    rng : numpy.random.Generator
        Source of the resampling.
    resamples : int, default 2000
    level : float, default 0.95

    Raises
    ------
    StatisticsError
        If the series is not finite.
    """
    values = checked(returns)
    if len(values) < MINIMUM_DAYS or values.std() <= FLAT:
        return None
    block = block_days(values)
    drawn = values[resampled_days(len(values), block, resamples, rng)]
    return Intervals(
        level=level,
        days=len(values),
        block_days=block,
        resamples=resamples,
        total_return=_interval(total_returns(values[None])[0], total_returns(drawn), level),
        sharpe=_interval(sharpes(values[None])[0], sharpes(drawn), level),
        max_drawdown=_interval(deepest(values[None])[0], deepest(drawn), level),
    )


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = CONFIDENCE,
) -> Difference | None:
    """Return how much better one record did than another, both resampled by the same days.

    What both share, the market, falls out. None where they are too short or do not differ.

    Raises
    ------
    StatisticsError
        If a series is not finite or they differ in length.
    """
    one, two = checked(first, "first"), checked(second, "second")
    if len(one) != len(two):
        raise StatisticsError("second", len(two), f"give the same {len(one)} days as the first")
    gap = one - two
    if len(one) < MINIMUM_DAYS or gap.std() <= FLAT:
        return None
    days = resampled_days(len(one), block_days(gap), resamples, rng)
    better = sharpes(one[days]) - sharpes(two[days])
    sharpe = float(sharpes(one[None])[0] - sharpes(two[None])[0])
    return Difference(
        daily_return=_interval(float(gap.mean()), gap[days].mean(axis=1), level),
        sharpe=_interval(sharpe, better, level),
        better=float(np.mean(better > 0)),
    )


def growth_band(
    returns: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = CONFIDENCE,
) -> tuple[Values, Values] | None:
    """Return the lower and upper bound of what one dollar grew to, by the end of each day.

    Each day has its own bounds: a path may leave the band on some days without being unusual. None
    where the record is too short or never moved.

    Raises
    ------
    StatisticsError
        If the series is not finite.
    """
    values = checked(returns)
    if len(values) < MINIMUM_DAYS or values.std() <= FLAT:
        return None
    days = resampled_days(len(values), block_days(values), resamples, rng)
    grown = np.cumprod(1.0 + values[days], axis=1)
    low, high = np.quantile(grown, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def total_returns(records: Values) -> Values:
    """Return the compounded return of each row of daily returns."""
    return np.prod(1.0 + records, axis=1) - 1.0


def sharpes(records: Values) -> Values:
    """Return the Sharpe ratio a year of each row of daily returns; 0 for a row that never moved."""
    deviation = records.std(axis=1, ddof=1)
    mean = records.mean(axis=1)
    ratio = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > FLAT)
    return ratio * math.sqrt(DAYS_PER_YEAR)


def deepest(records: Values) -> Values:
    """Return the deepest fall of each row of daily returns from a peak, its start included."""
    grown = np.cumprod(1.0 + records, axis=1)
    peaks = np.maximum(1.0, np.maximum.accumulate(grown, axis=1))
    return (grown / peaks - 1.0).min(axis=1)


def _interval(estimate: float, drawn: Values, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate=float(estimate), low=float(low), high=float(high))
