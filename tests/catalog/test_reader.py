import numpy as np
import pyarrow as pa
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from ocw_strategy.catalog.reader import (
    NoDataError,
    bar_minutes,
    hourly_closes,
    read_bars,
    read_derivatives,
    read_funding,
)
from ocw_strategy.catalog.writer import write_frame
from ocw_strategy.units import HOUR_NS, MINUTE_NS
from tests.catalog import market

START_NS = market.JANUARY_MS * 1_000_000


def write(folder, kind: str, table: pa.Table) -> None:
    write_frame(folder, kind, "BTCUSDT", table, source="x")


def test_bars_are_those_of_the_engine_to_the_bit(tmp_path):
    write(tmp_path, "bars_5m", market.bars(9_000, taker=True))
    columns = read_bars(tmp_path, "BTCUSDT", 5)
    bars = ParquetDataCatalog(str(tmp_path)).query(Bar)
    assert columns.close_ns.tolist() == [bar.ts_event for bar in bars]
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(columns, name).tolist() == [getattr(bar, name).as_double() for bar in bars]
    taker = market.bars(9_000, taker=True).column("taker_buy_volume").to_pylist()
    assert columns.taker_buy_volume.tolist() == taker


def test_a_window_is_of_closes_and_holds_both_ends(tmp_path):
    write(tmp_path, "bars_5m", market.bars(100))
    window = START_NS + 10 * MINUTE_NS, START_NS + 20 * MINUTE_NS
    columns = read_bars(tmp_path, "BTCUSDT", 5, *window)
    assert ((columns.close_ns - START_NS) // MINUTE_NS).tolist() == [10, 15, 20]
    assert np.isnan(columns.taker_buy_volume).all()


def test_taker_volume_is_joined_by_close_and_length(tmp_path):
    whole = market.bars(30, minutes=1, taker=True)
    write(tmp_path, "bars_1m", whole.drop_columns(["taker_buy_volume"]))
    write(tmp_path, "bars_1m", whole.slice(10, 5))
    write(tmp_path, "bars_5m", market.bars(6, taker=True))
    taker = read_bars(tmp_path, "BTCUSDT", 1).taker_buy_volume
    known = np.flatnonzero(~np.isnan(taker))
    assert known.tolist() == [10, 11, 12, 13, 14]
    assert taker[known].tolist() == whole.column("taker_buy_volume").to_pylist()[10:15]


def test_hours_come_from_the_coarsest_bars_that_close_on_them(tmp_path):
    fine, coarse = market.bars(60), market.bars(3, minutes=60, seed=1)
    write(tmp_path, "bars_5m", fine)
    closes = fine.column("close").to_pylist()[11::12]
    close_ns, price = hourly_closes(tmp_path, "BTCUSDT")
    assert ((close_ns - START_NS) // HOUR_NS).tolist() == [1, 2, 3, 4, 5]
    assert price.round(1).tolist() == closes
    write(tmp_path, "bars_1h", coarse)
    assert bar_minutes(tmp_path, "BTCUSDT") == (5, 60)
    _, joined = hourly_closes(tmp_path, "BTCUSDT")
    assert joined.round(1).tolist() == [*coarse.column("close").to_pylist(), *closes[3:]]


def test_bars_beside_a_later_taker_flow_have_none(tmp_path):
    whole = market.bars(30, taker=True)
    write(tmp_path, "bars_5m", whole.slice(0, 10).drop_columns(["taker_buy_volume"]))
    write(tmp_path, "bars_5m", whole.slice(20))
    columns = read_bars(tmp_path, "BTCUSDT", 5, None, START_NS + 50 * MINUTE_NS)
    assert np.isnan(columns.taker_buy_volume).tolist() == [True] * 10


def test_no_hour_beyond_the_end_is_read(tmp_path):
    write(tmp_path, "bars_1h", market.bars(48, minutes=60))
    close_ns, _ = hourly_closes(tmp_path, "BTCUSDT", None, START_NS + 10 * HOUR_NS)
    assert close_ns[-1] == START_NS + 10 * HOUR_NS
    close_ns, _ = hourly_closes(tmp_path, "BTCUSDT", None, START_NS + 10 * HOUR_NS - 1)
    assert close_ns[-1] == START_NS + 9 * HOUR_NS


def test_statistics_are_windowed_by_when_they_were_known(tmp_path):
    write(tmp_path, "metrics_5m", market.metrics(20))
    columns = read_derivatives(tmp_path, "BTCUSDT", None, START_NS + 15 * MINUTE_NS)
    assert ((columns.ts_event_ns - START_NS) // MINUTE_NS).tolist() == [0, 5, 10]
    assert columns.ts_init_ns[-1] == START_NS + 15 * MINUTE_NS
    assert columns.open_interest.tolist() == [80_000, 80_000.125, 80_000.25]
    assert np.isnan(columns.toptrader_account_ls_ratio).tolist() == [True, False, False]


def test_funding_is_read_at_its_settlement(tmp_path):
    write(tmp_path, "funding", market.funding(6))
    ts_ns, rates = read_funding(tmp_path, "BTCUSDT", START_NS + 8 * HOUR_NS)
    assert ((ts_ns - START_NS) // HOUR_NS).tolist() == [8, 16, 24, 32, 40]
    assert rates.tolist() == market.funding(6).column("rate").to_pylist()[1:]


def test_an_empty_window_says_so(tmp_path):
    write(tmp_path, "bars_5m", market.bars(100))
    with pytest.raises(NoDataError, match=r"2025-01-01T00:00:00 to \.\.\.'; see `ocw data info`"):
        read_bars(tmp_path, "BTCUSDT", 5, 1_735_689_600 * 10**9)
    with pytest.raises(NoDataError, match="bars of BTCUSDT"):
        hourly_closes(tmp_path, "BTCUSDT", None, START_NS)
    with pytest.raises(NoDataError, match=r"FundingRateUpdate of BTCUSDT-PERP.BINANCE"):
        read_funding(tmp_path, "BTCUSDT")
