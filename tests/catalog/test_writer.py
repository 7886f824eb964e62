import itertools
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from ocw_strategy.catalog.instruments import bar_type, perpetual
from ocw_strategy.catalog.reader import read_bars
from ocw_strategy.catalog.types import OcwDerivatives
from ocw_strategy.catalog.writer import write_frame
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import SECOND_NS
from tests.catalog import market
from tests.catalog.test_frames import changed

LATE_JANUARY_MS = market.JANUARY_MS + 30 * market.DAY_MS


def write(folder: Path, table: pa.Table, kind: str = "bars_1h", **options):
    return write_frame(folder, kind, "BTCUSDT", table, source="x", **options)


def hourly(rows: int, **options) -> pa.Table:
    return market.bars(rows, minutes=60, **options)


def test_the_engines_own_catalog_reads_what_is_written(tmp_path):
    write(tmp_path, hourly(50, start_ms=LATE_JANUARY_MS))
    write(tmp_path, hourly(50, start_ms=LATE_JANUARY_MS), "mark_1h")
    write(tmp_path, market.funding(9), "funding")
    catalog = ParquetDataCatalog(str(tmp_path))
    bars = catalog.query(Bar, identifiers=[str(bar_type("BTCUSDT", 60))])
    assert [bar.ts_event for bar in bars[:2]] == [
        (LATE_JANUARY_MS + hours * 3_600_000) * 1_000_000 for hours in (1, 2)
    ]
    assert (len(bars), str(bars[0].open)) == (50, "40000.0")
    assert len(catalog.query(MarkPriceUpdate)) == 50
    assert [str(update.rate) for update in catalog.query(FundingRateUpdate)][3:5] == ["0.0", "1E-7"]
    assert catalog.instruments()[0].to_dict(catalog.instruments()[0]) == perpetual(
        "BTCUSDT"
    ).to_dict(perpetual("BTCUSDT"))
    inside = catalog.query(Bar, start=bars[10].ts_init, end=bars[20].ts_init)
    assert [bar.ts_init for bar in inside] == [bar.ts_init for bar in bars[10:21]]


def test_months_are_files_of_their_own(tmp_path):
    report = write(tmp_path, hourly(50, start_ms=LATE_JANUARY_MS))
    folder = tmp_path / "data" / "bar" / str(bar_type("BTCUSDT", 60))
    assert sorted(path.name for path in folder.iterdir()) == [
        "2024-01-01T00-00-00-000000000Z_2024-01-31T23-59-59-999999999Z.parquet",
        "2024-02-01T00-00-00-000000000Z_2024-02-29T23-59-59-999999999Z.parquet",
    ]
    assert report.files == 3  # the instrument too


def test_importing_again_changes_not_a_byte(tmp_path):
    table = hourly(50, start_ms=LATE_JANUARY_MS, taker=True)
    assert write(tmp_path, table).added == 50
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")}
    report = write(tmp_path, table)
    assert (report.added, report.replaced, report.unchanged, report.files) == (0, 0, 50, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")} == before


def test_nan_equals_nan_when_importing_again(tmp_path):
    write(tmp_path, market.metrics(5), "metrics_5m")
    assert write(tmp_path, market.metrics(5), "metrics_5m").unchanged == 5


@pytest.mark.parametrize("order", list(itertools.permutations([(0, 30), (10, 45), (40, 120)])))
def test_overlapping_imports_in_any_order_make_the_same_files(tmp_path, order):
    whole = hourly(120, start_ms=LATE_JANUARY_MS, taker=True)
    write(tmp_path / "once", whole)
    reports = [write(tmp_path / "pieces", whole.slice(a, b - a)) for a, b in order]
    assert sum(report.added for report in reports) == 120
    assert market.contents(tmp_path / "pieces") == market.contents(tmp_path / "once")


def test_a_frame_too_long_for_one_piece_is_written_whole(tmp_path):
    table = market.bars(250_000, minutes=1)
    write(tmp_path / "once", table, "bars_1m")
    for first in (0, 100_000):
        write(tmp_path / "twice", table.slice(first, 150_000), "bars_1m")
    assert market.contents(tmp_path / "once") == market.contents(tmp_path / "twice")
    bars = read_bars(tmp_path / "once", "BTCUSDT", 1)
    assert bars.close.round(1).tolist() == table.column("close").to_pylist()


def test_the_newest_import_wins_and_is_counted(tmp_path):
    table = hourly(50, start_ms=LATE_JANUARY_MS)
    write(tmp_path, table)
    newer = changed(table, "volume", 45, 123.0).slice(40)
    report = write(tmp_path, newer)
    assert (report.added, report.replaced, report.unchanged, report.files) == (0, 1, 9, 1)
    bars = ParquetDataCatalog(str(tmp_path)).query(Bar)
    assert (len(bars), float(bars[45].volume)) == (50, 123.0)


def test_a_bad_row_leaves_the_catalog_as_it_was(tmp_path):
    write(tmp_path, hourly(50))
    before = market.contents(tmp_path)
    with pytest.raises(CatalogError, match=r"row 60: close: was 0.0"):
        write(tmp_path, changed(hourly(100), "close", 59, 0.0))
    assert market.contents(tmp_path) == before


def test_bars_of_several_lengths_keep_their_own_taker_flow(tmp_path):
    for minutes in (1, 5):
        table = market.bars(10, minutes=minutes, taker=True)
        assert write(tmp_path, table, f"bars_{minutes}m").added == 10
        assert write(tmp_path, table, f"bars_{minutes}m").unchanged == 10


def test_what_was_published_is_known_after_the_delay(tmp_path):
    write(tmp_path, market.metrics(3), "metrics_5m", delay_ns=60 * SECOND_NS)
    for item in ParquetDataCatalog(str(tmp_path)).query(OcwDerivatives):
        assert item.data.ts_init - item.data.ts_event == 60 * SECOND_NS


def test_a_catalog_holds_one_publication_delay(tmp_path):
    write(tmp_path, market.metrics(3), "metrics_5m")
    with pytest.raises(CatalogError, match=r"x: publication delay in seconds: was 60.0; .*300.0"):
        write(tmp_path, market.metrics(3), "metrics_5m", delay_ns=60 * SECOND_NS)


def test_a_full_disk_leaves_the_catalog_as_it_was(tmp_path):
    write(tmp_path, hourly(50))
    before = market.contents(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, hard))
    try:
        with pytest.raises(CatalogError, match="make room"):
            write(tmp_path, hourly(2_000, seed=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert market.contents(tmp_path) == before
    assert not (tmp_path / ".staging").exists()


def test_a_catalog_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogError, match="File exists"):
        write(tmp_path / "file", hourly(1))


def test_a_writer_killed_at_any_step_leaves_all_or_nothing(tmp_path):
    script = Path(__file__).with_name("killed_writer.py")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run(
        [sys.executable, script, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    steps = json.loads(run.stdout)
    recovered = [step["recovered"] for step in steps]
    assert set(recovered) == {"before", "after"}
    assert recovered == sorted(recovered, reverse=True)  # once committed, never lost
    assert np.count_nonzero([step["found"] == "between" for step in steps]) <= 4
