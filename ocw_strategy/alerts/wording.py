"""Rows of a journal in the words of a message, or nothing where nobody needs to be told.

Pure: the same rows give the same words. Quantities and prices stand as the journal keeps them.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from ocw_strategy.advisor.outcomes import ADVISOR_FAULT, AUTH, BAD_REQUEST, BUDGET_SPENT
from ocw_strategy.alerts.alert import Alert, Severity
from ocw_strategy.console import minute_text
from ocw_strategy.journal import DecisionRow, Event, FillRow, Trade

_INFO, _WARNING, _CRITICAL = Severity

_EVENTS: Final[dict[str, tuple[str, Severity, str]]] = {
    "halt": ("halt", _CRITICAL, "Entries halted"),
    "halt_ended": ("halt", _INFO, "Halt over"),
    "account_blown": ("halt", _CRITICAL, "Account at its maintenance margin"),
    "flat_verified": ("halt", _INFO, "Flat, verified at the venue"),
    "watchdog:stop_entries": ("watchdog", _WARNING, "Market data is stale: entries stopped"),
    "watchdog:resume_entries": ("watchdog", _INFO, "Market data is back: entries go on"),
    "watchdog:exit": ("watchdog", _CRITICAL, "No market data: the node ends for a restart"),
    "exits_blind": ("watchdog", _CRITICAL, "Exits cannot be watched; the stop at the venue stands"),
    "blocked:unexplained": ("drift", _CRITICAL, "The venue holds what the journal does not"),
    "blocked:foreign_orders": ("drift", _CRITICAL, "Open orders the journal does not know"),
    "blocked": ("drift", _CRITICAL, "Entries blocked"),
    "explained": ("drift", _INFO, "Venue and journal agree again"),
    "foreign_fill": ("drift", _CRITICAL, "A fill of no order of ours"),
    "excess_fill": ("drift", _CRITICAL, "More was filled than was ordered"),
    "fill_found": ("drift", _WARNING, "A fill was found at the venue"),
    "fault:protect": ("fault", _CRITICAL, "A position could not be protected"),
    "fault": ("fault", _CRITICAL, "A fault in the node"),
    "call_unsettled": ("budget", _WARNING, "A call was never settled and counts in full"),
    "bill_refused": ("budget", _WARNING, "A bill was refused and counts in full"),
    "node_started": ("node", _INFO, "Node started"),
    "node_stopped": ("node", _WARNING, "Node stopped"),
}
"""By kind of event, the most exact first; what is not here is for the journal alone."""

_OUTCOMES: Final = {
    AUTH: ("fault", _CRITICAL, "The model's key was refused"),
    BAD_REQUEST: ("fault", _WARNING, "The model refused a request as it stands"),
    ADVISOR_FAULT: ("fault", _CRITICAL, "A fault while the advisor was asked"),
    BUDGET_SPENT: ("budget", _WARNING, "A call was not made: the budget is spent"),
}


def event_alert(event: Event) -> Alert | None:
    """Return what to tell of an event; None for what only the journal keeps."""
    general, _, particular = event.kind.partition(":")
    found = _EVENTS.get(event.kind) or _EVENTS.get(general)
    if found is None:
        return None
    kind, severity, words = found
    named = particular.replace("_", " ") if event.kind not in _EVENTS else ""
    title = f"{words}: {named}" if named else words
    if event.symbol:
        title = f"{title} ({event.symbol})"
    once = severity is _INFO or kind == "halt"
    return Alert(
        kind=kind,
        severity=severity,
        ts_ns=event.ts_ns,
        title=title,
        text=event.detail,
        topic="" if once else f"{event.kind}/{event.symbol}",
    )


def decision_alert(decision: DecisionRow) -> Alert | None:
    """Return what to tell of a decision that could not be had; None for any other."""
    found = _OUTCOMES.get(decision.outcome)
    if found is None:
        return None
    kind, severity, title = found
    return Alert(kind, severity, decision.ts_ns, title, decision.detail, f"/{decision.outcome}")


def breaker_alert(decision: DecisionRow, *, opened: bool) -> Alert:
    """Return that the model is not asked for a while, or is asked again."""
    if opened:
        title = "Circuit breaker open: the model is not asked"
        return Alert("breaker", _WARNING, decision.ts_ns, title, decision.detail)
    return Alert("breaker", _INFO, decision.ts_ns, "Circuit breaker closed: the model answers")


def entry_alert(fills: Sequence[FillRow], decision_id: str) -> Alert:
    """Return what was bought or sold by one order's fills, at least one."""
    quantity = sum((Decimal(fill.quantity) for fill in fills), Decimal())
    value = sum((Decimal(fill.quantity) * Decimal(fill.price) for fill in fills), Decimal())
    fees = sum((Decimal(fill.commission_usd) for fill in fills), Decimal())
    last = fills[-1]
    side = "Long" if last.side == "BUY" else "Short"
    price = Decimal(last.price) if len(fills) == 1 else round(value / quantity, 8).normalize()
    return Alert(
        kind="entry",
        severity=_INFO,
        ts_ns=last.ts_ns,
        title=f"{side} {quantity} {last.symbol} at {price:f}",
        text=f"{value:,.2f} USD, fee {fees:.2f} USD, decision {decision_id or 'unknown'}",
    )


def exit_alert(trades: Sequence[Trade]) -> Alert:
    """Return what came of the lots that one exit closed, at least one."""
    last = trades[-1]
    quantity = sum((Decimal(trade.quantity) for trade in trades), Decimal())
    net = math.fsum(trade.net_usd for trade in trades)
    entry = math.fsum(float(t.quantity) * float(t.entry_price) for t in trades)
    side = "long" if last.direction > 0 else "short"
    words = last.exit_reason.replace("_", " ")
    return Alert(
        kind="exit",
        severity=_INFO,
        ts_ns=last.closed_ns,
        title=f"Closed {side} {quantity} {last.symbol}: {net:+,.2f} USD ({net / entry:+.2%})",
        text=f"by {words} at {last.exit_price}, opened {minute_text(last.opened_ns)}",
    )
