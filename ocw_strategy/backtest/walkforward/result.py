"""What a walk-forward found: every window with its trials and its path, and the stitched curve.

`WindowResult` is what one window's task returns and what is cached: plain JSON values, floats to
the last bit. `WalkForwardResult` joins them and adds the arrays that statistics are made from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from ocw_strategy.backtest.statistics import Figure, Performance, Times, Values
from ocw_strategy.backtest.walkforward.settings import WalkForwardSettings
from ocw_strategy.backtest.walkforward.windows import Window
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings, settings_from

type Parameters = dict[str, JsonValue]
"""Values by dotted key, such as ``{"advisor.rules.entry_score": 0.35}``."""


class Curve(Strict):
    """Equity over time; the first sample is the account before anything was traded."""

    ts_ns: tuple[int, ...]
    equity: tuple[float, ...]
    """US dollars."""

    @property
    def times(self) -> Times:
        """The times as an array, UNIX nanoseconds."""
        return np.array(self.ts_ns, np.int64)

    @property
    def values(self) -> Values:
        """The equity as an array."""
        return np.array(self.equity, np.float64)


class Screened(Strict):
    """One point of the grid's gate parameters, judged without the engine."""

    parameters: Parameters
    lift: Figure
    """Mean move of the next 4 hours at calls over that at all closes; None without a call."""
    calls: int
    finalist: bool


class Trial(Strict):
    """One point of the grid, run in the engine over a window's in-sample part."""

    parameters: Parameters
    """Empty when the grid is."""
    objective: Figure
    """What points are compared by; None where it is not defined, which never wins."""
    performance: Performance
    daily: Curve
    """Equity at the start and at every midnight after it."""
    trades: int
    calls: int
    digest: str


class OutOfSample(Strict):
    """The out-of-sample path of a window, run once with what the in-sample part chose."""

    performance: Performance
    hourly: Curve
    daily: Curve
    trades: int
    calls: int
    open_positions: int
    """Positions the window's end found open."""
    seam_cost_usd: float
    """What closing them at the last price would have cost in fees and slippage."""
    digest: str
    settings: dict[str, JsonValue]
    """The backtest's settings, complete."""


class Choice(Strict):
    """What a window's in-sample part decided."""

    calibrated: Parameters
    """Values fitted in-sample, by dotted key."""
    screened: tuple[Screened, ...]
    trials: tuple[Trial, ...]
    chosen: int
    """The winning one of `trials`."""

    @property
    def winner(self) -> Trial:
        """The trial that was chosen."""
        return self.trials[self.chosen]


class WindowResult(Strict):
    """One window: what was chosen in-sample and what came of it out of sample."""

    window: Window
    choice: Choice
    out: OutOfSample


@dataclass(frozen=True, slots=True)
class WalkForwardResult:
    """A whole walk-forward."""

    run_id: str
    folder: Path
    settings: WalkForwardSettings
    base: Settings
    """The backtest that every window is a variant of."""
    windows: tuple[WindowResult, ...]
    ts_ns: Times
    """Times of the stitched equity, hourly."""
    equity: Values
    """The out-of-sample pieces one after another, compounded, seam costs paid; US dollars."""
    performance: Performance
    """Of the stitched equity."""

    @property
    def trials(self) -> int:
        """In-sample backtests run in the engine, over all windows."""
        return sum(len(found.choice.trials) for found in self.windows)

    @property
    def screened(self) -> int:
        """Gate points judged without the engine, over all windows."""
        return sum(len(found.choice.screened) for found in self.windows)

    @property
    def seam_cost_usd(self) -> float:
        """What the seams cost: closing what each window's end found open."""
        return sum(found.out.seam_cost_usd for found in self.windows)

    @property
    def points(self) -> int:
        """Points of the declared grid: what a window chose among; 1 for an empty grid."""
        return self.settings.points

    def window_settings(self, index: int) -> Settings:
        """Return the settings of a window's out-of-sample run."""
        plain: dict[str, Any] = dict(self.windows[index].out.settings)
        return settings_from(plain)
