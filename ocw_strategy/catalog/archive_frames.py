"""What a downloaded file of Binance's public archive says, as a canonical frame.

Some files have a header line and older ones have none. Times, and what is done about them:

- klines: ``open_time``, milliseconds, the bar's OPEN.
- funding: ``calc_time`` is some milliseconds late; the settlement is the whole minute before.
- metrics: ``create_time`` is the END of the five minutes described, as everywhere in the catalog;
  files from 2026-06-25 on say their START instead (binance-public-data issue 491, which Binance has
  not commented on), and five minutes are added to those.

Only the one CSV named for the file is read from a ZIP, in memory and up to a limit, so neither a
path inside the ZIP nor its ratio of compression can do harm. A file that cannot be read is a
`CatalogError` naming it and the fault; values are judged by `frames`, not here.
"""

import zipfile
import zlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from ocw_strategy.catalog.archive_files import ArchiveFile
from ocw_strategy.catalog.frames import Kind
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import MILLISECOND_NS

LARGEST_CSV_BYTES: Final = 64 * 1024 * 1024
"""A month of one-minute klines is about 6 MB."""

_METRICS_SAY_START_FROM: Final = date(2026, 6, 25)
_METRICS_PERIOD_MS: Final = 300_000
_MINUTE_MS: Final = 60_000
_KLINE_HEADER: Final = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_HEADERS: Final = {
    "bars": _KLINE_HEADER,
    "mark": _KLINE_HEADER,
    "funding": ("calc_time", "funding_interval_hours", "last_funding_rate"),
    "metrics": (
        "create_time",
        "symbol",
        "sum_open_interest",
        "sum_open_interest_value",
        "count_toptrader_long_short_ratio",
        "sum_toptrader_long_short_ratio",
        "count_long_short_ratio",
        "sum_taker_long_short_vol_ratio",
    ),
}
_PRICES: Final = {name: name for name in ("open", "high", "low", "close")}
# canonical name by archive name: `count` ratios count accounts, `sum` ratios add up positions
_COLUMNS: Final = {
    "bars": {
        "open_time": "ts",
        **_PRICES,
        "volume": "volume",
        "taker_buy_volume": "taker_buy_volume",
    },
    "mark": {"open_time": "ts", **_PRICES},
    "funding": {"calc_time": "ts", "last_funding_rate": "rate"},
    "metrics": {
        "create_time": "ts",
        "sum_open_interest": "open_interest",
        "sum_open_interest_value": "open_interest_value",
        "count_toptrader_long_short_ratio": "toptrader_account_ls_ratio",
        "sum_toptrader_long_short_ratio": "toptrader_position_ls_ratio",
        "count_long_short_ratio": "global_account_ls_ratio",
        "sum_taker_long_short_vol_ratio": "taker_buy_sell_ratio",
    },
}


def read_member(zip_path: Path, path: str) -> bytes:
    """Return the CSV of a downloaded ZIP whose place in the archive is `path`.

    Raises
    ------
    CatalogError
        If the ZIP is damaged, lacks the CSV or holds one that is too large.
    """
    member = PurePosixPath(path).with_suffix(".csv").name
    remedy = "fetch it again; if it stays like this, report it to the archive"
    try:
        with zipfile.ZipFile(zip_path) as archive, archive.open(member) as file:
            data = file.read(LARGEST_CSV_BYTES + 1)
    except KeyError:
        raise CatalogError(path, f"a ZIP without {member}", remedy) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise CatalogError(path, f"a damaged ZIP: {error}", remedy) from error
    if len(data) > LARGEST_CSV_BYTES:
        raise CatalogError(path, f"a CSV above {LARGEST_CSV_BYTES} bytes", remedy)
    return data


def read_frame(file: ArchiveFile, zip_path: Path) -> pa.Table:
    """Return the rows of a downloaded file in the columns of its kind, as they stand in it.

    Raises
    ------
    CatalogError
        If the file cannot be read; it is named.
    """
    table = _parsed(file, read_member(zip_path, file.path))
    names = _COLUMNS[file.kind.family]
    table = table.select(list(names)).rename_columns(list(names.values()))
    ts = table.column("ts").cast(pa.int64()).to_numpy()
    if file.kind.family == "funding":
        ts = ts // _MINUTE_MS * _MINUTE_MS
    elif file.kind.family == "metrics" and file.begins >= _METRICS_SAY_START_FROM:
        ts = ts + _METRICS_PERIOD_MS
    return table.set_column(0, "ts", pa.array(ts))


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """Join frames of one kind, ascending; of rows with the same ``ts`` the last one is kept."""
    table = pa.concat_tables(tables)
    table = table.take(pa.array(np.argsort(table.column("ts").to_numpy(), kind="stable")))
    ts = table.column("ts").to_numpy()
    return table.filter(pa.array(np.append(ts[1:] != ts[:-1], True)))


def within(table: pa.Table, kind: Kind, start_ns: int, end_ns: int) -> pa.Table:
    """Return the rows of a window, its end excluded.

    Metrics include the row at the end, since it describes the five minutes before.
    """
    ts_ns = table.column("ts").to_numpy() * MILLISECOND_NS
    before_end = ts_ns <= end_ns if kind.family == "metrics" else ts_ns < end_ns
    return table.filter(pa.array((ts_ns >= start_ns) & before_end))


def _parsed(file: ArchiveFile, data: bytes) -> pa.Table:
    family = file.kind.family
    line = data.split(b"\n", 1)[0].decode("utf-8", "replace")
    header: tuple[str, ...] = tuple(name.strip().strip('"') for name in line.split(","))
    has_header = not header[0][:1].isdigit()
    names = header if has_header else _HEADERS[family]
    missing = [name for name in _COLUMNS[family] if name not in names]
    if missing:
        raise CatalogError(f"{file.path}: columns", line[:200], f"expected {', '.join(missing)}")
    types = dict.fromkeys(_COLUMNS[family], pa.float64())
    types[next(iter(types))] = pa.timestamp("ms") if family == "metrics" else pa.int64()
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                use_threads=False, column_names=names, skip_rows=int(has_header)
            ),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=["", "null"]
            ),
        )
    except pa.ArrowInvalid as error:
        raise CatalogError(file.path, str(error), "report the file to the archive") from error
    if table.num_rows == 0 or pc.any(pc.is_null(table.column(0))).as_py():
        raise CatalogError(file.path, "rows without a time", "report the file to the archive")
    return table
