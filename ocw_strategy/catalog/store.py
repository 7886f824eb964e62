"""The catalog's files: where they lie, how they are read, and how they are replaced all at once.

Each type of each instrument is a folder of files, one a UTC month of ``ts_init``, named for the
whole month, so that a month is replaced by one rename.

A transaction first writes all its files to ``.staging`` inside the catalog and flushes them; then
it sets a commit mark and renames them into place. A failure before the mark (bad row, full disk,
kill) leaves the catalog as it was; after it, the next transaction or `recover` finishes the
renames. One writer at a time holds ``.lock``.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.core.datetime import unix_nanos_to_iso8601
from nautilus_trader.persistence.funcs import class_to_filename

from ocw_strategy.errors import CatalogError

_STAGING: Final = ".staging"
_COMMIT: Final = "COMMIT"
_ROWS_PER_GROUP: Final = 5_000  # the engine's own default


@dataclass(slots=True)
class Transaction:
    """A set of files that appear in the catalog together or not at all."""

    catalog_dir: Path
    staging: Path
    files: set[Path] = field(default_factory=set)

    def read(self, path: Path) -> pa.Table | None:
        """Return the table at a path relative to the catalog as it will be, or None."""
        for root in (self.staging, self.catalog_dir):
            if (root / path).exists():
                return read_table(root / path)
        return None

    def write(self, path: Path, table: pa.Table) -> None:
        """Stage a table to replace the one at a path relative to the catalog."""
        target = self.staging / path
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, target, row_group_size=_ROWS_PER_GROUP)
        self.files.add(path)


@contextmanager
def transaction(catalog_dir: Path) -> Iterator[Transaction]:
    """Open a transaction on a catalog, which is created where there is none.

    Raises
    ------
    CatalogError
        If the disk is full or the folder cannot be written; the catalog is then as it was.
    """
    staging = catalog_dir / _STAGING
    try:
        catalog_dir.mkdir(parents=True, exist_ok=True)
        with _locked(catalog_dir):
            _finish(catalog_dir)
            staging.mkdir()
            try:
                opened = Transaction(catalog_dir, staging)
                yield opened
                if opened.files:
                    _commit(staging)
            finally:
                _finish(catalog_dir)
    except OSError as fault:
        raise CatalogError(
            f"catalog {catalog_dir}",
            fault.strerror or str(fault),
            "make room or check the folder, then import again",
        ) from fault


def recover(catalog_dir: Path) -> None:
    """Finish or discard what a killed writer left; does nothing while a writer is at work."""
    if (catalog_dir / _STAGING).exists():
        try:
            with _locked(catalog_dir, fcntl.LOCK_NB):
                _finish(catalog_dir)
        except BlockingIOError:
            return


@contextmanager
def _locked(catalog_dir: Path, waiting: int = 0) -> Iterator[None]:
    with (catalog_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | waiting)
        yield


def _commit(staging: Path) -> None:
    for path in staging.rglob("*.parquet"):
        _flush(path)
    (staging / _COMMIT).touch()
    _flush(staging)


def _finish(catalog_dir: Path) -> None:
    staging = catalog_dir / _STAGING
    if (staging / _COMMIT).exists():
        for path in sorted(staging.rglob("*.parquet")):
            target = catalog_dir / path.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        (staging / _COMMIT).unlink()
    shutil.rmtree(staging, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_table(path: Path) -> pa.Table:
    """Return a file of the catalog.

    Raises
    ------
    CatalogError
        If it is damaged.
    """
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as fault:
        raise damaged(path, fault) from fault


def read_alone(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Return a file of the catalog, or some of its columns, without threads or reading ahead.

    A month is small and the memory of both is not. For reading only: written back, the same rows
    as of `read_table` would not make the same bytes.

    Raises
    ------
    CatalogError
        If it is damaged.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            return file.read(columns, use_threads=False)
    except (pa.ArrowException, OSError) as fault:
        raise damaged(path, fault) from fault


def damaged(path: Path, fault: Exception) -> CatalogError:
    """Return the error for a file of the catalog that cannot be read."""
    first_line = str(fault).splitlines()[0]
    return CatalogError(str(path), first_line, "delete this file and import its month again")


def part_folder(data_class: Any, identifier: str) -> Path:
    """Return where the catalog keeps a type of an instrument or bar type, relative to its root."""
    return Path("data") / class_to_filename(data_class) / identifier


def part_files(
    catalog_dir: Path,
    data_class: Any,
    identifier: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> list[Path]:
    """Return the files of a type in order of time, all or those that a window of ``ts_init`` meets.

    Raises
    ------
    CatalogError
        If there is no catalog.
    """
    require(catalog_dir)
    found = sorted((catalog_dir / part_folder(data_class, identifier)).glob("*.parquet"))
    first = "" if start_ns is None else _stamp(start_ns)
    last = "~" if end_ns is None else _stamp(end_ns)
    return [path for path in found if path.stem[:30] <= last and path.stem[31:] >= first]


def require(catalog_dir: Path) -> None:
    """Check that there is a catalog, and finish what a killed writer left there.

    Raises
    ------
    CatalogError
        If there is none.
    """
    recover(catalog_dir)
    if not (catalog_dir / "data").is_dir():
        raise CatalogError(
            "catalog", str(catalog_dir), "build it: `ocw data sample`, `fetch` or `import DIR`"
        )


def month_name(month: np.datetime64) -> str:
    """Return the file name of a month (unit ``M``)."""
    following = month + np.timedelta64(1, "M")
    first_ns, next_ns = (
        start.astype("datetime64[ns]").astype(np.int64).item() for start in (month, following)
    )
    return span_name(first_ns, next_ns - 1)


def span_name(first_ns: int, last_ns: int) -> str:
    """Return the engine's name of a file of that span of ``ts_init``, both ends inclusive."""
    return f"{_stamp(first_ns)}_{_stamp(last_ns)}.parquet"


def _stamp(ns: int) -> str:
    return unix_nanos_to_iso8601(ns).replace(":", "-").replace(".", "-")
