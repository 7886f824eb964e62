"""HALT is a file beside the journal: while it exists, nothing is entered.

Its existence is the whole signal: a file that is empty, damaged or unreadable halts like any other,
and a folder that cannot be looked into halts as well. What is in it is only for people: when, who,
why. It is read by the live node alone, on every event that could open something, so `halted` costs
one system call. Positions keep their stops; exits always pass.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ocw_strategy.errors import OcwError

_SUFFIX = ".HALT"


class HaltFileError(OcwError):
    """The halt file cannot be written or removed."""


@dataclass(frozen=True, slots=True)
class HaltNote:
    """What is written into the file, for a person."""

    wall_ns: int
    reason: str
    flatten: bool = False
    """Whether the node is asked to cancel, close and verify flat as well."""


class HaltFile:
    """The halt file of one journal.

    Parameters
    ----------
    journal : Path
        The journal's file; the halt file lies beside it.
    """

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + _SUFFIX)

    def halted(self) -> bool:
        """Return whether the file exists, or cannot be told not to."""
        try:
            os.lstat(self.path)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def note(self) -> HaltNote | None:
        """Return what the file says, or None where it says nothing that can be read.

        That is the latest note, and flatten where any of them asks for it.
        """
        try:
            lines = self.path.read_text("utf-8", errors="replace").split("\n")
        except OSError:
            return None
        notes = [found for line in lines if (found := _read(line))]
        return replace(notes[-1], flatten=any(each.flatten for each in notes)) if notes else None

    def halt(self, note: HaltNote) -> HaltNote:
        """Add a note to the file, durably; it is made where there is none.

        Notes are added and never replaced, whoever else halts in the same instant: a request to
        flatten stands until `resume` takes it back.

        Returns
        -------
        HaltNote
            What the file says now.

        Raises
        ------
        HaltFileError
            If it cannot be written.
        """
        try:
            while not self._add(json.dumps(asdict(note), sort_keys=True)):
                pass
        except OSError as error:
            raise HaltFileError(
                "halt file", str(self.path), f"make it by hand, its existence is enough: {error}"
            ) from error
        return self.note() or note

    def _add(self, line: str) -> bool:
        # False where the file was removed while it was written to, or was another user's
        try:
            file = self.path.open("a", encoding="utf-8")
        except PermissionError:
            self._take_over()
            return False
        with file:
            file.write(f"\n{line}\n")  # what a crash cut off before stays apart
            file.flush()
            os.fsync(file.fileno())
            try:
                return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
            except FileNotFoundError:
                return False

    def _take_over(self) -> None:
        # in a folder that is ours a copy of another user's file can take its place
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        draft.write_bytes(self.path.read_bytes())
        draft.replace(self.path)

    def resume(self) -> bool:
        """Remove the file; return whether there was one.

        Raises
        ------
        HaltFileError
            If it cannot be removed.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise HaltFileError(
                "halt file", str(self.path), f"remove it by hand: {error}"
            ) from error
        return True


def _read(line: str) -> HaltNote | None:
    try:
        found = json.loads(line)
        return HaltNote(int(found["wall_ns"]), str(found["reason"]), found["flatten"] is True)
    except (ValueError, KeyError, TypeError):
        return None
