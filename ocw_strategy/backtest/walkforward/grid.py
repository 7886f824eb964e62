"""What the grid did: every point's daily returns over the time that choices were made on.

A window runs every point over its in-sample part, and rolling parts overlap: a point's series takes
the whole first part and from each later one only the days that are new, so that no day counts
twice. Each part is with its own window's fitted values. A point that the pre-screen kept out of a
window has no whole series: it counts as tried and is left out of what needs one.
"""

import json
from dataclasses import dataclass

import numpy as np

from ocw_strategy.backtest.outcome import with_values
from ocw_strategy.backtest.significance import daily_sharpe
from ocw_strategy.backtest.statistics import Values, daily_returns
from ocw_strategy.backtest.trials import Trial, configuration_of, market_of
from ocw_strategy.backtest.walkforward.result import Parameters, WalkForwardResult
from ocw_strategy.backtest.walkforward.wording import parameters_text
from ocw_strategy.units import DAY_NS


@dataclass(frozen=True, slots=True)
class GridReturns:
    """Daily returns of the points that were run in every window, over the same days."""

    returns: dict[str, Values]
    """By what is special about the point."""
    left_out: int
    """Points without a whole series."""


def grid_returns(result: WalkForwardResult) -> GridReturns:
    """Return what every point of a walk-forward's grid did."""
    series = {
        _name(point): _series(result, point)
        for point in result.settings.grid_points()
    }  # fmt: skip
    whole = {name: values for name, values in series.items() if values is not None}
    return GridReturns(whole, len(series) - len(whole))


def grid_trials(result: WalkForwardResult) -> list[Trial]:
    """Return the ledger's lines of a walk-forward: one for every point of its grid."""
    first = min(found.window.is_start_ns for found in result.windows)
    last = max(found.window.oos_end_ns for found in result.windows)
    market = market_of(result.base)
    lines = []
    for point in result.settings.grid_points():
        values = _series(result, point)
        lines.append(
            Trial(
                kind="walk-forward",
                configuration=configuration_of(with_values(result.base, point)),
                market=market,
                start_ns=first,
                end_ns=last,
                days=0 if values is None else len(values),
                daily_sharpe=None if values is None else daily_sharpe(values),
            )
        )
    return lines


def _name(point: Parameters) -> str:
    return parameters_text(point) or "as configured"


def _series(result: WalkForwardResult, point: Parameters) -> Values | None:
    key = json.dumps(point, sort_keys=True)
    parts, known_ns = [], 0
    for found in result.windows:
        trial = next(
            (t for t in found.choice.trials if json.dumps(t.parameters, sort_keys=True) == key),
            None,
        )
        if trial is None:
            return None
        returns = daily_returns(trial.daily.times, trial.daily.values)
        days_ns = returns.index.to_numpy("datetime64[ns]").astype(np.int64)
        parts.append(returns.to_numpy()[days_ns >= known_ns])
        known_ns = int(days_ns[-1]) + DAY_NS
    return np.concatenate(parts)
