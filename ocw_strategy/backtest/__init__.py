"""Backtests: a run in Nautilus's `BacktestNode`, its summary, its reports and the list of runs."""

from ocw_strategy.backtest.registry import RunList, RunRow, list_runs, newest_run
from ocw_strategy.backtest.report import write_reports
from ocw_strategy.backtest.run import RunResult, run_backtest
from ocw_strategy.backtest.summary import Summary, summarise

__all__ = [
    "RunList",
    "RunResult",
    "RunRow",
    "Summary",
    "list_runs",
    "newest_run",
    "run_backtest",
    "summarise",
    "write_reports",
]
