"""Whether choosing the best variant of a grid fits noise: the probability of backtest overfitting.

Combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and Zhu, 2017): the days
are cut into equal blocks, every half of them serves as the sample to choose in, and the chosen
variant is ranked among all in the other half. No purge is made between blocks: a position lasts
two days at most, a block many.
"""

import math
from collections.abc import Mapping

import numpy as np
from purgedcv import probability_of_backtest_overfitting

from ocw_strategy.backtest.significance import FLAT, StatisticsError, checked
from ocw_strategy.backtest.statistics import Figure, Values
from ocw_strategy.model import Strict

SPLITS = 10
"""Blocks the days are cut into: 252 ways to choose half of them."""
_DAYS_A_BLOCK = 5


class Overfitting(Strict):
    """What choosing by the past was worth; None where the series are too few or too short."""

    variants: int
    days: int
    splits: int
    combinations: int
    probability: Figure
    """Share of the choices that ended below the median of the grid out of sample."""
    loss_probability: Figure
    """Share of the choices that lost money out of sample."""
    slope: Figure
    """How the chosen one's Sharpe out of sample follows that in sample: 1 would be honest, below 0
    means the better it looked the worse it did."""


def overfitting(returns: Mapping[str, Values], *, splits: int = SPLITS) -> Overfitting:
    """Return the probability of backtest overfitting over a grid.

    Parameters
    ----------
    returns : Mapping[str, ndarray]
        Daily returns of every variant tried, over the same days. Leaving out those that did badly
        makes the answer worthless.
    splits : int, default 10
        Blocks, an even number.

    Raises
    ------
    StatisticsError
        If the series differ in length or are not finite, or `splits` is odd.
    """
    if splits < 2 or splits % 2:
        raise StatisticsError("splits", splits, "give an even number of blocks, such as 10")
    series = [checked(values, name) for name, values in returns.items()]
    lengths = {len(values) for values in series}
    if len(lengths) > 1:
        raise StatisticsError("returns", sorted(lengths), "give every variant the same days")
    days = lengths.pop() if lengths else 0
    moving = sum(bool(values.std() > FLAT) for values in series) if days else 0
    if moving < 2 or days < splits * _DAYS_A_BLOCK:
        return Overfitting(
            variants=len(series), days=days, splits=splits, combinations=0, probability=None,
            loss_probability=None, slope=None,
        )  # fmt: skip
    found = probability_of_backtest_overfitting(np.array(series), splits, metric=_sharpe)
    return Overfitting(
        variants=len(series),
        days=days,
        splits=splits,
        combinations=found.n_combos,
        probability=found.pbo,
        loss_probability=float(np.mean(found.is_oos_performance[:, 1] < 0)),
        slope=found.slope if math.isfinite(found.slope) else None,
    )


def _sharpe(values: Values) -> float:
    deviation = values.std()
    return float(values.mean() / deviation) if deviation > FLAT else 0.0
