"""The market's clock and what it shows at a moment: prices, klines, funding, statistics.

A bar is walked through in four points: its open, low, high and close, a quarter of the bar apart;
the mark price takes the same walk through its own bar. Stamps are market time, which only moves
when the market is stepped. Nothing of a later moment is ever shown; statistics come out
`publication_delay_ms` after the five minutes they speak of, as they do at Binance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from ocw_strategy.catalog.frames import STATISTICS
from tests.venue.history import MINUTE_MS, Floats, History
from tests.venue.listings import LISTINGS

INTERVALS: Final = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}
"""Minutes of a kline by its name at the venue."""
POINTS: Final = 4
_WALK: Final = (0, 2, 1, 3)  # open, low, high, close among the columns of a bar
_FUNDING_MS: Final = 8 * 60 * MINUTE_MS
_DIGITS: Final = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Tick:
    """One perpetual's prices at a point; `jump` where the walk has a gap."""

    symbol: str
    last: Decimal
    mark: Decimal
    jump: bool


@dataclass(frozen=True, slots=True)
class Kline:
    """A kline as it stands: its open time, prices, volumes, and whether it has closed."""

    open_ms: int
    minutes: int
    prices: tuple[float, float, float, float]
    volume: float
    taker_buy_volume: float
    bars: int
    closed: bool

    @property
    def close_ms(self) -> int:
        """Its last millisecond, as Binance writes it."""
        return self.open_ms + self.minutes * MINUTE_MS - 1


