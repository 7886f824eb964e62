"""What a catalog holds and what it lacks: rows, gaps, duplicates and broken bars of each type.

The interval of a type without one in its name (marks, funding, statistics) is the most common
step between its rows. A gap is a longer step. Nothing is changed; a damaged file is a
`CatalogError` that names it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ocw_strategy.catalog.frames import IntArray
from ocw_strategy.catalog.store import damaged, read_table, require
from ocw_strategy.catalog.tables import from_fixed

_TYPES: Final = {
    "bar": "bars",
    "custom_ocw_taker_flow": "taker flow",
    "mark_price_update": "mark price",
    "funding_rate_update": "funding settled",
    "custom_ocw_funding_rate": "funding known",
    "custom_ocw_derivatives": "derivatives",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing rows between two that are there, given by the times they speak of."""

    after_ns: int
    before_ns: int
    missing: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """One type of one instrument. Times are what the rows speak of; a bar's is its close."""

    instrument: str
    data_type: str
    interval_ns: int
    """0 for a single row."""
    first_ns: int
    last_ns: int
    rows: int
    gaps: tuple[Gap, ...]
    duplicates: int
    ohlc_violations: int

    @property
    def missing(self) -> int:
        """Rows missing in all gaps."""
        return sum(gap.missing for gap in self.gaps)


def coverage(catalog_dir: Path) -> list[Coverage]:
    """Return what the catalog holds, ordered by instrument and type.

    Raises
    ------
    CatalogError
        If there is no catalog or a file is damaged.
    """
    require(catalog_dir)
    found = []
    for folder in catalog_dir.glob("data/*/*"):
        name = _TYPES.get(folder.parent.name)
        files = sorted(folder.glob("*.parquet"))
        if name and files:
            found.extend(_covered(folder, name, files))
    return sorted(found, key=lambda row: (row.instrument, row.data_type, row.interval_ns))


def verify_files(catalog_dir: Path) -> int:
    """Check that every file of the catalog is whole, by its footer, and return how many there are.

    Raises
    ------
    CatalogError
        If there is no catalog, or at the first damaged file.
    """
    require(catalog_dir)
    files = sorted(catalog_dir.glob("data/*/*/*.parquet"))
    for path in files:
        try:
            pq.read_metadata(path)
        except (pa.ArrowException, OSError) as fault:
            raise damaged(path, fault) from fault
    return len(files)


def _covered(folder: Path, name: str, files: list[Path]) -> list[Coverage]:
    instrument = "-".join(folder.name.split("-")[:2])
    tables = [read_table(path) for path in files]
    table = pa.concat_tables(tables)
    ts_ns = table.column("ts_event").to_numpy().astype(np.int64)
    violations = _ohlc_violations(table) if name == "bars" else 0
    if name != "taker flow":
        return [_cover(instrument, name, ts_ns, violations)]
    minutes = table.column("minutes").to_numpy()
    return [_cover(instrument, name, ts_ns[minutes == length], 0) for length in np.unique(minutes)]


def _cover(instrument: str, name: str, ts_ns: IntArray, violations: int) -> Coverage:
    steps = np.diff(ts_ns)
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    interval_ns = int(lengths[np.argmax(counts)]) if len(lengths) else 0
    gaps = tuple(
        Gap(int(ts_ns[at]), int(ts_ns[at + 1]), round(int(steps[at]) / interval_ns) - 1)
        for at in np.flatnonzero(steps > interval_ns * 1.5)
    )
    return Coverage(
        instrument=instrument,
        data_type=name,
        interval_ns=interval_ns,
        first_ns=int(ts_ns[0]),
        last_ns=int(ts_ns[-1]),
        rows=len(ts_ns),
        gaps=gaps,
        duplicates=int(np.count_nonzero(steps == 0)),
        ohlc_violations=violations,
    )


def _ohlc_violations(table: pa.Table) -> int:
    precision = int(table.schema.metadata[b"price_precision"])
    opened, high, low, close = (
        from_fixed(table.column(name), precision) for name in ("open", "high", "low", "close")
    )
    broken = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close)) | ~(low > 0)
    return int(np.count_nonzero(broken))
