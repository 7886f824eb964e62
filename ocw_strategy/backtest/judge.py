"""The judge: whether a result that was chosen among many holds, or is what luck would show.

A pure function of daily returns, so that the same judgement can be passed on thousands of made-up
worlds (`make bench-judge` says how often it lets a worthless one pass and finds a good one). Every
check must pass, and what could not be computed does not.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ocw_strategy.backtest.intervals import Intervals, bootstrap_intervals
from ocw_strategy.backtest.overfitting import Overfitting, overfitting
from ocw_strategy.backtest.significance import (
    CONFIDENCE,
    Significance,
    daily_sharpe,
    significance,
)
from ocw_strategy.backtest.statistics import Figure, Values
from ocw_strategy.model import Strict

MAXIMUM_OVERFITTING = 0.5
"""Choosing among noise ends below the grid's median as often as not."""
MAXIMUM_LOSS = 0.05
"""A grid of equals has an overfitting probability of a half whatever it earns: where the chosen one
lost money out of sample in no more than this share of the choices, choosing did no harm."""


class Check(Strict):
    """One thing a result must show."""

    name: str
    passed: bool
    sentence: str
    """What was found and what was needed."""


class Verdict(Strict):
    """What the judge says of a result, and why."""

    passed: bool
    checks: tuple[Check, ...]
    significance: Significance
    overfitting: Overfitting | None
    """None where nothing was chosen."""
    intervals: Intervals | None


def judge(
    returns: Values,
    *,
    grid: Mapping[str, Values],
    markets: Mapping[str, Values],
    trials: int,
    trial_sharpes: Sequence[float] = (),
    rng: np.random.Generator,
) -> Verdict:
    """Pass judgement on a result.

    Parameters
    ----------
    returns : ndarray, shape (n,)
        Daily returns of the result, out of sample where something was chosen.
    grid : mapping of str to ndarray
        Daily returns of every variant that was chosen among, over the same days as each other;
        empty where there was no choice.
    markets : mapping of str to ndarray, shape (n,)
        Daily returns of holding, over the same days as `returns`, by name.
    trials : int
        Configurations tried, of which this is one.
    trial_sharpes : sequence of float, optional
        Their daily Sharpe ratios, of those that are known.
    rng : numpy.random.Generator
        Source of the bootstrap.

    Raises
    ------
    StatisticsError
        If a series is not finite, or those of the grid differ in length.
    """
    found = significance(returns, trials=trials, trial_sharpes=trial_sharpes)
    chosen = overfitting(grid) if len(grid) > 1 else None
    intervals = bootstrap_intervals(returns, rng=rng)
    checks = [_deflated(found), _interval(intervals)]
    if chosen is not None:
        checks.append(_overfitting(chosen))
    checks += [_market(name, returns, held) for name, held in markets.items()]
    return Verdict(
        passed=all(check.passed for check in checks),
        checks=tuple(checks),
        significance=found,
        overfitting=chosen,
        intervals=intervals,
    )


def _deflated(found: Significance) -> Check:
    value = found.deflated
    said = _shown(value)
    return Check(
        name="deflated Sharpe ratio",
        passed=value is not None and value >= CONFIDENCE,
        sentence=(
            f"The chance that the Sharpe ratio is more than the luck of the best of "
            f"{found.trials:,} is {said}; {CONFIDENCE:.2f} is needed."
        ),
    )


def _interval(intervals: Intervals | None) -> Check:
    low = None if intervals is None else intervals.total_return.low
    said = "not known" if low is None else f"{100 * low:+.1f} %"
    return Check(
        name="return interval",
        passed=low is not None and low > 0,
        sentence=f"The lower bound of the return at {CONFIDENCE:.0%} is {said}; above 0 is needed.",
    )


def _overfitting(found: Overfitting) -> Check:
    below, lost = found.probability, found.loss_probability
    return Check(
        name="overfitting",
        passed=below is not None
        and lost is not None
        and (below < MAXIMUM_OVERFITTING or lost <= MAXIMUM_LOSS),
        sentence=(
            f"Choosing by the past among the {found.variants} variants ends below their median "
            f"with a chance of {_shown(below)} and loses money with one of {_shown(lost)}; below "
            f"{MAXIMUM_OVERFITTING:.2f}, or at most {MAXIMUM_LOSS:.2f}, is needed."
        ),
    )


def _market(name: str, returns: Values, held: Values) -> Check:
    own, other = daily_sharpe(returns), daily_sharpe(held)
    # a market that never moved asks only for a ratio above nothing
    passed = own is not None and own > (other or 0.0)
    return Check(
        name=name,
        passed=passed,
        sentence=f"The Sharpe ratio {'is' if passed else 'is not'} above that of {name}.",
    )


def _shown(value: Figure) -> str:
    return "not known" if value is None else f"{value:.3f}"
