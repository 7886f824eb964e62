"""A walk-forward in a notebook."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ocw_strategy.backtest.page import bullets, paragraph, table
from ocw_strategy.backtest.walkforward import (
    Assessment,
    Nulls,
    WalkForwardResult,
    assess,
    charts,
    load_walk_forward,
    read_walk_forward,
    report,
    walk_forward_nulls,
    write_walk_forward_report,
)
from ocw_strategy.backtest.walkforward import walk_forward as run_walk_forward
from ocw_strategy.backtest.walkforward.executor import make_executor
from ocw_strategy.backtest.walkforward.grid import grid_returns
from ocw_strategy.backtest.walkforward.nulls import run_null_task
from ocw_strategy.backtest.walkforward.wording import WALK_HEADS, walk_rows
from ocw_strategy.research.frames import utc
from ocw_strategy.research.run import THEME


class WalkForward:
    """A finished walk-forward as frames and figures; shows itself in a notebook."""

    def __init__(self, result: WalkForwardResult, nulls: Nulls | None = None) -> None:
        self.result = result
        self.nulls = nulls

    @cached_property
    def assessment(self) -> Assessment:
        """Return what it is worth."""
        return assess(self.result, self.nulls)

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Return the stitched equity, hourly."""
        return pd.DataFrame({"equity": self.result.equity}, index=utc(self.result.ts_ns))

    @cached_property
    def windows(self) -> pd.DataFrame:
        """Return a row a window, by the start of its out-of-sample part."""
        rows = [
            {
                "in_sample_sharpe": found.choice.winner.performance.sharpe,
                "sharpe": found.out.performance.sharpe,
                "total_return": found.out.performance.total_return,
                "max_drawdown": found.out.performance.max_drawdown,
                "trades": found.out.trades,
                "calls": found.out.calls,
                **found.choice.calibrated,
                **found.choice.winner.parameters,
            }
            for found in self.result.windows
        ]
        starts = [found.window.oos_start_ns for found in self.result.windows]
        return pd.DataFrame(rows, index=utc(starts))

    @cached_property
    def grid(self) -> pd.DataFrame:
        """Return daily in-sample returns, a column for each point that ran in every window."""
        return pd.DataFrame(grid_returns(self.result).returns)

    @cached_property
    def null_table(self) -> pd.DataFrame:
        """Return the table of nulls, OCW first; empty where they were not run."""
        if self.nulls is None:
            return pd.DataFrame(columns=["total_return", "sharpe", "standing"])
        table_ = self.nulls.table
        rows = [row.model_dump() for row in (table_.own, *table_.nulls)]
        return pd.json_normalize(rows).set_index("name")

    def plot_equity(self) -> go.Figure:
        """Draw the stitched equity in its bootstrap band."""
        return charts.stitched_chart(self.result).update_layout(template=THEME)

    def plot_windows(self) -> go.Figure:
        """Draw each window's Sharpe ratio where it was chosen and where it was judged."""
        return charts.before_and_after_chart(self.result).update_layout(template=THEME)

    def write_report(self) -> Path:
        """Write the report beside the results and return its path.

        Raises
        ------
        JournalError
            If it cannot be written.
        """
        write_walk_forward_report(self.result, self.nulls)
        return self.result.folder / report.REPORT_FILE

    def __repr__(self) -> str:
        return f"WalkForward({self.result.run_id}, {len(self.result.windows)} windows)"

    def _repr_html_(self) -> str:
        checks = [check.sentence for check in self.assessment.verdict.checks]
        said = self.nulls.table.sentences() if self.nulls else ["The nulls were not run."]
        return "".join(
            [
                paragraph(report.verdict_sentence(self.result, self.assessment)),
                table((*WALK_HEADS, "Chosen"), walk_rows(self.result)),
                bullets([*checks, *said]),
            ]
        )


def walk_forward(
    config: str | Path, *, nulls: bool = False, seeds: int = 5, **overrides: Any
) -> WalkForward:
    """Run a walk-forward, or take what is finished of it, and its nulls where asked for.

    Parameters
    ----------
    config : path
        A file such as ``configs/walkforward.toml``.
    nulls : bool, default False
        Run every window as its nulls too, five and more runs each.
    seeds : int, default 5
        Random gates among them.
    **overrides
        Values over those of the file, as for `backtest`.

    Raises
    ------
    SettingsError, CatalogError, JournalError, WindowError
        As `ocw_strategy.backtest.walk_forward` does.
    """
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    walk, base = load_walk_forward(Path(config), values)
    result = run_walk_forward(walk, base)
    found = None
    if nulls:
        running = make_executor(walk.execute, run_null_task)
        found = walk_forward_nulls(result, seeds=seeds, executor=running)
    return WalkForward(result, found)


def open_walk_forward(folder: str | Path) -> WalkForward:
    """Return a finished walk-forward from its folder, without its nulls.

    Raises
    ------
    JournalError
        If there is none.
    """
    return WalkForward(read_walk_forward(Path(folder)))
