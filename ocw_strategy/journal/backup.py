"""Copies of a journal: taken while a node writes it, put back when none does.

Both ways the copy is made by SQLite's online backup inside one read transaction, so that it is one
state of the journal; it is read back whole (pages, and every value against the source's) before it
gets its name, by a rename, so that a name never stands for half a copy. A copy never overwrites a
file. Putting one back takes the writer's lock, so it is refused while a node lives.

Copies of older versions are taken and put back as they are: opening one for writing migrates it.
"""

import hashlib
import os
import sqlite3
import tempfile
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Final

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.lock import WriterLock
from ocw_strategy.journal.schema import check_identity
from ocw_strategy.journal.sql import (
    as_journal_error,
    canonical_json,
    connect_read_only,
    existing_file,
    snapshot,
)
from ocw_strategy.model import Strict

_BESIDE: Final = ("", "-wal", "-shm", "-journal")
"""What a journal's file is called, and what SQLite keeps beside it."""


class JournalCopy(Strict):
    """A copy that was verified."""

    path: str
    version: int
    """Of the journal's schema."""
    rows: int
    size_bytes: int
    digest: str
    """SHA-256 of everything in it, the saved states and meta data included."""


def backup_journal(journal: Path, target: Path) -> JournalCopy:
    """Copy a journal, while it is written or after, into a file that does not exist yet.

    Raises
    ------
    JournalError
        If the target exists, the journal is none or damaged, or the copy is not the same.
    """
    return _copy(existing_file(journal), target.absolute())


def restore_journal(copy: Path, journal: Path, *, replace: bool = False) -> JournalCopy:
    """Put a copy in a journal's place.

    Parameters
    ----------
    copy : Path
        What `backup_journal` made.
    journal : Path
        Where it goes.
    replace : bool, default False
        Move a journal that is there aside first, to ``<journal>.replaced``.

    Raises
    ------
    JournalError
        If a writer holds the journal, one is there and `replace` is false, an earlier
        ``.replaced`` is in the way, or the copy is damaged.
    """
    source, target = existing_file(copy), journal.absolute()
    lock = WriterLock(target)
    try:
        found = _beside(target)
        if not found:
            return _copy(source, target)
        aside = target.with_name(f"{target.name}.replaced")
        if not replace:
            raise JournalError("journal", str(journal), "is there; move it away or add --replace")
        if _beside(aside):
            raise JournalError("journal", str(aside), "is in the way; move it elsewhere first")
        with ExitStack() as undo:
            for path in found:
                moved = path.with_name(path.name.replace(target.name, aside.name, 1))
                path.rename(moved)
                undo.callback(moved.rename, path)
            made = _copy(source, target)
            undo.pop_all()
        return made
    finally:
        lock.release()


def _beside(path: Path) -> list[Path]:
    return [found for end in _BESIDE if (found := path.with_name(path.name + end)).exists()]


def _copy(source: Path, target: Path) -> JournalCopy:
    if target.exists():
        raise JournalError("copy", str(target), "is there already; name a file that is not")
    with ExitStack() as undo, as_journal_error(str(source)):
        draft = _draft(target)
        undo.callback(draft.unlink, missing_ok=True)
        with closing(connect_read_only(source)) as reading:
            check_identity(reading, str(source))
            with snapshot(reading), closing(sqlite3.connect(draft)) as writing:
                reading.backup(writing)
                # one plain file, wherever it is carried
                writing.execute("PRAGMA journal_mode = DELETE")
                expected = _digest(reading)
        with closing(connect_read_only(draft)) as copied:
            _check_pages(copied, source)
            if _digest(copied) != expected:
                raise JournalError("copy", str(source), "does not say the same; copy it again")
            (version,) = copied.execute("PRAGMA user_version").fetchone()
        _keep(draft, target)
    digest, rows = expected
    size = target.stat().st_size
    return JournalCopy(path=str(target), version=version, rows=rows, size_bytes=size, digest=digest)


def _draft(target: Path) -> Path:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise JournalError(
            "copy", str(target), f"make its folder and let this user write there: {error.strerror}"
        ) from error
    os.close(descriptor)
    return Path(name)


def _keep(draft: Path, target: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    try:
        target.hardlink_to(draft)  # unlike a rename, it never takes the place of a file
    except FileExistsError:
        raise JournalError("copy", str(target), "was made meanwhile; name another file") from None
    except OSError:  # a file system without links
        draft.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    with suppress(OSError):
        os.fsync(folder)
    os.close(folder)


def _check_pages(connection: sqlite3.Connection, source: Path) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise JournalError("journal", str(source), f"is damaged: {found}; use another copy")


def _digest(connection: sqlite3.Connection) -> tuple[str, int]:
    digest, rows = hashlib.sha256(), 0
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    for (table,) in connection.execute(names).fetchall():
        digest.update(canonical_json(["table", table]).encode())
        for row in connection.execute(f"SELECT * FROM [{table}]"):
            # the index of words is kept in blobs
            plain = [value.hex() if isinstance(value, bytes) else value for value in row]
            digest.update(canonical_json(plain).encode() + b"\n")
            rows += 1
    return digest.hexdigest(), rows
