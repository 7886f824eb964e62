"""Cumulative volume delta: net taker buying over the last hours, as a share of volume.

Time runs in quarters of an hour. Where the bars of a quarter carry taker volume, that is the flow;
elsewhere the mean of (r - 1) / (r + 1) over the published taker buy/sell ratios r of the quarter,
weighed by its volume. Quarters without volume count only if no quarter has any, and then alike.
"""

import math
from typing import Final

from ocw_strategy.market.settings import StatisticsSettings
from ocw_strategy.units import HOUR_NS, MINUTE_NS

_QUARTER_NS: Final = 15 * MINUTE_NS
_UNIT: Final = 1e-9  # ratios are summed as exact integers, so that one can be taken back


class _Quarter:
    """Taker flow of one quarter of an hour: volumes of bars and ratios of metrics."""

    __slots__ = ("bar_ns", "imbalances", "ratio_ns", "ratios", "share", "taker_buys", "volume")

    def __init__(self) -> None:
        self.volume = 0.0
        self.taker_buys = 0.0
        self.bar_ns = 0
        self.imbalances = 0
        self.ratios = 0
        self.ratio_ns = 0
        self.share: tuple[float, float, int] | None = None  # what `net` found, until it changes

    def net(self) -> tuple[float, float, int]:
        """Return net taker buying, the weight it has and its time; a weight of 0 if unknown."""
        if self.share is None:
            weight = self.volume or 1.0
            if self.bar_ns and self.taker_buys == self.taker_buys:
                self.share = (2.0 * self.taker_buys - self.volume, weight, self.bar_ns)
            elif self.ratios:
                imbalance = self.imbalances * _UNIT / self.ratios
                self.share = (weight * imbalance, weight, self.ratio_ns)
            else:
                self.share = (0.0, 0.0, 0)
        return self.share


class TakerFlow:
    """Net taker buying over the last quarters of an hour."""

    def __init__(self, settings: StatisticsSettings) -> None:
        self._length = settings.flow_window_hours * HOUR_NS // _QUARTER_NS
        self._quarters: dict[int, _Quarter] = {}

    def add_bar(self, close_ns: int, volume: float, taker_buy_volume: float) -> None:
        """Add a closed bar; its taker volume is NaN where it is not known."""
        quarter = self._quarter(close_ns)
        quarter.volume += volume
        quarter.taker_buys += taker_buy_volume
        quarter.bar_ns = max(quarter.bar_ns, close_ns)
        quarter.share = None

    def add_ratio(self, time: int, ratio: float, sign: int) -> None:
        """Add a published taker buy/sell ratio, or take it back with a sign of -1."""
        quarter = self._quarter(time)
        quarter.imbalances += sign * round((ratio - 1.0) / (ratio + 1.0) / _UNIT)
        quarter.ratios += sign
        quarter.ratio_ns = max(quarter.ratio_ns, time)
        quarter.share = None

    def forget(self, now_ns: int) -> None:
        """Drop the quarters that left the window, now and then."""
        if len(self._quarters) > 2 * self._length:
            oldest = _quarter_of(now_ns) - self._length
            self._quarters = {k: v for k, v in self._quarters.items() if k > oldest}

    def delta(self, now_ns: int) -> tuple[float, int]:
        """Return net taker buying as a share of volume, and its time; NaN and 0 if unknown."""
        newest = _quarter_of(now_ns)
        window = map(self._quarters.get, range(newest - self._length + 1, newest + 1))
        found = [quarter for quarter in window if quarter is not None]
        with_volume = [quarter for quarter in found if quarter.volume > 0.0]
        net = total = 0.0
        known, latest_ns = 0, 0
        for quarter in with_volume or found:
            bought, weight, time = quarter.share or quarter.net()
            if weight:
                net += bought
                total += weight
                known += 1
                latest_ns = time
        if 2 * known < self._length:
            return math.nan, 0
        return net / total, latest_ns

    def _quarter(self, time: int) -> _Quarter:
        at = _quarter_of(time)
        quarter = self._quarters.get(at)
        if quarter is None:
            quarter = self._quarters[at] = _Quarter()
        return quarter


def _quarter_of(time: int) -> int:
    # a bar that closes on the hour belongs to the quarter before it
    return (time - 1) // _QUARTER_NS
