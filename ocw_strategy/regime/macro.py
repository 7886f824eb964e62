"""The macro quadrant, growth by inflation, from four FRED series as they were known at the time.

Each observation carries the moment it was published; nothing is seen earlier, and a revision
replaces a value only from its own publication on. Changes are measured over calendar days, so a
daily and a monthly series speak of the same quarter.

A side (growth or inflation) is said by its first series, and by its second when the first is
within its dead band, stale or absent. A side that nobody decides makes the quadrant ``unknown``
with scale 1; it is never a default quadrant. Without any series at all the quadrant is
`ASSUMED_MACRO`: goldilocks by convention, marked as assumed, with scale 1.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ocw_strategy.regime.settings import UNKNOWN, MacroSettings
from ocw_strategy.units import DAY_NS

YIELD_CURVE: Final = "T10Y2Y"
UNEMPLOYMENT: Final = "UNRATE"
BREAKEVEN: Final = "T10YIE"
CONSUMER_PRICES: Final = "CPIAUCSL"
MACRO_SERIES: Final = (YIELD_CURVE, UNEMPLOYMENT, BREAKEVEN, CONSUMER_PRICES)
"""The FRED series, percent or (the last) an index; source: fred.stlouisfed.org."""

_EPOCH = date(1970, 1, 1)
_NEAR = timedelta(days=20)  # an observation this far from the day asked for still stands for it
_YEAR_AGO = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Macro:
    """The macro quadrant as known at one moment.

    Attributes
    ----------
    quadrant : str
        ``goldilocks``, ``reflation``, ``stagflation``, ``deflation`` or ``unknown``.
    scale : float
        Multiplier of position size; 1 when unknown or assumed.
    assumed : bool
        True when there was no data to measure it with.
    growth, inflation : int
        1 rising, -1 falling, 0 undecided.
    """

    quadrant: str
    scale: float
    assumed: bool
    growth: int
    inflation: int


ASSUMED_MACRO: Final = Macro("goldilocks", 1.0, assumed=True, growth=0, inflation=0)


@dataclass(frozen=True, slots=True)
class MacroObservation:
    """One vintage of one observation.

    Attributes
    ----------
    series_id : str
        FRED's name of the series.
    date : datetime.date
        The day or month it speaks of.
    published_ns : int
        When this value became known, UNIX nanoseconds.
    value : float
        As published.
    """

    series_id: str
    date: date
    published_ns: int
    value: float


class MacroSeries:
    """Observations with their publication times, to be read as of any moment.

    Parameters
    ----------
    observations : iterable of MacroObservation
        In any order.
    """

    def __init__(self, observations: Iterable[MacroObservation]) -> None:
        self.observations = tuple(
            sorted(observations, key=lambda each: (each.series_id, each.date, each.published_ns))
        )
        self._series: dict[str, list[MacroObservation]] = {}
        for observation in self.observations:
            self._series.setdefault(observation.series_id, []).append(observation)

    @property
    def publications_ns(self) -> list[int]:
        """The moments at which something was published, ascending."""
        return sorted({each.published_ns for each in self.observations})

    def known(self, series_id: str, now_ns: int, days: int) -> dict[date, float]:
        """Return a series as it stood at `now_ns`, ascending, over the `days` before."""
        today = _EPOCH + timedelta(days=now_ns // DAY_NS)
        rows = self._series.get(series_id, [])
        first = bisect_left(rows, today - timedelta(days=days), key=lambda each: each.date)
        last = bisect_right(rows, today, key=lambda each: each.date)
        return {
            each.date: each.value for each in rows[first:last] if each.published_ns <= now_ns
        }  # a later vintage of a date comes later and replaces the earlier one


def macro_at(series: MacroSeries | None, now_ns: int, settings: MacroSettings) -> Macro:
    """Return the quadrant as known at a moment.

    Parameters
    ----------
    series : MacroSeries or None
        None when no macro data is configured.
    now_ns : int
        The moment, UNIX nanoseconds.
    settings : MacroSettings
        Dead bands, horizons and scales.

    Returns
    -------
    Macro
        `ASSUMED_MACRO` without series; unknown when a side cannot be decided.
    """
    if series is None:
        return ASSUMED_MACRO
    today = _EPOCH + timedelta(days=now_ns // DAY_NS)
    days = settings.stale_days + settings.change_days + _NEAR.days

    def direction(series_id: str, dead_band: float) -> int:
        if series_id == CONSUMER_PRICES:  # an index: what rises or falls is its yearly rate
            levels = series.known(series_id, now_ns, days + _YEAR_AGO.days + _NEAR.days)
            values = _year_on_year(levels)
        else:
            values = series.known(series_id, now_ns, days)
        if not values or (today - max(values)).days > settings.stale_days:
            return 0
        newest = max(values)
        before = _nearest(values, newest - timedelta(days=settings.change_days))
        change = 0.0 if before is None else values[newest] - before
        return 0 if abs(change) <= dead_band else (1 if change > 0 else -1)

    growth = direction(YIELD_CURVE, settings.yield_curve_dead_band) or -direction(
        UNEMPLOYMENT, settings.unemployment_dead_band
    )
    inflation = direction(BREAKEVEN, settings.breakeven_dead_band) or direction(
        CONSUMER_PRICES, settings.inflation_dead_band
    )
    quadrants = {
        (1, -1): ("goldilocks", settings.goldilocks_scale),
        (1, 1): ("reflation", settings.reflation_scale),
        (-1, 1): ("stagflation", settings.stagflation_scale),
        (-1, -1): ("deflation", settings.deflation_scale),
    }
    quadrant, scale = quadrants.get((growth, inflation), (UNKNOWN, 1.0))
    return Macro(quadrant, scale, assumed=False, growth=growth, inflation=inflation)


def _nearest(values: Mapping[date, float], day: date) -> float | None:
    """Return the value nearest to a day, or None when none is near."""
    found = min(values, key=lambda each: (abs(each - day), each), default=None)
    return values[found] if found is not None and abs(found - day) <= _NEAR else None


def _year_on_year(index: Mapping[date, float]) -> dict[date, float]:
    """Return the yearly rate of change of a price index, percent, where both ends are known."""
    rates = {}
    for day, level in index.items():
        before = _nearest(index, day - _YEAR_AGO)
        if before:
            rates[day] = 100 * (level / before - 1)
    return rates
