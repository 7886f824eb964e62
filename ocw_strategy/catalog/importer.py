"""A folder of frames into the catalog, all of it or nothing.

Frames lie as ``DIR/<kind>/<SYMBOL>.parquet`` or ``.csv`` (see `frames` for kinds and columns). The
first bad file stops the import with its name, the row (data rows counted from 1) and the fault;
the catalog is then as it was.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ocw_strategy.catalog.frames import parse_kind
from ocw_strategy.catalog.instruments import SYMBOLS
from ocw_strategy.catalog.store import transaction
from ocw_strategy.catalog.writer import PUBLICATION_DELAY_NS, WriteReport, add_frame
from ocw_strategy.errors import CatalogError

_SUFFIXES: Final = (".parquet", ".csv")


def import_directory(
    directory: Path,
    catalog_dir: Path,
    *,
    progress: Callable[[WriteReport, int], None] | None = None,
    delay_ns: int = PUBLICATION_DELAY_NS,
) -> list[WriteReport]:
    """Import every frame below a folder, in the order of their names.

    Parameters
    ----------
    directory, catalog_dir : Path
        Where the frames are, and the catalog's folder, created where there is none.
    progress : Callable
        Called after each file with its report and the number of files in all.
    delay_ns : int
        See `write_frame`.

    Raises
    ------
    CatalogError
        If the folder holds no frame, or at the first bad one.
    """
    files = frame_files(directory)
    reports = []
    with transaction(catalog_dir) as opened:
        for path in files:
            report = add_frame(
                opened,
                path.parent.name,
                path.stem,
                read_frame(path),
                source=str(path),
                delay_ns=delay_ns,
            )
            reports.append(report)
            if progress is not None:
                progress(report, len(files))
    return reports


def frame_files(directory: Path) -> list[Path]:
    """Return the frames below a folder in the order of their names.

    Raises
    ------
    CatalogError
        If there are none, or one of a kind or symbol that is not known.
    """
    files = sorted(path for path in directory.glob("*/*") if path.suffix in _SUFFIXES)
    if not files:
        raise CatalogError(
            "folder of frames", str(directory), "lay them out as <kind>/<SYMBOL>.parquet or .csv"
        )
    for path in files:
        try:
            parse_kind(path.parent.name)
        except CatalogError as fault:
            raise CatalogError(f"{path}: {fault.field}", fault.value, fault.remedy) from None
        if path.stem not in SYMBOLS:
            raise CatalogError(f"{path}: symbol", path.stem, f"use one of {', '.join(SYMBOLS)}")
    return files


def read_frame(path: Path) -> pa.Table:
    """Return the rows of a Parquet or CSV file.

    Raises
    ------
    CatalogError
        If it cannot be read.
    """
    ragged: list[pyarrow.csv.InvalidRow] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, partitioning=None)
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),  # else rows have no number
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=keep),
        )
    except (pa.ArrowException, OSError) as fault:
        raise CatalogError(
            str(path), str(fault).splitlines()[0], "the file is damaged; get it again"
        ) from fault
    if ragged:
        row = ragged[0]
        raise CatalogError(
            f"{path}: row {row.number - 1}", row.text, f"write {row.expected_columns} columns"
        )
    return table
