"""The money for calls: how much is left sets the price, and hard ceilings end it.

The purse earns the daily budget continuously and keeps at most `savings_days` of it, so that quiet
times pay for busy ones and the budget holds over any long enough time. What is left sets the price
as a dual variable of the budget constraint does (Balseiro and Gur 2019, Learning in repeated
auctions with budgets): the less is left, the dearer a call. Calls of a UTC day and of a month have
ceilings that nothing passes; calls ahead of the clock toward either make the next ones dearer, so
that a ceiling is not reached by noon or by the tenth.
"""

import calendar
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.units import DAY_NS, SECOND_NS

_START_DAYS: Final = 3.0  # of budget, in the purse at the start
_NEUTRAL_SHARE: Final = 1 / 3  # of the savings: there a call costs what a typical close is worth
_AHEAD_OF_DAY: Final = 0.2  # log price per call ahead of the clock
_AHEAD_OF_MONTH: Final = 0.03


class Purse:
    """Money left for calls, and how many were made this day and month."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._capacity_usd = settings.budget_usd_per_day * settings.savings_days
        self.balance_usd = settings.budget_usd_per_day * min(_START_DAYS, settings.savings_days)
        """Money left, in US dollars; below zero when calls cost more than was expected."""
        self._now_ns = 0
        self._day = -1
        self._day_calls = 0
        self._month = (0, 0)
        self._month_calls = 0
        self._month_from_ns = 0  # midnight of the first of its days that was seen
        self._month_ceiling = 0

    def move_on(self, now_ns: int) -> None:
        """Earn what has been earned since, and turn the calendar."""
        if self._now_ns:
            earned = self._settings.budget_usd_per_day * (now_ns - self._now_ns) / DAY_NS
            self.balance_usd = min(self.balance_usd + earned, self._capacity_usd)
        self._now_ns = now_ns
        day = now_ns // DAY_NS
        if day != self._day:
            self._day = day
            self._day_calls = 0
            self._turn_month(datetime.fromtimestamp(now_ns // SECOND_NS, UTC))

    def scarcity(self) -> float:
        """Return what a typical close's worth is multiplied by to give the price of a call."""
        settings = self._settings
        left = max(self.balance_usd, settings.cost_per_call_usd)
        scarce = (_NEUTRAL_SHARE * self._capacity_usd / left) ** settings.price_elasticity
        day = self._now_ns % DAY_NS / DAY_NS
        month = (self._now_ns - self._month_from_ns) / DAY_NS
        ahead_of_day = self._day_calls - settings.calls_per_day_ceiling * day
        ahead_of_month = self._month_calls - settings.calls_per_month_day_ceiling * month
        log_haste = _AHEAD_OF_DAY * max(0.0, ahead_of_day)
        log_haste += _AHEAD_OF_MONTH * max(0.0, ahead_of_month)
        return scarce * math.exp(log_haste)

    def affords(self, reserved: int) -> bool:
        """Return whether money and ceilings allow one more call than are reserved."""
        needed_usd = (reserved + 1) * self._settings.cost_per_call_usd
        return self.balance_usd >= needed_usd and self.below_ceilings(reserved)

    def below_ceilings(self, reserved: int) -> bool:
        """Return whether the ceilings of day and month allow one more call than are reserved."""
        return (
            self._day_calls + reserved < self._settings.calls_per_day_ceiling
            and self._month_calls + reserved < self._month_ceiling
        )

    def spend(self) -> None:
        """Pay for a call at its expected cost."""
        self.balance_usd -= self._settings.cost_per_call_usd
        self._day_calls += 1
        self._month_calls += 1

    def pay_bill(self, usd: float, *, expected: bool) -> None:
        """Pay a bill; of a call that was expected, what it differs by from its expected cost."""
        self.balance_usd -= usd - expected * self._settings.cost_per_call_usd

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return {
            "balance_usd": self.balance_usd,
            "now_ns": self._now_ns,
            "day": self._day,
            "day_calls": self._day_calls,
            "month": list(self._month),
            "month_calls": self._month_calls,
            "month_from_ns": self._month_from_ns,
            "month_ceiling": self._month_ceiling,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self.balance_usd = state["balance_usd"]
        self._now_ns = state["now_ns"]
        self._day = state["day"]
        self._day_calls = state["day_calls"]
        year, month = state["month"]
        self._month = (year, month)
        self._month_calls = state["month_calls"]
        self._month_from_ns = state["month_from_ns"]
        self._month_ceiling = state["month_ceiling"]

    def _turn_month(self, date: datetime) -> None:
        if (date.year, date.month) != self._month:
            self._month = (date.year, date.month)
            self._month_calls = 0
            self._month_from_ns = self._day * DAY_NS
        # a month may be one day's calls ahead of its days so far, never of its length
        seen = self._day - self._month_from_ns // DAY_NS + 1
        to_come = calendar.monthrange(*self._month)[1] - date.day
        self._month_ceiling = self._settings.calls_per_month_day_ceiling * (seen + min(1, to_come))
