"""The file a journal is: its tables, its version and how an older file becomes today's.

A new file gets one STRICT table per record of `records.RECORDS`, derived from the dataclass: the
fields are the columns, ``KEY`` is a UNIQUE constraint, ``INDEX`` an index. Triggers keep a
full-text index over the reflections in step. An older file is brought forward by `MIGRATIONS`, one
transaction a step, so that a crash leaves a whole version behind. A file that is not a journal and
a journal of a newer version are refused and left untouched; so is one whose tables are not the
records (a record that was changed without a migration).
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from functools import cache
from typing import Any, Final

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.migrations import MIGRATIONS, Migration
from ocw_strategy.journal.records import RECORDS, Record, ReflectionRow
from ocw_strategy.journal.sql import canonical_json, transaction

APPLICATION_ID: Final = 0x4F43574A
"""``OCWJ``, in the header of every journal."""

SCHEMA_VERSION: Final = 1 + len(MIGRATIONS)

COLUMN_TYPES: Final = {int: "INTEGER NOT NULL", float: "REAL", str: "TEXT NOT NULL"}
"""SQLite keeps NaN as NULL, so a REAL column is the one that may be null."""

STORE_TABLES: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT",
    "CREATE TABLE states (name TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL) STRICT",
)

SEARCH_TABLE: Final = f"{ReflectionRow.TABLE}_text"


def column_names(record: type[Record]) -> tuple[str, ...]:
    """Name the columns of a record's table, in the order of its fields."""
    return tuple(field.name for field in fields(record))


def create_statements() -> list[str]:
    """Write the SQL of an empty journal of this version."""
    indexes = (_index_statement(record) for record in RECORDS if record.INDEX)
    return [*STORE_TABLES, *map(_create_statement, RECORDS), *indexes, *_search_statements()]


def check_identity(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a database with content that is not a journal, or is one of a newer version.

    Raises
    ------
    JournalError
        Nothing was written to the file.
    """
    # asked through SQLite: closing a plain file handle would drop the locks that this process
    # may hold on the same file
    try:
        application_id = _pragma(connection, "application_id")
        is_new = application_id == 0 and not _pragma(connection, "schema_version")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        application_id, is_new = 0, False
    if is_new:
        return
    if application_id != APPLICATION_ID:
        raise JournalError("journal", path, "is not an OCW journal; give another path")
    _check_version(_pragma(connection, "user_version"), SCHEMA_VERSION)


def prepare(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a database that passed `check_identity` to this version: create, migrate or leave it.

    Raises
    ------
    JournalError
        If the journal is newer than this program or its tables are not the records.
    """
    newest = 1 + len(migrations)
    if _pragma(connection, "application_id") == 0:
        with transaction(connection):
            for statement in create_statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {newest}")
    version = _pragma(connection, "user_version")
    _check_version(version, newest)
    for step in range(version, newest):
        with transaction(connection):
            for statement in migrations[step - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step + 1}")
    check_tables(connection)


def check_current(connection: sqlite3.Connection) -> None:
    """Refuse to read a journal that still has to be made or migrated.

    Raises
    ------
    JournalError
        If it is empty or older, or its tables are not the records.
    """
    version = _pragma(connection, "user_version")
    if version < SCHEMA_VERSION:
        raise JournalError(
            "journal version", version, f"open it for writing once to bring it to {SCHEMA_VERSION}"
        )
    check_tables(connection)


def check_tables(connection: sqlite3.Connection) -> None:
    """Refuse a journal whose tables are not the records, or whose full-text index is not ours.

    Raises
    ------
    JournalError
        Naming the first table that differs.
    """
    written = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema")}
    if missing := [sql for sql in _search_statements() if sql not in written]:
        raise JournalError(
            f"journal table {SEARCH_TABLE}", missing, "add a migration that makes it so"
        )
    for record, expected in _expected_tables().items():
        found = _describe(connection, record.TABLE)
        if found != expected:
            raise JournalError(
                f"journal table {record.TABLE}",
                sorted(found ^ expected),
                f"add a migration that brings it to the fields of {record.__name__}",
            )


def write_meta(
    connection: sqlite3.Connection,
    run_id: str,
    created_wall_ns: int,
    config: Mapping[str, Any] | None,
    versions: Mapping[str, str] | None,
) -> None:
    """Say what the journal is of: set what is new, keep what is not given.

    Raises
    ------
    JournalError
        If the file belongs to another run.
    """
    kept = dict(connection.execute("SELECT name, value FROM meta"))
    owner = json.loads(kept.get("run_id", canonical_json(run_id)))
    if owner != run_id:
        raise JournalError(
            "journal run_id", run_id, f"the file belongs to run {owner}; give another path"
        )
    meta: dict[str, Any] = {"run_id": run_id, "created_wall_ns": created_wall_ns}
    meta |= {"config": config or {}, "versions": versions or {}}
    given = {"config": config, "versions": versions}
    with transaction(connection):
        for name, value in meta.items():
            if name not in kept or given.get(name) is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
                    (name, canonical_json(value)),
                )


def _check_version(version: int, newest: int) -> None:
    if not 1 <= version <= newest:
        raise JournalError(
            "journal version", version, f"this OCW knows versions 1 to {newest}; update OCW"
        )


def _create_statement(record: type[Record]) -> str:
    parts = [f"{field.name} {COLUMN_TYPES[field.type]}" for field in fields(record)]  # type: ignore[index]
    if record.KEY:
        parts.append(f"UNIQUE ({', '.join(record.KEY)})")
    return f"CREATE TABLE {record.TABLE} ({', '.join(parts)}) STRICT"


def _index_statement(record: type[Record]) -> str:
    return f"CREATE INDEX {record.TABLE}_index ON {record.TABLE} ({', '.join(record.INDEX)})"


def _search_statements() -> list[str]:
    # a table of its own, found again by key: the row ids of a table without an integer key may
    # change when the file is vacuumed
    table, key = ReflectionRow.TABLE, ReflectionRow.KEY[0]
    names = ", ".join((key, *ReflectionRow.SEARCHED))
    columns = ", ".join((f"{key} UNINDEXED", *ReflectionRow.SEARCHED))
    values = ", ".join(f"new.{name}" for name in (key, *ReflectionRow.SEARCHED))
    put = f"INSERT INTO {SEARCH_TABLE} ({names}) VALUES ({values})"
    drop = f"DELETE FROM {SEARCH_TABLE} WHERE {key} = old.{key}"
    return [
        f"CREATE VIRTUAL TABLE {SEARCH_TABLE} USING fts5({columns})",
        f"CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} BEGIN {put}; END",
        f"CREATE TRIGGER {table}_updated AFTER UPDATE ON {table} BEGIN {drop}; {put}; END",
        f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN {drop}; END",
    ]


@cache
def _expected_tables() -> dict[type[Record], set[tuple[object, ...]]]:
    with closing(sqlite3.connect(":memory:")) as blank:
        for record in RECORDS:
            blank.execute(_create_statement(record))
        return {record: _describe(blank, record.TABLE) for record in RECORDS}


def _describe(connection: sqlite3.Connection, table: str) -> set[tuple[object, ...]]:
    # the order of columns may differ after a migration; names, types, nullability and keys may not
    described: set[tuple[object, ...]] = set(
        connection.execute("SELECT name, type, [notnull] FROM pragma_table_info(?)", (table,))
    )
    for (index,) in connection.execute(
        "SELECT name FROM pragma_index_list(?) WHERE [unique]", (table,)
    ).fetchall():
        key = connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,))
        described.add(("UNIQUE", *(name for (name,) in key)))
    return described


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
