"""When entries stop: a daily loss, a drawdown, an unknown equity; and cooldowns by instrument.

`HaltGuard` watches equity and says why nothing may be entered. It closes nothing itself: what is
held keeps its stop and its exit rules. A daily halt ends with the UTC day. A drawdown halt ends
only when a person resumes it, because the peak it is measured from does not go away. Both outlive
a recovery and a restart. An equity that is not finite halts until a finite one arrives. Money
taken out of the account looks like a loss.
"""

import math
from dataclasses import dataclass
from typing import Any

from ocw_strategy.risk.settings import HaltSettings
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS


@dataclass(frozen=True, slots=True)
class HaltEvent:
    """A halt that began or ended; `kind` is ``halt:`` or ``halt_ended:`` and its reason."""

    kind: str
    detail: str


def measures_equity(now_ns: int, *, held: bool) -> bool:
    """Return whether the equity of a close goes into the guard: every hour, every close if held."""
    return held or now_ns % HOUR_NS == 0


class HaltGuard:
    """The circuit breakers of one account.

    Parameters
    ----------
    settings : HaltSettings
    """

    def __init__(self, settings: HaltSettings) -> None:
        self._settings = settings
        self._day: int | None = None
        self._day_start: float | None = None
        self._peak: float | None = None
        self._last: float | None = None
        self._daily_halt = False
        self._drawdown_halt = False
        self._unknown = False
        self._cooldown_ends_ns: dict[str, int] = {}

    @property
    def daily_loss_fraction(self) -> float:
        """Loss since the start of the UTC day; negative for a gain."""
        return _fall(self._day_start, self._last)

    @property
    def drawdown_fraction(self) -> float:
        """Fall from the highest equity."""
        return _fall(self._peak, self._last)

    def on_equity(self, now_ns: int, equity: float) -> tuple[HaltEvent, ...]:
        """Take in the mark-to-market equity, US dollars.

        A day's loss is measured from the last equity of the day before, so that a fall across
        midnight is not forgotten.

        Returns
        -------
        tuple[HaltEvent, ...]
            The halts that began or ended with it.
        """
        before = self._in_force()
        day = now_ns // DAY_NS
        if self._day is None or day > self._day:
            self._day, self._day_start, self._daily_halt = day, self._last, False
        self._unknown = not math.isfinite(equity)
        if not self._unknown:
            self._last = equity
            self._day_start = equity if self._day_start is None else self._day_start
            self._peak = equity if self._peak is None else max(self._peak, equity)
            self._daily_halt |= self.daily_loss_fraction >= self._settings.max_daily_loss_fraction
            self._drawdown_halt |= self.drawdown_fraction >= self._settings.max_drawdown_fraction
        after = self._in_force()
        if after == before:
            return ()
        detail = (
            f"equity {equity:.2f} USD, {self.daily_loss_fraction:.2%} lost today, "
            f"drawdown {self.drawdown_fraction:.2%}"
        )
        begun = [HaltEvent(f"halt:{reason}", detail) for reason in after if reason not in before]
        ended = [
            HaltEvent(f"halt_ended:{reason}", detail) for reason in before if reason not in after
        ]
        return (*ended, *begun)

    def blocked(self, now_ns: int) -> str | None:
        """Return ``drawdown``, ``daily_loss`` or ``equity_unknown``, or None without a halt."""
        new_day = self._day is not None and now_ns // DAY_NS > self._day
        in_force = [r for r in self._in_force() if not (r == "daily_loss" and new_day)]
        return in_force[0] if in_force else None

    def on_exit(self, symbol: str, now_ns: int) -> None:
        """Start the cooldown of an instrument that was just left."""
        self._cooldown_ends_ns[symbol] = now_ns + round(self._settings.cooldown_minutes * MINUTE_NS)

    def cooling(self, now_ns: int) -> dict[str, str]:
        """Return the instruments in their cooldown, each with the reason ``cooldown``."""
        return {s: "cooldown" for s, end_ns in self._cooldown_ends_ns.items() if now_ns < end_ns}

    def resume(self) -> None:
        """End a drawdown halt: the highest equity is counted anew from the last one."""
        self._drawdown_halt = False
        self._peak = self._last

    def state(self) -> dict[str, Any]:
        """Return all that a restart must know, as JSON values."""
        return {
            "day": self._day,
            "day_start": self._day_start,
            "peak": self._peak,
            "last": self._last,
            "daily_halt": self._daily_halt,
            "drawdown_halt": self._drawdown_halt,
            "unknown": self._unknown,
            "cooldown_ends_ns": dict(self._cooldown_ends_ns),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._day = state["day"]
        self._day_start = state["day_start"]
        self._peak = state["peak"]
        self._last = state["last"]
        self._daily_halt = state["daily_halt"]
        self._drawdown_halt = state["drawdown_halt"]
        self._unknown = state["unknown"]
        self._cooldown_ends_ns = dict(state["cooldown_ends_ns"])

    def _in_force(self) -> list[str]:
        halts = {
            "drawdown": self._drawdown_halt,
            "daily_loss": self._daily_halt,
            "equity_unknown": self._unknown,
        }
        return [reason for reason, holds in halts.items() if holds]


def _fall(start: float | None, last: float | None) -> float:
    if start is None or last is None:
        return 0.0
    return (start - last) / start if start > 0 else 1.0
