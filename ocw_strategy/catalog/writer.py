"""Frames into the Nautilus Parquet catalog: checked, atomic, idempotent, by month.

What is imported joins what is there: a row new to the catalog is added, one that says the same
changes nothing (not a byte), one that says otherwise replaces the old and is counted: the newest
import wins. The order of imports otherwise leaves no trace in the files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from ocw_strategy.catalog.frames import BoolArray, IntArray, check_frame
from ocw_strategy.catalog.instruments import perpetual
from ocw_strategy.catalog.store import (
    Transaction,
    month_name,
    part_folder,
    read_table,
    span_name,
    transaction,
)
from ocw_strategy.catalog.tables import Part, parts
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import SECOND_NS

PUBLICATION_DELAY_NS: Final = 300 * SECOND_NS
"""What the archive says of a moment is known to the actor this much later by default."""

_ROWS_AT_ONCE: Final = 200_000  # bounds the memory of long frames


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What one frame did to the catalog.

    ``added``, ``replaced`` and ``unchanged`` add up to ``rows``; of bars they count the bars, not
    the taker flow. ``duplicates`` repeated a row and were dropped, ``unpublished`` counts
    statistics without a value, ``files`` those written.
    """

    source: str
    kind: str
    symbol: str
    rows: int
    added: int
    replaced: int
    duplicates: int
    unpublished: int
    files: int

    @property
    def unchanged(self) -> int:
        """Rows that the catalog already held."""
        return self.rows - self.added - self.replaced


def write_frame(
    catalog_dir: Path,
    kind: str,
    symbol: str,
    table: pa.Table,
    *,
    source: str,
    delay_ns: int = PUBLICATION_DELAY_NS,
) -> WriteReport:
    """Check a frame and join it to a catalog, which is created where there is none.

    Parameters
    ----------
    catalog_dir : Path
        The catalog's folder.
    kind, symbol : str
        Such as ``bars_5m`` and ``BTCUSDT``.
    table : pa.Table
        The rows, in the columns of the kind.
    source : str
        What a fault is to name, usually the file.
    delay_ns : int
        How long after ``ts`` settled funding and statistics become known to the actor. A shorter
        delay than the venue's own is look-ahead.

    Raises
    ------
    CatalogError
        If a row is refused, the delay is not the catalog's, or the disk is full; the catalog is
        then as it was.
    """
    with transaction(catalog_dir) as opened:
        return add_frame(opened, kind, symbol, table, source=source, delay_ns=delay_ns)


def add_frame(
    opened: Transaction, kind: str, symbol: str, table: pa.Table, *, source: str, delay_ns: int
) -> WriteReport:
    """Check a frame and join it to a catalog within a transaction; else as `write_frame`."""
    instrument = perpetual(symbol)
    frame = check_frame(kind, table, source=source)
    files = len(opened.files)
    _add_instrument(opened, instrument)
    added = replaced = 0
    for piece in frame.pieces(_ROWS_AT_ONCE):
        found = parts(piece, symbol, delay_ns=delay_ns, source=source)
        counts = [_add_part(opened, part, source) for part in found]
        added, replaced = added + counts[0][0], replaced + counts[0][1]
    return WriteReport(
        source=source,
        kind=kind,
        symbol=symbol,
        rows=len(frame.ts_ns),
        added=added,
        replaced=replaced,
        duplicates=frame.duplicates,
        unpublished=frame.unpublished,
        files=len(opened.files) - files,
    )


def _add_instrument(opened: Transaction, instrument: CryptoPerpetual) -> None:
    table = ArrowSerializer.serialize_batch([instrument], CryptoPerpetual)
    path = part_folder(CryptoPerpetual, instrument.id.value) / span_name(0, 0)
    held = opened.read(path)
    if held is None or not held.equals(table):
        opened.write(path, table)


def _add_part(opened: Transaction, part: Part, source: str) -> tuple[int, int]:
    folder = part_folder(part.data_class, part.identifier)
    _check_delay(opened, folder, part.table, source)
    ts_init = part.table.column("ts_init").to_numpy().astype(np.int64)
    months, starts = np.unique(
        ts_init.astype("datetime64[ns]").astype("datetime64[M]"), return_index=True
    )
    added = replaced = 0
    for month, start, stop in zip(months, starts, [*starts[1:], len(ts_init)], strict=True):
        path, fresh = folder / month_name(month), part.table.slice(start, stop - start)
        held = opened.read(path)
        if held is None:
            added += len(fresh)
            opened.write(path, fresh)
            continue
        joined, more, other = _joined(held, fresh, path)
        added, replaced = added + more, replaced + other
        if more or other:
            opened.write(path, joined)
    return added, replaced


def _check_delay(opened: Transaction, folder: Path, table: pa.Table, source: str) -> None:
    first = min((opened.catalog_dir / folder).glob("*.parquet"), default=None)
    if first is None:
        return
    held_ns, delay_ns = _delay_ns(read_table(first)), _delay_ns(table)
    if held_ns != delay_ns:
        raise CatalogError(
            f"{source}: publication delay in seconds",
            delay_ns / SECOND_NS,
            f"use the catalog's own, {held_ns / SECOND_NS}, or import all into a new folder",
        )


def _delay_ns(table: pa.Table) -> int:
    return int(table.column("ts_init")[0].as_py() - table.column("ts_event")[0].as_py())


def _joined(held: pa.Table, fresh: pa.Table, path: Path) -> tuple[pa.Table, int, int]:
    # returns the union in order, how many rows are new, and how many replace another
    if not held.schema.equals(fresh.schema, check_metadata=True):
        raise CatalogError(str(path), "another schema", "import all into a new folder")
    old, new = _keys(held), _keys(fresh)
    known = np.isin(new, old)
    before = held.take(pa.array(np.searchsorted(old, new[known])))
    differs = _differs(before, fresh.filter(pa.array(known)))
    union = pa.concat_tables([held.filter(pa.array(~np.isin(old, new))), fresh])
    ordered = union.take(pa.array(np.argsort(_keys(union))))
    return ordered, int(np.count_nonzero(~known)), int(np.count_nonzero(differs))


def _keys(table: pa.Table) -> IntArray:
    keys: IntArray = table.column("ts_event").to_numpy().astype(np.int64)
    if "minutes" in table.column_names:  # taker flow of several bars can share a close
        keys += table.column("minutes").to_numpy()
    return keys


def _differs(held: pa.Table, fresh: pa.Table) -> BoolArray:
    differs = np.zeros(len(held), dtype=np.bool_)
    for name in held.column_names:
        old, new = held.column(name).combine_chunks(), fresh.column(name).combine_chunks()
        if pa.types.is_floating(old.type):  # by their bits, so that NaN equals NaN
            old, new = old.view(pa.int64()), new.view(pa.int64())
        differs |= pc.fill_null(pc.not_equal(old, new), False).to_numpy(zero_copy_only=False)
    return differs