class Market:
    """Plays histories of equal base bars.

    Parameters
    ----------
    histories : Mapping
        By venue symbol; all with the same bar length and first bar.
    bars_shown : int
        How many bars have closed when the market opens: what a client may ask for as history.
    """

    def __init__(self, histories: Mapping[str, History], bars_shown: int = 0) -> None:
        lengths = {(h.minutes, int(h.open_ms[0])) for h in histories.values()}
        if len(lengths) != 1:
            raise ValueError(f"histories must share bar length and start, were {lengths}")
        self.histories = dict(histories)
        self.minutes, self._start_ms = lengths.pop()
        self.publication_delay_ms = 2 * MINUTE_MS
        self._bars = min(len(h.open_ms) for h in histories.values())
        self._bar = min(bars_shown, self._bars)
        self._point = 0  # points of the current bar that have been shown
        self.now_ms = self._start_ms + self._bar * self.minutes * MINUTE_MS
        self._last_close: dict[str, Decimal] = {}
        if self._bar:
            for symbol, history in self.histories.items():
                self._last_close[symbol] = self._price(symbol, history.prices[self._bar - 1, 3])

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is traded."""
        return tuple(self.histories)

    @property
    def at_end(self) -> bool:
        """Whether every bar has been shown."""
        return self._bar >= self._bars

    @property
    def bar_closed(self) -> bool:
        """Whether the point just shown closed a base bar."""
        return self._point == 0

    def opening(self) -> list[Tick]:
        """Return the prices before the first step."""
        row = max(self._bar - 1, 0)
        column = 3 if self._bar else 0
        return [
            Tick(
                symbol,
                self._price(symbol, history.prices[row, column]),
                self._mark(history.marks[row, column]),
                jump=True,
            )
            for symbol, history in self.histories.items()
        ]

    def step(self) -> list[Tick]:
        """Move to the next point and return the prices there."""
        if self.at_end:
            return []
        column, first = _WALK[self._point], self._point == 0
        length_ms = self.minutes * MINUTE_MS
        open_ms = self._start_ms + self._bar * length_ms
        ticks = []
        for symbol, history in self.histories.items():
            last = self._price(symbol, history.prices[self._bar, column])
            mark = self._mark(history.marks[self._bar, column])
            gap = first and last != self._last_close.get(symbol)
            ticks.append(Tick(symbol, last, mark, jump=gap))
            self._last_close[symbol] = last
        self._point += 1
        if self._point == POINTS:
            self._point, self._bar = 0, self._bar + 1
            self.now_ms = open_ms + length_ms
        else:
            self.now_ms = open_ms + (self._point - 1) * length_ms // POINTS
        return ticks

    # -- what is shown -----------------------------------------------------------------------------

    def kline(self, symbol: str, interval: str) -> Kline | None:
        """Return the kline of the moment: the one that forms, or at a close the one that closed."""
        minutes = INTERVALS[interval]
        if minutes % self.minutes:
            return None
        length_ms = minutes * MINUTE_MS
        at_ms = self.now_ms - 1 if self.bar_closed else self.now_ms
        found = self.klines(symbol, interval, at_ms // length_ms * length_ms, self.now_ms, 1)
        return found[-1] if found else None

    def klines(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Kline]:
        """Return klines whose open lies in a window, the last of them perhaps still forming.

        Without a start the newest, else the first of the window.
        """
        minutes = INTERVALS[interval]
        if minutes % self.minutes:
            return []
        history, length_ms = self.histories[symbol], minutes * MINUTE_MS
        bar_ms = self.minutes * MINUTE_MS
        shown = self._bar + (1 if self._point else 0)
        if not shown:
            return []
        # bars follow each other without a hole: rows are found by counting
        newest_ms = int(history.open_ms[shown - 1]) // length_ms * length_ms
        last_ms = newest_ms if end_ms is None else min(newest_ms, end_ms // length_ms * length_ms)
        if start_ms is None:
            first_ms = last_ms - (limit - 1) * length_ms
        else:
            first_ms = -(-start_ms // length_ms) * length_ms
            last_ms = min(last_ms, first_ms + (limit - 1) * length_ms)
        earliest_ms = self._start_ms // length_ms * length_ms
        found = []
        for open_ms in range(max(first_ms, earliest_ms), last_ms + 1, length_ms):
            first = max((open_ms - self._start_ms) // bar_ms, 0)
            end = min((open_ms + length_ms - self._start_ms) // bar_ms, shown)
            found.append(self._rolled(history, first, end, minutes))
        return found

    def _rolled(self, history: History, first: int, end: int, minutes: int) -> Kline:
        prices = history.prices[first:end]
        volume, taker = history.volume[first:end], history.taker_buy_volume[first:end]
        open_ms = int(history.open_ms[first]) // (minutes * MINUTE_MS) * minutes * MINUTE_MS
        forming = self._point > 0 and end > self._bar
        if forming:  # only what the walk has shown of the last bar
            walked = prices[-1, list(_WALK[: self._point])]
            seen = (walked[0], walked.max(), walked.min(), walked[-1])
            prices = np.vstack([prices[:-1], seen])
            share = self._point / POINTS
            volume = np.append(volume[:-1], volume[-1] * share)
            taker = np.append(taker[:-1], taker[-1] * share)
        whole = int(history.open_ms[first]) + (end - first) * self.minutes * MINUTE_MS
        return Kline(
            open_ms=open_ms,
            minutes=minutes,
            prices=(
                float(prices[0, 0]),
                float(prices[:, 1].max()),
                float(prices[:, 2].min()),
                float(prices[-1, 3]),
            ),
            volume=float(volume.sum()),
            taker_buy_volume=float(taker.sum()),
            bars=end - first,
            closed=not forming and whole >= open_ms + minutes * MINUTE_MS,
        )

    def statistics(
        self, symbol: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return published rows, oldest first: ``ts`` (the END of the five minutes) and columns."""
        held = self.histories[symbol].statistics
        published = held.ts_ms[held.ts_ms <= self.now_ms - self.publication_delay_ms]
        rows = [
            row
            for row in range(len(published))
            if (start_ms is None or published[row] >= start_ms)
            and (end_ms is None or published[row] <= end_ms)
        ]
        rows = rows[-limit:] if start_ms is None else rows[:limit]
        return [
            {"ts": int(published[row])} | {n: float(held.columns[n][row]) for n in STATISTICS}
            for row in rows
        ]

    def open_interest(self, symbol: str) -> float:
        """Return the open interest of the moment."""
        held = self.histories[symbol].statistics
        known = int(np.searchsorted(held.ts_ms, self.now_ms, "right"))
        values: Floats = held.columns["open_interest"]
        return float(values[known - 1]) if known else 0.0

    def settled(
        self, symbol: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[tuple[int, float]]:
        """Return funding that has been settled, oldest first."""
        history = self.histories[symbol]
        rows = [
            (int(ts), float(rate))
            for ts, rate in zip(history.funding_ms, history.funding_rate, strict=True)
            if ts <= self.now_ms
            and (start_ms is None or ts >= start_ms)
            and (end_ms is None or ts <= end_ms)
        ]
        return rows[-limit:] if start_ms is None else rows[:limit]

    def next_funding(self, symbol: str) -> tuple[int, float]:
        """Return when the next settlement is, and the rate it is heading for."""
        history = self.histories[symbol]
        row = int(np.searchsorted(history.funding_ms, self.now_ms, "right"))
        if row < len(history.funding_ms):
            return int(history.funding_ms[row]), float(history.funding_rate[row])
        return (self.now_ms // _FUNDING_MS + 1) * _FUNDING_MS, 0.0001

    def _price(self, symbol: str, value: float) -> Decimal:
        tick = LISTINGS[symbol].tick
        return round(Decimal(repr(float(value))) / tick) * tick

    @staticmethod
    def _mark(value: float) -> Decimal:
        return Decimal(repr(float(value))).quantize(_DIGITS)
