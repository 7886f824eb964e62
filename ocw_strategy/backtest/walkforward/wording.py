"""A walk-forward's figures as text: a row a window, the stitched line, and what stands behind."""

import json
from collections.abc import Iterator

from ocw_strategy.backtest.walkforward.result import Parameters, WalkForwardResult
from ocw_strategy.backtest.walkforward.windows import days_left
from ocw_strategy.backtest.wording import DASH, Rows, day, number, percent, usd

WALK_HEADS = ("Out of sample", "In-sample", "Return", "Sharpe", "Drawdown", "Trades", "Calls")
"""The column heads of `walk_rows`, after which comes what was chosen."""


def walk_rows(result: WalkForwardResult) -> Rows:
    """Return a row a window and one of the stitched curve."""
    rows: Rows = []
    for found in result.windows:
        figures, window = found.out.performance, found.window
        rows.append(
            (
                f"{day(window.oos_start_ns)} to {day(window.oos_end_ns)}",
                number(found.choice.winner.objective),
                percent(figures.total_return, sign=True),
                number(figures.sharpe),
                percent(figures.max_drawdown),
                f"{found.out.trades:,}",
                f"{found.out.calls:,}",
                parameters_text(found.choice.winner.parameters),
            )
        )
    whole = result.performance
    rows.append(
        (
            "stitched",
            DASH,
            percent(whole.total_return, sign=True),
            number(whole.sharpe),
            percent(whole.max_drawdown),
            f"{sum(found.out.trades for found in result.windows):,}",
            f"{sum(found.out.calls for found in result.windows):,}",
            "",
        )
    )
    return rows


def walk_sentences(result: WalkForwardResult) -> Iterator[str]:
    """Say what was tried, what the seams cost and which days were left over."""
    walk, count = result.settings, len(result.windows)
    yield (
        f"In-sample column: {walk.choose.objective.replace('_', ' ')}. Tried: {result.points} "
        f"points of the grid in each of {count} windows; {result.screened} gate settings screened "
        f"and {result.trials} backtests run in-sample."
    )
    if not walk.grid:
        yield "The grid is empty: nothing was chosen, one setting was judged."
    living = "carried from window to window" if walk.state.between == "carry" else "reset"
    yield f"State {living}; closing what the seams found open cost {usd(result.seam_cost_usd)}."
    left = days_left(tuple(w.window for w in result.windows), result.base.run.end_ns)
    if left >= 1:
        yield f"{left:,.0f} days at the end are too few for another window and were not used."


def parameters_text(parameters: Parameters) -> str:
    """Return what was chosen, each by the last part of its key."""
    return ", ".join(
        f"{key.rpartition('.')[2]}={json.dumps(value)}" for key, value in parameters.items()
    )
