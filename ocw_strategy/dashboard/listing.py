"""Closed trades and events as lines, page by page from the newest."""

from ocw_strategy.journal import Event, JournalReader, Trade
from ocw_strategy.model import Strict, known


class TradeView(Strict):
    """A closed lot, or the part of one."""

    row_id: int
    symbol: str
    side: str
    """``long`` or ``short``."""
    quantity: str
    entry_price: str
    exit_price: str
    opened_ns: int
    closed_ns: int
    exit_reason: str
    net_usd: float | None
    """After fees and funding."""
    net_return: float | None
    """Over entry notional, a fraction."""
    decision_id: str
    """The decision that opened it."""


class EventView(Strict):
    """Anything else a person would ask about."""

    row_id: int
    ts_ns: int
    kind: str
    symbol: str
    detail: str


def trade_views(
    journal: JournalReader, before: int | None = None, limit: int = 20
) -> tuple[TradeView, ...]:
    """Return the trades closed before a row id, the newest first."""
    return tuple(
        TradeView(
            row_id=row_id,
            symbol=trade.symbol,
            side="long" if trade.direction > 0 else "short",
            quantity=trade.quantity,
            entry_price=trade.entry_price,
            exit_price=trade.exit_price,
            opened_ns=trade.opened_ns,
            closed_ns=trade.closed_ns,
            exit_reason=trade.exit_reason,
            net_usd=known(trade.net_usd),
            net_return=known(trade.net_return),
            decision_id=trade.decision_id,
        )
        for row_id, trade in journal.rows_before(Trade, before, limit=limit)
    )


def event_views(
    journal: JournalReader, before: int | None = None, limit: int = 20
) -> tuple[EventView, ...]:
    """Return the events before a row id, the newest first."""
    return tuple(
        EventView(
            row_id=row_id, ts_ns=row.ts_ns, kind=row.kind, symbol=row.symbol, detail=row.detail
        )
        for row_id, row in journal.rows_before(Event, before, limit=limit)
    )
