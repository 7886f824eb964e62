"""The one durable store of a run, on SQLite.

`append` holds a record back and writes many at once; `append_durably` returns when its records,
and all before them, would survive a power cut. A killed process loses at most the records held
back, never half of one. A row whose key exists is ignored when it says the same and refused when
it does not: only `replace` changes a row. A record that cannot be stored is dropped with a
`JournalError` while the others are written. A full disk is a `JournalError` too: what was durable
stays, records held back stay held and go with the next write that succeeds.

One process writes a journal, through one object: actor and strategy `attach` to it by run id.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Self

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.insertion import insert, row_values, upsert_statement
from ocw_strategy.journal.lock import WriterLock
from ocw_strategy.journal.reader import JournalReader, Scalar
from ocw_strategy.journal.records import RECORDS, Evaluation, Record
from ocw_strategy.journal.retention import FOLD_SKIPS, day_start_ns
from ocw_strategy.journal.schema import (
    check_current,
    check_identity,
    prepare,
    write_meta,
)
from ocw_strategy.journal.sql import (
    as_journal_error,
    canonical_json,
    connect_read_only,
    existing_file,
    transaction,
)

MEMORY: Final = ":memory:"

_open_journals: dict[str, "Journal"] = {}


class Journal(JournalReader):
    """Write a run's journal; made by `open` or `attach`, used from one thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        run_id: str,
        lock: WriterLock | None,
        buffer_rows: int,
        power_safe: bool,
    ) -> None:
        super().__init__(connection, path)
        self.run_id = run_id
        self._lock = lock
        self._buffer_rows = buffer_rows
        self._durable_level = "FULL" if power_safe else "NORMAL"
        self._pending: dict[type[Record], list[Record]] = {record: [] for record in RECORDS}
        self._buffered = 0
        self._users = 1

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        run_id: str,
        created_wall_ns: int = 0,
        config: Mapping[str, Any] | None = None,
        versions: Mapping[str, str] | None = None,
        buffer_rows: int = 512,
        power_safe: bool = True,
        any_thread: bool = False,
    ) -> Self:
        """Open a journal for writing, creating or migrating it as needed.

        Parameters
        ----------
        path : str or Path
            The file, in a folder that exists, or ``":memory:"``.
        run_id : str
            The run it belongs to.
        created_wall_ns : int, default 0
            Wall time for a new journal; an existing one keeps its own.
        config, versions : Mapping, optional
            What the run was made with, kept as JSON; each replaces what an earlier open gave.
        buffer_rows : int, default 512
            Records held back before `append` writes them.
        power_safe : bool, default True
            Wait for the disk in `append_durably`. A backtest, which can be run again, need not:
            its journal still survives the death of the process.
        any_thread : bool, default False
            Let other threads use it too; the caller sees to it that no two do at once.

        Raises
        ------
        JournalError
            If the file is held by another writer, belongs to another run, is not a journal, is
            of a newer version or cannot be written.
        """
        if run_id in _open_journals:
            raise JournalError("journal run_id", run_id, "is open in this process; attach to it")
        file = Path(path).absolute()
        on_disk = str(path) != MEMORY
        with ExitStack() as undo, as_journal_error(str(path)):
            connection = sqlite3.connect(
                file if on_disk else MEMORY, isolation_level=None, check_same_thread=not any_thread
            )
            undo.callback(connection.close)
            check_identity(connection, str(path))
            lock = WriterLock(file) if on_disk else None
            if lock:
                undo.callback(lock.release)
            # a no-op except on macOS, where a plain fsync does not reach the platter
            connection.execute("PRAGMA fullfsync = ON")
            prepare(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            write_meta(connection, run_id, created_wall_ns, config, versions)
            undo.pop_all()
        journal = cls(connection, str(path), run_id, lock, buffer_rows, power_safe)
        _open_journals[run_id] = journal
        return journal

    @classmethod
    def attach(
        cls,
        run_id: str,
        path: str | Path | None = None,
        *,
        buffer_rows: int = 512,
        power_safe: bool = True,
    ) -> "Journal":
        """Return the journal this process has open for a run, or open it at `path`.

        Each attachment is ended by its own `close`; the last one closes the file.

        Raises
        ------
        JournalError
            If none is open and no path is given, or the open one lies elsewhere.
        """
        journal = _open_journals.get(run_id)
        if journal is None:
            if path is None:
                raise JournalError("journal run_id", run_id, "is not open; open it or give a path")
            return cls.open(path, run_id=run_id, buffer_rows=buffer_rows, power_safe=power_safe)
        if path is not None and Path(path).absolute() != Path(journal.path).absolute():
            raise JournalError(
                "journal path", str(path), f"the run's journal is open at {journal.path}"
            )
        journal._users += 1
        return journal

    @staticmethod
    def read_only(path: str | Path, *, any_thread: bool = False) -> JournalReader:
        """Open a journal for reading, while it is written or after.

        Parameters
        ----------
        path : str or Path
            The file.
        any_thread : bool, default False
            Let other threads use it too; the caller sees to it that no two do at once.

        Raises
        ------
        JournalError
            If there is none, it is not a journal, or of another version.
        """
        file = existing_file(path)
        with ExitStack() as undo, as_journal_error(str(path)):
            connection = connect_read_only(file, any_thread=any_thread)
            undo.callback(connection.close)
            check_identity(connection, str(path))
            check_current(connection)
            undo.pop_all()
        return JournalReader(connection, str(path))

    def append(self, record: Record) -> None:
        """Take a record; it is written with others later, and refused then if it cannot be."""
        try:
            self._pending[type(record)].append(record)
        except KeyError:
            raise self._unusable(record) from None
        self._buffered += 1
        if self._buffered >= self._buffer_rows:
            self._write("NORMAL")

    def append_durably(self, *records: Record) -> None:
        """Write records, and all before them, in one commit; they are on disk on return.

        Without a record it makes durable what was written before. When the disk is full the
        records are forgotten, not held back: the caller was told that they do not exist.
        """
        for record in records:
            if type(record) not in self._pending:
                raise self._unusable(record)
        for record in records:
            self._pending[type(record)].append(record)
        self._buffered += len(records)
        try:
            self._write(self._durable_level)
        except JournalError:
            if self._buffered:
                for record in reversed(records):
                    self._pending[type(record)].pop()
                self._buffered -= len(records)
            raise

    def replace(self, record: Record) -> None:
        """Write a record durably in place of the one with its key, if there is one."""
        kind = type(record)
        if kind not in self._pending or not kind.KEY:
            raise self._unusable(record)
        self._write(self._durable_level, (upsert_statement(kind), row_values(record)))

    def save_state(self, name: str, state: Mapping[str, Any]) -> None:
        """Keep a component's state durably, in one commit with the records held back.

        Parameters
        ----------
        name : str
            The component and the version of its format, such as ``"gate/1"``: after a change of
            format the old name is simply not found.
        state : Mapping
            What JSON can hold; NaN and infinities are kept.
        """
        try:
            text = canonical_json(state)
        except (TypeError, ValueError) as error:
            raise JournalError(
                f"state of {name}", str(error), "return plain JSON values"
            ) from error
        sql = (
            "INSERT INTO states (name, state) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET state = excluded.state"
        )
        self._write(self._durable_level, (sql, (name, text)))

    def fold_skips(self, before_ns: int) -> int:
        """Count the skipped evaluations of whole days into `SkippedDay` rows and drop theirs.

        Wakes, decisions and everything of orders and money are never touched. The file does not
        shrink: what becomes free in it is written again.

        Parameters
        ----------
        before_ns : int
            Days that ended by then are folded.

        Returns
        -------
        int
            The rows dropped.
        """
        day_ns = day_start_ns(before_ns)
        due = self.count(Evaluation, "wake = 0 AND ts_ns < ?", (day_ns,))
        if due:
            self._write(self._durable_level, *((sql, (day_ns,)) for sql in FOLD_SKIPS))
        return due

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file, as far as readers let it.

        SQLite does so by itself at the commit that makes the log too long. Called now and then
        when nobody waits, it keeps that commit from being one that an order waits for.
        """
        with as_journal_error(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def flush(self) -> None:
        """Write what is held back, for readers and against the death of the process."""
        if self._buffered:
            self._write("NORMAL")

    def close(self) -> None:
        """End one attachment; the last one writes what is held back and closes the file."""
        self._users -= 1
        if self._users != 0:
            return
        del _open_journals[self.run_id]
        try:
            if self._buffered:
                self._write(self._durable_level)
        finally:
            self._pending = {}
            with suppress(sqlite3.Error):
                # one plain file to copy or archive; where readers are still open it stays a WAL
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            if self._lock:
                self._lock.release()

    def _query(self, sql: str, parameters: Sequence[Scalar] = ()) -> list[tuple[Any, ...]]:
        self.flush()
        return super()._query(sql, parameters)

    def _write(self, level: str, *statements: tuple[str, tuple[Any, ...]]) -> None:
        refused: list[str] = []
        with as_journal_error(self.path):
            self._connection.execute(f"PRAGMA synchronous = {level}")
            with transaction(self._connection):
                for kind, batch in self._pending.items():
                    if batch:
                        refused += insert(self._connection, kind, batch)
                for statement in statements:
                    self._connection.execute(*statement)
                if level == "FULL":
                    # SQLite syncs only when a page changes, which the same rows again do not
                    self._connection.execute(
                        "REPLACE INTO meta SELECT * FROM meta WHERE name = 'run_id'"
                    )
        for batch in self._pending.values():
            batch.clear()
        self._buffered = 0
        if refused:
            raise JournalError(
                "journal record",
                "; ".join(refused),
                "it was not stored (all others were); append a value once, or replace it",
            )

    def _unusable(self, record: Record) -> JournalError:
        return JournalError(
            "journal record", type(record).__name__, "is not one this open journal takes here"
        )
