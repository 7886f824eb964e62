import numpy as np
import pyarrow as pa
import pytest
from nautilus_trader.model.data import Bar

from ocw_strategy.catalog.checks import Gap, coverage, verify_files
from ocw_strategy.catalog.instruments import bar_type
from ocw_strategy.catalog.store import part_files, read_table, transaction
from ocw_strategy.catalog.tables import to_fixed
from ocw_strategy.catalog.writer import write_frame
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS
from tests.catalog import market

START_NS = market.JANUARY_MS * 1_000_000


def write(folder, kind: str, table: pa.Table) -> None:
    write_frame(folder, kind, "BTCUSDT", table, source="x")


def test_coverage_tells_each_type_with_its_interval(tmp_path):
    write(tmp_path, "bars_5m", market.bars(50, taker=True))
    write(tmp_path, "bars_1h", market.bars(20, minutes=60, taker=True))
    write(tmp_path, "metrics_5m", market.metrics(30))
    write(tmp_path, "funding", market.funding(4))
    rows = {(row.data_type, row.interval_ns): row for row in coverage(tmp_path)}
    assert {key: row.rows for key, row in rows.items()} == {
        ("bars", 5 * MINUTE_NS): 50,
        ("bars", HOUR_NS): 20,
        ("derivatives", 5 * MINUTE_NS): 30,
        ("funding known", 8 * HOUR_NS): 4,
        ("funding settled", 8 * HOUR_NS): 4,
        ("taker flow", 5 * MINUTE_NS): 50,
        ("taker flow", HOUR_NS): 20,
    }
    assert {row.instrument for row in rows.values()} == {"BTCUSDT-PERP.BINANCE"}
    bars = rows["bars", HOUR_NS]
    assert (bars.first_ns, bars.last_ns) == (START_NS + HOUR_NS, START_NS + 20 * HOUR_NS)
    assert (bars.gaps, bars.missing, bars.duplicates, bars.ohlc_violations) == ((), 0, 0, 0)


def test_a_gap_of_a_day_is_found_and_measured(tmp_path):
    table = market.bars(400)
    write(tmp_path, "bars_5m", pa.concat_tables([table.slice(0, 50), table.slice(50 + 288)]))
    (row,) = coverage(tmp_path)
    after_ns = START_NS + 50 * 5 * MINUTE_NS
    assert row.gaps == (Gap(after_ns, after_ns + DAY_NS + 5 * MINUTE_NS, 288),)
    assert row.missing == 288


def test_duplicates_and_broken_bars_written_by_others_are_counted(tmp_path):
    write(tmp_path, "bars_5m", market.bars(50))
    (path,) = part_files(tmp_path, Bar, str(bar_type("BTCUSDT", 5)))
    table = read_table(path)
    low = to_fixed(np.full(50, 1e6), 1)
    broken = table.set_column(2, table.schema.field("low"), low).slice(0, 3)
    with transaction(tmp_path) as opened:
        opened.write(path.relative_to(tmp_path), pa.concat_tables([broken, table.slice(2)]))
    (row,) = coverage(tmp_path)
    assert (row.rows, row.duplicates, row.ohlc_violations) == (51, 1, 3)


def test_a_single_row_has_no_interval(tmp_path):
    write(tmp_path, "bars_5m", market.bars(1))
    (row,) = coverage(tmp_path)
    assert (row.rows, row.interval_ns, row.gaps) == (1, 0, ())


def test_verification_names_the_truncated_file(tmp_path):
    write(tmp_path, "metrics_5m", market.metrics(40 * 288))
    assert verify_files(tmp_path) == 3
    path = max(tmp_path.glob("data/custom_ocw_derivatives/*/*.parquet"))
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(CatalogError, match=f"^{path}: was "):
        verify_files(tmp_path)
    with pytest.raises(CatalogError, match=f"^{path}: was "):
        coverage(tmp_path)
