"""Reading a journal, from the process that writes it or from any other.

Every query returns a list and ends its read at once, so that no reader holds back the writer's
checkpoints. What is in the file and cannot be read is a `JournalError`; nothing is skipped.
"""

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.records import RECORDS, Record, ReflectionRow
from ocw_strategy.journal.schema import SEARCH_TABLE, column_names
from ocw_strategy.journal.sql import as_journal_error, canonical_json, snapshot

type Scalar = int | float | str

_LARGEST: Final = 2**63 - 1
_NOT_IN_WORDS: Final = str.maketrans('"\0', "  ")


def _record[R: Record](kind: type[R], row: tuple[Any, ...]) -> R:
    # a float that is NULL in the file was NaN
    return kind(*(math.nan if value is None else value for value in row) if None in row else row)


class JournalReader:
    """Read a journal; opened by `Journal.read_only`.

    It may not write and takes no lock: any number of readers work beside the writer, each query
    on the last commit.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self.path = path

    def rows[R: Record](
        self,
        record: type[R],
        where: str = "",
        parameters: Sequence[Scalar] = (),
        *,
        order: str = "rowid",
        limit: int | None = None,
    ) -> list[R]:
        """Return records, by default all of them in the order they were appended.

        Parameters
        ----------
        record : type[Record]
            The kind of record.
        where : str, optional
            A condition in SQL, fixed text with ``?`` for each of `parameters`.
        parameters : Sequence, optional
            The values of the condition.
        order : str, default "rowid"
            Columns to sort by, such as ``"ts_ns DESC"``.
        limit : int, optional
            The most records to return.
        """
        names = ", ".join(column_names(record))
        found = self._query(
            f"SELECT {names} FROM {record.TABLE} WHERE {where or 'TRUE'} ORDER BY {order} LIMIT ?",
            (*parameters, -1 if limit is None else limit),
        )
        return [_record(record, row) for row in found]

    def columns(
        self, record: type[Record], where: str = "", parameters: Sequence[Scalar] = ()
    ) -> dict[str, list[Any]]:
        """Return the records as one list per column, in the order they were appended."""
        names = column_names(record)
        found = self._query(
            f"SELECT {', '.join(names)} FROM {record.TABLE} WHERE {where or 'TRUE'} ORDER BY rowid",
            parameters,
        )
        lists = zip(*found, strict=True) if found else ((),) * len(names)
        return {
            name: [math.nan if value is None else value for value in values]
            for name, values in zip(names, lists, strict=True)
        }

    def count(
        self, record: type[Record], where: str = "", parameters: Sequence[Scalar] = ()
    ) -> int:
        """Count the records that meet a condition."""
        found = self._query(
            f"SELECT count(*) FROM {record.TABLE} WHERE {where or 'TRUE'}", parameters
        )
        return int(found[0][0])

    def tally(
        self,
        record: type[Record],
        by: Sequence[str],
        where: str = "",
        parameters: Sequence[Scalar] = (),
    ) -> dict[tuple[Any, ...], int]:
        """Count the records that meet a condition by the values of some columns."""
        names = ", ".join(by)
        found = self._query(
            f"SELECT {names}, count(*) FROM {record.TABLE} WHERE {where or 'TRUE'}"
            f" GROUP BY {names}",
            parameters,
        )
        return {row[:-1]: int(row[-1]) for row in found}

    def commits(self) -> int:
        """Return a number that changes when another connection has committed, and only then.

        It costs no read of a table. It means nothing to another reader.
        """
        return int(self._query("PRAGMA data_version")[0][0])

    def search(
        self, words: Sequence[str], *, before_ns: int | None = None, limit: int = 10
    ) -> list[ReflectionRow]:
        """Return the reflections in which any of some words stands, the most relevant first.

        Relevance is BM25: a rare word counts more than one that stands everywhere. Among equals
        the newer comes first.

        Parameters
        ----------
        words : Sequence[str]
            What to look for, as words and not as a query: their punctuation means nothing.
        before_ns : int, optional
            Leave out trades that were closed at or after this moment.
        limit : int, default 10
            The most reflections to return.
        """
        plain = (word.translate(_NOT_IN_WORDS) for word in words)
        asked = " OR ".join(f'"{word}"' for word in plain if word.strip())
        if not asked:
            return []
        columns = ", ".join(f"r.{name}" for name in column_names(ReflectionRow))
        key = ReflectionRow.KEY[0]
        found = self._query(
            f"SELECT {columns} FROM {SEARCH_TABLE} JOIN {ReflectionRow.TABLE} r"
            f" ON r.{key} = {SEARCH_TABLE}.{key} WHERE {SEARCH_TABLE} MATCH ? AND r.ts_ns < ?"
            f" ORDER BY round(bm25({SEARCH_TABLE}), 9), r.ts_ns DESC, r.{key} LIMIT ?",
            (asked, _LARGEST if before_ns is None else before_ns, limit),
        )
        return [_record(ReflectionRow, row) for row in found]

    def rows_after[R: Record](
        self, record: type[R], row_id: int, *, limit: int = 1000
    ) -> list[tuple[int, R]]:
        """Return the records appended after a row id, oldest first, each with its own row id.

        Row ids rise in the order of writing, within one table of one file: a reader that keeps the
        last one goes on where it ended.
        """
        names = ", ".join(column_names(record))
        found = self._query(
            f"SELECT rowid, {names} FROM {record.TABLE} WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (row_id, limit),
        )
        return [(row[0], _record(record, row[1:])) for row in found]

    def rows_before[R: Record](
        self, record: type[R], row_id: int | None = None, *, limit: int = 1000
    ) -> list[tuple[int, R]]:
        """Return the records appended before a row id, newest first, each with its own row id.

        Without a row id they begin with the record appended last.
        """
        names = ", ".join(column_names(record))
        found = self._query(
            f"SELECT rowid, {names} FROM {record.TABLE} WHERE rowid < ?"
            " ORDER BY rowid DESC LIMIT ?",
            (_LARGEST if row_id is None else row_id, limit),
        )
        return [(row[0], _record(record, row[1:])) for row in found]

    def last_row_id(self, record: type[Record]) -> int:
        """Return the row id of the record appended last, 0 before the first."""
        return int(self._query(f"SELECT coalesce(max(rowid), 0) FROM {record.TABLE}")[0][0])

    def load_state(self, name: str) -> dict[str, Any] | None:
        """Return the state last saved under a name, or None."""
        found = self._query("SELECT state FROM states WHERE name = ?", (name,))
        return json.loads(found[0][0]) if found else None

    def meta(self) -> dict[str, Any]:
        """Return ``run_id``, ``created_wall_ns``, ``config`` and ``versions`` of the run."""
        return {
            name: json.loads(value) for name, value in self._query("SELECT name, value FROM meta")
        }

    def digest(self) -> str:
        """Return the SHA-256 of what happened in the run, as 64 hexadecimal digits.

        It covers every record as canonical JSON (floats to the last bit, NaN as null), sorted
        within its table, without the columns a record leaves `UNDIGESTED`. Left out are row ids,
        an empty table (a table that is added later changes no old digest), records that are not
        `DIGESTED`, the saved states (caches of the records) and the meta data: a recording and its
        replay differ in their configuration and agree in what happened.
        """
        digest = hashlib.sha256()
        with self.snapshot():
            digested = [record for record in RECORDS if record.DIGESTED]
            for record in sorted(digested, key=lambda record: record.TABLE):
                names = [name for name in column_names(record) if name not in record.UNDIGESTED]
                found = self._query(f"SELECT {', '.join(names)} FROM {record.TABLE}")
                if found:
                    lines = [canonical_json([record.TABLE, names])]
                    lines += sorted(map(canonical_json, found))
                    digest.update("\n".join(lines).encode() + b"\n")
        return digest.hexdigest()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let the block read one state of the journal, whatever is written meanwhile.

        Keep it short: the writer's log grows while it lasts.
        """
        self._query("SELECT 1")  # a writer's own reader: what it holds back is part of the state
        with as_journal_error(self.path), snapshot(self._connection):
            yield

    def check_pages(self) -> None:
        """Read the whole file and refuse it if a page, a table or an index of it is damaged.

        A value that was changed inside its row is not seen here.

        Raises
        ------
        JournalError
            Naming what SQLite found first.
        """
        found = self._query("PRAGMA integrity_check(1)")[0][0]
        if found != "ok":
            raise JournalError("journal", self.path, f"is damaged: {found}; restore a copy of it")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _query(self, sql: str, parameters: Sequence[Scalar] = ()) -> list[tuple[Any, ...]]:
        with as_journal_error(self.path):
            return self._connection.execute(sql, parameters).fetchall()
