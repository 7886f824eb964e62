"""Fees at the simulated venue: the run's own, whatever the instrument in the catalog says."""

from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.catalog.instruments import MAKER_FEE, TAKER_FEE
from tests.backtest.scripted import Send, hours_settings, play, steady, write_market


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bars = {"02:00": (50_000.0, 50_000.0, 48_900.0, 49_500.0)}
    return write_market(
        tmp_path_factory.mktemp("fees") / "catalog",
        {("bars_15m", "BTCUSDT"): steady(50_000.0, bars, hours=4)},
    )


def commission(catalog: Path, order: Send, **costs: float) -> Decimal:
    table = {"market_slippage_bps": 0.0, "stop_slippage_bps": 0.0, **costs}
    (fill,) = play(hours_settings(catalog, costs=table), [order]).fills
    return fill.commission


def test_a_market_order_pays_the_settings_taker_fee(catalog: Path) -> None:
    assert Decimal("0.0007") != TAKER_FEE
    paid = commission(catalog, Send("01:00", "BUY", "0.5"), taker_fee=0.0007)
    assert paid == Decimal("17.5")  # 0.5 * 50,000 * 0.0007


def test_a_stop_pays_the_taker_fee(catalog: Path) -> None:
    stop = Send("01:15", "SELL", "0.5", trigger="49000")
    assert commission(catalog, stop, taker_fee=0.0007) == Decimal("17.15")


def test_a_resting_limit_order_pays_the_settings_maker_fee(catalog: Path) -> None:
    assert Decimal("0.0001") != MAKER_FEE
    limit = Send("01:00", "BUY", "0.5", limit="49000")
    assert commission(catalog, limit, maker_fee=0.0001) == Decimal("2.45")


def test_a_maker_rebate_is_credited(catalog: Path) -> None:
    limit = Send("01:00", "BUY", "0.5", limit="49000")
    assert commission(catalog, limit, maker_fee=-0.0001) == Decimal("-2.45")
