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
        """Return what the file says, or None where it says nothing that can be read."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return HaltNote(int(found["wall_ns"]), str(found["reason"]), found["flatten"] is True)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def halt(self, note: HaltNote) -> HaltNote:
        """Write the file, whole and durable; a file that is there is replaced.

        A request to flatten that is there stands: only `resume` takes it back.

        Returns
        -------
        HaltNote
            What it says now.

        Raises
        ------
        HaltFileError
            If it cannot be written.
        """
        pending = self.note()
        if pending is not None and pending.flatten:
            note = replace(note, flatten=True)
        text = json.dumps(asdict(note), sort_keys=True) + "\n"
        draft = self.path.with_name(self.path.name + ".new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            raise HaltFileError(
                "halt file", str(self.path), f"make it by hand, its existence is enough: {error}"
            ) from error
        return note

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
