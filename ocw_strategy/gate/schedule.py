"""When calls may follow each other: the timer, the cooldown of instruments, the recovery.

The timer is a request of the advisor: clamped, replaced by a default when the advisor says
nothing, and set anew by every wake, so that none stays expired. A due timer only proposes. An
instrument that spoke for a call is mute for the cooldown; what others propose meanwhile is worth
little, since most of the four hours that a call is judged by were judged just now.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ocw_strategy.errors import OcwError
from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS


class GateError(OcwError):
    """A request to the gate that cannot be meant."""


class Schedule:
    """Timer, cooldowns and the time of the last wake."""

    def __init__(self, settings: GateSettings, symbols: Sequence[str]) -> None:
        self._settings = settings
        self._timer_ns = 0  # due at the first close
        self._woke_ns = 0
        self._spoke_ns = dict.fromkeys(symbols, 0)  # last wake that an instrument spoke for

    def check(self, seconds: int | None) -> None:
        """Refuse a next check that is no number of seconds.

        Raises
        ------
        GateError
            If it is none.
        """
        if seconds is not None and (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not math.isfinite(seconds)
        ):
            raise GateError("next_check_seconds", seconds, "give a number of seconds")

    def set_timer(self, now_ns: int, seconds: float) -> None:
        """Set the timer, clamped to the settings' bounds."""
        settings = self._settings
        longest_ns = round(settings.max_check_hours * HOUR_NS)
        shortest_ns = round(settings.min_check_hours * HOUR_NS)
        asked_ns = round(min(seconds, longest_ns / SECOND_NS) * SECOND_NS)
        self._timer_ns = now_ns + max(asked_ns, shortest_ns)

    def timer_due(self, now_ns: int) -> bool:
        """Return whether the timer proposes a call."""
        return now_ns >= self._timer_ns

    def day_passed(self, now_ns: int) -> bool:
        """Return whether the last wake is a day ago."""
        return now_ns - self._woke_ns >= DAY_NS

    def muted(self, now_ns: int) -> set[str]:
        """Return the instruments whose cooldown lasts."""
        cooldown_ns = self._settings.cooldown_minutes * MINUTE_NS
        return {symbol for symbol, ns in self._spoke_ns.items() if now_ns - ns < cooldown_ns}

    def recovered(self, now_ns: int) -> float:
        """Return the share of a call's worth that has grown back since the last one, 0 to 1."""
        recovery_ns = self._settings.recovery_minutes * MINUTE_NS
        return min(1.0, (now_ns - self._woke_ns) / recovery_ns) ** 2

    def woke(self, now_ns: int, symbols: Collection[str]) -> None:
        """Note a wake and the instruments that spoke for it."""
        self._woke_ns = now_ns
        self._spoke_ns |= dict.fromkeys(symbols, now_ns)
        self.set_timer(now_ns, self._settings.default_check_hours * HOUR_NS / SECOND_NS)

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return {
            "timer_ns": self._timer_ns,
            "woke_ns": self._woke_ns,
            "spoke_ns": dict(self._spoke_ns),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state; an instrument it does not know starts afresh."""
        self._timer_ns = state["timer_ns"]
        self._woke_ns = state["woke_ns"]
        self._spoke_ns = {symbol: state["spoke_ns"].get(symbol, 0) for symbol in self._spoke_ns}
