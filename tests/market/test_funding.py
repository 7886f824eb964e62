"""Settled funding and how unusual it is."""

import math

import pytest

from ocw_strategy.market import DerivativeBook, StatisticsSettings
from ocw_strategy.units import DAY_NS, HOUR_NS, SECOND_NS

SYMBOL = "SOLUSDT-PERP"
NOW = 1_700_006_400 * SECOND_NS


def relative(
    rates: list[float], hours: int = 8, settings: StatisticsSettings | None = None
) -> float:
    book = DerivativeBook(settings or StatisticsSettings(), [SYMBOL])
    for k, rate in enumerate(reversed(rates)):
        time = NOW - k * hours * HOUR_NS
        book.add_funding(SYMBOL, time, time - 1, rate)
    known = book.at(SYMBOL, NOW)
    assert known.funding_rate == rates[-1], "funding is the rate that was settled"
    return known.funding_relative


def test_funding_is_measured_from_neutral_in_multiples_of_its_usual_distance() -> None:
    past = [0.0001, 0.0003] * 5  # on average 0.0001 from neutral
    assert relative([*past, 0.0004]) == pytest.approx(3.0)
    assert relative([*past, -0.0002]) == pytest.approx(-3.0)


def test_funding_at_neutral_says_nothing() -> None:
    assert relative([0.0001] * 20) == 0.0


def test_a_quiet_past_does_not_make_a_small_rate_extreme() -> None:
    assert relative([0.0001] * 20 + [0.00012]) == pytest.approx(1.0)


def test_rates_settled_more_often_are_put_on_eight_hours() -> None:
    eight = relative([0.0001, 0.0003] * 8 + [0.0004])
    two = relative([rate / 4 for rate in [0.0001, 0.0003] * 8 + [0.0004]], hours=2)
    assert two == pytest.approx(eight)


def test_a_missing_settlement_does_not_shrink_the_next_rate() -> None:
    book = DerivativeBook(StatisticsSettings(), [SYMBOL])
    for k in [*range(2, 20), 0]:
        book.add_funding(SYMBOL, NOW - k * 8 * HOUR_NS, NOW - 1, 0.0004 if k == 0 else 0.0002)
    assert book.at(SYMBOL, NOW).funding_relative == pytest.approx(3.0)


def test_three_days_of_settlements_are_needed() -> None:
    assert math.isnan(relative([0.0001, 0.0003, 0.0002] * 3))
    assert math.isfinite(relative([0.0001, 0.0003, 0.0002] * 3 + [0.0001]))


def test_the_yardstick_forgets_what_left_the_window() -> None:
    book = DerivativeBook(StatisticsSettings(funding_window_hours=96), [SYMBOL])
    for k in range(1, 40):
        time = NOW - k * 8 * HOUR_NS
        book.add_funding(SYMBOL, time, time - 1, 0.0002 if time > NOW - 4 * DAY_NS else 0.05)
    book.add_funding(SYMBOL, NOW, NOW - 1, 0.0003)
    assert book.at(SYMBOL, NOW).funding_relative == pytest.approx(2.0)


def test_a_rate_that_is_not_a_number_was_not_settled() -> None:
    book = DerivativeBook(StatisticsSettings(), [SYMBOL])
    book.add_funding(SYMBOL, NOW - 8 * HOUR_NS, NOW - 1, 0.0002)
    book.add_funding(SYMBOL, NOW, NOW - 1, math.nan)
    known = book.at(SYMBOL, NOW)
    assert known.funding_rate == 0.0002
    assert known.funding_age_s == 8 * 3600
