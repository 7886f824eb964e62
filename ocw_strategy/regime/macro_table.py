"""Macro series as a CSV file beside the catalog, for backtests that know what was published when.

Columns ``series_id,date,published,value``, one row per vintage; ``published`` is a UTC time such as
``2024-05-16T00:00:00Z``. A bad row refuses the file and is named; writing replaces the file whole.
"""

import csv
import math
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from ocw_strategy.errors import CatalogError
from ocw_strategy.regime.macro import MACRO_SERIES, MacroObservation, MacroSeries
from ocw_strategy.units import SECOND_NS

MACRO_FILE: Final = "macro.csv"
"""Macro series with their publication dates, beside the catalog's data."""

_COLUMNS = ["series_id", "date", "published", "value"]


def read_macro_csv(path: Path) -> MacroSeries:
    """Read macro series from a file.

    Parameters
    ----------
    path : Path
        The CSV file.

    Returns
    -------
    MacroSeries
        What it holds.

    Raises
    ------
    CatalogError
        When a column is missing or a row cannot be understood.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _COLUMNS:
            raise CatalogError(str(path), reader.fieldnames, f"make the columns {_COLUMNS}")
        return MacroSeries([_observation(path, reader.line_num, row) for row in reader])


def write_macro_csv(series: MacroSeries, path: Path) -> None:
    """Write macro series to a file, atomically."""
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for each in series.observations:
            published = datetime.fromtimestamp(each.published_ns // SECOND_NS, tz=UTC)
            stamp = published.strftime("%Y-%m-%dT%H:%M:%SZ")
            writer.writerow([each.series_id, each.date.isoformat(), stamp, repr(each.value)])
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _observation(path: Path, line: int, row: dict[str, str]) -> MacroObservation:
    try:
        published = datetime.fromisoformat(row["published"])
        value = float(row["value"])
        if row["series_id"] not in MACRO_SERIES or published.tzinfo is None:
            raise ValueError
        if not math.isfinite(value) or None in row:
            raise ValueError
        return MacroObservation(
            series_id=row["series_id"],
            date=date.fromisoformat(row["date"]),
            published_ns=int(published.timestamp()) * SECOND_NS,
            value=value,
        )
    except (TypeError, ValueError) as error:
        raise CatalogError(
            f"{path}, line {line}",
            row,
            f"give one of {', '.join(MACRO_SERIES)}, an ISO date, a UTC time and a number",
        ) from error
