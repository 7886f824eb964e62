"""Backtests: a run in Nautilus's `BacktestNode`, its summary, reports and list; walk-forwards."""

from ocw_strategy.backtest.outcome import RunOutcome, run_outcome, run_variant, with_values
from ocw_strategy.backtest.registry import RunList, RunRow, list_runs, newest_run
from ocw_strategy.backtest.report import write_reports
from ocw_strategy.backtest.run import RunResult, run_backtest
from ocw_strategy.backtest.summary import Summary, summarise
from ocw_strategy.backtest.walkforward import (
    WalkForwardResult,
    WalkForwardSettings,
    load_walk_forward,
    read_walk_forward,
    walk_forward,
)

__all__ = [
    "RunList",
    "RunOutcome",
    "RunResult",
    "RunRow",
    "Summary",
    "WalkForwardResult",
    "WalkForwardSettings",
    "list_runs",
    "load_walk_forward",
    "newest_run",
    "read_walk_forward",
    "run_backtest",
    "run_outcome",
    "run_variant",
    "summarise",
    "walk_forward",
    "with_values",
    "write_reports",
]
