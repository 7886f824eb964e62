"""What every part of the journal does with SQLite: commit whole, fail in words, write one JSON."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
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


def existing_file(path: str | Path) -> Path:
    """Return the absolute path of a file that is there.

    Raises
    ------
    JournalError
        If it is not.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise JournalError("journal", str(path), "no such file; give the path of a journal")
    return file


def connect_read_only(file: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open a file that is there for reading; what a dead writer left half done is undone first."""
    if file.with_name(f"{file.name}-journal").exists():
        # a writer died while it made or closed the file, and a reader may not undo that
        with closing(sqlite3.connect(file)) as recovery:
            recovery.execute("PRAGMA schema_version")
    return sqlite3.connect(
        f"{file.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=not any_thread
    )


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let the block read one state of the file, whatever a writer commits meanwhile."""
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()  # begins it now
        yield
    finally:
        connection.execute("COMMIT")


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
