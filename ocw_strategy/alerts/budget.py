"""When the money for calls runs low: 80 and 100 per cent of a day's or a month's budget.

What a call counts for is the ledger's: its cost, or its worst case until it is settled. The limits
are those the journal's run was configured with; a run without any is never told of.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from ocw_strategy.alerts.alert import Alert, Severity
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import JournalReader, Spend, read_ledger

MARKS: Final = (80, 100)
"""Per cent of a budget at which it is told."""

_PERIODS: Final = {"budget_usd_per_day": 10, "budget_usd_per_month": 7}  # digits of an ISO date


def budget_alerts(
    journal: JournalReader, told: Mapping[str, int]
) -> list[tuple[Alert, dict[str, int]]]:
    """Return what to tell of the present day and month of the ledger, with the marks told by then.

    Parameters
    ----------
    journal : JournalReader
    told : Mapping
        By ``2026-11-25`` and ``2026-11``: the highest mark told.
    """
    ledger = read_ledger(journal)
    if not ledger:
        return []
    claude = journal.meta().get("config", {}).get("advisor", {}).get("claude", {})
    last = max(ledger, key=lambda entry: entry.spend.ts_ns).spend
    alerts, marks = [], dict(told)
    for name, digits in _PERIODS.items():
        limit, period = _limit(claude, name), last.day[:digits]
        if limit is None:
            continue
        amounts = (entry.counted_usd for entry in ledger if entry.spend.day[:digits] == period)
        spent = sum(amounts, Decimal())
        mark = max((mark for mark in MARKS if spent * 100 >= mark * limit), default=0)
        if mark > marks.get(period, 0):
            # of the past nothing is told any more
            marks = {each: m for each, m in marks.items() if last.day.startswith(each)}
            marks[period] = mark
            alerts.append((_alert(period, spent, limit, mark, last.ts_ns), dict(marks)))
    return alerts


def ledger_alert(error: JournalError, journal: JournalReader) -> Alert:
    """Return that the ledger cannot be read: what calls cost is not known."""
    last = journal.rows(Spend, order="ts_ns DESC", limit=1)
    ts_ns = last[0].ts_ns if last else 0
    title = "The ledger of calls cannot be read"
    return Alert("budget", Severity.CRITICAL, ts_ns, title, str(error), topic="ledger")


def _alert(period: str, spent: Decimal, limit: Decimal, mark: int, ts_ns: int) -> Alert:
    named = "day" if len(period) == _PERIODS["budget_usd_per_day"] else "month"
    return Alert(
        kind="budget",
        severity=Severity.WARNING,
        ts_ns=ts_ns,
        title=f"{mark} % of the {named}'s budget is spent",
        text=f"{period}: {spent:.2f} of {limit:.2f} USD, worst cases of open calls included",
    )


def _limit(claude: Mapping[str, object], name: str) -> Decimal | None:
    try:
        limit = Decimal(str(claude[name]))
    except (KeyError, InvalidOperation):
        return None
    return limit if limit.is_finite() and limit > 0 else None
