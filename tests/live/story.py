"""What a live node does, told line by line from its journal, as a person would want to watch it."""

import json
from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.markup import escape

from ocw_strategy.console import minute_text
from ocw_strategy.journal import (
    DecisionRow,
    Event,
    FillRow,
    Intent,
    JournalReader,
    OrderEvent,
    Record,
    Trade,
)

_STYLES = {"entry": "bold green", "stop": "magenta", "reduce": "yellow", "exit": "yellow"}
_QUIET = frozenset({"stop_found"})


class Story:
    """Tells what was appended to a journal since the last look.

    Parameters
    ----------
    console : Console
        Where it is told.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[type[Record], int] = {}
        self._purposes: dict[str, str] = {}
        self.counts = dict.fromkeys(("decisions", "orders", "stops", "fills", "trades"), 0)

    def tell(self, journal: JournalReader) -> None:
        """Tell what is new; decisions come before what they led to."""
        for row in self._new(journal, DecisionRow):
            self._count("decisions")
            self._say(row.ts_ns, "decision", "bold cyan", decision_text(row))
        for intent in self._new(journal, Intent):
            self._purposes[intent.client_order_id] = intent.purpose
            self._count("stops" if intent.purpose == "stop" else "orders")
            self._say(intent.ts_ns, intent.purpose, _STYLES[intent.purpose], intent_text(intent))
        for fill in self._new(journal, FillRow):
            self._count("fills")
            text = (
                f"{fill.symbol} {fill.side} {fill.quantity} at {fill.price}, "
                f"fee {Decimal(fill.commission_usd):.2f} USD"
            )
            self._say(fill.ts_ns, "fill", "green", text)
        for trade in self._new(journal, Trade):
            self._count("trades")
            text = f"{trade.symbol} closed by {trade.exit_reason}, net {trade.net_usd:+,.2f} USD"
            self._say(trade.closed_ns, "trade", "green" if trade.net_usd > 0 else "red", text)
        for told in self._new(journal, OrderEvent):
            purpose = self._purposes.get(told.client_order_id, "order")
            if told.status != "canceled":
                self._say(told.ts_ns, told.status, "red", f"{purpose} {told.detail}")
        for event in self._new(journal, Event):
            if event.kind not in _QUIET:
                text = " ".join(part for part in (event.symbol, event.detail) if part)
                self._say(event.ts_ns, event.kind.replace("_", " "), "dim", text)

    def _new[R: Record](self, journal: JournalReader, kind: type[R]) -> Iterator[R]:
        for row_id, row in journal.rows_after(kind, self._seen.get(kind, 0)):
            self._seen[kind] = row_id
            yield row

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def _say(self, ts_ns: int, what: str, style: str, text: str) -> None:
        self._console.print(
            f"[dim]{minute_text(ts_ns)}[/] [{style}]{escape(what):<14}[/] {escape(text)}",
            highlight=False,
            soft_wrap=True,
        )


def decision_text(row: DecisionRow) -> str:
    """Return a decision in one line: targets, or why it is a hold, and what woke it."""
    if row.outcome != "decided":
        return f"hold: {row.outcome} {row.detail}"
    found = json.loads(row.decision)
    targets = ", ".join(f"{t['symbol']} {t['exposure']:+.2f}" for t in found["targets"])
    return f"{targets or 'nothing to change'}  (regime {row.regime}; woken by {row.reasons})"


def intent_text(intent: Intent) -> str:
    """Return an order that is about to leave in one line."""
    at = f" at {intent.trigger_price}" if intent.trigger_price else ""
    return f"{intent.symbol} {intent.side} {intent.quantity}{at}  {intent.client_order_id}"
