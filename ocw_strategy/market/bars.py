"""Closed base bars of one instrument in a ring, rolled up to longer bars when asked for.

`BarRing` keeps the newest `capacity` bars and nothing else. It takes a bar only if it is newer
than the last one, closes on the grid of its interval and could have happened (finite positive
prices, low <= open, close <= high, volume not negative); anything else is refused and counted,
never repaired. A taker volume that cannot be true is stored as unknown (NaN): its bar is still
good. Roll-ups hold complete bars only: a bar with a hole in it, the one still forming and the one
cut off by the ring's far end are left out.
"""

import math
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocw_strategy.units import MINUTE_NS

type Times = NDArray[np.int64]
type Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class BarWindow:
    """Consecutive bars of one interval as columns, oldest first; each array has shape (n,)."""

    close_ns: Times
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    taker_buy_volume: NDArray[np.float64]
    """NaN where it is not known."""

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.close_ns)


class BarRing:
    """The newest closed base bars of one instrument.

    Parameters
    ----------
    base_minutes : int
        Interval of the bars, in minutes.
    capacity : int
        Bars kept.
    """

    def __init__(self, base_minutes: int, capacity: int) -> None:
        self._base_ns = base_minutes * MINUTE_NS
        self._capacity = capacity
        self._count = 0  # bars ever accepted
        self._times = array("q", bytes(8 * capacity))
        self._opens, self._highs, self._lows, self._closes, self._volumes, self._taker_buys = (
            array("d", bytes(8 * capacity)) for _ in range(6)
        )
        # the same memory, for whole columns
        self._seen_times = np.frombuffer(self._times, np.int64)
        self._seen = [
            np.frombuffer(column)
            for column in (
                self._opens, self._highs, self._lows, self._closes, self._volumes, self._taker_buys
            )
        ]  # fmt: skip
        self.last_close_ns = 0
        """Close of the newest bar, UNIX ns; 0 when there is none."""
        self.last_close = math.nan
        """Price at the newest close."""
        self.rejected = 0
        """Bars refused so far."""

    def __len__(self) -> int:
        """Return the number of bars held."""
        return min(self._count, self._capacity)

    def append(
        self,
        close_ns: int,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: float,
        taker_buy_volume: float,
    ) -> bool:
        """Add the next closed bar.

        Returns
        -------
        bool
            False, with `rejected` counted up, when the bar is a duplicate, late, off the grid of
            its interval, or impossible.
        """
        if not (
            close_ns > self.last_close_ns
            and close_ns % self._base_ns == 0
            and 0.0 < low <= open <= high < math.inf
            and low <= close <= high
            and 0.0 <= volume < math.inf
        ):
            self.rejected += 1
            return False
        if not 0.0 <= taker_buy_volume <= volume:
            taker_buy_volume = math.nan
        i = self._count % self._capacity
        self._times[i] = close_ns
        self._opens[i] = open
        self._highs[i] = high
        self._lows[i] = low
        self._closes[i] = close
        self._volumes[i] = volume
        self._taker_buys[i] = taker_buy_volume
        self._count += 1
        self.last_close_ns = close_ns
        self.last_close = close
        return True

    def newest(self, count: int, *, skip: int = 0) -> BarWindow:
        """Return the newest `count` base bars but for `skip`, or all that are, as copies."""
        end = (self._count - skip) % self._capacity
        start = end - min(count, len(self) - skip)
        columns = [_span(column, start, end) for column in self._seen]
        return BarWindow(_span(self._seen_times, start, end), *columns)

    def rollup(self, minutes: int, count: int) -> BarWindow:
        """Return the newest complete bars of a longer interval, aligned to UTC.

        Parameters
        ----------
        minutes : int
            Interval of the rolled-up bars, a multiple of the base interval.
        count : int
            Bars wanted. Fewer come back where the ring or its data have no more:
            ``(count + 1)`` intervals' worth of base bars before the newest boundary are looked
            at, so the answer stays the same until the next one.

        Returns
        -------
        BarWindow
            A bar's taker volume is unknown when that of any of its base bars is.
        """
        interval_ns = minutes * MINUTE_NS
        ratio = interval_ns // self._base_ns
        if ratio == 1:
            return self.newest(count)
        forming = self._forming(interval_ns)
        base = self.newest((count + 1) * ratio, skip=forming)
        if not len(base):
            return base
        starts, ends, kept = self._spans(base.close_ns, interval_ns)
        kept = kept[-count:]
        return BarWindow(
            close_ns=base.close_ns[ends[kept]],
            open=base.open[starts[kept]],
            high=np.maximum.reduceat(base.high, starts)[kept],
            low=np.minimum.reduceat(base.low, starts)[kept],
            close=base.close[ends[kept]],
            volume=np.add.reduceat(base.volume, starts)[kept],
            taker_buy_volume=np.add.reduceat(base.taker_buy_volume, starts)[kept],
        )

    def _spans(self, close_ns: Times, interval_ns: int) -> tuple[Rows, Rows, Rows]:
        # of each longer bar its first and last row, and which of them are complete
        ratio = interval_ns // self._base_ns
        first_ns, last_ns = int(close_ns[0]), int(close_ns[-1])
        whole = last_ns - first_ns == (len(close_ns) - 1) * self._base_ns
        if whole and last_ns % interval_ns == 0 and len(close_ns) % ratio == 0:
            starts = np.arange(0, len(close_ns), ratio)
            return starts, starts + (ratio - 1), np.arange(len(starts))
        bucket = (close_ns - 1) // interval_ns
        edges = np.flatnonzero(bucket[1:] != bucket[:-1]) + 1
        starts = np.concatenate(([0], edges))
        ends = np.concatenate((edges - 1, [len(bucket) - 1]))
        return starts, ends, np.flatnonzero(ends - starts == ratio - 1)

    def _forming(self, interval_ns: int) -> int:
        # how many base bars came after the newest boundary: none of them missing, or fewer
        boundary_ns = self.last_close_ns - self.last_close_ns % interval_ns
        found = min((self.last_close_ns - boundary_ns) // self._base_ns, len(self))
        while found and self._times[(self._count - found) % self._capacity] <= boundary_ns:
            found -= 1
        return found

    def interval(self, bars: int) -> tuple[float, float, float]:
        """Return (high, low, volume) over the newest `bars` base bars.

        All are NaN when the ring holds fewer, or a bar among them is missing.
        """
        last = (self._count - 1) % self._capacity
        if bars == 1:
            return self._highs[last], self._lows[last], self._volumes[last]
        rows = range(last - bars + 1, last + 1)  # negative indices reach round the ring's end
        span_ns = (bars - 1) * self._base_ns
        if len(self) < bars or self._times[last] - self._times[rows[0]] != span_ns:
            return math.nan, math.nan, math.nan
        return (
            max([self._highs[i] for i in rows]),
            min([self._lows[i] for i in rows]),
            sum([self._volumes[i] for i in rows]),
        )


def _span[T: np.generic](column: NDArray[T], start: int, end: int) -> NDArray[T]:
    # a copy of the rows from start to end; a negative start reaches round the ring's end
    if start >= 0:
        return column[start:end].copy()
    return np.concatenate((column[start:], column[:end]))
