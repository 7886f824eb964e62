"""What a live node does, told line by line from its journal, as a person would want to watch it."""

import json
from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.markup import escape

from ocw_strategy.console import minute_text
from ocw_strategy.journal import (
    Clamp,
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

type Line = tuple[int, str, str, str]
"""When, what, in which style, and the words."""


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
        self.counts = dict.fromkeys(("decisions", "orders", "stops", "fills", "trades"), 0)
        self._tellers = (
            self._decisions, self._clamps, self._intents, self._fills, self._trades,
            self._refusals, self._events,
        )  # fmt: skip

    def tell(self, journal: JournalReader) -> None:
        """Tell what is new, in the market's order; a decision before what it led to."""
        lines = [line for teller in self._tellers for line in teller(journal)]
        for ts_ns, what, style, text in sorted(lines, key=lambda line: line[0]):
            self._console.print(
                f"[dim]{minute_text(ts_ns)}[/] [{style}]{escape(what):<14}[/] {escape(text)}",
                highlight=False,
                soft_wrap=True,
            )

    def _decisions(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, DecisionRow, "decisions"):
            yield row.ts_ns, "decision", "bold cyan", decision_text(row)

    def _clamps(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, Clamp):
            text = f"{row.symbol} {row.limit_name}: {row.before:+,.0f} to {row.after:+,.0f} USD"
            yield row.ts_ns, "limit", "yellow", text

    def _intents(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, Intent):
            self.counts["stops" if row.purpose == "stop" else "orders"] += 1
            yield row.ts_ns, row.purpose, _STYLES[row.purpose], intent_text(row)

    def _fills(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, FillRow, "fills"):
            fee = f"fee {Decimal(row.commission_usd):.2f} USD"
            text = f"{row.symbol} {row.side} {row.quantity} at {row.price}, {fee}"
            yield row.ts_ns, "fill", "green", text

    def _trades(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, Trade, "trades"):
            text = f"{row.symbol} closed by {row.exit_reason}, net {row.net_usd:+,.2f} USD"
            yield row.closed_ns, "trade", "green" if row.net_usd > 0 else "red", text

    def _refusals(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, OrderEvent):
            if row.status != "canceled":
                yield row.ts_ns, row.status, "red", f"{row.client_order_id} {row.detail}"

    def _events(self, journal: JournalReader) -> Iterator[Line]:
        for row in self._new(journal, Event):
            text = " ".join(part for part in (row.symbol, row.detail) if part)
            yield row.ts_ns, row.kind.replace("_", " "), "dim", text

    def _new[R: Record](self, journal: JournalReader, kind: type[R], what: str = "") -> Iterator[R]:
        for row_id, row in journal.rows_after(kind, self._seen.get(kind, 0)):
            self._seen[kind] = row_id
            if what:
                self.counts[what] += 1
            yield row


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
