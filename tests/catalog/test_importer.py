from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from ocw_strategy.catalog.checks import coverage
from ocw_strategy.catalog.importer import import_directory
from ocw_strategy.catalog.reader import hourly_closes, read_derivatives, read_funding
from ocw_strategy.errors import CatalogError
from tests.catalog import market
from tests.catalog.test_frames import changed
from tests.shared import shared_data

FRAMES = {
    "bars_5m/BTCUSDT": market.bars(400, taker=True),
    "bars_1h/BTCUSDT": market.bars(40, minutes=60),
    "funding/ETHUSDT": market.funding(10),
    "mark_1h/BTCUSDT": market.bars(40, minutes=60).drop_columns(["volume"]),
    "metrics_5m/BTCUSDT": market.metrics(300),
}


def lay_out(folder: Path, suffix: str, frames: dict[str, pa.Table]) -> Path:
    for name, table in frames.items():
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".csv":
            pyarrow.csv.write_csv(table, path)
        else:
            pq.write_table(table, path)
    return folder


def test_csv_and_parquet_make_the_same_catalog(tmp_path):
    for suffix in (".csv", ".parquet"):
        import_directory(lay_out(tmp_path / "in", suffix, FRAMES), tmp_path / suffix)
        for path in (tmp_path / "in").rglob("*.*"):
            path.unlink()
    assert market.contents(tmp_path / ".csv") == market.contents(tmp_path / ".parquet")


def test_each_file_is_reported_as_it_is_done(tmp_path):
    seen = []
    reports = import_directory(
        lay_out(tmp_path / "in", ".parquet", FRAMES),
        tmp_path / "catalog",
        progress=lambda report, total: seen.append((report, total)),
    )
    assert [report for report, _ in seen] == reports
    assert {total for _, total in seen} == {5}
    assert {report.kind: report.added for report in reports} == {
        "bars_1h": 40,
        "bars_5m": 400,
        "funding": 10,
        "mark_1h": 40,
        "metrics_5m": 300,
    }
    again = import_directory(tmp_path / "in", tmp_path / "catalog")
    assert [report.unchanged for report in again] == [report.added for report in reports]
    assert sum(report.files for report in again) == 0


def test_marks_of_two_lengths_share_a_month(tmp_path):
    marks = {
        "mark_15m/BTCUSDT": market.bars(8, minutes=15, seed=1).drop_columns(["volume"]),
        "mark_5m/BTCUSDT": market.bars(24, seed=1).drop_columns(["volume"]),
    }
    import_directory(lay_out(tmp_path / "in", ".csv", marks), tmp_path / "catalog")
    (row,) = coverage(tmp_path / "catalog")
    assert row.rows == 24


def test_one_bad_file_names_itself_and_keeps_every_other_out(tmp_path):
    folder = lay_out(tmp_path / "in", ".csv", FRAMES)
    catalog_dir = tmp_path / "catalog"
    import_directory(folder, catalog_dir)
    before = market.contents(catalog_dir)
    longer = {
        "bars_1h/BTCUSDT": market.bars(80, minutes=60),
        "metrics_5m/BTCUSDT": changed(market.metrics(300), "open_interest", 41, -1.0),
    }
    lay_out(folder, ".csv", longer)
    with pytest.raises(
        CatalogError, match=r"metrics_5m/BTCUSDT.csv: row 42: open_interest: was -1"
    ):
        import_directory(folder, catalog_dir)
    assert market.contents(catalog_dir) == before


def test_a_truncated_parquet_names_itself(tmp_path):
    folder = lay_out(tmp_path / "in", ".parquet", FRAMES)
    path = folder / "funding" / "ETHUSDT.parquet"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CatalogError, match=f"^{path}: was .*; the file is damaged; get it again"):
        import_directory(folder, tmp_path / "catalog")


def test_a_ragged_csv_names_itself_and_the_row(tmp_path):
    folder = lay_out(tmp_path / "in", ".csv", {"funding/BTCUSDT": market.funding(3)})
    with (folder / "funding" / "BTCUSDT.csv").open("a") as file:
        file.write("1,2,3\n")
    with pytest.raises(
        CatalogError, match=r"funding/BTCUSDT.csv: row 4: was '1,2,3'; write 2 columns"
    ):
        import_directory(folder, tmp_path / "catalog")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("bars_7m/BTCUSDT", "bars_7m/BTCUSDT.csv: kind of data: was 'bars_7m'"),
        ("funding/XRPUSDT", "funding/XRPUSDT.csv: symbol: was 'XRPUSDT'; use one of BTCUSDT"),
    ],
)
def test_an_unknown_kind_or_symbol_names_its_file(tmp_path, name, fault):
    lay_out(tmp_path / "in", ".csv", {name: market.funding(3)})
    with pytest.raises(CatalogError, match=fault):
        import_directory(tmp_path / "in", tmp_path / "catalog")
    assert not (tmp_path / "catalog").exists()


def test_a_folder_without_frames_says_how_to_lay_them_out(tmp_path):
    with pytest.raises(CatalogError, match=r"lay them out as <kind>/<SYMBOL>.parquet or .csv"):
        import_directory(tmp_path, tmp_path / "catalog")


def test_real_history_passes_and_keeps_its_known_holes(tmp_path):
    source = shared_data()
    for name in ("bars_1h/ETHUSDT.parquet", "funding/SOLUSDT.parquet"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        (tmp_path / "in" / name).symlink_to(source / name)
    (tmp_path / "in" / "metrics_5m").mkdir()
    whole = pq.read_table(source / "metrics_5m" / "SOLUSDT.parquet")
    pq.write_table(whole.slice(0, 60_000), tmp_path / "in" / "metrics_5m" / "SOLUSDT.parquet")
    catalog_dir = tmp_path / "catalog"
    import_directory(tmp_path / "in", catalog_dir)

    covered = {(row.instrument, row.data_type): row for row in coverage(catalog_dir)}
    assert covered["ETHUSDT-PERP.BINANCE", "bars"].gaps == ()
    assert len(covered["SOLUSDT-PERP.BINANCE", "funding settled"].gaps) == 1
    _, closes = hourly_closes(catalog_dir, "ETHUSDT")
    assert (
        closes.tolist()
        == (
            pq.read_table(source / "bars_1h" / "ETHUSDT.parquet")
            .column("close")
            .to_numpy()
            .round(2)
        ).tolist()
    )
    _, rates = read_funding(catalog_dir, "SOLUSDT")
    assert rates.tolist() == (
        pq.read_table(source / "funding" / "SOLUSDT.parquet").column("rate").to_pylist()
    )
    assert len(read_derivatives(catalog_dir, "SOLUSDT").ts_init_ns) == 60_000
