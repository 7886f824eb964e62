"""What is held, with its entry, its last price and the stop that rests for it.

Quantities are what the journal's fills add up to, and lots explain the entry price; both are exact.
Where a node lives its own word is shown beside, and a difference is said, not smoothed over.
"""

from collections import defaultdict
from decimal import Decimal

from ocw_strategy.journal import ENDED, FillRow, Intent, JournalReader, PriceRow, Trade
from ocw_strategy.live.heartbeat import Heartbeat, InstrumentBeat
from ocw_strategy.model import Strict


class PositionView(Strict):
    """One open position."""

    symbol: str
    quantity: str
    """Signed, by the journal's fills."""
    node_quantity: str | None
    """Signed, by the node's heartbeat; None without one."""
    node_stop_price: str | None
    """By the heartbeat: empty where the node knows of no stop; None without a heartbeat."""
    entry_price: float | None
    """Mean of the open lots; None where no lot explains the position."""
    opened_ns: int | None
    """Fill of the oldest open lot."""
    price: float | None
    """The last one journalled."""
    unrealised_usd: float | None
    """At that price, before fees and funding."""
    stop_price: str
    """Trigger of the stop that rests by the journal; empty without one."""
    stop_fraction: float | None
    """From the last price to the stop, a fraction of the price, positive while it is not hit."""
    decision_id: str
    """The decision that opened the oldest open lot; empty where none did."""


def open_positions(journal: JournalReader, heartbeat: Heartbeat | None) -> tuple[PositionView, ...]:
    """Return what is held by the journal or by the node, in the order of symbols."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    fills = journal.rows(FillRow)
    for fill in fills:
        held[fill.symbol] += Decimal(fill.quantity) * (1 if fill.side == "BUY" else -1)
    told = heartbeat.instruments if heartbeat else {}
    symbols = {symbol for symbol, quantity in held.items() if quantity}
    symbols |= {symbol for symbol, beat in told.items() if Decimal(beat.quantity)}
    lots = _open_lots(journal, [fill for fill in fills if fill.symbol in symbols])
    return tuple(
        _line(journal, symbol, held[symbol], lots[symbol], told.get(symbol))
        for symbol in sorted(symbols)
    )


def _open_lots(
    journal: JournalReader, fills: list[FillRow]
) -> defaultdict[str, list[tuple[FillRow, Decimal]]]:
    closed: defaultdict[str, Decimal] = defaultdict(Decimal)
    trades = journal.columns(Trade) if fills else {"lot_id": [], "quantity": []}
    for lot_id, quantity in zip(trades["lot_id"], trades["quantity"], strict=True):
        closed[lot_id] += Decimal(quantity)
    lots: defaultdict[str, list[tuple[FillRow, Decimal]]] = defaultdict(list)
    for fill in fills:
        left = Decimal(fill.quantity) - closed[f"{fill.client_order_id}/{fill.trade_id}"]
        if fill.purpose == "entry" and left:
            lots[fill.symbol].append((fill, left))
    return lots


def _line(
    journal: JournalReader,
    symbol: str,
    held: Decimal,
    lots: list[tuple[FillRow, Decimal]],
    told: InstrumentBeat | None,
) -> PositionView:
    quantity = held or (Decimal(told.quantity) if told else held)
    explained = sum((left for _, left in lots), Decimal())
    cost = sum((left * Decimal(fill.price) for fill, left in lots), Decimal())
    entry = float(cost / explained) if explained else None
    last = journal.rows(PriceRow, "symbol = ?", (symbol,), order="rowid DESC", limit=1)
    price = last[0].price if last and last[0].price == last[0].price else None
    stop = _resting_stop(journal, symbol)
    opened = lots[0][0] if lots else None
    intent = (
        journal.rows(Intent, "client_order_id = ?", (opened.client_order_id,)) if opened else []
    )
    side = 1 if quantity > 0 else -1
    return PositionView(
        symbol=symbol,
        quantity=str(held),
        node_quantity=told.quantity if told else None,
        node_stop_price=told.stop_price if told else None,
        entry_price=entry,
        opened_ns=opened.ts_ns if opened else None,
        price=price,
        unrealised_usd=float(quantity) * (price - entry) if price and entry else None,
        stop_price=stop,
        stop_fraction=side * (1 - float(stop) / price) if stop and price else None,
        decision_id=intent[0].decision_id if intent else "",
    )


def _resting_stop(journal: JournalReader, symbol: str) -> str:
    # the newest stop that no event has ended and no fill has used up
    ended = ", ".join("?" * len(ENDED))
    found = journal.rows(
        Intent,
        "purpose = 'stop' AND symbol = ?"
        f" AND client_order_id NOT IN (SELECT client_order_id FROM order_events"
        f" WHERE status IN ({ended}))"
        " AND client_order_id NOT IN (SELECT client_order_id FROM fills)",
        (symbol, *ENDED),
        order="rowid DESC",
        limit=1,
    )
    return found[0].trigger_price if found else ""
