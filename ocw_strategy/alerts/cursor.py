"""How far a service has been told: kept beside the journal, so that a restart repeats nothing.

The journal itself is the queue: a cursor holds the row ids up to which its alerts are delivered, so
nothing is held in memory and a long outage of a service costs no space. The file is replaced
atomically and flushed to the disk. A file that cannot be read or written is an error: going on
without it would tell things again, or leave some out in silence.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ocw_strategy.errors import JournalError
from ocw_strategy.model import Strict

_SUFFIX = ".alerts.json"
_TOPICS_KEPT = 100


class Told(Strict):
    """When a topic was told last, and how often it came since."""

    ts_ns: int
    more: int = 0


class Cursor(Strict):
    """What one service has been told."""

    journal: str = ""
    """Which journal the row ids are of; empty before the first look."""
    rows: dict[str, int] = Field(default_factory=dict)
    """By table: the row id of the last record dealt with."""
    day: int | None = None
    """Day of the last equity seen, counted from the hour of the summary."""
    breaker_open: bool = False
    budget: dict[str, int] = Field(default_factory=dict)
    """By day and month: the highest share of the budget told, per cent."""
    topics: dict[str, Told] = Field(default_factory=dict)
    unwell: bool = False
    """Whether it was told that the node is unwell."""
    halted: bool = False
    """Whether it was told that the halt file is there."""
    in_doubt: bool = False
    """Whether a message was under way whose arrival is not known."""

    def at(self, table: str, row_id: int, **changes: Any) -> "Cursor":
        """Return the cursor past a row of a table."""
        return self.model_copy(update={"rows": {**self.rows, table: row_id}, **changes})

    def with_topic(self, topic: str, told: Told) -> "Cursor":
        """Return the cursor that remembers a topic; the oldest are forgotten."""
        topics = {name: each for name, each in self.topics.items() if name != topic}
        kept = list({**topics, topic: told}.items())[-_TOPICS_KEPT:]
        return self.model_copy(update={"topics": dict(kept)})


class _Kept(Strict):
    services: dict[str, Cursor] = Field(default_factory=dict)
    telegram_offset: int = Field(default=0, ge=0)


class CursorFile:
    """The cursors of a journal's alerts, one a service, and the offset of Telegram's updates.

    Parameters
    ----------
    journal : Path
        The journal's file; the cursors lie beside it.

    Raises
    ------
    JournalError
        If the file is there and cannot be read.
    """

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + _SUFFIX)
        try:
            self._kept = _Kept.model_validate_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._kept = _Kept()
        except (OSError, ValidationError, ValueError) as error:
            raise JournalError(
                "cursor of the alerts",
                str(self.path),
                f"delete it to begin at the journal's end ({type(error).__name__})",
            ) from error

    def cursor(self, service: str) -> Cursor:
        """Return how far a service has been told."""
        return self._kept.services.get(service, Cursor())

    def save(self, service: str, cursor: Cursor) -> None:
        """Keep a cursor; it is on disk on return."""
        services = {**self._kept.services, service: cursor}
        self._write(self._kept.model_copy(update={"services": services}))

    @property
    def telegram_offset(self) -> int:
        """The id of the next update to ask Telegram for."""
        return self._kept.telegram_offset

    def save_telegram_offset(self, offset: int) -> None:
        """Keep the offset: a command is carried out once."""
        self._write(self._kept.model_copy(update={"telegram_offset": offset}))

    def _write(self, kept: _Kept) -> None:
        draft = self.path.with_name(self.path.name + ".new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(kept.model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            raise JournalError(
                "cursor of the alerts", str(self.path), f"make room for it: {error.strerror}"
            ) from error
        self._kept = kept
