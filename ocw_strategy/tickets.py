"""The part of the strategy between a plan and its orders: legs that wait until they may leave.

Of a change of side the second leg waits until the first has filled. What was planned is checked
once more when it leaves, and legs that leave together become durable in one commit. Where that
fails the leg in hand is given up, and the others wait for the next close.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from nautilus_trader.model.enums import OrderSide, OrderType
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.orders import Order

from ocw_strategy.journal import Intent
from ocw_strategy.positions import EntryContext
from ocw_strategy.protected import Draft, OCWStrategyConfig, ProtectedStrategy
from ocw_strategy.risk import Leg, round_down
from ocw_strategy.units import MINUTE_NS, SECOND_NS


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A leg of a plan, ready to leave."""

    leg: Leg
    quantity: Decimal
    reference_price: Decimal
    context: EntryContext


class TicketStrategy(ProtectedStrategy):
    """Hold the legs of plans, and send each when it may leave.

    Parameters
    ----------
    config : OCWStrategyConfig
    """

    def __init__(self, config: OCWStrategyConfig) -> None:
        super().__init__(config)
        self._tickets: dict[str, list[_Ticket]] = {}
        self._bar_ns = self._settings.data.bar_minutes * MINUTE_NS

    def _now_ns(self) -> int:
        return self.clock.timestamp_ns()

    def _blocked(self, now_ns: int) -> str | None:
        # why nothing may be entered
        return self._halt.blocked(now_ns)

    def _queue(self, leg: Leg, context: EntryContext, now_ns: int) -> None:
        symbol, price = leg.symbol, self._book.price(leg.symbol)
        if leg.purpose == "exit":
            quantity = self._book.quantity(symbol)
        else:
            step = self._instruments[symbol].size_increment.as_decimal()
            quantity = round_down(abs(leg.delta_notional) / float(price), step)
        if quantity:
            ticket = _Ticket(leg, quantity, price, context)
            self._tickets.setdefault(symbol, []).append(ticket)
        else:
            self._event(now_ns, "dropped:dust", symbol, f"{leg.delta_notional:.2f} USD")

    def _send_tickets(self, symbols: Iterable[str], now_ns: int) -> None:
        # A change of side is two tickets: the second leaves once the first has filled.
        drafted: list[tuple[str, _Ticket, Draft]] = []
        try:
            for symbol in symbols:
                ticket = self._take_ticket(symbol)
                draft = self._draft_of(symbol, ticket, now_ns)
                if draft is not None:
                    drafted.append((symbol, ticket, draft))
        except Exception:
            self._put_back(drafted)
            raise
        if not drafted:
            return
        try:
            self._journal.append_durably(*(draft.intent for *_, draft in drafted))
        except Exception:
            self._put_back(drafted[:-1])  # one is given up each time, lest none ever leaves
            raise
        self._submit(draft for *_, draft in drafted)

    def _put_back(self, drafted: Iterable[tuple[str, _Ticket, Draft]]) -> None:
        # nothing has left: they try again at the next close
        for symbol, ticket, _ in drafted:
            self._tickets.setdefault(symbol, []).insert(0, ticket)

    def _take_ticket(self, symbol: str) -> _Ticket:
        tickets = self._tickets[symbol]
        ticket = tickets.pop(0)
        if not tickets:
            del self._tickets[symbol]
        return ticket

    def _idle(self) -> list[str]:
        # instruments whose tickets may leave
        return [symbol for symbol in sorted(self._tickets) if symbol not in self._working]

    def _draft_of(self, symbol: str, ticket: _Ticket, now_ns: int) -> Draft | None:
        # What was planned is checked once more: a stop may have filled, a halt begun since.
        leg, quantity = ticket.leg, ticket.quantity
        if leg.purpose == "entry":
            refusal = self._blocked(now_ns) or self._halt.cooling(now_ns).get(symbol)
            if self._book.price_ns(symbol) < now_ns - now_ns % self._bar_ns:
                refusal = "stale_price"
            wanted = 1 if leg.delta_notional > 0 else -1
            if self._book.is_held(symbol) and self._book.direction(symbol) != wanted:
                refusal = "position_changed"
        else:
            quantity = min(quantity, self._book.quantity(symbol))
            refusal = None if quantity else "position_closed"
        if refusal:
            self._event(now_ns, f"dropped:{refusal}", symbol, leg.purpose)
            return None
        side = OrderSide.BUY if leg.delta_notional > 0 else OrderSide.SELL
        return self._draft(
            symbol,
            ticket.context.decision.decision_id,
            "exit/decision" if leg.purpose == "exit" else leg.purpose,
            side,
            quantity,
            leg.purpose,
            now_ns,
            context=ticket.context,
            reference_price=ticket.reference_price,
            limit=self._limit_price(symbol, side) if leg.purpose == "entry" else None,
        )

    def _limit_price(self, symbol: str, side: OrderSide) -> Decimal | None:
        # a tick inside the last price: at the price itself it might cross and be refused
        if self._settings.execution.entry_order == "market":
            return None
        tick = self._instruments[symbol].price_increment.as_decimal()
        return self._book.price(symbol) - (tick if side == OrderSide.BUY else -tick)

    def on_order_sent(self, order: Order) -> None:
        """Give an entry that rests its time."""
        if order.order_type == OrderType.LIMIT and not order.is_closed:
            wait_ns = round(self._settings.execution.entry_wait_seconds * SECOND_NS)
            name = order.client_order_id.value
            self._later(f"entry-{name}", wait_ns, partial(self._give_up_entry, name))

    def _give_up_entry(self, name: str, _event: Any = None) -> None:
        order = self.cache.order(ClientOrderId(name))
        if order is not None and not order.is_closed:
            self._event(self._now_ns(), "entry_given_up", self._intents[name].symbol, name)
            self.cancel_order(order)

    def on_order_refused(self, intent: Intent, now_ns: int) -> None:
        """Give up what was to follow a refused order."""
        if self._tickets.pop(intent.symbol, None):
            self._event(now_ns, "dropped:order_refused", intent.symbol, intent.purpose)

    def on_position_left(self, symbol: str, now_ns: int) -> None:
        """Send the other half of a change of side."""
        if symbol in self._tickets:
            self._send_tickets([symbol], now_ns)

    def _later(self, name: str, delay_ns: int, callback: Callable[[Any], None]) -> None:
        self.clock.set_time_alert_ns(name, self.clock.timestamp_ns() + delay_ns, callback)
