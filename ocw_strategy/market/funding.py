"""Settled funding rates in a window, and how unusual the newest is.

A rate is put on 8 hours first: some instruments settle more often. How far it lies from neutral is
measured in multiples of how far the other rates of the window lie from it on average, but never in
less than 0.2 basis points, below which a quiet past is no yardstick.
"""

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

from ocw_strategy.market.settings import StatisticsSettings
from ocw_strategy.units import HOUR_NS

_HOURS: Final = 8
_FLOOR: Final = 2e-5
_LEAST_OTHERS: Final = 9  # three days of settlements


class FundingWindow:
    """Settled rates in the window and how far from neutral they typically are."""

    def __init__(self, settings: StatisticsSettings) -> None:
        self._neutral = settings.funding_neutral_rate
        self._window_ns = settings.funding_window_hours * HOUR_NS
        self._times: list[int] = []
        self._rates: list[float] = []
        self._relative: float | None = None  # None: to be computed

    def add(self, time: int, rate: float) -> None:
        """Add a settlement; a rate that is not finite was not one."""
        if not math.isfinite(rate):
            return
        at = bisect_left(self._times, time)
        if at < len(self._times) and self._times[at] == time:
            self._rates[at] = rate
        else:
            self._times.insert(at, time)
            self._rates.insert(at, rate)
        self._relative = None

    def forget(self, now_ns: int) -> None:
        """Drop what left the window."""
        gone = bisect_right(self._times, now_ns - self._window_ns)
        if gone:
            del self._times[:gone], self._rates[:gone]
            self._relative = None

    def newest(self) -> tuple[float, float, int]:
        """Return the newest rate, how unusual it is, and its time; NaN and 0 for none."""
        if not self._times:
            return math.nan, math.nan, 0
        if self._relative is None:
            self._relative = self._compare()
        return self._rates[-1], self._relative, self._times[-1]

    def _compare(self) -> float:
        if len(self._times) <= _LEAST_OTHERS:
            return math.nan
        gaps = [later - earlier for earlier, later in pairwise(self._times)]
        # a settlement that is missing must not make the next look like one of a longer interval
        hours = [min(_HOURS, max(1, round(gap / HOUR_NS))) for gap in [gaps[0], *gaps]]
        beyond = [
            rate * _HOURS / each - self._neutral
            for rate, each in zip(self._rates, hours, strict=True)
        ]
        *past, newest = beyond
        typical = math.fsum(map(abs, past)) / len(past)
        return newest / max(typical, _FLOOR)
