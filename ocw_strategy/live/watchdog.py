"""The watchdog: what is done when market data stops coming.

The engine does not say that a venue has gone silent: its clients stay "connected" through an
outage. The only signal is the age of the data. Data older than `stale_seconds` stops entries at
once. After `blind_seconds` of it the watchdog asks, once, for a fresh mark by another way (REST)
and, only if that arrives, for a decision by rules that may reduce and never open; without it the
stops at the venue do the work and the process exits for a restart, since a socket that is silent
for minutes is not coming back by itself.

Pure: ages and time come in, an action goes out.
"""

from enum import StrEnum

from pydantic import Field, model_validator

from ocw_strategy.model import Strict
from ocw_strategy.units import SECOND_NS


class WatchdogSettings(Strict):
    """When data is too old, and what it leads to."""

    stale_seconds: float = Field(default=30.0, ge=5, le=600)
    """Age of the newest mark price at which entries stop, seconds; the venue sends one a second."""
    late_bar_seconds: float = Field(default=120.0, ge=10, le=3600)
    """How long after its close a base bar may be missing before entries stop, seconds."""
    blind_seconds: float = Field(default=300.0, ge=30, le=3600)
    """How long data has been stale when a fresh mark is asked for by REST, seconds."""
    exit_seconds: float = Field(default=420.0, ge=60, le=7200)
    """How long data has been stale when the node gives up and exits for a restart, seconds."""

    @model_validator(mode="after")
    def _ordered(self) -> "WatchdogSettings":
        if not self.stale_seconds <= self.blind_seconds < self.exit_seconds:
            raise ValueError("stale_seconds, blind_seconds and exit_seconds must rise")
        return self


class Action(StrEnum):
    """What the watchdog asks for."""

    NONE = "none"
    STOP_ENTRIES = "stop_entries"
    RESUME_ENTRIES = "resume_entries"
    ASK_MARK = "ask_mark"
    EXIT = "exit"


class Watchdog:
    """Follow the age of the data.

    Parameters
    ----------
    settings : WatchdogSettings
    """

    def __init__(self, settings: WatchdogSettings) -> None:
        self._settings = settings
        self._stale_since_ns: int | None = None
        self._asked = False

    @property
    def blind(self) -> bool:
        """Whether entries are stopped for want of data."""
        return self._stale_since_ns is not None

    def look(
        self, now_ns: int, *, newest_mark_ns: int, due_bar_ns: int, last_bar_ns: int
    ) -> Action:
        """Return what is to be done now.

        Parameters
        ----------
        now_ns : int
            Wall time.
        newest_mark_ns : int
            When the OLDEST of the instruments' newest mark prices arrived.
        due_bar_ns : int
            The last close for which every instrument's base bar should be in.
        last_bar_ns : int
            The last close for which it is.
        """
        settings = self._settings
        mark_age_s = (now_ns - newest_mark_ns) / SECOND_NS
        bar_late_s = (now_ns - due_bar_ns) / SECOND_NS if last_bar_ns < due_bar_ns else 0.0
        if mark_age_s <= settings.stale_seconds and bar_late_s <= settings.late_bar_seconds:
            was_blind, self._stale_since_ns, self._asked = self.blind, None, False
            return Action.RESUME_ENTRIES if was_blind else Action.NONE
        if self._stale_since_ns is None:
            self._stale_since_ns = now_ns
            return Action.STOP_ENTRIES
        blind_s = (now_ns - self._stale_since_ns) / SECOND_NS
        if blind_s >= settings.exit_seconds:
            return Action.EXIT
        if blind_s >= settings.blind_seconds and not self._asked:
            self._asked = True
            return Action.ASK_MARK
        return Action.NONE
