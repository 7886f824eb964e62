"""What a walk-forward is worth: the judge's verdict, and how steady its choices were.

The tries that are counted are the configurations in the ledger of the backtest's folder of runs
that were made on this market and time, and every point of this grid.
"""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from ocw_strategy.backtest.judge import Verdict, judge
from ocw_strategy.backtest.statistics import Figure, Values, daily_returns
from ocw_strategy.backtest.trials import LEDGER_FILE, Trials, record_trial, trials_on
from ocw_strategy.backtest.walkforward.grid import grid_returns, grid_trials
from ocw_strategy.backtest.walkforward.nulls import Nulls
from ocw_strategy.backtest.walkforward.result import WalkForwardResult
from ocw_strategy.model import Strict


class Stability(Strict):
    """How often each value of a grid's parameter was chosen."""

    parameter: str
    chosen: tuple[tuple[str, int], ...]
    """Every declared value, as JSON, and in how many windows it won."""
    changes: int
    """Windows that chose another value than the one before."""


class Assessment(Strict):
    """What a walk-forward is worth."""

    run_id: str
    verdict: Verdict
    points: int
    """Points of the grid."""
    engine_runs: int
    """In-sample backtests run in the engine."""
    screened: int
    """Gate settings judged without it."""
    tried: int
    """Configurations that the deflation counts, those of the ledger among them."""
    left_out: int
    """Points without a whole series, which the overfitting probability does not see."""
    in_sample: Figure
    """Mean Sharpe ratio of the winners where they were chosen."""
    out_of_sample: Figure
    """Mean Sharpe ratio of the same where they were judged."""
    rank_correlation: Figure
    """Of the winners' Sharpe ratios before and after, over windows: 1 where the past foretold."""
    stability: tuple[Stability, ...]


def assess(result: WalkForwardResult, nulls: Nulls | None = None) -> Assessment:
    """Return what a walk-forward is worth.

    Parameters
    ----------
    result : WalkForwardResult
    nulls : Nulls, optional
        Its nulls; the judge asks for more than the markets among them.

    Raises
    ------
    JournalError
        If the ledger cannot be read.
    StatisticsError
        If a curve is not finite.
    """
    returns = daily_returns(result.ts_ns, result.equity).to_numpy()
    grid, tried = grid_returns(result), trials_of(result)
    verdict = judge(
        returns,
        grid=grid.returns,
        markets=_markets(nulls),
        trials=tried.count,
        trial_sharpes=tried.daily_sharpes,
        rng=np.random.default_rng((result.base.run.seed, 7)),
    )
    before = [w.choice.winner.performance.sharpe for w in result.windows]
    after = [w.out.performance.sharpe for w in result.windows]
    return Assessment(
        run_id=result.run_id,
        verdict=verdict,
        points=result.points,
        engine_runs=result.trials,
        screened=result.screened,
        tried=tried.count,
        left_out=grid.left_out,
        in_sample=_mean(before),
        out_of_sample=_mean(after),
        rank_correlation=_rank_correlation(before, after),
        stability=stability(result),
    )


def trials_of(result: WalkForwardResult) -> Trials:
    """Return what was tried on a walk-forward's market and time, its own grid included."""
    first = min(found.window.is_start_ns for found in result.windows)
    last = max(found.window.oos_end_ns for found in result.windows)
    lines = grid_trials(result)
    # the base is shown only as a point of the grid: it is no try of its own
    own = {line.configuration for line in lines}
    return trials_on(
        Path(result.base.run.runs_dir), result.base, lines, span=(first, last), shown=own
    )


def record_walk_forward(result: WalkForwardResult) -> None:
    """Write every point of a walk-forward's grid into the ledger of the folder of runs.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    runs = Path(result.base.run.runs_dir)
    known = runs / LEDGER_FILE
    before = set(known.read_text(encoding="utf-8").splitlines()) if known.is_file() else set()
    for line in grid_trials(result):
        if line.model_dump_json() not in before:
            record_trial(runs, line)


def stability(result: WalkForwardResult) -> tuple[Stability, ...]:
    """Return how often each value of the grid's parameters was chosen."""
    found = []
    for parameter, values in result.settings.grid.items():
        chosen = [json.dumps(w.choice.winner.parameters[parameter]) for w in result.windows]
        counts = Counter(chosen)
        found.append(
            Stability(
                parameter=parameter,
                chosen=tuple((text, counts[text]) for text in map(json.dumps, values)),
                changes=sum(a != b for a, b in pairwise(chosen)),
            )
        )
    return tuple(found)


def _markets(nulls: Nulls | None) -> dict[str, Values]:
    if nulls is None:
        return {}
    return {name: nulls.records[name].returns for name in nulls.markets}


def _mean(values: list[Figure]) -> Figure:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _rank_correlation(before: list[Figure], after: list[Figure]) -> Figure:
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    if len(pairs) < 4:
        return None
    one, two = np.array(pairs).T
    if len(set(one)) < 2 or len(set(two)) < 2:
        return None
    return float(spearmanr(one, two).statistic)
