"""Backtests: a run in Nautilus's `BacktestNode`, its summary, its reports and the list of runs."""

from ocw_strategy.backtest.outcome import RunOutcome, run_outcome, run_variant, with_values
from ocw_strategy.backtest.registry import RunList, RunRow, list_runs
from ocw_strategy.backtest.report import write_reports
from ocw_strategy.backtest.run import RunResult, run_backtest
from ocw_strategy.backtest.summary import Summary, summarise

__all__ = [
    "RunList",
    "RunOutcome",
    "RunResult",
    "RunRow",
    "Summary",
    "list_runs",
    "run_backtest",
    "run_outcome",
    "run_variant",
    "summarise",
    "with_values",
    "write_reports",
]
