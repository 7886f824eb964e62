"""The strategy in a live node: the same one, that lets no fault and no silence take a stop away.

It cancels an old stop only when the new one rests, looks at exits between bars, takes back entries
that rest once the node's desk names a reason to enter nothing, and flattens. A handler's fault is
recorded and stops entries; the engine never sees it. What it knows of earlier lives and of the
account is `reconcile`'s.
"""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from nautilus_trader.model.data import Bar, MarkPriceUpdate
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.orders import Order

from ocw_strategy.engine import CLOSE_WAIT_NS, venue_symbol
from ocw_strategy.journal import Equity, Intent
from ocw_strategy.live.account import AccountTruth
from ocw_strategy.live.desk import guarded
from ocw_strategy.live.reconcile import UNEXPLAINED, ReconcilingStrategy
from ocw_strategy.protected import Resting
from ocw_strategy.units import SECOND_NS


class LiveStrategy(ReconcilingStrategy):
    """Trade in a live node.

    Parameters
    ----------
    config : OCWStrategyConfig
    node : NodeDesk
        Shared with the actor and the keeper.
    truth : AccountTruth
        The account just before the start.
    """

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

    @guarded
    def on_stop(self) -> None:
        """Keep what a restart needs; stops stay at the venue."""
        super().on_stop()
        self._keep()

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
        if event.reconciliation and not event.trade_id.value.isdecimal():
            # the engine concludes from an order's state that it has filled and makes up an id;
            # booked under it, the venue's own execution would be booked a second time
            self.wants_truth = True
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

    def _acts_at_once(self) -> bool:
        return True

    def _blocked(self, now_ns: int) -> str | None:
        return self._node.blocked() or super()._blocked(now_ns)

    def _after_close(self, close_ns: int, callback: Callable[[Any], None]) -> None:
        self._later("", CLOSE_WAIT_NS, callback)

    def _later(self, name: str, delay_ns: int, callback: Callable[[Any], None]) -> None:
        # on the loop itself: the engine's timers call from a thread of their own
        asyncio.get_running_loop().call_later(
            delay_ns / SECOND_NS, partial(self._overdue, callback)
        )

    @guarded
    def _overdue(self, callback: Callable[[Any], None]) -> None:
        if self.is_running:
            callback(None)

    def _watch_equity(self, now_ns: int) -> None:
        before = self._halt.blocked(now_ns)
        super()._watch_equity(now_ns)
        if self._halt.blocked(now_ns) != before:
            self._keep()  # no crash forgets a halt
        else:
            self._keeping.ask()  # an order that follows from the close leaves first

    def _sample_equity(self, now_ns: int) -> None:
        # a node that stopped at this very close has told it already
        told = not self._sampled and self._journal.rows(Equity, "ts_ns = ?", (now_ns,))
        self._sampled = True
        if not told:
            super()._sample_equity(now_ns)

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

    # -- the keeper's looks ------------------------------------------------------------------------

    @guarded
    def flatten(self, truth: AccountTruth) -> None:
        """Close all that the account holds of our instruments at market, reduce-only.

        Orders that we did not send go first, since they could open something again; our stops rest
        until there is nothing left to protect.
        """
        now_ns = self._now_ns()
        self._tickets.clear()
        for symbol in self._symbols:
            there = truth.positions[venue_symbol(symbol)]
            for order in self.cache.orders_open(instrument_id=self._instruments[symbol].id):
                foreign = order.client_order_id.value not in self._intents
                if (foreign or not there) and not order.is_pending_cancel:
                    self.cancel_order(order)
            if not there or symbol in self._working:
                continue
            if self._book.is_held(symbol):
                self._leave(symbol, "flatten", now_ns)
            else:
                side = OrderSide.SELL if there > 0 else OrderSide.BUY
                name = f"{UNEXPLAINED}-{now_ns}"
                self._send(
                    self._draft(symbol, name, "exit/flatten", side, abs(there), "exit", now_ns)
                )

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

    @guarded
    def withdraw_entries(self) -> None:
        """Give up entries that rest, while the node's desk names a reason to enter nothing."""
        if self._node.blocked() is not None:
            for name in list(self._working.values()):
                if self._intents[name].purpose == "entry":
                    self._give_up_resting(name)

    def _give_up_resting(self, name: str) -> None:
        order = self.cache.order(ClientOrderId(name))
        if order is not None and order.is_post_only and not order.is_pending_cancel:
            self._give_up_entry(name)

    # -- views ------------------------------------------------------------------------------------

    @property
    def out(self) -> tuple[str, ...]:
        """Client ids of the orders of whose end news is due: no stop, and no entry that rests."""
        return tuple(name for name in self._working.values() if not self._rests(name))

    def _rests(self, name: str) -> bool:
        order = self.cache.order(ClientOrderId(name))
        return order is not None and order.is_post_only and order.status == OrderStatus.ACCEPTED

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
