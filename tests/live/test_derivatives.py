"""The statistics client in a real node against the venue: equality, stamps, faults, peace."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from nautilus_trader.model.data import DataType

from ocw_strategy.catalog import (
    OcwDerivatives,
    OcwFundingRate,
    OcwTakerFlow,
    instrument_id,
    write_frame,
)
from ocw_strategy.catalog.frames import STATISTICS
from ocw_strategy.catalog.store import part_files, read_table
from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from ocw_strategy.live.derivatives import DerivativesClientFactory, DerivativesConfig
from ocw_strategy.messages import OCW_CLIENT, OcwDecision
from ocw_strategy.units import MILLISECOND_NS, SECOND_NS
from tests.live.node import Node
from tests.live.trader import Trader, TraderConfig
from tests.venue import History, Venue, sampled
from tests.venue.history import midnight_before_ns

SYMBOL = "BTCUSDT"
MINUTES = 5


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    """A sample market from two days ago to tomorrow."""
    return sampled(3, midnight_before_ns(time.time_ns(), 2), 4, MINUTES)


def opened(histories: dict[str, History]) -> Venue:
    """A venue whose market stands at the last five minutes that are over."""
    now_ms = time.time_ns() // MILLISECOND_NS
    shown = (now_ms - int(histories[SYMBOL].open_ms[0])) // (MINUTES * 60_000)
    venue = Venue(histories, bars_shown=shown)
    venue.publish_statistics_after(0)
    return venue


def node_of(venue: Venue, trader: Trader, **settings: Any) -> Node:
    config = DerivativesConfig(
        base_url=venue.http_url, symbols=(SYMBOL,), bar_minutes=MINUTES, **settings
    )
    return Node(
        venue,
        trader,
        exec_factory=OcwExecClientFactory,
        data_factory=OcwDataClientFactory,
        data_clients={OCW_CLIENT.value: (DerivativesClientFactory, config)},
    )


def client_of(node: Node) -> Any:
    clients = node.node.kernel.data_engine._clients
    return next(c for name, c in clients.items() if name == OCW_CLIENT)


def imported(
    folder: Path, history: History, data_class: Any, delay_ns: int
) -> dict[int, dict[str, Any]]:
    """What the importer makes of the same history, by ts_event."""
    statistics = history.statistics
    names = ("open", "high", "low", "close")
    frames = {
        OcwDerivatives: (
            "metrics_5m",
            {"ts": statistics.ts_ms, **{n: statistics.columns[n] for n in STATISTICS}},
        ),
        OcwFundingRate: ("funding", {"ts": history.funding_ms, "rate": history.funding_rate}),
        OcwTakerFlow: (
            f"bars_{MINUTES}m",
            {
                "ts": history.open_ms,
                **{n: history.prices[:, i] for i, n in enumerate(names)},
                "volume": history.volume,
                "taker_buy_volume": history.taker_buy_volume,
            },
        ),
    }
    kind, columns = frames[data_class]
    write_frame(folder, kind, SYMBOL, pa.table(columns), source="test", delay_ns=delay_ns)
    files = part_files(folder, data_class, instrument_id(SYMBOL).value)
    items = [item for path in files for item in data_class.from_arrow(read_table(path))]
    return {item.ts_event: fields(item) for item in items}


def fields(item: Any) -> dict[str, Any]:
    """Every field of an object, NaN as text so that it equals itself."""
    return {
        name: "NaN" if isinstance(value, float) and math.isnan(value) else value
        for name, value in vars(item).items()
    }


@pytest.mark.parametrize("data_class", [OcwDerivatives, OcwFundingRate, OcwTakerFlow])
def test_history_equals_the_import_of_the_same_rows(
    histories: dict[str, History], data_class: Any, tmp_path: Path
) -> None:
    trader, delay_s = Trader(), 60.0
    with opened(histories) as venue, node_of(venue, trader, delay_seconds=delay_s) as node:
        trader.ask_history(data_class, hours=30)
        node.until(lambda: trader.history, what="no history came")
        held = imported(tmp_path, histories[SYMBOL], data_class, int(delay_s * SECOND_NS))
        first_ns = trader.asked_from_ns
        until_ns = time.time_ns()
        known = {
            ts: item for ts, item in held.items() if ts >= first_ns and item["_ts_init"] <= until_ns
        }
        if data_class is OcwTakerFlow:  # asked for by the open of the bar
            known = {ts: v for ts, v in known.items() if ts - MINUTES * 60 * SECOND_NS >= first_ns}
        got = {item.ts_event: fields(item) for item in trader.history}
    # thirty hours hold three settlements at least, whatever the time of day
    assert len(got) >= (3 if data_class is OcwFundingRate else 300)
    assert got == known


def test_long_histories_come_in_pages(tmp_path: Path) -> None:
    histories = sampled(3, midnight_before_ns(time.time_ns(), 5), 6, MINUTES)
    trader = Trader()
    with opened(histories) as venue, node_of(venue, trader) as node:
        trader.ask_history(OcwDerivatives, hours=100)
        node.until(lambda: trader.history)
        assert len(venue.calls.to("/openInterestHist")) == 3
        times = [item.ts_event for item in trader.history]
        assert len(times) > 1150
        assert np.all(np.diff(times) == 300 * SECOND_NS)


def test_a_row_is_told_when_the_catalog_would_know_it(
    histories: dict[str, History], tmp_path: Path
) -> None:
    trader = Trader()
    with opened(histories) as venue:
        newest_ns = venue.market.now_ms * MILLISECOND_NS
        delay_s = (time.time_ns() - newest_ns) / SECOND_NS + 2.5
        with node_of(venue, trader, delay_seconds=delay_s) as node:
            trader.subscribe(OcwDerivatives)
            node.until(lambda: len(venue.calls.to("/takerlongshortRatio")) == 1)
            node.rest(0.1)
            assert trader.data == []  # it is there, but not due
            node.until(lambda: trader.data)
            (told,) = trader.data
        held = imported(tmp_path, histories[SYMBOL], OcwDerivatives, int(delay_s * SECOND_NS))
    assert told.ts_event == newest_ns
    assert fields(told) == held[newest_ns]


def test_a_failing_endpoint_stops_no_other_and_is_made_up_for(
    histories: dict[str, History],
) -> None:
    trader = Trader()
    with opened(histories) as venue:
        newest_ns = venue.market.now_ms * MILLISECOND_NS
        delay_s = (time.time_ns() - newest_ns) / SECOND_NS + 1.5
        venue.faults.answer("/futures/data/takerlongshortRatio", -1000, status=503, times=6)
        with node_of(
            venue,
            trader,
            delay_seconds=delay_s,
            busy_seconds=0.5,
            patience_seconds=0.5,
        ) as node:
            trader.subscribe(OcwDerivatives)
            node.until(lambda: len(trader.data) == 1)
            assert math.isnan(trader.data[0].taker_buy_sell_ratio)
            assert trader.data[0].open_interest > 0
            health = client_of(node).health
            assert health["takerlongshortRatio", SYMBOL].failures > 0
            assert "503" in health["takerlongshortRatio", SYMBOL].fault
            assert health["openInterestHist", SYMBOL].failures == 0
            assert health["openInterestHist", SYMBOL].newest_row_ms == venue.market.now_ms
            assert health["openInterestHist", SYMBOL].age_s(time.time_ns()) < 2
            node.until(lambda: len(trader.data) == 2)
            assert trader.data[1].taker_buy_sell_ratio > 0
            assert trader.data[1].ts_event == trader.data[0].ts_event == newest_ns
            assert trader.data[1].ts_init > trader.data[0].ts_init
            assert health["takerlongshortRatio", SYMBOL].failures == 0
            asked = len(venue.calls.to("/takerlongshortRatio"))
            node.rest(1.2)  # all is there: back to five minutes
            assert len(venue.calls.to("/takerlongshortRatio")) == asked


def test_a_rate_limit_rests_its_pool_and_a_ban_everything(histories: dict[str, History]) -> None:
    trader = Trader()
    with opened(histories) as venue:
        venue.faults.rate_limit("/futures/data/openInterestHist", retry_after_s=2)
        with node_of(venue, trader, interval_seconds=0.3, busy_seconds=0.3) as node:
            trader.subscribe(OcwDerivatives)
            trader.subscribe(OcwFundingRate)
            node.until(lambda: venue.calls.to("/openInterestHist"))
            node.rest(0.5)  # what was asked beside it is answered
            first = len(_statistics(venue))
            node.rest(0.8)
            assert len(_statistics(venue)) == first
            assert len(venue.calls.to("/fundingRate")) >= 3
            node.until(lambda: len(_statistics(venue)) > first)

            venue.faults.ban(2)
            node.until(lambda: any(call.status == 418 for call in venue.calls.all()))
            node.rest(0.1)
            banned = len(venue.calls.all())
            node.rest(1.0)
            assert len(venue.calls.all()) == banned
            node.until(lambda: len(venue.calls.all()) > banned)


def _statistics(venue: Venue) -> list[Any]:
    return [call for call in venue.calls.all() if call.path.startswith("/futures/data")]


@pytest.mark.parametrize("fault", ["cut", "garbled", "object"])
def test_answers_that_cannot_be_used_are_faults(histories: dict[str, History], fault: str) -> None:
    trader = Trader()
    path = "/futures/data/openInterestHist"
    with opened(histories) as venue:
        if fault == "cut":
            venue.faults.cut_answers(path, executed=False, times=2)
        else:
            body = b"<html>" if fault == "garbled" else b'{"code": -1}'
            venue.faults.garble_answers(path, times=2, body=body)
        with node_of(venue, trader, busy_seconds=0.3) as node:
            trader.subscribe(OcwDerivatives)
            health = client_of(node).health["openInterestHist", SYMBOL]
            node.until(lambda: health.failures > 0)
            assert health.age_s(time.time_ns()) == math.inf
            node.until(lambda: health.answered_ns > 0)


def test_settled_funding_is_told(histories: dict[str, History]) -> None:
    trader = Trader()
    with opened(histories) as venue:
        history = histories[SYMBOL]
        row = int(np.searchsorted(history.funding_ms, venue.market.now_ms, "right")) - 1
        settled_ns = int(history.funding_ms[row]) * MILLISECOND_NS
        delay_s = (time.time_ns() - settled_ns) / SECOND_NS + 1.5
        with node_of(venue, trader, delay_seconds=delay_s) as node:
            trader.subscribe(OcwFundingRate)
            node.until(lambda: trader.data)
            (told,) = trader.data
    assert (told.ts_event, told.rate) == (settled_ns, history.funding_rate[row])
    assert told.ts_init == settled_ns + int(delay_s * SECOND_NS)


def test_a_replayed_market_is_told_at_once_with_the_stamps_of_the_archive() -> None:
    histories = sampled(3, midnight_before_ns(time.time_ns(), 30), 5, MINUTES)
    trader = Trader()
    with Venue(histories, bars_shown=288) as venue:
        venue.publish_statistics_after(0)
        with node_of(venue, trader, replayed=True, interval_seconds=0.2) as node:
            trader.subscribe(OcwDerivatives)
            node.until(lambda: trader.data)
            trader.data.clear()
            venue.market.advance(2)
            node.until(lambda: len(trader.data) >= 2)
            newest = trader.data[-1]
            assert newest.ts_event == venue.market.now_ms * MILLISECOND_NS
            assert newest.ts_init == newest.ts_event + 300 * SECOND_NS


def test_the_takers_part_of_a_bar_comes_just_before_it(
    histories: dict[str, History], tmp_path: Path
) -> None:
    trader = Trader(TraderConfig(bar_minutes=MINUTES))
    with opened(histories) as venue, node_of(venue, trader) as node:
        trader.subscribe(OcwTakerFlow)
        node.until(lambda: "btcusdt@kline_5m" in venue.streams)
        venue.market.advance()
        node.until(lambda: trader.bars)
        assert trader.order == ["OcwTakerFlow", "BinanceBar"]
        (flow,) = trader.data
        held = imported(tmp_path, histories[SYMBOL], OcwTakerFlow, SECOND_NS)
    assert fields(flow) == held[flow.ts_event]


def test_subscriptions_of_others_are_let_pass(histories: dict[str, History]) -> None:
    trader = Trader()
    with opened(histories) as venue, node_of(venue, trader) as node:
        trader.subscribe(OcwDecision)
        trader.subscribe(OcwTakerFlow)
        node.rest(0.3)
        assert _statistics(venue) == []
        assert trader.is_running


def test_data_types_may_name_one_instrument(histories: dict[str, History]) -> None:
    trader = Trader()
    with opened(histories) as venue, node_of(venue, trader) as node:
        metadata = {"instrument_id": instrument_id(SYMBOL)}
        trader.ask_history(OcwFundingRate, hours=24, data_type=DataType(OcwFundingRate, metadata))
        node.until(lambda: trader.history)
        assert {item.instrument_id for item in trader.history} == {instrument_id(SYMBOL)}
