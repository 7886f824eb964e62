"""Putting records into their tables: a key never silently says something new.

A row whose key exists is ignored when it says the same, apart from measurements of this machine
(the record's ``UNDIGESTED`` columns), and refused when it does not. A value that SQLite or the
STRICT table cannot keep is refused as well. What is refused is returned as text, and leaves the
other rows of the batch in place.
"""

import sqlite3
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from ocw_strategy.journal.records import RECORDS, Record
from ocw_strategy.journal.schema import column_names

_GETTERS: Final[dict[type[Record], Callable[[Record], tuple[Any, ...]]]] = {
    record: attrgetter(*column_names(record)) for record in RECORDS
}

_BAD_VALUE = (sqlite3.ProgrammingError, sqlite3.IntegrityError, OverflowError, UnicodeEncodeError)


def row_values(record: Record) -> tuple[Any, ...]:
    """Return a record's values in the order of its columns."""
    return _GETTERS[type(record)](record)


def upsert_statement(kind: type[Record]) -> str:
    """Write the SQL that puts a row in place of the one with its key."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in column_names(kind))
    return f"{_insert_statement(kind)} ON CONFLICT ({', '.join(kind.KEY)}) DO UPDATE SET {changes}"


def insert(
    connection: sqlite3.Connection, kind: type[Record], batch: Sequence[Record]
) -> list[str]:
    """Insert records of one kind inside the caller's transaction.

    Returns
    -------
    list[str]
        What was refused and why; empty when all is well.
    """
    rows = list(map(_GETTERS[kind], batch))
    statement = _insert_statement(kind)
    if kind.KEY:
        statement += f" ON CONFLICT ({', '.join(kind.KEY)}) DO NOTHING"
    refused: list[str] = []
    connection.execute("SAVEPOINT batch")
    try:
        inserted = connection.executemany(statement, rows).rowcount
    except _BAD_VALUE:
        connection.execute("ROLLBACK TO batch")
        inserted, rows = _insert_singly(connection, kind, statement, rows, refused)
    connection.execute("RELEASE batch")
    if inserted < len(rows):
        refused += _contradictions(connection, kind, rows)
    return refused


def _insert_singly(
    connection: sqlite3.Connection,
    kind: type[Record],
    statement: str,
    rows: list[tuple[Any, ...]],
    refused: list[str],
) -> tuple[int, list[tuple[Any, ...]]]:
    inserted = 0
    storable = []
    for row in rows:
        try:
            inserted += connection.execute(statement, row).rowcount
            storable.append(row)
        except _BAD_VALUE as error:
            refused.append(f"{kind.TABLE} {row}: {error}")
    return inserted, storable


def _contradictions(
    connection: sqlite3.Connection, kind: type[Record], rows: list[tuple[Any, ...]]
) -> list[str]:
    names = column_names(kind)
    told = [name for name in names if name not in kind.UNDIGESTED]
    same = " AND ".join(f"{name} IS :{name}" for name in told)
    found = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        query = connection.execute(f"SELECT 1 FROM {kind.TABLE} WHERE {same}", values)
        if query.fetchone() is None:
            key = {name: values[name] for name in kind.KEY}
            found.append(f"{kind.TABLE} {key}: another row has its key")
    return found


def _insert_statement(kind: type[Record]) -> str:
    names = column_names(kind)
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {kind.TABLE} ({', '.join(names)}) VALUES ({marks})"
