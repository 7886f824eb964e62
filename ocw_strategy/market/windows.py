"""Exact statistics of the recent past, by slot of time: the yardsticks of the features.

Values are integers (the features quantise), so a sum is exact however long it has been kept, and a
window that was warmed up equals one that has run for a year. Slots are pushed one by one; one
without a value is pushed as None and is a hole, not a zero. What is computed from too few values
is NaN.
"""

import math
from collections.abc import Sequence
from typing import Final

SLOTS_PER_HOUR: Final = 4
SLOTS_PER_DAY: Final = 24 * SLOTS_PER_HOUR
BASELINE: Final = 28 * SLOTS_PER_DAY
"""Slots of four weeks: what is usual."""

_SHARE_KNOWN: Final = 0.75  # of a window
_LEAST_OF_HOUR: Final = 16  # closes of an hour of day: two weekends' worth
_POOLED: Final = 16  # closes at which an hour of day counts as much as all hours together


class Windows:
    """Means of the newest integers over several lengths, in slots."""

    __slots__ = ("_counts", "_lengths", "_ring", "_size", "_sums")

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = tuple(enumerate(lengths))
        self._size = max(lengths)
        self._ring: list[int | None] = [None] * self._size
        self._sums = [0] * len(lengths)
        self._counts = [0] * len(lengths)

    def push(self, slot: int, value: int | None) -> None:
        """Move on to the next slot."""
        ring, size, sums = self._ring, self._size, self._sums
        for i, length in self._lengths:
            old = ring[(slot - length) % size]
            if value is not None and old is not None:  # nearly always
                sums[i] += value - old
            elif value is not None:
                sums[i] += value
                self._counts[i] += 1
            elif old is not None:
                sums[i] -= old
                self._counts[i] -= 1
        ring[slot % size] = value

    def means(self) -> list[float]:
        """Return the mean of each window, NaN where too little is known."""
        sums, counts = self._sums, self._counts
        return [
            sums[i] / counts[i] if counts[i] >= _SHARE_KNOWN * length else math.nan
            for i, length in self._lengths
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
        at = slot % BASELINE
        old = self._ring[at]
        if old is not None:
            self._sum -= old
            self._squares -= old * old
            self._count -= 1
        if value is not None:
            self._sum += value
            self._squares += value * value
            self._count += 1
        self._ring[at] = value

    def z(self, value: int) -> float:
        """Return how many deviations a value is from the mean, NaN while a day is not known."""
        count = self._count
        spread = count * self._squares - self._sum * self._sum
        if count < SLOTS_PER_DAY or spread <= 0:
            return math.nan
        return (count * value - self._sum) / math.sqrt(spread)


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

    def push(self, slot: int, hour: int, value: int | None) -> None:
        """Move on to the next slot, whose `hour_of_week` is given."""
        at = slot % BASELINE
        old = self._ring[at]
        if old is not None:  # four weeks ago: the same hour of the same day of the week
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
        self._ring[at] = value

    def z(self, hour: int, value: int) -> float:
        """Return how many deviations a value is from what its hour is used to."""
        count, total = self._counts[hour], self._sums[hour]
        spread = count * self._squares[hour] - total * total
        if count < _LEAST_OF_HOUR or spread <= 0:
            return math.nan
        return (count * value - total) / math.sqrt(spread)

    def liveliness(self, slot: int, slots: int, unit: float) -> float:
        """Return how much more variance the slots ahead usually have than others.

        The values are taken as logs of volatilities. Hours of which little is known are drawn
        toward the mean of all.

        Parameters
        ----------
        slot : int
            Now.
        slots : int
            How many slots to look ahead.
        unit : float
            What a value is multiplied by to give a log.
        """
        if self._count < SLOTS_PER_DAY:
            return math.nan
        sums, counts = self._sums, self._counts
        mean = self._sum / self._count
        total = 0.0
        now, end = slot, slot + slots
        while now < end:
            hour = hour_of_week(now + 1)
            until = now + SLOTS_PER_HOUR - now % SLOTS_PER_HOUR
            if until > end:
                until = end
            known = counts[hour]
            above = (sums[hour] - known * mean) / (known + _POOLED)
            total += (until - now) * math.exp(2.0 * unit * above)
            now = until
        return total / slots


def hour_of_week(slot: int) -> int:
    """Return the hour of day of a slot, 0 to 23, or 24 to 47 at weekends (UTC).

    The hour a close belongs to is the one that was trading: 01:00 ends hour 0.
    """
    hours = (slot - 1) // SLOTS_PER_HOUR
    weekend = (hours // 24 + 3) % 7 >= 5  # the epoch was a Thursday
    return hours % 24 + 24 * weekend
