"""The daily summary: what a day came to, in the few lines a phone shows.

Days are counted from an hour of the day, UTC, on the clock of the journal's equity: the summary of
a day is due when the first equity of the next is written. All figures are the journal's.
"""

import math
from collections import Counter, defaultdict
from decimal import Decimal

from ocw_strategy.alerts.alert import Alert, Severity
from ocw_strategy.console import minute_text
from ocw_strategy.journal import (
    DecisionRow,
    Equity,
    Evaluation,
    Event,
    FillRow,
    JournalReader,
    Trade,
    read_ledger,
)
from ocw_strategy.units import DAY_NS, HOUR_NS


def summary_day(ts_ns: int, hour: int) -> int:
    """Return the number of the day a moment falls in, where days begin at an hour, UTC."""
    return (ts_ns - hour * HOUR_NS) // DAY_NS


def daily_summary(journal: JournalReader, day: int, hour: int) -> Alert:
    """Return what the day of a number came to.

    Parameters
    ----------
    journal : JournalReader
    day : int
        As `summary_day` counts.
    hour : int
        Hour of the day, UTC, that days begin at.
    """
    start_ns = day * DAY_NS + hour * HOUR_NS
    span = (start_ns, start_ns + DAY_NS)
    within = "ts_ns >= ? AND ts_ns < ?"
    trades = journal.rows(Trade, "closed_ns >= ? AND closed_ns < ?", span)
    asked = Counter(row.outcome for row in journal.rows(DecisionRow, within, span))
    closes = journal.count(Evaluation, within, span)
    woken = journal.count(Evaluation, f"{within} AND wake = 1", span)
    halts = journal.count(Event, f"{within} AND kind LIKE 'halt:%'", span)
    net = math.fsum(trade.net_usd for trade in trades)
    fees = math.fsum(trade.fees_usd for trade in trades)
    calls = (e for e in read_ledger(journal) if span[0] <= e.spend.ts_ns < span[1])
    spent = sum((call.counted_usd for call in calls), Decimal())
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(asked.items()))
    held = ", ".join(f"{quantity:+f} {symbol}" for symbol, quantity in _held(journal).items())
    lines = [
        f"trades closed: {len(trades)}, net {net:+,.2f} USD after fees of {fees:,.2f}",
        f"closes: {closes}, woken {woken}; decisions: {outcomes or 'none'}",
        f"spent on calls: {spent:.2f} USD",
        f"held: {held or 'nothing'}",
    ]
    if halts:
        lines.append(f"halts: {halts}")
    title = f"Day from {minute_text(start_ns)}: {_equity(journal, span)}"
    return Alert("summary", Severity.INFO, span[1], title, "\n".join(lines))


def _equity(journal: JournalReader, span: tuple[int, int]) -> str:
    before = journal.rows(Equity, "ts_ns < ?", span[:1], order="ts_ns DESC", limit=1)
    found = before + journal.rows(Equity, "ts_ns >= ? AND ts_ns < ?", span, order="ts_ns")
    if not found:
        return "equity unknown"
    first, last = found[0].equity, found[-1].equity
    share = f" ({last / first - 1:+.2%})" if first else ""
    return f"equity {last:,.2f} USD, {last - first:+,.2f}{share}"


def _held(journal: JournalReader) -> dict[str, Decimal]:
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in journal.rows(FillRow):
        held[fill.symbol] += Decimal(fill.quantity) * (1 if fill.side == "BUY" else -1)
    return {symbol: quantity for symbol, quantity in sorted(held.items()) if quantity}
