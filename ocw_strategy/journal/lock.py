"""The writer's lock: one process writes a journal, and the kernel lets go when it dies.

A `flock` on ``<journal>.lock``; the file holds the owner's process id for the error text and is
never deleted, since two processes could then lock two different files. A process forked while a
lock is held keeps it alive: fork before opening a journal.
"""

import fcntl
import os
from pathlib import Path

from ocw_strategy.errors import JournalError, JournalHeldError


def lock_holder(path: Path) -> str | None:
    """Return the process id of a journal's writer as it gave it, or None when nobody writes.

    Looking holds the lock for a moment where nobody else does.
    """
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 32).decode() or "unknown"
    finally:
        os.close(descriptor)
    return None


class WriterLock:
    """Take the exclusive right to write a journal.

    Parameters
    ----------
    path : Path
        The journal; the lock lies beside it.

    Raises
    ------
    JournalHeldError
        If another process, or another journal object of this one, holds it.
    JournalError
        If its file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(
                "journal lock",
                str(lock_path),
                f"make its folder and let this user write there ({error.strerror})",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._descriptor, 32).decode() or "unknown"
            os.close(self._descriptor)
            raise JournalHeldError(
                "journal", str(path), f"held by pid {owner}; stop it or read the journal read-only"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._descriptor)
