"""The journal behind the page: opened for reading only, one request at a time, found again.

A request reads one state of the file and lets go of it. The journal may be missing at first (a node
that is about to make it), may be written all the time, and may be replaced by `ocw restore`: then
the new file is opened. What cannot be read is a `JournalError`, this time; the next request tries
anew.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal, JournalReader


class Source:
    """Give requests a reader of one journal.

    Parameters
    ----------
    path : Path
        The journal; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._reader: JournalReader | None = None
        self._file: tuple[int, int] | None = None
        self._openings = 0

    @contextmanager
    def reading(self) -> Iterator[JournalReader]:
        """Let the block read one state of the journal; others wait.

        Raises
        ------
        JournalError
            If it is missing, of another version, or damaged.
        """
        with self._lock:
            reader = self._current()
            try:
                with reader.snapshot():
                    yield reader
            except JournalError:
                self._forget()
                raise

    def version(self) -> str:
        """Return a text that changes with what a request would read.

        Raises
        ------
        JournalError
            As `reading` does.
        """
        with self._lock:
            reader = self._current()
            try:
                return f"{self._openings}.{reader.commits()}"
            except JournalError:
                self._forget()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._forget()

    def _current(self) -> JournalReader:
        try:
            found = os.stat(self.path)  # noqa: PTH116  # the numbers that tell files apart
        except OSError as error:
            self._forget()
            raise JournalError(
                "journal", self.path.name, "is not there yet; a node makes it when it starts"
            ) from error
        file = (found.st_dev, found.st_ino)
        if self._reader is None or self._file != file:
            self._forget()
            self._reader = Journal.read_only(self.path, any_thread=True)
            self._file = file
            self._openings += 1
        return self._reader

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._file = None
