"""Technical indicators of one timeframe, computed with Nautilus's classes when a snapshot is made.

All but the newest bar may be fed ahead of that (`IndicatorBook.prepare`). They see the newest
`BARS` complete bars and nothing else, so they depend on the market and not on when OCW was started.
With too few bars every value is None: there is no neutral stand-in.

Conventions, where Nautilus's differ from what a trader reads on a chart, are the chart's: RSI with
Wilder's smoothing from 0 to 100 (Nautilus: exponential, 0 to 1); ATR with Wilder's smoothing
(Nautilus: simple mean); Bollinger bands on closes (Nautilus: on the typical price) with the
population deviation; MACD with its signal line and histogram (Nautilus: the line alone); Kaufman's
efficiency ratio over as many steps as the net move (Nautilus sums one step more once it runs on).
Whatever has the dimension of a price is given as a fraction of it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from ocw_strategy.market.bars import BarRing, BarWindow
from ocw_strategy.market.figures import Figure
from ocw_strategy.model import Strict
from ocw_strategy.units import MINUTE_NS

TIMEFRAMES: Final = {"15m": 15, "1h": 60, "4h": 240}
"""Timeframes of a snapshot, in minutes."""

BARS: Final = 72
"""Bars of each timeframe that the indicators see: three days of hours."""

_LEAST_BARS: Final = 65  # a hole or two in the data must not blind a timeframe for days
_RSI: Final = 14
_ATR: Final = 14
_MACD: Final = (12, 26, 9)
_BANDS: Final = 20
_EMA: Final = (9, 21)
_EFFICIENCY: Final = 24
_MEAN: Final = 48


class TechnicalIndicators(Strict):
    """One timeframe of one instrument at its newest complete bar; None where unknown."""

    rsi: Figure = None
    """RSI(14), Wilder, 0 to 100."""
    macd: Figure = None
    """MACD(12, 26), a fraction of the close."""
    macd_signal: Figure = None
    """EMA(9) of the MACD line, a fraction of the close."""
    macd_histogram: Figure = None
    """Line less signal, a fraction of the close."""
    bollinger_percent_b: Figure = None
    """Place of the close in the bands (20, 2): 0 at the lower, 1 at the upper."""
    bollinger_bandwidth: Figure = None
    """Distance of the bands over their middle."""
    atr: Figure = None
    """ATR(14), Wilder, a fraction of the close."""
    ema_gap: Figure = None
    """EMA(9) over EMA(21), less 1: positive in a rise."""
    efficiency_ratio: Figure = None
    """Kaufman's, over 24 bars: 1 for a straight line, about 0.2 for a random walk."""
    momentum: Figure = None
    """Return over the same 24 bars, a fraction."""
    mean_distance: Figure = None
    """Close over the mean of the last 48 closes, less 1."""


class IndicatorBook:
    """The indicators of several instruments in every timeframe, computed when asked for.

    A timeframe's newest complete bar stays the newest until the next boundary, and so do they.

    Parameters
    ----------
    rings : Mapping[str, BarRing]
        Base bars of each instrument.
    """

    def __init__(self, rings: Mapping[str, BarRing]) -> None:
        self._timeframes = {
            symbol: {name: _Timeframe(ring, minutes) for name, minutes in TIMEFRAMES.items()}
            for symbol, ring in rings.items()
        }

    def timeframes(self, symbol: str) -> dict[str, TechnicalIndicators]:
        """Return an instrument's indicators by timeframe, as of its newest base bar."""
        return {name: each.newest() for name, each in self._timeframes[symbol].items()}

    def prepare(self) -> None:
        """Do now what of the next bar's indicators can be done without it.

        It changes no value: whoever has time between two closes buys a quicker answer at the next.
        """
        for timeframes in self._timeframes.values():
            for each in timeframes.values():
                each.prepare()


def technical_indicators(window: BarWindow) -> TechnicalIndicators:
    """Return the indicators of one timeframe.

    Parameters
    ----------
    window : BarWindow
        Complete bars of the timeframe; the newest `BARS` are used.
    """
    if len(window) < _LEAST_BARS:
        return TechnicalIndicators()
    bands = _Bands()
    columns = _columns(window)
    bands.feed(columns[2])
    return _Indicators(*columns).read(bands)


