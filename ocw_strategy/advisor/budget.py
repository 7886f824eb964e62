"""The money for calls: set aside before each one, settled after it, never above the limits.

A call's worst case is durable in the journal before the call is made, and counts until it is
settled; one that never is (the process died, the disk filled) counts in full for ever. It counts in
the ledger of the UTC day and month in which it was set aside, whenever it is settled. A cost above
the worst case is recorded in full: what is left shrinks, and nothing more is let through while it
is gone. So, as long as the worst case is a true bound, no day and no month costs more than its
limit, whatever is interleaved, killed or restarted.

The clock may be wrong. One that goes backwards opens no new budget: the latest day it ever reached
is the day of the ledger, until the clock has come back to it. A clock that was once far ahead
therefore holds calls back; a budget that is not spent is the better fault.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal, Settlement, Spend, canonical_json, read_ledger
from ocw_strategy.units import SECOND_NS

_NO_PRICES: Final[Mapping[str, Decimal]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call."""

    reservation_id: str
    day: str
    """ISO date of the ledger it counts in."""
    usd: Decimal
    """The worst case, US dollars."""
    prices: Mapping[str, Decimal]
    """What it was reckoned with: a change of prices does not reach a call under way."""


def utc_day(now_ns: int) -> str:
    """Return the ISO date of a moment, UTC.

    >>> utc_day(0), utc_day(-1)
    ('1970-01-01', '1969-12-31')
    """
    return datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date().isoformat()


class Budget:
    """The ledger of calls against its limits; used from one thread, by one process.

    Parameters
    ----------
    journal : Journal
        Where the ledger is kept; what it holds already counts.
    day_usd, month_usd : Decimal
        The limits of a UTC day and of a UTC month, US dollars.
    simulated_clock : bool, default False
        Time is that of backtests, each of which begins where it likes: a moment before the last
        one then counts in its own day. Not for money spent by the clock on the wall.

    Raises
    ------
    JournalError
        If the ledger cannot be read or trusted.
    """

    def __init__(
        self,
        journal: Journal,
        day_usd: Decimal,
        month_usd: Decimal,
        *,
        simulated_clock: bool = False,
    ) -> None:
        self.day_usd = _money(day_usd)
        self.month_usd = _money(month_usd)
        self._journal = journal
        self._simulated_clock = simulated_clock
        self._days: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._months: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._latest_day = ""
        self._open: dict[str, Reservation] = {}
        entries = read_ledger(journal)
        self._numbered = len(entries)
        for entry in entries:
            self._count(entry.spend.day, entry.counted_usd)

    def reserve(
        self,
        now_ns: int,
        usd: Decimal,
        *,
        model: str,
        request_key: str,
        prices: Mapping[str, Decimal] = _NO_PRICES,
    ) -> Reservation | None:
        """Set aside the worst case of a call; it is durable on return.

        The work does not grow with the number of earlier calls.

        Parameters
        ----------
        now_ns : int
            The moment, which names the day and the month it counts in.
        usd : Decimal
            The most the call can cost, US dollars.
        model, request_key : str
            What will be asked, for the ledger.
        prices : Mapping, optional
            What the worst case was reckoned with, kept in the ledger.

        Returns
        -------
        Reservation or None
            None where it would exceed the limit of the day or the month: make no call.

        Raises
        ------
        ValueError
            If `usd` is negative or not finite.
        JournalError
            If it could not be made durable: make no call.
        """
        usd = _money(usd)
        day = self._ledger_day(now_ns)
        if self._days[day] + usd > self.day_usd or self._months[day[:7]] + usd > self.month_usd:
            return None
        self._numbered += 1
        reservation = Reservation(f"{day}/{self._numbered}", day, usd, dict(prices))
        row = Spend(
            reservation_id=reservation.reservation_id,
            ts_ns=now_ns,
            day=day,
            model=model,
            request_key=request_key,
            reserved_usd=_text(usd),
            prices=canonical_json({name: _text(price) for name, price in prices.items()}),
        )
        try:
            self._journal.append_durably(row)
        except JournalError:
            # another record may have been refused in the same commit, and this one stored
            if self._is_stored(row, unknown=True):
                self._count(day, usd)
            raise
        self._count(day, usd)
        self._open[reservation.reservation_id] = reservation
        return reservation

    def settle(
        self,
        reservation: Reservation,
        cost_usd: Decimal | None,
        usage: Usage | None,
        outcome: str,
        wall_ns: int,
    ) -> None:
        """Put what a call came to in place of its worst case; it is durable on return.

        Parameters
        ----------
        reservation : Reservation
            Of this budget, and not settled yet.
        cost_usd : Decimal or None
            The cost in US dollars: 0 where nothing can have been billed, None where that is not
            known and the worst case stays.
        usage : Usage or None
            The tokens used, where they are known.
        outcome : str
            What came of the call.
        wall_ns : int
            Wall time, for the ledger.

        Raises
        ------
        ValueError
            If the cost is negative or not finite, or there is nothing to settle: the worst case
            stays.
        JournalError
            If it could not be made durable: the worst case stays.
        """
        cost = reservation.usd if cost_usd is None else _money(cost_usd)
        key = reservation.reservation_id
        if self._open.get(key) is not reservation:
            raise ValueError(f"reservation {key} is settled already, or of another budget")
        row = Settlement(
            reservation_id=key,
            cost_usd=_text(cost),
            outcome=outcome,
            usage=canonical_json(usage.model_dump()) if usage else "",
            wall_ns=wall_ns,
        )
        try:
            self._journal.append_durably(row)
        except JournalError:
            if self._is_stored(row, unknown=False):
                self._close(reservation, cost)
            raise
        self._close(reservation, cost)

    def spent_usd(self, now_ns: int) -> tuple[Decimal, Decimal]:
        """Return what a moment's day and its month have cost, worst cases of open calls counted."""
        day = self._ledger_day(now_ns)
        return self._days[day], self._months[day[:7]]

    def _ledger_day(self, now_ns: int) -> str:
        day = utc_day(now_ns)
        return day if self._simulated_clock else max(day, self._latest_day)

    def _count(self, day: str, usd: Decimal) -> None:
        self._days[day] += usd
        self._months[day[:7]] += usd
        self._latest_day = max(self._latest_day, day)

    def _close(self, reservation: Reservation, cost: Decimal) -> None:
        del self._open[reservation.reservation_id]
        self._count(reservation.day, cost - reservation.usd)

    def _is_stored(self, row: Spend | Settlement, *, unknown: bool) -> bool:
        try:
            return row in self._journal.rows(type(row), "reservation_id = ?", (row.reservation_id,))
        except JournalError:
            return unknown


def _money(usd: Decimal) -> Decimal:
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"must be an amount of money, was {usd}")
    return usd


def _text(usd: Decimal) -> str:
    return format(usd, "f")
