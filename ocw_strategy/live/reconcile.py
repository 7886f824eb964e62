"""The half of the live strategy that knows what a restart means, and what the account holds.

Positions are found again from the journal's fills and the venue's executions, each booked once by
its trade id; so is each funding payment. Resting orders are claimed by the client id that the
journal knows. What the strategy thinks is compared with the account; what neither venue nor journal
explains is given a stop, stops entries and waits for a person.
"""

from collections import deque
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter

from nautilus_trader.model.enums import OrderSide, TriggerType
from nautilus_trader.model.orders import Order

from ocw_strategy.engine import venue_symbol
from ocw_strategy.journal import FillRow, Intent, OrderEvent
from ocw_strategy.live.account import AccountTruth, VenueFill, VenuePayment
from ocw_strategy.live.deferred import Deferred
from ocw_strategy.live.desk import NodeDesk, guarded
from ocw_strategy.live.restart import entry_contexts, fill_of
from ocw_strategy.positions import Fill
from ocw_strategy.protected import OCWStrategyConfig, Resting
from ocw_strategy.risk import PREFIX, StopLevel, unended
from ocw_strategy.strategy import OCWStrategy
from ocw_strategy.units import HOUR_NS

STATE = "strategy/2"
_MAX_PAID = 500
UNEXPLAINED = "unexplained"


class ReconcilingStrategy(OCWStrategy):
    """Trade on what an earlier life left, and on what the account says.

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
        self._keeping = Deferred(self._keep_now)
        self._sampled = False  # whether equity was sampled in this life
        self.wants_truth = False
        """Whether the account is to be read soon: something was told that only it can confirm."""

    # -- an earlier life --------------------------------------------------------------------------

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
                if order.is_post_only:  # the price it waited for is of another life
                    self._give_up_entry(intent.client_order_id)
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
    def _keep_now(self) -> None:
        self._keep()

    def _keep(self) -> None:
        self._keeping.drop()
        state = {
            "halt": self._halt.state(),
            "marks": self._book.marks(),
            "paid": list(self._paid),
        }
        self._journal.save_state(STATE, state)

    def _now_ns(self) -> int:
        return self._node.market_ns or self._settings.run.start_ns

    def _stamp_ns(self, event_ns: int) -> int:
        return self._now_ns() if self._node.replayed else event_ns

    def _take_fill(self, intent: Intent, fill: Fill, *, ended: bool) -> None:
        key = (intent.symbol, fill.trade_id)
        if key in self._booked:
            if ended:
                self._done(intent)
            return
        self._booked.add(key)
        held = self._closable(intent)
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

    def _closable(self, intent: Intent) -> Decimal:
        # an order of the position's own side closes nothing of it
        symbol = intent.symbol
        if not self._book.is_held(symbol):
            return Decimal(0)
        closing = "SELL" if self._book.direction(symbol) > 0 else "BUY"
        return self._book.quantity(symbol) if intent.side == closing else Decimal(0)

    # -- the account ------------------------------------------------------------------------------

    @guarded
    def compare(self, truth: AccountTruth, *, starting: bool = False) -> None:
        """Book what was missed, then say what the account holds that is not explained."""
        now_ns = self._now_ns()
        self.wants_truth = False
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
        ends, fills = self._journal.rows(OrderEvent), self._journal.rows(FillRow)
        for intent in unended(self._intents.values(), ends, fills):
            name = intent.client_order_id
            if name in truth.open_ids:
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
            own = self._stops.get(symbol)
            if not gap and (not held or (own is not None and own.order.is_open)):
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
            self._draft(
                symbol,
                f"{UNEXPLAINED}-{now_ns}",
                "stop",
                OrderSide.SELL if gap > 0 else OrderSide.BUY,
                abs(gap),
                "stop",
                now_ns,
                trigger=float(mark * (1 - sign * fraction)),
            )
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
