"""Non-overlapping periods of hourly closes, and the calendar on which regimes are refitted.

A period starts at a multiple of its length since the UNIX epoch, so at midnight UTC, and holds the
log returns of consecutive hours only: a return across a missing hour is not an hourly return and
is left out. A period with too few of them, or with no movement at all, is skipped and counted; it
is never guessed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from ocw_strategy.units import DAY_NS, DAYS_PER_YEAR, HOUR_NS

_EPOCH = date(1970, 1, 1)
_HOURS_PER_YEAR = DAYS_PER_YEAR * 24


@dataclass(frozen=True, slots=True)
class Period:
    """What one period showed.

    Attributes
    ----------
    index : int
        Number of the period since the UNIX epoch.
    log_return : float
        Sum of its hourly log returns.
    volatility : float
        Realised volatility of its hourly log returns, annualised, a fraction; always positive.
    """

    index: int
    log_return: float
    volatility: float


class PeriodBuilder:
    """Gather hourly closes into periods.

    Parameters
    ----------
    hours : int
        Length of a period.
    minimum_fraction : float
        Fraction of its hourly returns, above one half, that a period needs.
    """

    def __init__(self, hours: int, minimum_fraction: float) -> None:
        self.skipped = 0
        self._hours = hours
        self._minimum = math.ceil(hours * minimum_fraction)
        self._index = -1
        self._close_ns = 0
        self._close = 0.0
        self._returns: list[float] = []
        self._done = True  # whether the period `_index` has been accounted for

    def push(self, close_ns: int, close: float) -> Period | None:
        """Add the next hour and return the period that thereby became complete, if one did.

        The caller has checked that `close_ns` is a whole hour after the one before and that `close`
        is positive and finite. A period whose last hours are missing is complete when a later
        hour arrives.
        """
        index = (close_ns - HOUR_NS) // (self._hours * HOUR_NS)
        finished = None
        if index != self._index:
            finished = self._finish()
            if self._index >= 0:
                self.skipped += index - self._index - 1
            self._index, self._returns, self._done = index, [], False
        if close_ns - self._close_ns == HOUR_NS:
            self._returns.append(math.log(close / self._close))
        self._close_ns, self._close = close_ns, close
        if close_ns % (self._hours * HOUR_NS) == 0:
            finished = self._finish()  # two at once cannot be: one hour is too few for a period
        return finished

    def _finish(self) -> Period | None:
        if self._done:
            return None
        self._done = True
        squares = math.fsum(value * value for value in self._returns)
        if len(self._returns) < self._minimum or squares == 0.0:
            self.skipped += 1
            return None
        volatility = math.sqrt(squares / len(self._returns) * _HOURS_PER_YEAR)
        return Period(self._index, math.fsum(self._returns), volatility)

    def state(self) -> dict[str, Any]:
        """Return everything that later answers depend on, as JSON values."""
        return {
            "skipped": self.skipped,
            "index": self._index,
            "close_ns": self._close_ns,
            "close": self._close,
            "returns": list(self._returns),
            "done": self._done,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`."""
        self.skipped = state["skipped"]
        self._index = state["index"]
        self._close_ns = state["close_ns"]
        self._close = state["close"]
        self._returns = list(state["returns"])
        self._done = state["done"]


def time_of_week(index: int, hours: int) -> int:
    """Return the time of week of a period: its part of the day, on a working day or a weekend."""
    parts = 24 // hours
    weekend = (index // parts + _EPOCH.weekday()) % 7 >= 5
    return index % parts + parts * weekend


def seasonal_log_volatility(periods: Sequence[Period], hours: int) -> list[float]:
    """Return how far log volatility usually lies from its level at each time of week.

    A quiet Sunday is no calm market, and a busy afternoon no turbulent one. The level is such that
    the mean square of the factors is 1 over `periods`; a time of week without periods has 0.
    """
    slots: list[list[float]] = [[] for _ in range(2 * 24 // hours)]
    for period in periods:
        slots[time_of_week(period.index, hours)].append(math.log(period.volatility))
    means = [math.fsum(slot) / len(slot) if slot else math.nan for slot in slots]
    squares = (
        len(slot) * math.exp(2 * mean) for slot, mean in zip(slots, means, strict=True) if slot
    )
    level = math.log(math.fsum(squares) / len(periods)) / 2
    return [mean - level if slot else 0.0 for slot, mean in zip(slots, means, strict=True)]


def unbroken_lengths(periods: Sequence[Period]) -> list[int]:
    """Return the lengths of the runs of consecutive periods."""
    lengths: list[int] = []
    for before, period in zip([None, *periods], periods, strict=False):
        if before is not None and period.index == before.index + 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def last_boundary_ns(now_ns: int, refit: Literal["weekly", "monthly"]) -> int:
    """Return the newest refit boundary at or before `now_ns`."""
    today = _EPOCH + timedelta(days=now_ns // DAY_NS)
    back = today.weekday() if refit == "weekly" else today.day - 1
    return _midnight_ns(today - timedelta(days=back))


def next_boundary_ns(now_ns: int, refit: Literal["weekly", "monthly"]) -> int:
    """Return the first refit boundary after `now_ns`."""
    days = 7 if refit == "weekly" else 31
    return last_boundary_ns(last_boundary_ns(now_ns, refit) + days * DAY_NS, refit)


def _midnight_ns(day: date) -> int:
    return (day - _EPOCH).days * DAY_NS
