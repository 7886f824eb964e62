"""What the gate sees: per instrument, returns, volatility and volume at every decision close.

`FeatureBook` is fed every closed base bar and works only at those that close a decision interval
(15 minutes). Returns are scaled by the volatility known at the close BEFORE, and volume is held
against its own hour of day, so the value being judged is never part of its own yardstick; no
feature is a price level. Every feature is a function of the last `FeatureBook.history_ns` of bars
alone: a warm start equals a run that arrives there, bit for bit. What cannot be known (too little
history, a gap in the data, no volume) is NaN, and such an instrument is not `ready`; one whose bar
did not come is `stale`.

The move to expect blends range volatilities (Parkinson 1980, The extreme value method for
estimating the variance of the rate of return) of several horizons, as the heterogeneous
autoregressive model of realised volatility does (Corsi 2009), and multiplies them by how lively
the hours ahead usually are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from pydantic import Field

from ocw_strategy.market.bars import BarRing
from ocw_strategy.market.windows import (
    BASELINE,
    SLOTS_PER_DAY,
    SLOTS_PER_HOUR,
    Baseline,
    HourOfDay,
    Windows,
    hour_of_week,
)
from ocw_strategy.model import Strict
from ocw_strategy.units import HOUR_NS, MINUTE_NS

DECISION_MINUTES: Final = 15
DECISION_NS: Final = DECISION_MINUTES * MINUTE_NS
HORIZON_NS: Final = 4 * HOUR_NS
"""How far ahead a move is expected, and a call's worth is judged."""

_RANGE_WINDOWS: Final = (SLOTS_PER_HOUR, SLOTS_PER_DAY, 7 * SLOTS_PER_DAY)
_SCALE_WINDOWS: Final = (8 * SLOTS_PER_HOUR, SLOTS_PER_DAY, 3 * SLOTS_PER_DAY)
# together these windows weigh the past nearly as an exponential average of half-life one day does
_SCALE_WEIGHTS: Final = (0.07, 0.29, 0.64)
_VARIANCE_UNIT: Final = 1e-14  # a tick's variance is about 1e-10
_DEVIATION_UNIT: Final = math.sqrt(_VARIANCE_UNIT)
_LOG_UNIT: Final = 1e-6
_PARKINSON: Final = 1.0 / (4.0 * math.log(2.0))
_HORIZON: Final = HORIZON_NS // DECISION_NS
# absolute move over the horizon per unit of volatility, were returns independent and normal
_MOVE: Final = math.sqrt(_HORIZON) * math.sqrt(2.0 / math.pi)


class FeatureSettings(Strict):
    """Knobs of the feature book."""

    history_days: int = Field(default=60, ge=57)
    """Days of base bars kept in memory."""
    hour_weight: float = Field(default=0.36, ge=0, le=1)
    """Fitted: what the last hour's volatility weighs in the move to expect."""
    day_weight: float = Field(default=0.12, ge=0, le=1)
    """Fitted: what the last day's volatility weighs in it."""
    week_weight: float = Field(default=0.48, ge=0, le=1)
    """Fitted: what the last week's volatility weighs in it."""


@dataclass(frozen=True, slots=True)
class SymbolFeatures:
    """One instrument at one decision close. Returns are logarithmic; unknown values are NaN."""

    symbol: str
    now_ns: int
    """The decision close these belong to, UNIX ns."""
    stale: bool
    """The bar of this close did not come: everything below is of an earlier one."""
    ready: bool
    """There is enough history, without a gap here, for every value below."""
    price: float
    return_15m: float
    return_1h: float
    return_4h: float
    return_24h: float
    volatility: float
    """Standard deviation of a 15-minute return, of the past day or so, this close included."""
    return_z: float
    """This close's 15-minute return over the volatility of the close before."""
    volume_z: float
    """Log volume against the same hour of day over the last four weeks, in deviations."""
    volatility_1h: float
    """Range volatility per 15 minutes over the last hour, this close included."""
    volatility_1d: float
    volatility_1w: float
    expected_move: float
    """Absolute log return to expect over the next four hours, up to a constant factor."""
    expected_move_z: float
    """Log of that against the last four weeks, in deviations."""


_VALUES: Final = len(fields(SymbolFeatures)) - 4  # all but symbol, now_ns, stale and ready


