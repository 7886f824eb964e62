"""What holding would have made."""

import numpy as np
import pytest

from ocw_strategy.hold import hold_values


def test_a_hold_pays_the_fee_in_and_out_and_follows_the_price() -> None:
    price = np.array([100.0, 150.0, 120.0])
    held = hold_values({"BTC": price}, 1_000.0, 0.001)
    units = 1_000.0 / 1.001 / 100.0
    assert held.tolist() == pytest.approx([1_000.0, units * 150, units * 120 * 0.999])


def test_equal_weight_puts_equal_money_into_each_and_never_rebalances() -> None:
    prices = {"BTC": np.array([100.0, 100.0, 200.0]), "SOL": np.array([10.0, 5.0, 2.5])}
    assert hold_values(prices, 1_000.0, 0.0).tolist() == [1_000.0, 750.0, 500 * 2 + 500 / 4]


def test_an_instrument_without_a_price_yet_is_held_as_cash() -> None:
    prices = {"BTC": np.array([1.0, 1.0, 1.0]), "NEW": np.array([np.nan, 4.0, 8.0])}
    assert hold_values(prices, 1_000.0, 0.0).tolist() == [1_000.0, 1_000.0, 1_500.0]
