"""Whether a Sharpe ratio is more than luck, and more than the best of so many tries.

Everything here is per day: the formulas of Bailey and López de Prado take the Sharpe ratio per
observation, never the annualised one. Annual figures are those times the root of 365. A series
too short or too flat to say anything gives None for every figure; one that is not finite is
refused, for no figure made of it would mean anything.

References
----------
Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier.
Bailey and López de Prado (2014), The Deflated Sharpe Ratio.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from purgedcv import (
    deflated_sharpe_ratio_full,
    min_track_record_length,
    probabilistic_sharpe_ratio,
)

from ocw_strategy.backtest.statistics import Figure, Values
from ocw_strategy.errors import OcwError
from ocw_strategy.model import Strict
from ocw_strategy.units import DAYS_PER_YEAR

MINIMUM_DAYS = 30
"""Fewer days than this say nothing about skew and kurtosis: no figure is given."""
CONFIDENCE = 0.95
FLAT = 1e-12
"""A standard deviation no larger than this is rounding: the series never moved."""
_KNOWN_TRIALS = 5


class StatisticsError(OcwError):
    """A series no statistic can be made of."""


class Significance(Strict):
    """What a Sharpe ratio is worth; probabilities are fractions, ratios annual but where said."""

    days: int
    trials: int
    """Configurations tried, this one included: what the deflation corrects for."""
    sharpe: Figure
    daily_sharpe: Figure
    """Mean over standard deviation of daily returns, not annualised, population deviation."""
    skew: Figure
    kurtosis: Figure
    """Not the excess: 3 for a normal distribution."""
    probabilistic: Figure
    """Chance that the true Sharpe ratio is above 0, from this one series alone."""
    deflated: Figure
    """Chance that it is above what the best of `trials` worthless ones would show."""
    benchmark_sharpe: Figure
    """That best one's Sharpe ratio."""
    minimum_days: Figure
    """Days a record must have before its Sharpe ratio is above 0 at 95 %; None for never."""


def checked(returns: ArrayLike, what: str = "returns") -> Values:
    """Return a series of daily returns as an array.

    Raises
    ------
    StatisticsError
        If it is not one-dimensional or not finite.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1:
        raise StatisticsError(what, values.shape, "give one series of daily returns")
    if not np.isfinite(values).all():
        broken = int(np.flatnonzero(~np.isfinite(values))[0])
        raise StatisticsError(
            what, float(values[broken]), f"mend day {broken}: a return must be a finite number"
        )
    return values


def daily_sharpe(returns: ArrayLike) -> Figure:
    """Return mean over population standard deviation; None for a flat series or less than 2 days.

    Raises
    ------
    StatisticsError
        If the series is not finite.
    """
    values = checked(returns)
    if len(values) < 2:
        return None
    deviation = float(values.std())
    return float(values.mean()) / deviation if deviation > FLAT else None


def significance(
    returns: ArrayLike, *, trials: int = 1, trial_sharpes: Sequence[float] = ()
) -> Significance:
    """Return what the Sharpe ratio of daily returns is worth.

    Parameters
    ----------
    returns : array_like, shape (n,)
        Daily returns, fractions.
    trials : int, default 1
        Configurations that were really tried on this market, the shown one included. Too few here
        makes luck look like skill: take it from the ledger (`trials`), not from memory.
    trial_sharpes : sequence of float, optional
        Daily Sharpe ratios of the trials that are known; their spread sets the benchmark. Of
        fewer than five no spread can be told: then it is what estimating alone would give
        independent worthless trials, 1 / (n - 1), the harder standard.

    Raises
    ------
    StatisticsError
        If a figure is not finite, or `trials` is no positive number.

    Notes
    -----
    Correlated trials spread less, and the best of them is that much less lucky: so the number of
    trials is not also reduced to an effective one.
    """
    values = checked(returns)
    if trials < 1:
        raise StatisticsError("trials", trials, "count at least the one that is shown")
    known = checked(np.asarray(trial_sharpes, dtype=np.float64), "trial_sharpes")
    ratio = daily_sharpe(values)
    if ratio is None or len(values) < MINIMUM_DAYS:
        return _unknown(len(values), trials)
    spread = float(known.var(ddof=1)) if len(known) >= _KNOWN_TRIALS else 1 / (len(values) - 1)
    try:
        found = deflated_sharpe_ratio_full(values, trials, spread)
        needed = min_track_record_length(ratio, 0.0, 1 - CONFIDENCE, found.skew, found.kurt)
        single = probabilistic_sharpe_ratio(values, 0.0)
    except ValueError:  # the moments are too extreme for the normal approximation
        return _unknown(len(values), trials)
    year = math.sqrt(DAYS_PER_YEAR)
    return Significance(
        days=len(values),
        trials=trials,
        sharpe=ratio * year,
        daily_sharpe=ratio,
        skew=found.skew,
        kurtosis=found.kurt,
        probabilistic=single,
        deflated=found.dsr,
        benchmark_sharpe=found.sr_star * year,
        minimum_days=needed if math.isfinite(needed) else None,
    )


def _unknown(days: int, trials: int) -> Significance:
    return Significance(
        days=days, trials=trials, sharpe=None, daily_sharpe=None, skew=None, kurtosis=None,
        probabilistic=None, deflated=None, benchmark_sharpe=None, minimum_days=None,
    )  # fmt: skip
