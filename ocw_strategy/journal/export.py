"""A journal as Parquet, one file a table, for research elsewhere.

Columns and values are the journal's: times are UNIX nanoseconds, money and quantities that reached
the venue are decimal text. Each file's metadata holds the run, the schema's version and the run's
configuration. All files are of one state of the journal, and the folder appears whole or not at
all.
"""

import shutil
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.reader import JournalReader
from ocw_strategy.journal.records import RECORDS, Record
from ocw_strategy.journal.schema import SCHEMA_VERSION
from ocw_strategy.journal.sql import canonical_json

_TYPES: Final = {int: "int64", float: "float64", str: "string"}
_BATCH: Final = 20_000


def export_journal(journal: JournalReader, folder: Path) -> dict[str, int]:
    """Write every table into a new folder as ``<table>.parquet``.

    Returns
    -------
    dict[str, int]
        Rows by table.

    Raises
    ------
    JournalError
        If the folder exists or cannot be made, or the journal cannot be read.
    """
    if folder.exists():
        raise JournalError("export", str(folder), "is there already; name a folder that is not")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise JournalError("export", str(folder), f"name another: {error.strerror}") from error
    try:
        with journal.snapshot():
            written = {kind.TABLE: _write(journal, kind, draft) for kind in RECORDS}
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return written


def _write(journal: JournalReader, kind: type[Record], folder: Path) -> int:
    import pyarrow as pa  # not for those who only write a journal
    import pyarrow.parquet as pq

    names = [field.name for field in fields(kind)]
    types: list[Any] = [pa.type_for_alias(_TYPES[field.type]) for field in fields(kind)]  # type: ignore[index]
    about = {"ocw.run_id": journal.meta()["run_id"], "ocw.schema_version": str(SCHEMA_VERSION)}
    about["ocw.config"] = canonical_json(journal.meta()["config"])
    schema = pa.schema(list(zip(names, types, strict=True)), metadata=about)
    rows, last = 0, 0
    with pq.ParquetWriter(folder / f"{kind.TABLE}.parquet", schema, compression="zstd") as writer:
        while batch := journal.rows_after(kind, last, limit=_BATCH):
            last = batch[-1][0]
            columns = [[getattr(row, name) for _, row in batch] for name in names]
            arrays = [pa.array(c, type=t) for c, t in zip(columns, types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            rows += len(batch)
    return rows
