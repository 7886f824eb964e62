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

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
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
        self._rings = rings
        self._found: dict[tuple[str, int], tuple[int, TechnicalIndicators]] = {}
        self._bands: defaultdict[tuple[str, int], _Bands] = defaultdict(_Bands)
        self._prepared: dict[tuple[str, int], tuple[int, _Indicators]] = {}

    def timeframes(self, symbol: str) -> dict[str, TechnicalIndicators]:
        """Return an instrument's indicators by timeframe, as of its newest base bar."""
        return {name: self._at(symbol, minutes) for name, minutes in TIMEFRAMES.items()}

    def prepare(self) -> None:
        """Do now what of the next bar's indicators can be done without it.

        It changes no value: whoever has time between two closes buys a quicker answer at the next.
        """
        for symbol, ring in self._rings.items():
            for minutes in TIMEFRAMES.values():
                key, interval_ns = (symbol, minutes), minutes * MINUTE_NS
                due_ns = _boundary_ns(ring, minutes) + interval_ns
                if key in self._prepared and self._prepared[key][0] == due_ns:
                    continue
                self._prepared.pop(key, None)
                window = ring.rollup(minutes, BARS)
                if _is_whole(window, interval_ns) and window.close_ns[-1] + interval_ns == due_ns:
                    self._bands[key].at(window)
                    self._prepared[key] = due_ns, _Indicators(*_columns(window, BARS - 1))

    def _at(self, symbol: str, minutes: int) -> TechnicalIndicators:
        close_ns = _boundary_ns(self._rings[symbol], minutes)
        known = self._found.get((symbol, minutes))
        if known is None or known[0] != close_ns:
            known = (close_ns, self._newest(symbol, minutes, close_ns))
            self._found[symbol, minutes] = known
        return known[1]

    def _newest(self, symbol: str, minutes: int, close_ns: int) -> TechnicalIndicators:
        ring, bands = self._rings[symbol], self._bands[symbol, minutes]
        due_ns, prepared = self._prepared.pop((symbol, minutes), (0, None))
        if prepared is not None and due_ns == close_ns:
            newest = ring.rollup(minutes, 1)
            if len(newest) and newest.close_ns[-1] == due_ns:
                prepared.feed(*_columns(newest, 1))
                return prepared.read(bands.at(newest))
        return _technical_indicators(ring.rollup(minutes, BARS), bands)


def technical_indicators(window: BarWindow) -> TechnicalIndicators:
    """Return the indicators of one timeframe.

    Parameters
    ----------
    window : BarWindow
        Complete bars of the timeframe; the newest `BARS` are used.
    """
    return _technical_indicators(window, _Bands())


def _technical_indicators(window: BarWindow, bands: "_Bands") -> TechnicalIndicators:
    if len(window) < _LEAST_BARS:
        return TechnicalIndicators()
    return _Indicators(*_columns(window, BARS)).read(bands.at(window))


class _Bands:
    """Bollinger bands of one timeframe, carried on from one question to the next.

    They are a function of the newest closes however those were fed, and by far the dearest of the
    indicators: only bars that came since the last question are fed.
    """

    def __init__(self) -> None:
        self._bands: Any = _engine().BollingerBands(_BANDS, 2.0)
        self._fed_ns = 0

    def at(self, window: BarWindow) -> tuple[float, float, float]:
        """Return (lower, middle, upper) at the newest bar; windows come in ascending order."""
        seen = int(window.close_ns.searchsorted(self._fed_ns, side="right"))
        for close in window.close[max(seen, len(window) - _BANDS) :].tolist():
            self._bands.update_raw(close, close, close)
        self._fed_ns = int(window.close_ns[-1])
        return self._bands.lower, self._bands.middle, self._bands.upper


class _Indicators:
    """Nautilus's indicators over the bars that they were fed, bands apart."""

    def __init__(self, highs: list[float], lows: list[float], closes: list[float]) -> None:
        engine = _engine()
        wilder = engine.MovingAverageType.WILDER
        self._rsi = engine.RelativeStrengthIndex(_RSI, wilder)
        self._atr = engine.AverageTrueRange(_ATR, wilder)
        self._fast, self._slow = (engine.ExponentialMovingAverage(period) for period in _EMA)
        self._macd = engine.MovingAverageConvergenceDivergence(*_MACD[:2])
        self._signal = engine.ExponentialMovingAverage(_MACD[2])
        self._closes: list[float] = []
        self.feed(highs, lows, closes)

    def feed(self, highs: list[float], lows: list[float], closes: list[float]) -> None:
        """Take in the next bars."""
        for indicator in (self._rsi, self._fast, self._slow):
            _feed(indicator.update_raw, closes)
        _feed(self._atr.update_raw, highs, lows, closes)
        macd, update_signal = self._macd, self._signal.update_raw
        update_macd = macd.update_raw
        for close in closes:
            update_macd(close)
            update_signal(macd.value)
        self._closes += closes

    def read(self, bands: tuple[float, float, float]) -> TechnicalIndicators:
        """Return all values at the newest bar, given the bands there."""
        closes, macd, signal = self._closes, self._macd.value, self._signal.value
        close = closes[-1]
        efficiency = _engine().EfficiencyRatio(_EFFICIENCY + 1)
        _feed(efficiency.update_raw, closes[-_EFFICIENCY - 1 :])
        lower, middle, upper = bands
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
            efficiency_ratio=efficiency.value,
            momentum=close / closes[-_EFFICIENCY - 1] - 1.0,
            mean_distance=close * _MEAN / sum(closes[-_MEAN:]) - 1.0,
        )


def _columns(window: BarWindow, count: int) -> tuple[list[float], list[float], list[float]]:
    # highs, lows and closes of the newest bars
    return (
        window.high[-count:].tolist(),
        window.low[-count:].tolist(),
        window.close[-count:].tolist(),
    )


def _boundary_ns(ring: BarRing, minutes: int) -> int:
    # where the newest bar of a timeframe closed, or would have
    return ring.last_close_ns - ring.last_close_ns % (minutes * MINUTE_NS)


def _is_whole(window: BarWindow, interval_ns: int) -> bool:
    # all bars that the indicators see, none missing between them
    whole_ns = (BARS - 1) * interval_ns
    return len(window) == BARS and int(window.close_ns[-1] - window.close_ns[0]) == whole_ns


def _feed(update: Callable[..., None], *columns: Iterable[float]) -> None:
    deque(map(update, *columns), maxlen=0)


@cache
def _engine() -> Any:
    # here, not above: whoever only reads snapshots need not load the engine
    import nautilus_trader.indicators as indicators

    return indicators
