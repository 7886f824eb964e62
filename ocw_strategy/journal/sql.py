"""What every part of the journal does with SQLite: commit whole, fail in words, write one JSON."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ocw_strategy.errors import JournalError

_FULL_DISK = "its disk is full or failing; free space, what was durable is kept"

_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: _FULL_DISK,
    sqlite3.SQLITE_IOERR: _FULL_DISK,
    sqlite3.SQLITE_CANTOPEN: "make its folder and let this user write there",
}

_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical_json(value: Any) -> str:
    """Write JSON that is the same text for the same value: sorted keys, ASCII, no spaces."""
    return _CANONICAL.encode(value)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # a full disk may have rolled back already
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def as_journal_error(path: str) -> Iterator[None]:
    """Turn what SQLite raises in the block into a `JournalError` about the file."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        # the low byte of the extended code is the primary one
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        remedy = _REMEDIES.get(code, "check the file and what was asked of it")
        raise JournalError("journal", path, f"{remedy} ({error})") from error
