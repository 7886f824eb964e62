"""Funding at the simulated venue: who pays, when, at which price, and where it is booked."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from tests.backtest.scripted import (
    BTC,
    ETH,
    Send,
    Told,
    at,
    fundings,
    hours_settings,
    marks,
    play,
    steady,
    write_market,
)

FREE = {"maker_fee": 0.0, "taker_fee": 0.0, "market_slippage_bps": 0.0, "stop_slippage_bps": 0.0}
START = Decimal(1_000_000)


def market(
    folder: Path,
    closes: Mapping[str, float] | None = None,
    mark: Mapping[str, float] | None = None,
    rates: Mapping[str, float] | None = None,
) -> Path:
    changes = {clock: (price,) * 4 for clock, price in (closes or {}).items()}
    frames = {("bars_15m", "BTCUSDT"): steady(50_000.0, changes)}
    if mark:
        frames["mark_1h", "BTCUSDT"] = marks(mark)
    frames["funding", "BTCUSDT"] = fundings(rates or {"00:00": 0.0001, "08:00": 0.0003})
    return write_market(folder / "catalog", frames)


def test_a_long_pays_quantity_times_mark_times_rate(tmp_path: Path) -> None:
    catalog = market(tmp_path, mark={"08:00": 50_100.0})
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "BUY", "0.5")])
    assert told.payments == [(BTC, at("08:00"), Decimal("-7.515"))]  # 0.5 * 50100 * 0.0003
    assert told.end == START - Decimal("7.515")


def test_a_short_receives_what_a_long_pays(tmp_path: Path) -> None:
    catalog = market(tmp_path, mark={"08:00": 50_100.0})
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "SELL", "0.5")])
    assert told.payments == [(BTC, at("08:00"), Decimal("7.515"))]
    assert told.end == START + Decimal("7.515")


def test_a_negative_rate_pays_the_long(tmp_path: Path) -> None:
    catalog = market(tmp_path, mark={"08:00": 50_100.0}, rates={"08:00": -0.0002})
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "BUY", "0.5")])
    assert told.payments == [(BTC, at("08:00"), Decimal("5.01"))]


def test_a_payment_is_booked_before_the_bar_that_closes_at_it_is_seen(tmp_path: Path) -> None:
    catalog = market(tmp_path, mark={"08:00": 50_100.0})
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "BUY", "0.5")])
    assert told.balances[at("07:45")] == START
    assert told.balances[at("08:00")] == START - Decimal("7.515")


def test_a_position_opened_by_the_settlements_own_close_pays_nothing(tmp_path: Path) -> None:
    told = play(hours_settings(market(tmp_path), costs=FREE), [Send("08:00", "BUY", "0.5")])
    assert [fill.ts_ns for fill in told.fills] == [at("08:00")]
    assert told.payments == []
    assert told.end == START


def test_a_position_opened_a_bar_before_the_settlement_pays(tmp_path: Path) -> None:
    told = play(hours_settings(market(tmp_path), costs=FREE), [Send("07:45", "BUY", "0.5")])
    assert told.end == START - Decimal("7.5")


def test_a_position_closed_before_the_settlement_pays_nothing(tmp_path: Path) -> None:
    orders = [Send("01:00", "BUY", "0.5"), Send("07:45", "SELL", "0.5")]
    told = play(hours_settings(market(tmp_path), costs=FREE), orders)
    assert (told.payments, told.end) == ([], START)


def test_a_stop_that_fills_in_the_bar_of_a_settlement_still_pays(tmp_path: Path) -> None:
    catalog = market(tmp_path, closes={"08:00": 49_000.0})
    orders = [Send("01:00", "BUY", "0.5"), Send("01:15", "SELL", "0.5", trigger="49500")]
    told = play(hours_settings(catalog, costs=FREE), orders)
    assert told.payments == [(BTC, at("08:00"), Decimal("-7.5"))]
    assert told.end == START - Decimal("7.5") - Decimal("500")


def test_every_settlement_of_a_position_is_paid_once(tmp_path: Path) -> None:
    rates = {"04:00": 0.0001, "04:30": 0.0002, "08:00": 0.0003}
    catalog = market(tmp_path, rates=rates)
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "BUY", "1")])
    assert [amount for _, _, amount in told.payments] == [Decimal(-5), Decimal(-10), Decimal(-15)]
    assert told.end == START - 30


@pytest.mark.parametrize(
    ("mark", "price"),
    [
        ({"08:00": 50_100.0}, 50_100),
        ({"07:00": 50_200.0}, 50_200),
        ({"06:00": 50_300.0}, 50_400),
        ({"09:00": 50_500.0}, 50_400),
        ({"07:00": 50_200.0, "08:00": 50_100.0, "09:00": 50_500.0}, 50_100),
        ({}, 50_400),
    ],
    ids=["of the settlement", "an hour old", "older", "later", "the newest", "none"],
)
def test_the_price_is_the_mark_of_the_last_hour_else_the_last_price(
    tmp_path: Path, mark: dict[str, float], price: int
) -> None:
    # 50,400 is the last close before the settlement, 60,000 that of the settlement's own bar
    catalog = market(tmp_path, closes={"07:45": 50_400.0, "08:00": 60_000.0}, mark=mark)
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "BUY", "1")])
    assert told.payments == [(BTC, at("08:00"), -price * Decimal("0.0003"))]


def test_streaming_in_chunks_settles_the_same(tmp_path: Path) -> None:
    frames = {
        ("bars_15m", "BTCUSDT"): steady(50_000.0, hours=24 * 14),
        ("funding", "BTCUSDT"): fundings({"08:00": 0.0003, "2024-01-14T16:00": 0.0001}),
        ("mark_1h", "BTCUSDT"): marks({"08:00": 50_100.0, "2024-01-14T16:00": 50_200.0}),
    }
    catalog = write_market(tmp_path / "catalog", frames)

    def told(chunk_size: int | None) -> Told:
        settings = hours_settings(
            catalog,
            run={"end": "2024-01-16"},
            data={"chunk_size": chunk_size},
            costs=FREE,
        )
        return play(settings, [Send("01:00", "BUY", "0.5")])

    chunked = told(1_000)  # the second settlement is in the second chunk
    assert chunked == told(None)
    assert len(chunked.payments) == 2


def test_an_instrument_without_funding_settles_nothing(tmp_path: Path) -> None:
    catalog = market(tmp_path)
    write_market(catalog, {("bars_15m", "ETHUSDT"): steady(2_500.0)})
    settings = hours_settings(catalog, data={"instruments": [BTC, ETH]}, costs=FREE)
    orders = [Send("01:00", "BUY", "1", symbol=ETH), Send("01:00", "BUY", "0.5")]
    told = play(settings, orders)
    assert [symbol for symbol, _, _ in told.payments] == [BTC]
    assert told.end == START - Decimal("7.5")


def test_a_catalog_without_any_funding_settles_nothing(tmp_path: Path) -> None:
    catalog = write_market(tmp_path / "catalog", {("bars_15m", "BTCUSDT"): steady(50_000.0)})
    told = play(hours_settings(catalog, costs=FREE), [Send("01:00", "BUY", "0.5")])
    assert (told.payments, told.end) == ([], START)


def test_settings_that_leave_funding_out_settle_nothing(tmp_path: Path) -> None:
    settings = hours_settings(market(tmp_path), data={"funding": False}, costs=FREE)
    told = play(settings, [Send("01:00", "BUY", "0.5")])
    assert (told.payments, told.end) == ([], START)


def test_each_of_two_hedged_positions_is_settled(tmp_path: Path) -> None:
    settings = hours_settings(market(tmp_path), execution={"oms": "HEDGING"}, costs=FREE)
    told = play(settings, [Send("01:00", "BUY", "0.5"), Send("02:00", "SELL", "0.2")])
    assert sorted(amount for _, _, amount in told.payments) == [Decimal("-7.5"), Decimal(3)]
    assert told.end == START - Decimal("4.5")
