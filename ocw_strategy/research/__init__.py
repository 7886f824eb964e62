"""What a notebook imports: market data and runs as pandas frames, with their figures."""

from ocw_strategy.research.decision import DecisionView
from ocw_strategy.research.market import load_bars, load_metrics, sample_settings
from ocw_strategy.research.run import Run, backtest, open_run
from ocw_strategy.research.walk import WalkForward, open_walk_forward, walk_forward

__all__ = [
    "DecisionView",
    "Run",
    "WalkForward",
    "backtest",
    "load_bars",
    "load_metrics",
    "open_run",
    "open_walk_forward",
    "sample_settings",
    "walk_forward",
]
