import numpy as np
import pyarrow as pa
import pytest

from ocw_strategy.catalog.frames import check_frame, parse_kind
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import HOUR_NS, MINUTE_NS
from tests.catalog import market


def changed(table: pa.Table, column: str, row: int, value: float | None) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] = value
    return table.set_column(table.column_names.index(column), column, pa.array(values))


def test_a_sound_frame_passes_unchanged():
    table = market.bars(10)
    frame = check_frame("bars_5m", table, source="sound")
    assert frame.ts_ns.tolist() == [ts * 1_000_000 for ts in table.column("ts").to_pylist()]
    assert frame.columns["close"].tolist() == table.column("close").to_pylist()
    assert (frame.duplicates, frame.unpublished) == (0, 0)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("open", None, "open: was nan; a price must be a number above zero"),
        ("close", 0.0, "close: was 0.0; a price must be"),
        ("low", -1.0, "low: was -1.0; a price must be"),
        ("high", float("inf"), "high: was inf; write a finite number"),
        ("high", 1.0, "high: was 1.0; it lies below the row's open"),
        ("low", 1e6, "high: was .*; it lies below the row's low"),
        ("volume", -0.5, "volume: was -0.5; a volume must be"),
        ("volume", None, "volume: was nan; a volume must be"),
        ("taker_buy_volume", 1e9, "taker_buy_volume: was 1000000000.0; it must lie between"),
        ("taker_buy_volume", -1.0, "taker_buy_volume: was -1.0; it must lie between"),
        ("ts", market.JANUARY_MS, "ts: was .*; sort the rows by ts"),
        ("ts", market.JANUARY_MS + 7 * 5 * market.MINUTE_MS + 1, "ts: .* align it to the UTC grid"),
        ("ts", None, "ts: was nan; write UTC milliseconds as a whole number"),
    ],
)
def test_a_bad_bar_names_source_row_and_fault(column, value, fault):
    table = changed(market.bars(20, taker=True), column, 7, value)
    with pytest.raises(CatalogError, match=f"^some.csv: row 8: {fault}"):
        check_frame("bars_5m", table, source="some.csv")


def test_low_above_close_is_an_ohlc_violation():
    table = changed(market.bars(20), "low", 3, market.bars(20).column("high")[3].as_py())
    with pytest.raises(CatalogError, match=r"row 4: low: was .*; it lies above the row's"):
        check_frame("bars_5m", table, source="x")


@pytest.mark.parametrize(
    ("per_ms", "unit"), [(1e-3, "seconds"), (1e3, "microseconds"), (1e6, "nanoseconds")]
)
def test_another_unit_of_time_is_recognised(per_ms, unit):
    table = market.bars(5)
    stamps = [int(ts * per_ms) for ts in table.column("ts").to_pylist()]
    with pytest.raises(CatalogError, match=f"row 1: ts: .*; convert {unit} to UTC milliseconds"):
        check_frame("bars_5m", table.set_column(0, "ts", pa.array(stamps)), source="x")


def test_a_time_stamp_type_is_refused_with_the_remedy():
    table = market.bars(5)
    stamps = table.column("ts").cast(pa.timestamp("ms", "UTC"))
    with pytest.raises(CatalogError, match="type of ts"):
        check_frame("bars_5m", table.set_column(0, "ts", stamps), source="x")


def test_text_in_a_number_column_names_its_row():
    table = market.bars(3).set_column(4, "close", pa.array(["1.5", "n/a", "2"]))
    with pytest.raises(CatalogError, match="row 2: close: was 'n/a'; write a number"):
        check_frame("bars_5m", table, source="x")


def test_missing_columns_and_empty_frames_are_named():
    with pytest.raises(CatalogError, match=r"x: columns: .*; add high, volume"):
        check_frame("bars_5m", market.bars(3).drop_columns(["high", "volume"]), source="x")
    with pytest.raises(CatalogError, match="x: rows: was 0"):
        check_frame("bars_5m", market.bars(0), source="x")


def test_repeated_rows_are_dropped_and_counted():
    table = pa.concat_tables([market.metrics(2), market.metrics(2).slice(1), market.metrics(1)])
    frame = check_frame("metrics_5m", table.slice(0, 3), source="x")
    assert (len(frame.ts_ns), frame.duplicates) == (2, 1)
    first_twice = pa.concat_tables([market.metrics(1), market.metrics(1)])
    assert check_frame("metrics_5m", first_twice, source="x").duplicates == 1


def test_rows_that_contradict_each_other_are_refused():
    table = market.bars(3)
    twice = pa.concat_tables([table, changed(table, "volume", 2, 5.0).slice(2)])
    with pytest.raises(CatalogError, match=r"row 4: volume: was 5.0; keep one row for this ts"):
        check_frame("bars_5m", twice, source="x")


def test_a_statistic_of_zero_or_null_is_not_published():
    table = changed(market.metrics(3), "open_interest", 2, 0.0)
    frame = check_frame("metrics_5m", table, source="x")
    assert np.isnan(frame.columns["open_interest"]).tolist() == [False, False, True]
    assert np.isnan(frame.columns["toptrader_account_ls_ratio"]).tolist() == [True, False, False]
    assert frame.unpublished == 2


def test_single_precision_is_read_as_the_decimal_it_stands_for():
    table = market.metrics(1).set_column(6, "taker_buy_sell_ratio", pa.array([2.107], pa.float32()))
    frame = check_frame("metrics_5m", table, source="x")
    assert frame.columns["taker_buy_sell_ratio"].tolist() == [2.107]


def test_a_funding_rate_in_percent_is_refused():
    table = changed(market.funding(3), "rate", 1, 1.25)
    with pytest.raises(CatalogError, match=r"row 2: rate: was 1.25; write the settled rate as a"):
        check_frame("funding", table, source="x")


def test_a_settlement_stamped_late_is_refused_rather_than_doubled():
    table = changed(market.funding(3), "ts", 2, market.JANUARY_MS + 16 * 3_600_000 + 7)
    with pytest.raises(CatalogError, match=r"row 3: ts: was .*7; align it to the UTC grid"):
        check_frame("funding", table, source="x")


def test_kinds_know_their_interval():
    assert parse_kind("bars_1h").interval_ns == HOUR_NS
    assert parse_kind("mark_15m").minutes == 15
    assert parse_kind("metrics_5m").interval_ns == 5 * MINUTE_NS
    assert parse_kind("funding").interval_ns == 0


@pytest.mark.parametrize("name", ["bars_7m", "bars", "metrics_1m", "index_1h", ""])
def test_an_unknown_kind_is_refused(name):
    with pytest.raises(CatalogError, match="kind of data"):
        parse_kind(name)
