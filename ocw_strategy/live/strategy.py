"""The strategy in a live node: the same one, that knows what a restart and a silent venue mean.

Beside what it does in a backtest it finds its positions again, from the journal's fills and the
venue's executions, each booked once by its trade id; it cancels an old stop only when the new one
rests; it enters nothing while the node's desk names a reason; and it compares what it thinks with
the account. What neither venue nor journal explains is given a stop, stops entries and waits for a
person. A handler's fault is recorded and stops entries; the engine never sees it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any

from nautilus_trader.model.data import Bar, MarkPriceUpdate
from nautilus_trader.model.enums import OrderSide, TriggerType
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from nautilus_trader.model.orders import Order

from ocw_strategy.engine import venue_symbol
from ocw_strategy.journal import FillRow, Intent, OrderEvent
from ocw_strategy.live.account import AccountTruth, VenueFill, VenuePayment
from ocw_strategy.live.desk import NodeDesk, guarded
from ocw_strategy.live.restart import entry_contexts, fill_of
from ocw_strategy.positions import Fill
from ocw_strategy.protected import OCWStrategyConfig, Resting
from ocw_strategy.risk import ENDED, PREFIX, StopLevel
from ocw_strategy.strategy import OCWStrategy
from ocw_strategy.units import HOUR_NS

CLOSE_WAIT_S = 3.0
STATE = "strategy/2"
_MAX_PAID = 500
UNEXPLAINED = "unexplained"


class LiveStrategy(OCWStrategy):
    """Trade in a live node.

    Parameters
    ----------
    config : OCWStrategyConfig
    node : NodeDesk
        Shared with the actor and the keeper.
    truth : AccountTruth
        The account just before the start.
    """

    def __init__(self, config: OCWStrategyConfig, node: NodeDesk, truth: AccountTruth) -> None:
        super().__init__(config)
        self._node = node
        self._truth = truth
        self._symbol_of_venue = {venue_symbol(symbol): symbol for symbol in self._symbols}
        self._trigger_type = TriggerType.MARK_PRICE
        self._booked: set[tuple[str, str]] = set()
        self._retiring: dict[str, Resting] = {}
        self._suspects: set[str] = set()
        self._paid: deque[str] = deque(maxlen=_MAX_PAID)
        self.truth_ns = 0

    # -- start and stop ---------------------------------------------------------------------------

    def on_start(self) -> None:
        """Find positions and stops again, then watch."""
        self._rebuild()
        super().on_start()
        for symbol, instrument in self._instruments.items():
            mark = instrument.make_price(self._truth.marks[venue_symbol(symbol)])
            self._book.see(symbol, mark, mark, mark, self._now_ns())
            self.subscribe_mark_prices(instrument.id)
        self._claim_orders()
        self.compare(self._truth, starting=True)
        self.see_to_stops()

    def _rebuild(self) -> None:
        state = self._journal.load_state(STATE)
        rows = self._journal.rows(FillRow)
        self._intents = {i.client_order_id: i for i in self._journal.rows(Intent)}
        self._contexts = entry_contexts(self._journal)
        self._booked = {(row.symbol, row.trade_id) for row in rows}
        self._book.rebuild(
            (
                self._intents[row.client_order_id],
                self._contexts.get(row.client_order_id),
                fill_of(row),
            )
            for row in rows
        )
        if state is not None:
            self._halt.restore(state["halt"])
            self._book.restore_marks(state["marks"])
            self._paid = deque(state["paid"], maxlen=_MAX_PAID)
        else:  # what was paid before this journal began is not its own
            self._paid.extend(payment.payment_id for payment in self._truth.payments)
        sent = (i.ts_ns for i in self._intents.values() if i.purpose != "stop")
        self._sent_ns.extend(ns for ns in sorted(sent) if ns > self._now_ns() - HOUR_NS)

    def _claim_orders(self) -> None:
        # the orders that rest or work are the engine's, by the client id that the journal knows
        for order in self.cache.orders_open(strategy_id=self.id):
            intent = self._intents.get(order.client_order_id.value)
            if intent is None or intent.decision_id.startswith(UNEXPLAINED):
                continue
            if intent.purpose != "stop":
                self._working[intent.symbol] = intent.client_order_id
                continue
            level = StopLevel(float(order.trigger_price), "stop")
            found = Resting(order, level, order.quantity.as_decimal())
            old = self._stops.get(intent.symbol)
            tighter = old is None or self._is_tighter(intent, found, old)
            if tighter:
                self._stops[intent.symbol] = found
            self._cancel(old if tighter else found)
            self._event(self._now_ns(), "stop_found", intent.symbol, str(order.trigger_price))

    @staticmethod
    def _is_tighter(intent: Intent, one: Resting, other: Resting) -> bool:
        sign = 1 if intent.side == "SELL" else -1
        return (one.level.price - other.level.price) * sign > 0

    @guarded
    def on_stop(self) -> None:
        """Keep what a restart needs; stops stay at the venue."""
        super().on_stop()
        self._keep()

    def _keep(self) -> None:
        state = {
            "halt": self._halt.state(),
            "marks": self._book.marks(),
            "paid": list(self._paid),
        }
        self._journal.save_state(STATE, state)

    # -- handlers ---------------------------------------------------------------------------------

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Work as always."""
        super().on_bar(bar)

    @guarded
    def on_data(self, data: Any) -> None:
        """Work as always."""
        super().on_data(data)

    @guarded
    def on_mark_price(self, mark_price: MarkPriceUpdate) -> None:
        """Remember the market's mark, and when it came."""
        symbol = mark_price.instrument_id.symbol.value
        self._node.marks[symbol] = (mark_price.value.as_double(), self.clock.timestamp_ns())

    @guarded
    def on_order_accepted(self, event: OrderAccepted) -> None:
        """Let go of the stop that a resting one replaces, and of a stop nobody needs any more."""
        name = event.client_order_id.value
        intent = self._intents.get(name)
        self._cancel(self._retiring.pop(name, None))
        if intent is None or intent.purpose != "stop":
            return
        wanted = self._stops.get(intent.symbol)
        needed = [wanted, *self._retiring.values()]
        if not intent.decision_id.startswith(UNEXPLAINED) and not any(
            stop is not None and stop.order.client_order_id.value == name for stop in needed
        ):
            self.cancel_order(self.cache.order(event.client_order_id))

    @guarded
    def on_order_rejected(self, event: OrderRejected) -> None:
        """Work as always, for an order of ours."""
        if event.client_order_id.value in self._intents:
            super().on_order_rejected(event)

    @guarded
    def on_order_denied(self, event: OrderDenied) -> None:
        """Work as always, for an order of ours."""
        if event.client_order_id.value in self._intents:
            super().on_order_denied(event)

    @guarded
    def on_order_canceled(self, event: OrderCanceled) -> None:
        """Work as always, for an order of ours."""
        if event.client_order_id.value in self._intents:
            super().on_order_canceled(event)

    @guarded
    def on_order_expired(self, event: OrderExpired) -> None:
        """Work as always, for an order of ours."""
        if event.client_order_id.value in self._intents:
            super().on_order_expired(event)

    @guarded
    def on_order_filled(self, event: OrderFilled) -> None:
        """Book the fill once, whoever told of it first."""
        name = event.client_order_id.value
        if name not in self._intents:
            symbol = event.instrument_id.symbol.value
            self._event(self._now_ns(), "foreign_fill", symbol, f"{name} {event.last_qty}")
            return
        super().on_order_filled(event)

    def on_handler_fault(self, where: str, error: Exception) -> None:
        """Record a fault, stop entries until a restart, and see to the stops."""
        self.log.exception(f"{where} of the strategy", error)
        self._node.blocks[f"fault:{where}"] = repr(error)
        now_ns = self._now_ns()
        self._event(now_ns, f"fault:{where}", "", f"strategy: {error!r}")
        for symbol in self._book.held:
            try:
                self._protect(symbol, now_ns)
            except Exception as worse:  # the other positions still need theirs
                self._event(now_ns, "fault:protect", symbol, repr(worse))

    # -- hooks of the shared code -----------------------------------------------------------------

    def _now_ns(self) -> int:
        return self._node.market_ns or self._settings.run.start_ns

    def _stamp_ns(self, event_ns: int) -> int:
        return self._now_ns() if self._node.replayed else event_ns

    def _acts_at_once(self) -> bool:
        return True

    def _blocked(self, now_ns: int) -> str | None:
        return self._node.blocked() or super()._blocked(now_ns)

    def _after_close(self, close_ns: int, callback: Callable[[Any], None]) -> None:
        asyncio.get_running_loop().call_later(CLOSE_WAIT_S, partial(self._overdue, callback))

    @guarded
    def _overdue(self, callback: Callable[[Any], None]) -> None:
        if self.is_running:
            callback(None)

    def _watch_equity(self, now_ns: int) -> None:
        super()._watch_equity(now_ns)
        self._keep()

    def _take_fill(self, intent: Intent, fill: Fill, *, ended: bool) -> None:
        key = (intent.symbol, fill.trade_id)
        if key in self._booked:
            if ended:
                self._done(intent)
            return
        self._booked.add(key)
        held = self._book.quantity(intent.symbol)
        if intent.purpose != "entry" and fill.quantity > held:
            excess = f"{fill.quantity - held} more than we held"
            self._event(fill.ts_ns, "excess_fill", intent.symbol, excess)
            if not held:
                self._book.note_fill(intent, fill)
                self._done(intent)
                return
            fill = replace(fill, quantity=held)
        super()._take_fill(intent, fill, ended=ended)
        self._keep()

    def _exit_reason(self, intent: Intent) -> str:
        if intent.purpose == "stop" and intent.symbol not in self._stops:
            return "stop"
        return super()._exit_reason(intent)

    def _replace_stop(self, old: Resting | None, new: Order) -> None:
        if old is not None:
            self._retiring[new.client_order_id.value] = old

    def _lose_stop(self, symbol: str, name: str) -> None:
        old = self._retiring.pop(name, None)
        if old is not None and not old.order.is_closed:
            self._stops[symbol] = old
        else:
            del self._stops[symbol]

    def _protect(self, symbol: str, now_ns: int) -> None:
        super()._protect(symbol, now_ns)
        if not self._book.is_held(symbol):
            for name, stop in list(self._retiring.items()):
                if self._intents[name].symbol == symbol:
                    self._cancel(stop)
                    del self._retiring[name]

    @guarded
    def see_to_stops(self) -> None:
        """Protect what is held and nothing else, whatever was refused or cut off before."""
        for symbol in self._symbols:
            if symbol not in self._working:
                self._protect(symbol, self._now_ns())

    # -- the account ------------------------------------------------------------------------------

    @guarded
    def compare(self, truth: AccountTruth, *, starting: bool = False) -> None:
        """Book what was missed, then say what the account holds that is not explained."""
        now_ns = self._now_ns()
        told: list[VenueFill | VenuePayment] = [*truth.fills, *truth.payments]
        for found in sorted(told, key=attrgetter("ts_ns")):
            if isinstance(found, VenueFill):
                self._take_found(found, truth)
            else:
                self._take_payment(found)
        if starting:
            self._settle_intents(truth, now_ns)
        for symbol in self._symbols:
            self._explain(symbol, truth, now_ns, at_once=starting)
        foreign = {name for name in truth.open_ids if name.startswith(f"{PREFIX}-")}
        foreign -= self._intents.keys()
        if foreign:
            self._block("foreign_orders", "", ", ".join(sorted(foreign)), now_ns)
        else:
            self._node.blocks.pop("foreign_orders", None)
        self.truth_ns = self.clock.timestamp_ns()

    def _take_found(self, found: VenueFill, truth: AccountTruth) -> None:
        intent = self._intents.get(found.client_id)
        if intent is None or (intent.symbol, found.trade_id) in self._booked:
            return
        fill = Fill(
            trade_id=found.trade_id,
            ts_ns=self._stamp_ns(found.ts_ns),
            quantity=found.quantity,
            price=found.price,
            fee_usd=found.fee_usd,
            liquidity="MAKER" if found.maker else "TAKER",
        )
        self._event(
            fill.ts_ns, "fill_found", intent.symbol,
            f"{intent.purpose} {intent.side} {found.quantity} at {found.price}",
        )  # fmt: skip
        self._take_fill(intent, fill, ended=found.client_id not in truth.open_ids)

    def _take_payment(self, found: VenuePayment) -> None:
        symbol = self._symbol_of_venue.get(found.symbol)
        if symbol is None or found.payment_id in self._paid:
            return
        self._paid.append(found.payment_id)
        self._book.funding_paid(symbol, self._stamp_ns(found.ts_ns), found.amount_usd)
        self._keep()  # in one commit with the payment

    def _settle_intents(self, truth: AccountTruth, now_ns: int) -> None:
        # every order that was about to leave either is open, has filled, or is over
        over = {e.client_order_id for e in self._journal.rows(OrderEvent) if e.status in ENDED}
        filled: dict[str, Decimal] = {}
        for row in self._journal.rows(FillRow):
            name = row.client_order_id
            filled[name] = filled.get(name, Decimal(0)) + Decimal(row.quantity)
        for name, intent in self._intents.items():
            whole = filled.get(name, Decimal(0)) >= Decimal(intent.quantity)
            if name in over or whole or name in truth.open_ids:
                continue
            reached = name in truth.known_ids
            status, why = ("canceled", "") if reached else ("refused", "not known at the venue")
            self._done(intent)
            self._journal.append(OrderEvent(name, now_ns, status, "", f"found at a start: {why}"))

    def _explain(self, symbol: str, truth: AccountTruth, now_ns: int, *, at_once: bool) -> None:
        there = truth.positions[venue_symbol(symbol)]
        reason = f"{UNEXPLAINED}:{symbol}"
        held = self._book.quantity(symbol)
        gap = there - (held * self._book.direction(symbol) if held else Decimal(0))
        if not gap or symbol in self._working:
            self._suspects.discard(symbol)
            if not gap and reason in self._node.blocks:
                del self._node.blocks[reason]
                self._event(now_ns, "explained", symbol, f"the venue holds {there}")
            if not gap:
                for order in self._unexplained_stops(symbol):
                    self.cancel_order(order)
            return
        if not at_once and symbol not in self._suspects:
            self._suspects.add(symbol)  # it may be on its way: the next look decides
            return
        self._block(reason, symbol, f"the venue holds {there}, the journal explains {held}", now_ns)
        if gap * there > 0:
            self._guard_unexplained(symbol, gap, truth.marks[venue_symbol(symbol)], now_ns)

    def _guard_unexplained(self, symbol: str, gap: Decimal, mark: Decimal, now_ns: int) -> None:
        for order in self._unexplained_stops(symbol):
            if order.quantity.as_decimal() == abs(gap):
                return
            self.cancel_order(order)
        fraction = Decimal(str(self._settings.risk.exits.stop_fraction))
        sign = 1 if gap > 0 else -1
        self._send(
            symbol,
            f"{UNEXPLAINED}-{now_ns}",
            "stop",
            OrderSide.SELL if gap > 0 else OrderSide.BUY,
            abs(gap),
            "stop",
            now_ns,
            trigger=float(mark * (1 - sign * fraction)),
        )

    def _unexplained_stops(self, symbol: str) -> list[Order]:
        return [
            order
            for order in self.cache.orders_open(instrument_id=self._instruments[symbol].id)
            if (intent := self._intents.get(order.client_order_id.value)) is not None
            and intent.purpose == "stop"
            and intent.decision_id.startswith(UNEXPLAINED)
        ]

    def _block(self, reason: str, symbol: str, detail: str, now_ns: int) -> None:
        if reason not in self._node.blocks:
            self._event(now_ns, f"blocked:{reason.split(':')[0]}", symbol, detail)
            self.log.warning(f"entries blocked, {reason}: {detail}")
        self._node.blocks[reason] = detail

    @guarded
    def flatten(self, truth: AccountTruth) -> None:
        """Close all that the account holds of our instruments at market, reduce-only."""
        now_ns = self._now_ns()
        self._tickets.clear()
        for symbol in self._symbols:
            there = truth.positions[venue_symbol(symbol)]
            if not there or symbol in self._working:
                continue
            if self._book.is_held(symbol):
                self._leave(symbol, "flatten", now_ns)
            else:
                side = OrderSide.SELL if there > 0 else OrderSide.BUY
                name = f"{UNEXPLAINED}-{now_ns}"
                self._send(symbol, name, "exit/flatten", side, abs(there), "exit", now_ns)

    @guarded
    def watch(self, marks: Mapping[str, Decimal]) -> None:
        """Look at the exits of what is held, at marks just read from the execution venue.

        Parameters
        ----------
        marks : mapping of str to Decimal
            By the venue's symbols.
        """
        now_ns = self._now_ns()
        for symbol in self._book.held:
            mark = self._instruments[symbol].make_price(marks[venue_symbol(symbol)])
            self._book.see(symbol, mark, mark, mark, now_ns)
            self._watch_exits(symbol, now_ns)

    # -- views ------------------------------------------------------------------------------------

    @property
    def holds(self) -> bool:
        """Whether anything is held."""
        return bool(self._book.held)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The instruments that are traded."""
        return self._symbols

    def stop_prices(self) -> dict[str, str]:
        """Return the triggers of the stops that rest, by symbol."""
        return {s: str(r.order.trigger_price) for s, r in self._stops.items()}

    def quantities(self) -> dict[str, str]:
        """Return what is held, by symbol and signed."""
        return {
            symbol: str(self._book.quantity(symbol) * self._book.direction(symbol))
            for symbol in self._book.held
        }

    def equity(self) -> float:
        """Return the account's equity, US dollars."""
        return self._equity()
