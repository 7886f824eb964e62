"""The half of the strategy that knows orders: what is sent, filled and resting at the venue.

An order's intent is durable before the order leaves. Every fill is booked into lots, and a
reduce-only stop of the position's size rests at the venue from the first fill on; a new stop rests
before the old one goes. While an order of an instrument is on its way no other but its stop is
sent, and a stop that would trigger at once closes the position at market instead.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.enums import OrderSide, PositionAdjustmentType, TriggerType
from nautilus_trader.model.events import (
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from nautilus_trader.model.identifiers import ClientOrderId, PositionId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.orders import Order
from nautilus_trader.model.position import Position
from nautilus_trader.trading.strategy import Strategy

from ocw_strategy.journal import Event, FillRow, Intent, Journal, OrderEvent
from ocw_strategy.positions import EntryContext, Fill, PositionBook
from ocw_strategy.risk import (
    ExitRules,
    HaltGuard,
    LegBook,
    StopLevel,
    client_order_id,
)
from ocw_strategy.settings import Settings, settings_from


class OCWStrategyConfig(StrategyConfig, frozen=True):
    """Configure the strategy: the run's settings as plain values, and its journal's run id."""

    settings: dict[str, Any]
    run_id: str


@dataclass(frozen=True, slots=True)
class Resting:
    """The stop that rests at the venue."""

    order: Order
    level: StopLevel
    quantity: Decimal


class Draft(NamedTuple):
    """An order that may leave once its intent is durable."""

    order: Order
    intent: Intent
    context: EntryContext | None


class ProtectedStrategy(Strategy):
    """Send orders whose meaning is journalled, and keep what they open protected.

    Parameters
    ----------
    config : OCWStrategyConfig
    """

    def __init__(self, config: OCWStrategyConfig) -> None:
        super().__init__(config)
        self._settings: Settings = settings_from(config.settings)
        self._symbols = tuple(sorted(self._settings.data.instruments))
        self._journal: Journal = Journal.attach(config.run_id)
        self._exits = ExitRules(self._settings.risk.exits, self._settings.costs.order)
        self._halt = HaltGuard(self._settings.risk.halt)
        self._book = PositionBook(self._journal, self._symbols, self._settings.regime.trail_scale)
        self._legs = LegBook.rebuilt(
            self._journal.rows(Intent), self._journal.rows(OrderEvent), self._journal.rows(FillRow)
        )
        self._trigger_type = TriggerType.DEFAULT
        self._instruments: dict[str, Instrument] = {}
        self._intents: dict[str, Intent] = {}
        self._contexts: dict[str, EntryContext] = {}
        self._stops: dict[str, Resting] = {}
        self._working: dict[str, str] = {}
        self._leaving: dict[str, str] = {}
        self._funding_seen: dict[str, int] = {}
        self._cycle: dict[str, int] = {}
        self._sent_ns: deque[int] = deque()

    # -- orders -----------------------------------------------------------------------------------

    def _send(self, draft: Draft) -> None:
        # The intent is durable before its order leaves.
        self._journal.append_durably(draft.intent)
        self._submit([draft])

    def _submit(self, drafts: Iterable[Draft]) -> None:
        # of drafts whose intents are durable
        for order, intent, context in drafts:
            name = intent.client_order_id
            self._intents[name] = intent
            self._legs.sent(intent)
            if context:
                self._contexts[name] = context
            if intent.purpose != "stop":
                self._working[intent.symbol] = name
                self._sent_ns.append(intent.ts_ns)
            self.submit_order(order, position_id=self._position_id(intent.symbol))
            self.on_order_sent(order)

    def _draft(
        self,
        symbol: str,
        decision_id: str,
        what: str,
        side: OrderSide,
        quantity: Decimal,
        purpose: str,
        now_ns: int,
        *,
        context: EntryContext | None = None,
        reference_price: Decimal | None = None,
        trigger: float | None = None,
        limit: Decimal | None = None,
    ) -> Draft:
        instrument = self._instruments[symbol]
        leg, attempt = self._legs.next_leg(decision_id, symbol, what)
        name = client_order_id(str(self.id), decision_id, leg, attempt)
        common: dict[str, Any] = {
            "instrument_id": instrument.id,
            "order_side": side,
            "quantity": instrument.make_qty(quantity),
            "reduce_only": purpose != "entry",
            "client_order_id": ClientOrderId(name),
        }
        order: Order
        if limit is not None:
            order = self.order_factory.limit(
                **common, price=instrument.make_price(limit), post_only=True
            )
        elif trigger is None:
            order = self.order_factory.market(**common)
        else:
            order = self.order_factory.stop_market(
                **common,
                trigger_price=instrument.make_price(trigger),
                trigger_type=self._trigger_type,
            )
        reference = reference_price or self._book.price(symbol)
        intent = Intent(
            client_order_id=name,
            decision_id=decision_id,
            leg=leg,
            attempt=attempt,
            ts_ns=now_ns,
            symbol=symbol,
            purpose=purpose,
            side="BUY" if side == OrderSide.BUY else "SELL",
            quantity=str(order.quantity),
            trigger_price="" if trigger is None else str(order.trigger_price),
            reference_price=str(reference),
            context=context.target.model_dump_json() if context else "",
        )
        return Draft(order, intent, context)

    def _position_id(self, symbol: str) -> PositionId | None:
        # A hedging venue must be told which position an order belongs to; a netting one knows.
        if self._settings.execution.oms == "NETTING":
            return None
        if not self._book.is_held(symbol):
            self._cycle[symbol] = self._cycle.get(symbol, 0) + 1
        return PositionId(f"{symbol}-{self._cycle[symbol]}")

    def on_order_rejected(self, event: OrderRejected) -> None:
        """Record the refusal; a stop that would trigger at once closes at market instead."""
        self._refused(event.client_order_id.value, event.reason, self._stamp_ns(event.ts_event))

    def on_order_denied(self, event: OrderDenied) -> None:
        """Record the refusal."""
        self._refused(event.client_order_id.value, event.reason, self._stamp_ns(event.ts_event))

    def on_order_canceled(self, event: OrderCanceled) -> None:
        """Forget an order the venue gave up; a position that lost its stop gets a new one."""
        self._ended(event.client_order_id.value, "canceled", self._stamp_ns(event.ts_event))

    def on_order_expired(self, event: OrderExpired) -> None:
        """Forget an order the venue let expire; a position that lost its stop gets a new one."""
        self._ended(event.client_order_id.value, "expired", self._stamp_ns(event.ts_event))

    def _ended(self, name: str, status: str, now_ns: int) -> None:
        intent = self._intents[name]
        symbol = intent.symbol
        self._done(intent)
        self._journal.append(OrderEvent(name, now_ns, status, "", intent.purpose))
        resting = self._stops.get(symbol)
        if resting is not None and resting.order.client_order_id.value == name:
            del self._stops[symbol]
            self._protect(symbol, now_ns)

    def _refused(self, name: str, reason: str, now_ns: int) -> None:
        intent = self._intents[name]
        self._leaving.pop(intent.symbol, None)
        self._done(intent)
        self._journal.append(OrderEvent(name, now_ns, "refused", "", reason))
        self.on_order_refused(intent, now_ns)
        if intent.purpose == "stop":
            resting = self._stops.get(intent.symbol)
            if resting is not None and resting.order.client_order_id.value == name:
                self._lose_stop(intent.symbol, name)
            self._leave(intent.symbol, "stop_refused", now_ns)

    def on_order_filled(self, event: OrderFilled) -> None:
        """Book the fill into lots and put the stop where the position now is."""
        name = event.client_order_id.value
        intent = self._intents[name]
        symbol = intent.symbol
        fill = Fill(
            trade_id=event.trade_id.value,
            ts_ns=self._stamp_ns(event.ts_event),
            quantity=event.last_qty.as_decimal(),
            price=event.last_px.as_decimal(),
            fee_usd=event.commission.as_decimal(),
            liquidity=event.liquidity_side.name,
        )
        # by its id: a position that this fill has closed may have paid in the same bar
        self._take_funding(symbol, self.cache.position(event.position_id))
        self._take_fill(intent, fill, ended=self.cache.order(event.client_order_id).is_closed)

    def _stamp_ns(self, event_ns: int) -> int:
        return event_ns

    def _take_fill(self, intent: Intent, fill: Fill, *, ended: bool) -> None:
        symbol = intent.symbol
        if intent.purpose == "entry":
            self._book.entry_filled(intent, self._contexts[intent.client_order_id], fill)
        else:
            reason = self._exit_reason(intent)
            self._book.reduction_filled(intent, fill, reason)
            if not self._book.is_held(symbol):
                self._leaving.pop(symbol, None)
                if reason != "decision":
                    self._halt.on_exit(symbol, fill.ts_ns)
        if ended:
            self._done(intent)
        self._protect(symbol, fill.ts_ns)
        if intent.purpose == "exit" and symbol not in self._working:
            self.on_position_left(symbol, fill.ts_ns)

    def _done(self, intent: Intent) -> None:
        self._legs.ended(intent)
        if self._working.get(intent.symbol) == intent.client_order_id:
            del self._working[intent.symbol]

    def _exit_reason(self, intent: Intent) -> str:
        stop = self._stops.get(intent.symbol)
        if intent.purpose == "stop" and stop is not None:
            return stop.level.rule
        return self._leaving.get(intent.symbol, "decision")

    def _protect(self, symbol: str, now_ns: int) -> None:
        # A new stop rests before the old one goes; a flat instrument keeps none.
        position = self._book.position(symbol)
        old = self._stops.get(symbol)
        if position is None:
            self._cancel(self._stops.pop(symbol, None))
            return
        level = self._exits.resting_stop(position, old.level if old else None)
        quantity = self._book.quantity(symbol)
        if old is not None and (old.quantity, old.level.price) == (quantity, level.price):
            return
        side = OrderSide.SELL if position.direction > 0 else OrderSide.BUY
        decision_id = self._book.decision_id(symbol)
        draft = self._draft(
            symbol, decision_id, "stop", side, quantity, "stop", now_ns, trigger=level.price
        )
        self._send(draft)
        order = draft.order
        if order.is_closed:  # refused; the refusal has closed the position
            return
        self._stops[symbol] = Resting(order, level, quantity)
        self._replace_stop(old, order)

    def _replace_stop(self, old: Resting | None, new: Order) -> None:
        self._cancel(old)

    def _lose_stop(self, symbol: str, name: str) -> None:
        del self._stops[symbol]

    def _cancel(self, stop: Resting | None) -> None:
        if stop is not None and not stop.order.is_closed:
            self.cancel_order(stop.order)

    def _leave(self, symbol: str, rule: str, now_ns: int) -> None:
        if not self._book.is_held(symbol) or symbol in self._working:
            return
        self._leaving[symbol] = rule
        side = OrderSide.SELL if self._book.direction(symbol) > 0 else OrderSide.BUY
        quantity = self._book.quantity(symbol)
        decision_id = self._book.decision_id(symbol)
        self._send(self._draft(symbol, decision_id, f"exit/{rule}", side, quantity, "exit", now_ns))

    def on_order_sent(self, order: Order) -> None:
        """Take notice that an order has left; nothing by default."""

    def on_order_refused(self, intent: Intent, now_ns: int) -> None:
        """Take notice that an order was refused; nothing by default."""

    def on_position_left(self, symbol: str, now_ns: int) -> None:
        """Take notice that an exit has filled; nothing by default."""

    def _take_funding(self, symbol: str, position: Position) -> None:
        # Funding the venue booked on a position since we last looked.
        payments = [
            adjustment
            for adjustment in position.adjustments
            if adjustment.adjustment_type == PositionAdjustmentType.FUNDING
        ]
        seen = self._funding_seen.get(position.id.value, 0)
        self._funding_seen[position.id.value] = len(payments)
        for payment in payments[seen if seen <= len(payments) else 0 :]:
            amount = payment.pnl_change.as_decimal()
            self._book.funding_paid(symbol, payment.ts_event, amount)

    def _event(self, now_ns: int, kind: str, symbol: str, detail: str) -> None:
        self._journal.append(Event(now_ns, kind, symbol, detail))
