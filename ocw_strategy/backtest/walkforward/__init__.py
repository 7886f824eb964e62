"""Walk-forward: choose on one stretch of time, be judged on the next, again and again."""

from ocw_strategy.backtest.walkforward.result import (
    Choice,
    Curve,
    OutOfSample,
    Screened,
    Trial,
    WalkForwardResult,
    WindowResult,
)
from ocw_strategy.backtest.walkforward.settings import WalkForwardSettings, load_walk_forward
from ocw_strategy.backtest.walkforward.windows import Window, windows_of

__all__ = [
    "Choice",
    "Curve",
    "OutOfSample",
    "Screened",
    "Trial",
    "WalkForwardResult",
    "WalkForwardSettings",
    "Window",
    "WindowResult",
    "load_walk_forward",
    "windows_of",
]