class _Timeframe:
    """One timeframe of one instrument, carried on from one question to the next.

    While no bar is missing only those that came since are rolled up and fed to the bands, by far
    the dearest of the indicators; after a hole all is done anew. Either way the values are those
    of the newest `BARS` bars alone.
    """

    def __init__(self, ring: BarRing, minutes: int) -> None:
        self._ring = ring
        self._minutes = minutes
        self._interval_ns = minutes * MINUTE_NS
        self._rolled_ns = 0  # up to here the columns reach
        self._columns: _Columns = ([], [], [])
        self._whole = False  # they are all that the indicators see, and none is missing
        self._bands = _Bands()
        self._found_ns = 0
        self._found = TechnicalIndicators()
        self._ahead: tuple[int, _Indicators] | None = None  # all but for the bar that closes then

    def newest(self) -> TechnicalIndicators:
        """Return the indicators at the newest boundary."""
        boundary_ns = self._boundary_ns()
        if boundary_ns != self._found_ns:
            self._found, self._found_ns = self._read(boundary_ns), boundary_ns
        return self._found

    def prepare(self) -> None:
        """Feed what is known of the bars that the next boundary's indicators see."""
        boundary_ns = self._boundary_ns()
        due_ns = boundary_ns + self._interval_ns
        if self._ahead is not None and self._ahead[0] == due_ns:
            return
        self._roll_up(boundary_ns)
        self._ahead = (
            (due_ns, _Indicators(*self._newest(BARS - 1), to_come=1)) if self._whole else None
        )

    def _boundary_ns(self) -> int:
        # where the newest bar of the timeframe closed, or would have
        return self._ring.last_close_ns - self._ring.last_close_ns % self._interval_ns

    def _read(self, boundary_ns: int) -> TechnicalIndicators:
        self._roll_up(boundary_ns)
        ahead, self._ahead = self._ahead, None
        if len(self._columns[0]) < _LEAST_BARS:
            return TechnicalIndicators()
        if ahead is not None and ahead[0] == boundary_ns and self._whole:
            indicators = ahead[1]
            indicators.feed(*self._newest(1))
        else:
            indicators = _Indicators(*self._columns)
        return indicators.read(self._bands)

    def _roll_up(self, boundary_ns: int) -> None:
        count = (boundary_ns - self._rolled_ns) // self._interval_ns
        if count == 0:
            return
        if self._whole and count < BARS:
            window = self._ring.rollup(self._minutes, count)
            if self._follows(window, self._rolled_ns, count):
                fresh = _columns(window)
                for column, values in zip(self._columns, fresh, strict=True):
                    column += values
                    del column[:count]
                self._bands.feed(fresh[2])
                self._rolled_ns = boundary_ns
                return
        window = self._ring.rollup(self._minutes, BARS)
        self._columns = _columns(window)
        self._bands.feed(self._columns[2])
        self._rolled_ns = boundary_ns
        self._whole = self._follows(window, boundary_ns - BARS * self._interval_ns, BARS)

    def _follows(self, window: BarWindow, since_ns: int, count: int) -> bool:
        # the window holds every bar after a moment: bars are distinct and on a grid
        return len(window) == count and window.close_ns[0] == since_ns + self._interval_ns

    def _newest(self, count: int) -> "_Columns":
        highs, lows, closes = self._columns
        return highs[-count:], lows[-count:], closes[-count:]


class _Bands:
    """Bollinger bands: a function of the newest closes, however those were fed."""

    def __init__(self) -> None:
        self._bands: Any = _engine().BollingerBands(_BANDS, 2.0)

    def feed(self, closes: Sequence[float]) -> None:
        """Take in the next closes."""
        newest = closes[-_BANDS:]
        _feed(self._bands.update_raw, newest, newest, newest)

    def read(self) -> tuple[float, float, float]:
        """Return (lower, middle, upper) at the newest close."""
        return self._bands.lower, self._bands.middle, self._bands.upper


class _Indicators:
    """Nautilus's indicators over the bars that they were fed, bands apart."""

    def __init__(
        self, highs: list[float], lows: list[float], closes: list[float], to_come: int = 0
    ) -> None:
        engine = _engine()
        wilder = engine.MovingAverageType.WILDER
        self._rsi = engine.RelativeStrengthIndex(_RSI, wilder)
        self._atr = engine.AverageTrueRange(_ATR, wilder)
        self._fast, self._slow = (engine.ExponentialMovingAverage(period) for period in _EMA)
        self._macd = engine.MovingAverageConvergenceDivergence(*_MACD[:2])
        self._signal = engine.ExponentialMovingAverage(_MACD[2])
        # right only at the first close of which it has seen all that it looks at
        self._efficiency = engine.EfficiencyRatio(_EFFICIENCY + 1)
        _feed(self._efficiency.update_raw, closes[-_EFFICIENCY - 1 + to_come :])
        self._closes: list[float] = []
        self._take(highs, lows, closes)

    def feed(self, highs: list[float], lows: list[float], closes: list[float]) -> None:
        """Take in the bars that were to come."""
        _feed(self._efficiency.update_raw, closes)
        self._take(highs, lows, closes)

    def _take(self, highs: list[float], lows: list[float], closes: list[float]) -> None:
        for indicator in (self._rsi, self._fast, self._slow):
            _feed(indicator.update_raw, closes)
        _feed(self._atr.update_raw, highs, lows, closes)
        macd, update_signal = self._macd, self._signal.update_raw
        update_macd = macd.update_raw
        for close in closes:
            update_macd(close)
            update_signal(macd.value)
        self._closes += closes

    def read(self, bands: _Bands) -> TechnicalIndicators:
        """Return all values at the newest bar, given the bands there."""
        closes, macd, signal = self._closes, self._macd.value, self._signal.value
        close = closes[-1]
        lower, middle, upper = bands.read()
        width = upper - lower
        # of a price that did not move Nautilus makes an RSI of 1, and rounding makes a band width
        moved, banded = len(set(closes)) > 1, len(set(closes[-_BANDS:])) > 1
        return TechnicalIndicators(
            rsi=100.0 * self._rsi.value if moved else None,
            macd=macd / close,
            macd_signal=signal / close,
            macd_histogram=(macd - signal) / close,
            bollinger_percent_b=(close - lower) / width if banded else None,
            bollinger_bandwidth=width / middle,
            atr=self._atr.value / close,
            ema_gap=self._fast.value / self._slow.value - 1.0,
            efficiency_ratio=self._efficiency.value,
            momentum=close / closes[-_EFFICIENCY - 1] - 1.0,
            mean_distance=close * _MEAN / sum(closes[-_MEAN:]) - 1.0,
        )


type _Columns = tuple[list[float], list[float], list[float]]
"""Highs, lows and closes, oldest first."""


def _columns(window: BarWindow) -> _Columns:
    return (
        window.high[-BARS:].tolist(),
        window.low[-BARS:].tolist(),
        window.close[-BARS:].tolist(),
    )


def _feed(update: Callable[..., None], *columns: Iterable[float]) -> None:
    deque(map(update, *columns), maxlen=0)


@cache
def _engine() -> Any:
    # here, not above: whoever only reads snapshots need not load the engine
    import nautilus_trader.indicators as indicators

    return indicators
