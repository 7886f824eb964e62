"""Promises of the views and the money helpers."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.errors import SettingsError
from ocw_strategy.risk import Costs, PositionError, maintenance_margin, round_down
from tests.risk.portfolios import PRICES, account, fractions, position

BTC = "BTCUSDT-PERP"


def test_b4_one_function_nets_every_gain_of_either_side() -> None:
    costs = Costs(fee_fraction=0.0005, slippage_fraction=0.0001)
    long = replace(position(BTC, 100.0, price=100.0), price=103.0)
    short = replace(position(BTC, -100.0, price=100.0), price=97.0)
    assert long.net_gain(costs) == pytest.approx(0.03 - 0.0012)
    assert short.net_gain(costs) == long.net_gain(costs)


def test_a_mark_extends_the_best_and_the_worst_price_of_its_side_only() -> None:
    long, short = position(BTC, 1.0, price=100.0), position(BTC, -1.0, price=100.0)
    for price in (104.0, 99.0, 101.0):
        long, short = long.marked(price, 5), short.marked(price, 5)
    assert (long.best_price, long.worst_price, long.price) == (104.0, 99.0, 101.0)
    assert (short.best_price, short.worst_price, short.price) == (99.0, 104.0, 101.0)
    assert long.price_ns == 5


@pytest.mark.parametrize("price", [math.nan, math.inf, 0.0, -1.0])
def test_a_mark_that_is_no_price_changes_nothing(price: float) -> None:
    before = position(BTC, 1.0)
    assert before.marked(price, 5) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 0.0),
        ("quantity", math.nan),
        ("entry_price", 0.0),
        ("best_price", math.nan),
        ("worst_price", -1.0),
        ("trail_scale", 0.4),
        ("trail_scale", math.nan),
    ],
)
def test_a_position_that_makes_no_sense_is_refused(field: str, value: float) -> None:
    with pytest.raises(PositionError, match=field):
        replace(position(BTC, 1.0), **{field: value})


def test_a_position_without_a_price_counts_at_its_entry() -> None:
    view = account(held={BTC: 600.0}, prices={})
    assert view.price(BTC) is None
    assert view.notional(BTC) == pytest.approx(600.0)


def test_maintenance_margin_is_the_sum_over_both_sides_at_the_last_price() -> None:
    # the venue's own example values: 0.4 % of 12,000 USD and 0.5 % of 5,000 USD
    long = replace(position(BTC, 10_000.0, price=50_000.0), price=60_000.0)
    short = position("ETHUSDT-PERP", -5_000.0)
    rates = {BTC: 0.004, "ETHUSDT-PERP": 0.005}
    assert maintenance_margin([long, short], rates) == pytest.approx(48.0 + 25.0)
    assert maintenance_margin([], rates) == 0.0
    unpriced = replace(long, price=math.nan)
    assert maintenance_margin([unpriced], rates) == pytest.approx(40.0)


def test_maintenance_margin_refuses_an_instrument_without_a_rate() -> None:
    with pytest.raises(SettingsError, match=BTC):
        maintenance_margin([position(BTC, 1.0)], {})


@pytest.mark.parametrize(
    ("quantity", "step", "expected"),
    [
        (0.3, "0.1", "0.3"),
        (0.29999999999999993, "0.1", "0.2"),
        (1.23456, "0.001", "1.234"),
        (0.0009, "0.001", "0"),
        (1e-7, "0.0000001", "0.0000001"),
        (7.0, "1", "7"),
        (125.0, "10", "120"),
    ],
)
def test_round_down_is_exact(quantity: float, step: str, expected: str) -> None:
    assert round_down(quantity, Decimal(step)) == Decimal(expected)


@given(fractions(0.0, 1e9), st.sampled_from(("0.001", "0.01", "0.1", "1", "5")))
def test_round_down_is_a_multiple_at_most_one_step_below(quantity: float, step: str) -> None:
    rounded = round_down(quantity, Decimal(step))
    assert rounded % Decimal(step) == 0
    assert 0 <= Decimal(repr(quantity)) - rounded < Decimal(step)


def test_the_price_at_a_gain_is_where_that_gain_is_shown() -> None:
    short = position(BTC, -1.0, price=PRICES[BTC])
    assert replace(short, price=short.price_at(0.02)).gain == pytest.approx(0.02)
    assert short.price_at(0.02) < short.entry_price
