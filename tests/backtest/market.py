"""Small sample markets and runs over them, shared by the backtest tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.catalog import write_frame
from ocw_strategy.catalog.sample import sample_market
from ocw_strategy.journal import Journal, Record
from ocw_strategy.settings import Settings, parse_time_ns, settings_from
from ocw_strategy.units import MINUTE_NS

START = "2024-01-01"
START_NS = parse_time_ns(START)
DAYS = 60


def sample_frames(
    seed: int = 1, days: int = DAYS, minutes: int = 15
) -> dict[tuple[str, str], pa.Table]:
    return sample_market(seed, START_NS, days, minutes).frames


def write_catalog(folder: Path, frames: Mapping[tuple[str, str], pa.Table]) -> Path:
    for (kind, symbol), table in frames.items():
        write_frame(folder, kind, symbol, table, source="sample")
    return folder


def make_settings(catalog: Path, **tables: Mapping[str, Any]) -> Settings:
    """Return settings over a sample market; give sections as dictionaries."""
    values: dict[str, Any] = {
        "run": {"start": "2024-02-10", "end": "2024-02-28"},
        "data": {"catalog": str(catalog)},
    }
    for section, table in tables.items():
        values[section] = {**values.get(section, {}), **table}
    return settings_from(values)


class Run:
    """A run whose journal stays open in memory until `close`."""

    def __init__(self, settings: Settings, run_id: str, path: Path | str = ":memory:") -> None:
        self.journal = Journal.open(path, run_id=run_id, power_safe=False)
        try:
            run_node(run_config(settings, run_id))
            self.journal.flush()
        except BaseException:
            self.journal.close()
            raise

    def rows[R: Record](self, record: type[R]) -> list[R]:
        return self.journal.rows(record)

    def digest(self) -> str:
        return self.journal.digest()

    def close(self) -> None:
        self.journal.close()


def change_after(table: pa.Table, ts_ms: int) -> pa.Table:
    """Return a frame whose prices and statistics differ in every row after a time."""
    later = table.filter(pa.compute.field("ts") >= ts_ms)
    kept = table.filter(pa.compute.field("ts") < ts_ms)
    columns = [
        later.column(name) if name == "ts" else _changed(later.column(name))
        for name in later.column_names
    ]
    return pa.concat_tables([kept, pa.table(columns, schema=table.schema)])


def _changed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.compute.cast(pa.compute.multiply(column, 1.07), column.type)


def gap_every_midnight(table: pa.Table, factor: float) -> pa.Table:
    """Return bars that are priced `factor` times as high on every other day."""
    day = np.array(table.column("ts")) // 86_400_000
    scale = np.where(day % 2 == 1, factor, 1.0)
    for name in ("open", "high", "low", "close"):
        column = pa.array(np.array(table.column(name)) * scale)
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


MINUTES_15 = 15 * MINUTE_NS
