"""Macro series with a known quadrant for these tests."""

from datetime import date, timedelta

from ocw_strategy.regime import MacroObservation, MacroSeries
from ocw_strategy.units import DAY_NS

EPOCH = date(1970, 1, 1)


def midnight_ns(day: date) -> int:
    return (day - EPOCH).days * DAY_NS


def daily(
    series_id: str, last: date, slope: float, *, days: int = 500, level: float = 1.0
) -> list[MacroObservation]:
    """One value each working day, `slope` a day, published the day after."""
    rows = []
    for back in range(days):
        day = last - timedelta(days=back)
        if day.weekday() < 5:
            published = midnight_ns(day + timedelta(days=1))
            rows.append(MacroObservation(series_id, day, published, level - slope * back))
    return rows


def monthly(series_id: str, last: date, values: list[float]) -> list[MacroObservation]:
    """One value a month, the last of them for the month of `last`, published forty days after."""
    rows = []
    for back, value in enumerate(reversed(values)):
        months = last.year * 12 + last.month - 1 - back
        day = date(months // 12, months % 12 + 1, 1)
        published = midnight_ns(day + timedelta(days=40))
        rows.append(MacroObservation(series_id, day, published, value))
    return rows


def rising_growth_falling_inflation(last: date) -> MacroSeries:
    return MacroSeries([*daily("T10Y2Y", last, 0.01), *daily("T10YIE", last, -0.01)])