class _Tracker:
    """One instrument's windows, moved on at each of its decision closes."""

    __slots__ = (
        "_expected", "_prices", "_ranges", "_returns", "_scale", "_usual_range", "_usual_volume",
        "_weights", "latest", "slot",
    )  # fmt: skip

    def __init__(self, slot: int, weights: tuple[float, float, float]) -> None:
        self.slot = slot
        self.latest = (math.nan,) * _VALUES
        self._weights = weights
        self._prices = [math.nan] * (SLOTS_PER_DAY + 1)
        self._returns = Windows(_SCALE_WINDOWS)
        self._ranges = Windows(_RANGE_WINDOWS)
        self._usual_range = HourOfDay()
        self._usual_volume = HourOfDay()
        self._expected = Baseline()
        self._scale = math.nan

    def update(self, slot: int, price: float, high: float, low: float, volume: float) -> None:
        """Judge this close by the windows before it, then make it part of them."""
        for missed in range(self.slot + 1, slot):
            self._push(missed, hour_of_week(missed), math.nan, None, None, None, None)
            self._expected.push(missed, None)
        self.slot = slot
        hour = hour_of_week(slot)
        prices = self._prices
        size = len(prices)
        return_15m = math.log(price / prices[(slot - 1) % size])
        return_z = return_15m / self._scale if self._scale > 0.0 else math.nan
        squared = None
        if return_15m == return_15m:
            squared = round(return_15m * return_15m / _VARIANCE_UNIT)
        variance = log_range = log_volume = None
        if high > low:
            spread = math.log(high / low)
            variance = round(spread * spread * (_PARKINSON / _VARIANCE_UNIT))
            log_range = round(math.log(spread) / _LOG_UNIT)
        elif high == low:
            variance = 0
        volume_z = math.nan
        if volume > 0.0:
            log_volume = round(math.log(volume) / _LOG_UNIT)
            volume_z = self._usual_volume.z(hour, log_volume)
        self._push(slot, hour, price, squared, variance, log_range, log_volume)
        volatilities = [math.sqrt(mean) * _DEVIATION_UNIT for mean in self._ranges.means()]
        expected_move = self._expected_move(slot, *volatilities)
        expected_move_z, log_expected = math.nan, None
        if expected_move > 0.0:
            log_expected = round(math.log(expected_move) / _LOG_UNIT)
            expected_move_z = self._expected.z(log_expected)
        self._expected.push(slot, log_expected)
        self.latest = (
            price,
            return_15m,
            math.log(price / prices[(slot - SLOTS_PER_HOUR) % size]),
            math.log(price / prices[(slot - 4 * SLOTS_PER_HOUR) % size]),
            math.log(price / prices[(slot - SLOTS_PER_DAY) % size]),
            self._scale,
            return_z,
            volume_z,
            *volatilities,
            expected_move,
            expected_move_z,
        )

    def _push(
        self,
        slot: int,
        hour: int,
        price: float,
        squared: int | None,
        variance: int | None,
        log_range: int | None,
        log_volume: int | None,
    ) -> None:
        self._prices[slot % len(self._prices)] = price
        self._returns.push(slot, squared)
        self._ranges.push(slot, variance)
        self._usual_range.push(slot, hour, log_range)
        self._usual_volume.push(slot, hour, log_volume)
        short, middle, long = self._returns.means()
        of_short, of_middle, of_long = _SCALE_WEIGHTS
        scale = of_short * short + of_middle * middle + of_long * long
        self._scale = math.sqrt(scale) * _DEVIATION_UNIT

    def _expected_move(self, slot: int, hour: float, day: float, week: float) -> float:
        if not (hour > 0.0 and day > 0.0 and week > 0.0):
            return math.nan
        of_hour, of_day, of_week = self._weights
        level = hour**of_hour * day**of_day * week**of_week
        lively = self._usual_range.liveliness(slot, _HORIZON, _LOG_UNIT)
        return level * _MOVE * math.sqrt(lively)


class FeatureBook:
    """Features of several instruments at every decision close.

    Parameters
    ----------
    settings : FeatureSettings
        The knobs.
    symbols : sequence of str
        Instruments, as Nautilus symbols.
    base_minutes : int
        Interval of the bars it is fed: a divisor of 15 minutes.
    """

    def __init__(
        self, settings: FeatureSettings, symbols: Sequence[str], base_minutes: int
    ) -> None:
        self._bars_per_close = DECISION_MINUTES // base_minutes
        self._weights = (settings.hour_weight, settings.day_weight, settings.week_weight)
        capacity = settings.history_days * 24 * 60 // base_minutes
        self.rings = {symbol: BarRing(base_minutes, capacity) for symbol in symbols}
        """The base bars of each instrument."""
        self._trackers = {symbol: _Tracker(0, self._weights) for symbol in symbols}

    @property
    def history_ns(self) -> int:
        """How far back bars must reach for a warm start to be exact, in ns."""
        # four weeks of expected moves, each judged by the four weeks before it
        return 2 * BASELINE * DECISION_NS + DECISION_NS

    def add_bar(
        self,
        symbol: str,
        close_ns: int,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: float,
        taker_buy_volume: float,
    ) -> bool:
        """Take one closed base bar; return False when the ring refuses it."""
        ring = self.rings[symbol]
        if not ring.append(close_ns, open, high, low, close, volume, taker_buy_volume):
            return False
        if close_ns % DECISION_NS == 0:
            slot = close_ns // DECISION_NS
            tracker = self._trackers[symbol]
            if slot - tracker.slot > BASELINE:  # the first close, or nothing known still counts
                tracker = self._trackers[symbol] = _Tracker(slot - 1, self._weights)
            tracker.update(slot, close, *ring.interval(self._bars_per_close))
        return True

    def close(self, now_ns: int) -> Mapping[str, SymbolFeatures]:
        """Return the features of every instrument at a decision close.

        An instrument without a bar at `now_ns` is `stale` and carries those of its last close.
        """
        found = {}
        for symbol, tracker in self._trackers.items():
            close_ns = tracker.slot * DECISION_NS
            values = tracker.latest
            ready = not math.isnan(sum(values))
            found[symbol] = SymbolFeatures(symbol, close_ns, close_ns != now_ns, ready, *values)
        return found
