"""OCWStrategy: carries a decision out under limits, and keeps every position protected.

It receives `OcwDecision`, asks the risk room what of it may be traded, journals what an order is
for before the order leaves, puts a reduce-only stop at the venue on every fill, watches the exits
at each close and reports what was closed as `OcwTradeClosed` and its halts as `OcwHalts`. No
formula lives here. Work that spans instruments waits until a close's bars are all in, so the order
of their arrival is nothing.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from nautilus_trader.model.data import Bar, DataType
from nautilus_trader.model.enums import OrderSide, OrderType
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.model.objects import Currency

from ocw_strategy.carried import HALT_STATE, CarriedState
from ocw_strategy.engine import CLOSE_WAIT_NS, VENUE, bar_type, instrument_id, open_profit_usd
from ocw_strategy.errors import AccountBlownError, SettingsError
from ocw_strategy.journal import Clamp, Equity, Intent, PriceRow
from ocw_strategy.market import CloseBarrier
from ocw_strategy.messages import (
    OCW_CLIENT,
    REVIEW,
    OcwDecision,
    OcwHalts,
    OcwTradeClosed,
    TargetContext,
)
from ocw_strategy.positions import EntryContext
from ocw_strategy.protected import Draft, OCWStrategyConfig, ProtectedStrategy
from ocw_strategy.risk import (
    Leg,
    Listing,
    PortfolioView,
    RiskLimits,
    TargetExposure,
    maintenance_margin,
    measures_equity,
    round_down,
)
from ocw_strategy.units import HOUR_NS, MINUTE_NS, SECOND_NS, close_of

_USDT = Currency.from_str("USDT")


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A leg of a plan, ready to leave."""

    leg: Leg
    quantity: Decimal
    reference_price: Decimal
    context: EntryContext


