"""What fills and payments mean: lots opened and closed, trades told, all of it journalled.

Engine-free: it is given fills as plain values and keeps the lots behind every position, so the
same bookkeeping serves a backtest, a live node and its restart.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nautilus_trader.model.objects import Price

from ocw_strategy.journal import FillRow, Funding, Intent, Journal
from ocw_strategy.messages import DecisionPayload, TargetContext, TradePayload
from ocw_strategy.risk import Lot, LotBook, PositionView, trade_row


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order whose intent is known."""

    trade_id: str
    ts_ns: int
    quantity: Decimal
    price: Decimal
    fee_usd: Decimal
    liquidity: str


@dataclass(frozen=True, slots=True)
class EntryContext:
    """What an entry was for: kept with its intent until it fills."""

    decision: DecisionPayload
    target: TargetContext


class PositionBook:
    """The open lots of every instrument, their prices and the trades not yet told.

    Parameters
    ----------
    journal : Journal
    symbols : sequence of str
    trail_scale : callable
        ``trail_scale(regime)`` returns the multiplier of the trailing width of a position that
        was entered in that regime.
    """

    def __init__(
        self, journal: Journal, symbols: Sequence[str], trail_scale: Callable[[str], float]
    ) -> None:
        self._journal = journal
        self._symbols = tuple(symbols)
        self._trail_scale = trail_scale
        self._lots = LotBook()
        self._prices: dict[str, tuple[Price, int]] = {}  # a decimal only when asked for
        self._untold: list[TradePayload] = []
        self._views: dict[str, PositionView | None] = {}  # until a bar or a fill

    # -- prices -----------------------------------------------------------------------------------

    def see(self, symbol: str, close: Price, high: Price, low: Price, now_ns: int) -> None:
        """Take in a closed bar: the last price, and the extremes of what is held."""
        self._prices[symbol] = (close, now_ns)
        self._views.clear()
        if self._lots.is_open(symbol):
            self._lots.see(symbol, high.as_decimal(), low.as_decimal())

    def price(self, symbol: str) -> Decimal:
        """Return the last price of an instrument that has had one."""
        return self._prices[symbol][0].as_decimal()

    def price_ns(self, symbol: str) -> int:
        """Return the close that the last price is of."""
        return self._prices[symbol][1]

    @property
    def prices(self) -> dict[str, float]:
        """Last prices of the instruments that have had one."""
        return {symbol: float(price.as_decimal()) for symbol, (price, _) in self._prices.items()}

    # -- positions --------------------------------------------------------------------------------

    @property
    def held(self) -> tuple[str, ...]:
        """Instruments with an open position, in their fixed order."""
        return tuple(symbol for symbol in self._symbols if self._lots.is_open(symbol))

    @property
    def busy(self) -> bool:
        """Whether anything is held, or a closed trade not yet told."""
        return bool(self._untold) or self._lots.any_open()

    def is_held(self, symbol: str) -> bool:
        """Return whether an instrument has an open position."""
        return self._lots.is_open(symbol)

    def quantity(self, symbol: str) -> Decimal:
        """Return the quantity held, positive for either side."""
        return abs(self._lots.quantity(symbol))

    def direction(self, symbol: str) -> int:
        """Return 1 for a long, -1 for a short; the instrument must be held."""
        return self._lots.open_lots(symbol)[0].direction

    def decision_id(self, symbol: str) -> str:
        """Return the decision behind the oldest lot; the instrument must be held."""
        return self._lots.open_lots(symbol)[0].decision_id

    def position(self, symbol: str) -> PositionView | None:
        """Return the position of an instrument at its last price, or None.

        Its trailing width is that of the regime its oldest lot was entered in.
        """
        if symbol not in self._views:
            self._views[symbol] = self._view(symbol)
        return self._views[symbol]

    def _view(self, symbol: str) -> PositionView | None:
        lots = self._lots.open_lots(symbol)
        if not lots:
            return None
        price, price_ns = self._prices[symbol]
        return self._lots.position(
            symbol, float(price.as_decimal()), price_ns, self._trail_scale(lots[0].regime)
        )

    def positions(self) -> dict[str, PositionView]:
        """Return every open position."""
        views = {symbol: self.position(symbol) for symbol in self.held}
        return {symbol: view for symbol, view in views.items() if view is not None}

    # -- fills and payments -----------------------------------------------------------------------

    def entry_filled(self, intent: Intent, context: EntryContext, fill: Fill) -> None:
        """Open a lot with the context of its own decision."""
        self.note_fill(intent, fill)
        self._views.clear()
        self._open(intent, context, fill)

    def rebuild(self, history: Iterable[tuple[Intent, EntryContext | None, Fill]]) -> None:
        """Open and close lots by fills that are journalled already; nothing is told or written."""
        self._views.clear()
        for intent, context, fill in history:
            if intent.purpose == "entry" and context is not None:
                self._open(intent, context, fill)
            else:
                closable = min(fill.quantity, self.quantity(intent.symbol))
                self._lots.close(intent.symbol, closable, fill.price, fill.fee_usd, fill.ts_ns)

    def marks(self) -> dict[str, list[str]]:
        """Return what no fill tells of each open lot, as JSON values.

        The best and the worst price it has seen, and the funding it was paid.
        """
        return {
            lot.lot_id: [str(lot.best_price), str(lot.worst_price), str(lot.funding_usd)]
            for symbol in self._symbols
            for lot in self._lots.open_lots(symbol)
        }

    def restore_marks(self, state: Mapping[str, Sequence[str]]) -> None:
        """Take back what `marks` gave, for the lots that are still open."""
        self._views.clear()
        for symbol in self._symbols:
            for lot in self._lots.open_lots(symbol):
                if lot.lot_id in state:
                    lot.best_price, lot.worst_price, lot.funding_usd = map(
                        Decimal, state[lot.lot_id]
                    )

    def _open(self, intent: Intent, context: EntryContext, fill: Fill) -> None:
        self._lots.open(
            Lot(
                lot_id=f"{intent.client_order_id}/{fill.trade_id}",
                symbol=intent.symbol,
                direction=1 if intent.side == "BUY" else -1,
                quantity=fill.quantity,
                opened_quantity=fill.quantity,
                entry_price=fill.price,
                opened_ns=fill.ts_ns,
                decision_id=intent.decision_id,
                regime=context.decision.regime,
                signals=context.target.signals,
                volatility=context.target.volatility,
                entry_fee_usd=fill.fee_usd,
            )
        )

    def reduction_filled(self, intent: Intent, fill: Fill, reason: str) -> None:
        """Close the oldest lots and queue what is to be told of them."""
        self.note_fill(intent, fill)
        self._views.clear()
        closed_lots = self._lots.close(
            intent.symbol, fill.quantity, fill.price, fill.fee_usd, fill.ts_ns
        )
        for closed in closed_lots:
            row = trade_row(closed, reason)
            self._journal.append(row)
            self._untold.append(TradePayload.from_closed(closed, row))

    def note_fill(self, intent: Intent, fill: Fill) -> None:
        """Journal a fill."""
        self._journal.append(
            FillRow(
                trade_id=fill.trade_id,
                symbol=intent.symbol,
                client_order_id=intent.client_order_id,
                ts_ns=fill.ts_ns,
                purpose=intent.purpose,
                side=intent.side,
                quantity=str(fill.quantity),
                price=str(fill.price),
                commission_usd=str(fill.fee_usd),
                liquidity=fill.liquidity,
            )
        )

    def funding_paid(self, symbol: str, ts_ns: int, amount_usd: Decimal) -> None:
        """Split a funding payment over the open lots; a negative amount was paid."""
        self._lots.add_funding(symbol, amount_usd)
        quantity = str(self._lots.quantity(symbol))
        self._journal.append(Funding(ts_ns, symbol, quantity, float(amount_usd)))

    def take_trades(self) -> list[TradePayload]:
        """Return the closed trades not yet told, in an order of their own, and forget them."""
        told = sorted(self._untold, key=lambda p: (p.trade.closed_ns, p.trade.trade_id))
        self._untold.clear()
        return told

    def state(self) -> Mapping[str, object]:
        """Return the open lots, as JSON values."""
        return self._lots.state()
