from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.model.objects import Price
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from ocw_strategy.catalog.frames import check_frame
from ocw_strategy.catalog.instruments import bar_type, instrument_id
from ocw_strategy.catalog.tables import from_fixed, parts, to_fixed
from ocw_strategy.catalog.types import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import MINUTE_NS
from tests.catalog import market

DELAY_NS = 5 * MINUTE_NS
BTC = instrument_id("BTCUSDT")


def ours(kind: str, table: pa.Table, symbol: str = "BTCUSDT") -> list[pa.Table]:
    frame = check_frame(kind, table, source="x")
    return [part.table for part in parts(frame, symbol, delay_ns=DELAY_NS, source="x")]


def assert_same(table: pa.Table, data: list) -> None:
    stock = ArrowSerializer.serialize_batch(data, type(data[0]))
    assert table.schema.equals(stock.schema, check_metadata=True)
    assert table.to_pylist() == stock.to_pylist()


def test_bars_are_what_the_engine_writes():
    frame = market.bars(50)
    names = ("open", "high", "low", "close", "volume")
    stamps = (frame.column("ts").to_numpy() * 1_000_000 + 5 * MINUTE_NS).astype(np.uint64)
    columns = [frame.column(name).to_numpy().copy() for name in names]
    bars = Bar.from_raw_arrays_to_list(
        bar_type("BTCUSDT", 5), 1, 3, *columns, stamps, stamps.copy()
    )
    (table,) = ours("bars_5m", frame)
    assert_same(table, bars)
    for name, precision in zip(names, (1, 1, 1, 1, 3), strict=True):
        read = from_fixed(table.column(name), precision)
        assert read.tolist() == [getattr(bar, name).as_double() for bar in bars]


def test_taker_flow_is_what_the_engine_writes():
    frame = market.bars(20, taker=True)
    rows = zip(
        *(frame.column(c).to_pylist() for c in ("ts", "taker_buy_volume", "volume")), strict=True
    )
    flow = [
        OcwTakerFlow(
            instrument_id=BTC, minutes=5, buy_volume=buy, volume=volume,
            ts_event=ts * 1_000_000 + 5 * MINUTE_NS,
            ts_init=ts * 1_000_000 + 5 * MINUTE_NS - 1,
        )
        for ts, buy, volume in rows
    ]  # fmt: skip
    assert_same(ours("bars_5m", frame)[1], flow)


def test_marks_are_the_close_at_the_close_and_what_the_engine_writes():
    frame = market.bars(20, minutes=60).drop_columns(["volume"])
    marks = [
        MarkPriceUpdate(BTC, Price(close, 1), closed, closed)
        for ts, close in zip(*(frame.column(c).to_pylist() for c in ("ts", "close")), strict=True)
        for closed in [ts * 1_000_000 + 60 * MINUTE_NS]
    ]
    assert_same(ours("mark_1h", frame)[0], marks)


def test_funding_is_settled_at_its_time_and_known_after_the_delay():
    frame = market.funding(9)
    rows = [(row["ts"] * 1_000_000, row["rate"]) for row in frame.to_pylist()]
    settled, known = ours("funding", frame)
    native = [
        FundingRateUpdate(instrument_id=BTC, rate=Decimal(repr(rate)), ts_event=ns, ts_init=ns)
        for ns, rate in rows
    ]
    assert_same(settled, native)
    custom = [
        OcwFundingRate(instrument_id=BTC, rate=rate, ts_event=ns, ts_init=ns + DELAY_NS)
        for ns, rate in rows
    ]
    assert_same(known, custom)


def test_derivatives_are_what_the_engine_writes():
    frame = market.metrics(9).slice(1)  # without the row of a NaN, which equals nothing
    derivatives = [
        OcwDerivatives(instrument_id=BTC, ts_event=ns, ts_init=ns + DELAY_NS, **row)
        for row in frame.to_pylist()
        for ns in [row.pop("ts") * 1_000_000]
    ]
    assert_same(ours("metrics_5m", frame)[0], derivatives)


@given(
    st.lists(st.integers(0, 10**13), min_size=1, max_size=20),
    st.integers(0, 8),
)
def test_fixed_point_keeps_every_tick(ticks, precision):
    values = np.array(ticks) / 10**precision
    array = to_fixed(values, precision)
    raw = [int.from_bytes(item, "little", signed=True) for item in array.to_pylist()]
    assert raw == [tick * 10 ** (16 - precision) for tick in ticks]
    assert from_fixed(pa.chunked_array([array]).slice(1), precision).tolist() == [
        float(number) / 1e16 for number in raw[1:]
    ]


def test_prices_are_rounded_to_the_tick():
    frame = market.bars(1).set_column(4, "close", pa.array([39_999.96]))
    (table,) = ours("bars_5m", frame)
    assert from_fixed(table.column("close"), 1).tolist() == [40_000.0]


def test_a_price_below_half_a_tick_is_refused():
    tiny = {name: [0.004] for name in ("open", "high", "low", "close")}
    frame = pa.table({"ts": [market.JANUARY_MS], "volume": [1.0]} | tiny)
    with pytest.raises(CatalogError, match=r"x: open at 2024-01-01T00:00:00: was 0.004"):
        ours("bars_5m", frame, "SOLUSDT")