class OCWStrategy(ProtectedStrategy):
    """Turn decisions into protected positions.

    Parameters
    ----------
    config : OCWStrategyConfig
    """

    def __init__(self, config: OCWStrategyConfig) -> None:
        super().__init__(config)
        self.carried: CarriedState | None = None
        """What an earlier run left, to continue from."""
        self._barrier = CloseBarrier(self._symbols)
        self._symbol_of: dict[InstrumentId, str] = {}
        self._tickets: dict[str, list[_Ticket]] = {}
        self._armed_ns = 0
        self._bar_ns = self._settings.data.bar_minutes * MINUTE_NS

    # -- start and stop ---------------------------------------------------------------------------

    def on_start(self) -> None:
        """Find the instruments, build the limits over them and subscribe."""
        for symbol in self._symbols:
            instrument = self.cache.instrument(instrument_id(symbol))
            if instrument is None:
                raise SettingsError("data.instruments", symbol, "import its data first")
            self._instruments[symbol] = instrument
            self._symbol_of[instrument.id] = symbol
        listings = {
            symbol: Listing(
                step=instrument.size_increment.as_decimal(),
                minimum_notional=float(instrument.min_notional or 0),
            )
            for symbol, instrument in self._instruments.items()
        }
        self._limits = RiskLimits(self._settings.risk, listings, self._settings.costs.order)
        if self.carried is not None and self.carried.halt is not None:
            self._halt.restore(self.carried.halt)
        self.subscribe_data(DataType(OcwDecision), client_id=OCW_CLIENT)
        for symbol in self._symbols:
            self.subscribe_bars(bar_type(symbol, self._settings.data.bar_minutes))
        self._tell_halts(0)

    def on_stop(self) -> None:
        """Hand over what is still to be told; stops stay at the venue."""
        self._tell_trades()
        # in place of a sample of the same close: orders may have filled since it was taken
        self._journal.replace(self._equity_now(self._now_ns()))
        self._journal.save_state(HALT_STATE, self._halt.state())

    def on_dispose(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def on_fault(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    # -- decisions --------------------------------------------------------------------------------

    def on_data(self, data: Any) -> None:
        """Plan a decision and queue its legs."""
        if not isinstance(data, OcwDecision):
            return
        decision = data.read()
        now_ns = self._now_ns()
        if self._barrier.finish(decision.close_ns):  # a bar of that close did not come
            self._on_close(decision.close_ns)
        contexts = {target.symbol: EntryContext(decision, target) for target in decision.targets}
        for symbol in contexts:
            if self._tickets.pop(symbol, None):
                self._event(now_ns, "superseded", symbol, decision.decision_id)
        targets = [
            TargetExposure(
                symbol=target.symbol,
                exposure=target.exposure,
                confidence=target.confidence,
                posterior_scale=target.posterior_scale,
                regime_scale=decision.regime_scale,
                macro_scale=decision.macro_scale,
            )
            for target in decision.targets
            if decision.source != REVIEW or self._reduces(target)
        ]
        plan = self._limits.plan(targets, self._portfolio(now_ns))
        for clamp in plan.clamps:
            self._journal.append(
                Clamp(
                    decision.decision_id, now_ns, clamp.symbol, clamp.limit, clamp.before,
                    clamp.after,
                )
            )  # fmt: skip
        for dropped in plan.dropped:
            self._event(now_ns, f"dropped:{dropped.reason}", dropped.symbol, dropped.detail)
        for leg in plan.legs:
            if decision.source == REVIEW and leg.purpose == "entry":
                self._event(now_ns, "dropped:review_entry", leg.symbol, "a review only reduces")
            else:
                self._queue(leg, contexts[leg.symbol], now_ns)
        if self._acts_at_once():
            self._send_tickets(self._idle(), now_ns)

    def _acts_at_once(self) -> bool:
        return self._settings.execution.entry_timing == "alert"

    def _now_ns(self) -> int:
        return self.clock.timestamp_ns()

    def _blocked(self, now_ns: int) -> str | None:
        # why nothing may be entered
        return self._halt.blocked(now_ns)

    def _reduces(self, target: TargetContext) -> bool:
        # What a review saw may have been closed or turned since.
        symbol = target.symbol
        return self._book.is_held(symbol) and self._book.direction(symbol) * target.exposure > 0

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
        drafts = []
        for symbol in symbols:
            tickets = self._tickets[symbol]
            ticket = tickets.pop(0)
            if not tickets:
                del self._tickets[symbol]
            draft = self._draft_of(symbol, ticket, now_ns)
            if draft is not None:
                drafts.append(draft)
        if not drafts:
            return
        self._send(*drafts)
        for draft in drafts:
            order = draft.order
            if order.order_type == OrderType.LIMIT and not order.is_closed:
                wait_ns = round(self._settings.execution.entry_wait_seconds * SECOND_NS)
                name = order.client_order_id.value
                self._later(f"entry-{name}", wait_ns, partial(self._give_up_entry, name))

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

    # -- every bar --------------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Remember the price; work once the close is complete."""
        symbol = self._symbol_of[bar.bar_type.instrument_id]
        close_ns = close_of(bar.ts_event)
        self._book.see(symbol, bar.close, bar.high, bar.low, close_ns)
        if not self._matters(close_ns):
            return
        for due_ns in self._barrier.add(symbol, close_ns):
            if self._matters(due_ns):
                self._on_close(due_ns)
        if close_ns > self._armed_ns and self._matters(close_ns) and self._barrier.waits(close_ns):
            self._armed_ns = close_ns
            self._after_close(close_ns, partial(self._on_overdue, close_ns))

    def _later(self, name: str, delay_ns: int, callback: Callable[[Any], None]) -> None:
        self.clock.set_time_alert_ns(name, self.clock.timestamp_ns() + delay_ns, callback)

    def _after_close(self, close_ns: int, callback: Callable[[Any], None]) -> None:
        # under one name: the clock keeps what it called, by name, for ever
        self.clock.set_time_alert_ns("close", close_ns + CLOSE_WAIT_NS, callback)

    def _matters(self, close_ns: int) -> bool:
        # whether there is anything to do at a close
        return bool(self._tickets or self._working or self._book.busy or close_ns % HOUR_NS == 0)

    def _on_overdue(self, close_ns: int, _event: Any) -> None:
        if self._barrier.finish(close_ns):
            self._on_close(close_ns)

    def _on_close(self, now_ns: int) -> None:
        if self._tickets:
            self._send_tickets(self._idle(), now_ns)
        held = self._book.held
        for symbol in held:
            for position in self.cache.positions_open(
                instrument_id=self._instruments[symbol].id, strategy_id=self.id
            ):
                self._take_funding(symbol, position)
            self._watch_exits(symbol, now_ns)
        self._tell_trades()
        if measures_equity(now_ns, held=bool(held)):
            self._watch_equity(now_ns)

    def _watch_exits(self, symbol: str, now_ns: int) -> None:
        position = self._book.position(symbol)
        if position is None or symbol in self._working:
            return  # an order on its way changes what there is to leave
        blind = self._exits.blind(position, now_ns)
        if blind is not None:
            self._event(now_ns, "exits_blind", symbol, blind)
        signal = self._exits.evaluate(position, now_ns)
        if signal is not None:
            self._leave(symbol, signal.rule, now_ns)
        else:
            self._protect(symbol, now_ns)

    def _watch_equity(self, now_ns: int) -> None:
        equity = self._equity()
        for event in self._halt.on_equity(now_ns, equity):
            self._event(now_ns, event.kind, "", event.detail)
        self._tell_halts(now_ns)
        if now_ns % HOUR_NS == 0:
            self._sample_equity(now_ns)
        if not self._settings.execution.margin_check:
            return
        positions = self._book.positions().values()
        rates = {s: float(i.margin_maint) for s, i in self._instruments.items()}
        required = maintenance_margin(positions, rates)
        if equity <= required:
            self._event(now_ns, "account_blown", "", f"equity {equity:.2f} USD")
            self._journal.flush()
            raise AccountBlownError(
                "account equity",
                round(equity, 2),
                f"the venue liquidates at {required:.2f} USD; lower risk.max_gross_fraction",
            )

    def _tell_halts(self, close_ns: int) -> None:
        # what a snapshot says of halts is this guard's word
        message = OcwHalts(
            ts_event=close_ns,
            ts_init=self.clock.timestamp_ns(),
            state=json.dumps(self._halt.state()),
        )
        self.publish_data(DataType(OcwHalts), message)

    def _tell_trades(self) -> None:
        for payload in self._book.take_trades():
            message = OcwTradeClosed(
                ts_event=payload.trade.closed_ns,
                ts_init=self.clock.timestamp_ns(),
                trade_id=payload.trade.trade_id,
                payload=payload.model_dump_json(),
            )
            self.publish_data(DataType(OcwTradeClosed), message)

    # -- views ------------------------------------------------------------------------------------

    def _portfolio(self, now_ns: int) -> PortfolioView:
        while self._sent_ns and self._sent_ns[0] <= now_ns - HOUR_NS:
            self._sent_ns.popleft()
        equity, positions = self._equity(), self._book.positions()
        used = sum(abs(view.quantity) * view.price for view in positions.values())
        return PortfolioView(
            now_ns=now_ns,
            equity=equity,
            free_margin=equity - used / self._settings.risk.venue_leverage,
            positions=positions,
            prices=self._book.prices,
            orders_last_hour=len(self._sent_ns),
            entries_blocked=self._blocked(now_ns),
            blocked=self._halt.cooling(now_ns),
        )

    def _balance(self) -> float:
        account = self.portfolio.account(VENUE)
        return account.balance_total(_USDT).as_double() if account is not None else 0.0

    def _equity(self) -> float:
        return self._balance() + open_profit_usd(self.cache.positions_open(), self._book.prices)

    def _equity_now(self, now_ns: int) -> Equity:
        return Equity(now_ns, self._equity(), self._balance())

    def _sample_equity(self, now_ns: int) -> None:
        self._journal.append(self._equity_now(now_ns))
        for symbol, price in sorted(self._book.prices.items()):
            self._journal.append(PriceRow(now_ns, symbol, price))
