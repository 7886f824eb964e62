from datetime import date, timedelta

import pytest

from ocw_strategy.regime import (
    ASSUMED_MACRO,
    UNKNOWN,
    Macro,
    MacroObservation,
    MacroSeries,
    MacroSettings,
    macro_at,
)
from ocw_strategy.units import DAY_NS
from tests.regime.macro_rows import daily, midnight_ns, monthly

TODAY = date(2024, 6, 28)  # a Friday
NOW_NS = midnight_ns(TODAY)
SETTINGS = MacroSettings()
FLAT_PRICES = [100 * 1.03 ** (month / 12) for month in range(24)]  # three percent a year


def at(*rows: list[MacroObservation], now_ns: int = NOW_NS) -> Macro:
    return macro_at(MacroSeries([each for group in rows for each in group]), now_ns, SETTINGS)


@pytest.mark.parametrize(
    ("curve", "breakeven", "quadrant", "scale"),
    [
        (0.01, -0.01, "goldilocks", 1.2),
        (0.01, 0.01, "reflation", 1.0),
        (-0.01, 0.01, "stagflation", 0.6),
        (-0.01, -0.01, "deflation", 0.9),
    ],
)
def test_quadrant_is_growth_by_inflation(
    curve: float, breakeven: float, quadrant: str, scale: float
) -> None:
    macro = at(daily("T10Y2Y", TODAY, curve), daily("T10YIE", TODAY, breakeven))
    assert (macro.quadrant, macro.scale, macro.assumed) == (quadrant, scale, False)


def test_without_series_goldilocks_is_assumed_with_neutral_scale() -> None:
    macro = macro_at(None, NOW_NS, SETTINGS)
    assert macro is ASSUMED_MACRO
    assert (macro.quadrant, macro.scale, macro.assumed) == ("goldilocks", 1.0, True)


def test_b14_unemployment_is_compared_over_three_months_not_ninety_observations() -> None:
    rising = [3.0] * 117 + [3.4, 3.6, 3.8]  # far below its own value of ninety months before
    values = [9.0] * 30 + rising[30:]
    macro = at(monthly("UNRATE", date(2024, 5, 1), values), daily("T10YIE", TODAY, 0.01))
    assert (macro.growth, macro.quadrant) == (-1, "stagflation")


def test_b14_prices_that_rise_at_a_steady_rate_are_no_rising_inflation() -> None:
    prices = monthly("CPIAUCSL", date(2024, 5, 1), FLAT_PRICES)
    macro = at(daily("T10Y2Y", TODAY, 0.01), prices)
    assert macro.inflation == 0
    assert (macro.quadrant, macro.scale) == (UNKNOWN, 1.0)


@pytest.mark.parametrize(("last_rate", "direction"), [(0.05, 1), (0.01, -1)])
def test_b14_inflation_is_the_change_of_the_yearly_rate_of_prices(
    last_rate: float, direction: int
) -> None:
    quarter = [FLAT_PRICES[-4] * (1 + last_rate) ** (month / 12) for month in (1, 2, 3)]
    prices = FLAT_PRICES[:-3] + quarter
    macro = at(daily("T10Y2Y", TODAY, 0.01), monthly("CPIAUCSL", date(2024, 5, 1), prices))
    assert macro.inflation == direction


def test_b14_change_of_a_daily_series_spans_ninety_days() -> None:
    curve = daily("T10Y2Y", TODAY, 0.0)
    step = TODAY - timedelta(days=100)  # it rose, but before the ninety days
    curve = [
        MacroObservation(each.series_id, each.date, each.published_ns, float(each.date > step))
        for each in curve
    ]
    assert at(curve, daily("T10YIE", TODAY, 0.01)).growth == 0
    earlier = midnight_ns(TODAY - timedelta(days=20))
    assert at(curve, daily("T10YIE", TODAY, 0.01), now_ns=earlier).growth == 1


def test_b14_ties_are_unknown_and_neutral_never_deflation() -> None:
    macro = at(
        daily("T10Y2Y", TODAY, 0.0),
        daily("T10YIE", TODAY, 0.0),
        monthly("UNRATE", date(2024, 5, 1), [4.0] * 24),
        monthly("CPIAUCSL", date(2024, 5, 1), FLAT_PRICES),
    )
    assert (macro.quadrant, macro.scale, macro.assumed) == (UNKNOWN, 1.0, False)


@pytest.mark.parametrize("rows", [[], daily("T10Y2Y", TODAY, -0.01), daily("T10YIE", TODAY, -0.01)])
def test_b14_a_missing_side_is_unknown_and_neutral(rows: list[MacroObservation]) -> None:
    assert at(rows) == Macro(
        UNKNOWN, 1.0, assumed=False, growth=at(rows).growth, inflation=at(rows).inflation
    )


def test_second_series_decides_only_when_the_first_does_not() -> None:
    unemployment = monthly("UNRATE", date(2024, 5, 1), [4.0] * 21 + [4.2, 4.4, 4.6])
    breakeven = daily("T10YIE", TODAY, 0.01)
    assert at(daily("T10Y2Y", TODAY, 0.01), unemployment, breakeven).growth == 1
    assert at(daily("T10Y2Y", TODAY, 0.0), unemployment, breakeven).growth == -1
    assert at(unemployment, breakeven).growth == -1


def test_nothing_is_known_before_its_publication() -> None:
    curve = daily("T10Y2Y", TODAY, 0.01)
    leap = MacroObservation("T10Y2Y", TODAY - timedelta(days=2), NOW_NS + 1, -9.0)
    breakeven = daily("T10YIE", TODAY, -0.01)
    assert at(curve, [leap], breakeven).quadrant == "goldilocks"
    now_ns = NOW_NS + DAY_NS
    later = [each for each in curve if each.date <= leap.date]
    assert at(later, [leap], breakeven, now_ns=now_ns).quadrant == "deflation"


def test_revision_replaces_a_value_from_its_own_publication_on() -> None:
    first = date(2024, 5, 1)
    rows = monthly("UNRATE", first, [4.0] * 24)
    revised = MacroObservation("UNRATE", first, NOW_NS, 4.5)
    breakeven = daily("T10YIE", TODAY, 0.01)
    assert at(rows, [revised], breakeven, now_ns=NOW_NS - 1).growth == 0
    assert at(rows, [revised], breakeven, now_ns=NOW_NS).growth == -1


def test_series_grown_stale_has_no_say() -> None:
    rows = (daily("T10Y2Y", TODAY, 0.01), daily("T10YIE", TODAY, -0.01))
    fresh = midnight_ns(TODAY + timedelta(days=SETTINGS.stale_days))
    assert at(*rows, now_ns=fresh).quadrant == "goldilocks"
    assert at(*rows, now_ns=fresh + DAY_NS).quadrant == UNKNOWN


def test_series_too_short_for_the_comparison_has_no_say() -> None:
    short = daily("T10Y2Y", TODAY, 0.01, days=40)
    assert at(short, daily("T10YIE", TODAY, 0.01)).growth == 0
