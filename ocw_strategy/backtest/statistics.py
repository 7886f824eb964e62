"""What an equity curve did, and what merely holding would have done over the same samples.

Every figure comes from mark-to-market equity. Ratios are Nautilus's own statistics fed with daily
returns and annualised on 365 days, so that the terminal, the report and the tearsheet cannot
disagree. A figure that is not defined (the Sharpe ratio of a flat curve, the volatility of one
day) is None, never an error and never a number that looks like one.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from nautilus_trader.analysis import CAGR, ReturnsVolatility, SharpeRatio, SortinoRatio
from numpy.typing import NDArray

from ocw_strategy.model import Strict
from ocw_strategy.units import DAY_NS, DAYS_PER_YEAR

type Figure = float | None
type Times = NDArray[np.int64]
type Values = NDArray[np.float64]


class Performance(Strict):
    """What an equity curve did; returns, volatility and drawdown are fractions."""

    end_usd: float
    total_return: float
    cagr: Figure
    volatility: Figure
    """Annualised standard deviation of daily returns."""
    sharpe: Figure
    sortino: Figure
    max_drawdown: float
    """Deepest fall from a peak over all samples; 0 or negative."""
    under_water_fraction: float
    """Share of the time spent below an earlier peak."""
    longest_under_water_days: float


def daily_returns(ts_ns: Times, values: Values) -> pd.Series:
    """Return the return of each UTC day, indexed by the day (without a zone).

    A sample at midnight closes the day before it. A day without a sample returned nothing, and
    what happened in it counts when the next sample is seen. The last day may be a part of one.

    Parameters
    ----------
    ts_ns : ndarray, shape (n,)
        Ascending UNIX nanoseconds of the samples; the first is where the curve starts.
    values : ndarray, shape (n,)
        Equity at each, positive.
    """
    first, last = int(ts_ns[0] // DAY_NS), int((ts_ns[-1] - 1) // DAY_NS)
    days = np.arange(first, last + 1)
    closes = values[np.searchsorted(ts_ns, (days + 1) * DAY_NS, side="right") - 1]
    before = np.concatenate([values[:1], closes])[: len(closes)]
    index = pd.DatetimeIndex((days * DAY_NS).astype("datetime64[ns]"))
    return pd.Series(closes / before - 1.0, index=index)


def drawdowns(values: Values) -> Values:
    """Return each sample's fall from the highest one up to it; 0 or negative fractions."""
    return values / np.maximum.accumulate(values) - 1.0


def performance(ts_ns: Times, values: Values) -> Performance:
    """Return what an equity curve did; see `daily_returns` for the parameters."""
    returns = daily_returns(ts_ns, values)
    falls = drawdowns(values)
    under = falls < 0
    steps = np.diff(ts_ns)
    peak_ns = np.maximum.accumulate(np.where(under, ts_ns[0], ts_ns))
    return Performance(
        end_usd=float(values[-1]),
        total_return=float(values[-1] / values[0] - 1.0),
        cagr=_annual(CAGR, returns),
        volatility=_annual(ReturnsVolatility, returns),
        sharpe=_annual(SharpeRatio, returns),
        sortino=_annual(SortinoRatio, returns),
        max_drawdown=float(falls.min()),
        under_water_fraction=float(steps[under[1:]].sum() / steps.sum()) if len(steps) else 0.0,
        longest_under_water_days=float((ts_ns - peak_ns)[under].max(initial=0) / DAY_NS),
    )


def _annual(statistic: Any, returns: pd.Series) -> Figure:
    days_ns = returns.index.to_numpy("datetime64[ns]").astype(np.int64).tolist()
    by_day = dict(zip(days_ns, returns.tolist(), strict=True))
    value = statistic(DAYS_PER_YEAR).calculate_from_returns(by_day)
    return value if math.isfinite(value) else None
