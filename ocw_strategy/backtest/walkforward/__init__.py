"""Walk-forward: choose on one stretch of time, be judged on the next, again and again."""

from ocw_strategy.backtest.walkforward.executor import (
    Executor,
    InlineExecutor,
    ProcessExecutor,
    RayExecutor,
    WorkerDiedError,
)
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
    "Choice",
    "Curve",
    "Executor",
    "InlineExecutor",
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
    "days_left",
    "load_walk_forward",
    "plan_windows",
    "read_walk_forward",
    "walk_forward",
    "walk_id",
    "windows_of",
]
