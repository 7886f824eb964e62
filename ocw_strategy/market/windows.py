"""Exact statistics of the recent past, by slot of time: the yardsticks of the features.

Values are integers (the features quantise), so a sum is exact however long it has been kept, and a
window that was warmed up equals one that has run for a year. A slot without a value is a hole, not
a zero, and a window of which less than three quarters is known says NaN. Slots are pushed one by
one, missed ones as None.
"""

import math
from collections.abc import Sequence
from typing import Final

SLOTS_PER_HOUR: Final = 4
SLOTS_PER_DAY: Final = 24 * SLOTS_PER_HOUR
BASELINE: Final = 28 * SLOTS_PER_DAY
"""Slots of four weeks: what is usual."""

_SHARE_KNOWN: Final = 0.75
_LEAST_HOUR: Final = 16  # closes of an hour of day: two weekends' worth
_POOLED: Final = 16  # closes at which an hour of day counts as much as all hours together


class Windows:
    """Means of the newest integers over several lengths, in slots."""

    __slots__ = ("_counts", "_lengths", "_ring", "_sums")

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = tuple(lengths)
        self._ring: list[int | None] = [None] * max(lengths)
        self._sums = [0] * len(lengths)
        self._counts = [0] * len(lengths)

    def push(self, slot: int, value: int | None) -> None:
        """Move on to the next slot."""
        ring, sums, counts = self._ring, self._sums, self._counts
        size = len(ring)
        for i, length in enumerate(self._lengths):
            old = ring[(slot - length) % size]
            if old is not None:
                sums[i] -= old
                counts[i] -= 1
            if value is not None:
                sums[i] += value
                counts[i] += 1
        ring[slot % size] = value

    def means(self) -> list[float]:
        """Return the mean of each window, NaN where too little is known."""
        return [
            total / count if count >= _SHARE_KNOWN * length else math.nan
            for total, count, length in zip(self._sums, self._counts, self._lengths, strict=True)
        ]


class Baseline:
    """Mean and deviation of the integers of the last four weeks."""

    __slots__ = ("_count", "_ring", "_squares", "_sum")

    def __init__(self) -> None:
        self._ring: list[int | None] = [None] * BASELINE
        self._sum = 0
        self._squares = 0
        self._count = 0

    def push(self, slot: int, value: int | None) -> None:
        """Move on to the next slot."""
        old = self._ring[slot % BASELINE]
        if old is not None:
            self._sum -= old
            self._squares -= old * old
            self._count -= 1
        if value is not None:
            self._sum += value
            self._squares += value * value
            self._count += 1
        self._ring[slot % BASELINE] = value

    def z(self, value: int) -> float:
        """Return how many deviations a value is from the mean; NaN while unknown."""
        if self._count < SLOTS_PER_DAY:
            return math.nan
        return _z(value, self._count, self._sum, self._squares)


class HourOfDay:
    """Mean and deviation of four weeks' integers per hour of day, weekends apart."""

    __slots__ = ("_count", "_counts", "_ring", "_squares", "_sum", "_sums")

    def __init__(self) -> None:
        self._ring: list[int | None] = [None] * BASELINE
        self._sums = [0] * 48
        self._squares = [0] * 48
        self._counts = [0] * 48
        self._sum = 0
        self._count = 0

    def push(self, slot: int, value: int | None) -> None:
        """Move on to the next slot."""
        hour = _hour(slot)
        old = self._ring[slot % BASELINE]
        if old is not None:  # four weeks ago: the same hour of day of the same day of week
            self._sums[hour] -= old
            self._squares[hour] -= old * old
            self._counts[hour] -= 1
            self._sum -= old
            self._count -= 1
        if value is not None:
            self._sums[hour] += value
            self._squares[hour] += value * value
            self._counts[hour] += 1
            self._sum += value
            self._count += 1
        self._ring[slot % BASELINE] = value

    def z(self, slot: int, value: int) -> float:
        """Return how many deviations a value is from what its slot's hour is used to."""
        hour = _hour(slot)
        if self._counts[hour] < _LEAST_HOUR:
            return math.nan
        return _z(value, self._counts[hour], self._sums[hour], self._squares[hour])

    def above_usual(self, slot: int, ahead: int) -> list[tuple[float, int]]:
        """Return how far the hours ahead usually are above the mean of all hours.

        Parameters
        ----------
        slot : int
            Now.
        ahead : int
            Slots to look ahead.

        Returns
        -------
        list of (float, int)
            Per hour touched: its mean minus that of all hours, drawn toward zero where little is
            known, and how many of the slots lie in it. NaN while a day is not yet known.
        """
        mean = self._sum / self._count if self._count >= SLOTS_PER_DAY else math.nan
        found = []
        first, last = slot + 1, slot + ahead
        while first <= last:
            end = min(first + -first % SLOTS_PER_HOUR, last)
            hour = _hour(first)
            known = self._counts[hour]
            above = (self._sums[hour] - known * mean) / (known + _POOLED)
            found.append((above, end - first + 1))
            first = end + 1
        return found


def _z(value: int, count: int, total: int, squares: int) -> float:
    spread = count * squares - total * total
    return (count * value - total) / math.sqrt(spread) if spread > 0 else math.nan


def _hour(slot: int) -> int:
    # the hour a close belongs to is the one that was trading: 01:00 ends hour 0
    day, within = divmod(slot - 1, SLOTS_PER_DAY)
    weekend = (day + 3) % 7 >= 5  # the epoch was a Thursday
    return within // SLOTS_PER_HOUR + 24 * weekend
