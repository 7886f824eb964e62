"""Walk-forward: choose on one stretch of time, be judged on the next, again and again."""

from ocw_strategy.backtest.walkforward.assess import Assessment, assess
from ocw_strategy.backtest.walkforward.executor import (
    Executor,
    InlineExecutor,
    ProcessExecutor,
    RayExecutor,
    WorkerDiedError,
)
from ocw_strategy.backtest.walkforward.nulls import Nulls, backtest_nulls, walk_forward_nulls
from ocw_strategy.backtest.walkforward.report import write_walk_forward_report
from ocw_strategy.backtest.walkforward.result import (
    Choice,
    Curve,
    OutOfSample,
    Screened,
    Trial,
    WalkForwardResult,
    WindowResult,
)
from ocw_strategy.backtest.walkforward.run import (
    WindowError,
    plan_windows,
    read_walk_forward,
    walk_forward,
    walk_id,
)
from ocw_strategy.backtest.walkforward.settings import WalkForwardSettings, load_walk_forward
from ocw_strategy.backtest.walkforward.windows import Window, days_left, windows_of

__all__ = [
    "Assessment",
    "Choice",
    "Curve",
    "Executor",
    "InlineExecutor",
    "Nulls",
    "OutOfSample",
    "ProcessExecutor",
    "RayExecutor",
    "Screened",
    "Trial",
    "WalkForwardResult",
    "WalkForwardSettings",
    "Window",
    "WindowError",
    "WindowResult",
    "WorkerDiedError",
    "assess",
    "backtest_nulls",
    "days_left",
    "load_walk_forward",
    "plan_windows",
    "read_walk_forward",
    "walk_forward",
    "walk_forward_nulls",
    "walk_id",
    "windows_of",
    "write_walk_forward_report",
]
