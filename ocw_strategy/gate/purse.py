"""The money for calls: how much is left sets the price, and hard ceilings end it.

The purse earns the daily budget continuously and keeps at most `savings_days` of it, so that quiet
times pay for busy ones and the budget holds over any long enough time. What is left sets the price
as a dual variable of the budget constraint does (Balseiro and Gur 2019, Learning in repeated
auctions with budgets): the less is left, the dearer a call; and within a day, calls ahead of the
clock make the next ones dearer, so that the ceiling is not reached by noon. Calls of a UTC day and
of a month have ceilings that nothing passes.
"""

import calendar
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.units import DAY_NS, SECOND_NS

_START_SHARE: Final = 0.1  # of the savings that the purse may hold, there at the start
_NEUTRAL_SHARE: Final = 0.5  # at which a call costs what a typical close is worth
_AHEAD_SLOPE: Final = 0.1  # log price per call ahead of the clock


class Purse:
    """Money left for calls, and how many were made this day and month."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._capacity_usd = settings.budget_usd_per_day * settings.savings_days
        self.balance_usd = self._capacity_usd * _START_SHARE
        """Money left, in US dollars; below zero when calls cost more than was expected."""
        self._now_ns = 0
        self._day = -1
        self._day_calls = 0
        self._month = (0, 0)
        self._month_calls = 0
        self._month_unseen_days = 0  # days of the month before the first that was seen
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
        day_passed = self._now_ns % DAY_NS / DAY_NS
        unreserved = settings.calls_per_day_ceiling - settings.reserved_calls
        ahead = max(0.0, self._day_calls - unreserved * day_passed)
        return scarce * math.exp(_AHEAD_SLOPE * ahead)

    def affords(self, *, urgent: bool) -> bool:
        """Return whether money and ceilings allow a call; one not urgent leaves the reserve."""
        reserved = 0 if urgent else self._settings.reserved_calls
        return self.balance_usd >= (
            1 + reserved
        ) * self._settings.cost_per_call_usd and self.below_ceilings(reserved)

    def below_ceilings(self, reserved: int = 0) -> bool:
        """Return whether the ceilings of day and month allow `reserved` calls and one more."""
        return (
            self._day_calls + reserved < self._settings.calls_per_day_ceiling
            and self._month_calls + reserved < self._month_ceiling
        )

    def spend(self) -> None:
        """Pay for a call at its expected cost."""
        self.balance_usd -= self._settings.cost_per_call_usd
        self._day_calls += 1
        self._month_calls += 1

    def correct(self, usd: float) -> None:
        """Replace the expected cost of one call by its bill."""
        self.balance_usd += self._settings.cost_per_call_usd - usd

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return {
            "balance_usd": self.balance_usd,
            "now_ns": self._now_ns,
            "day": self._day,
            "day_calls": self._day_calls,
            "month": list(self._month),
            "month_calls": self._month_calls,
            "month_unseen_days": self._month_unseen_days,
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
        self._month_unseen_days = state["month_unseen_days"]
        self._month_ceiling = state["month_ceiling"]

    def _turn_month(self, date: datetime) -> None:
        if (date.year, date.month) != self._month:
            self._month = (date.year, date.month)
            self._month_calls = 0
            self._month_unseen_days = date.day - 1
        # a month may be one day's calls ahead of its days so far, never of its length
        last = calendar.monthrange(*self._month)[1]
        days = min(date.day + 1, last) - self._month_unseen_days
        self._month_ceiling = self._settings.calls_per_month_day_ceiling * days
