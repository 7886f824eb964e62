"""OCWStrategy: carries a decision out under limits, and keeps every position protected.

It receives `OcwDecision`, asks the risk room what of it may be traded, journals what an order is
for before the order leaves, puts a reduce-only stop at the venue on every fill, watches the exits
at each close and reports what was closed as `OcwTradeClosed`. No formula lives here. Work that
spans instruments waits until a close's bars are all in, so the order of their arrival is nothing.
"""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import Bar, DataType
from nautilus_trader.model.enums import OrderSide, PositionAdjustmentType
from nautilus_trader.model.events import OrderDenied, OrderFilled, OrderRejected
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, PositionId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Currency
from nautilus_trader.model.orders import Order
from nautilus_trader.trading.strategy import Strategy

from ocw_strategy.engine import VENUE, bar_type, instrument_id
from ocw_strategy.errors import AccountBlownError, SettingsError
from ocw_strategy.journal import Clamp, Equity, Event, Intent, Journal, OrderEvent, PriceRow
from ocw_strategy.market import CloseBarrier
from ocw_strategy.messages import OCW_CLIENT, OcwDecision, OcwTradeClosed
from ocw_strategy.positions import EntryContext, Fill, PositionBook
from ocw_strategy.risk import (
    Costs,
    ExitRules,
    HaltGuard,
    Leg,
    Listing,
    PortfolioView,
    RiskLimits,
    StopLevel,
    TargetExposure,
    client_order_id,
    maintenance_margin,
    round_down,
)
from ocw_strategy.settings import Settings, settings_from
from ocw_strategy.units import HOUR_NS, close_of

_USDT = Currency.from_str("USDT")


class OCWStrategyConfig(StrategyConfig, frozen=True):
    """Configure the strategy: the run's settings as plain values, and its journal's run id."""

    settings: dict[str, Any]
    run_id: str


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A leg of a plan, ready to leave."""

    leg: Leg
    quantity: Decimal
    reference_price: Decimal
    context: EntryContext


@dataclass(frozen=True, slots=True)
class _Resting:
    """The stop that rests at the venue."""

    order: Order
    level: StopLevel
    quantity: Decimal


class OCWStrategy(Strategy):
    """Turn decisions into protected positions.

    Parameters
    ----------
    config : OCWStrategyConfig
    """

    def __init__(self, config: OCWStrategyConfig) -> None:
        super().__init__(config)
        self._settings: Settings = settings_from(config.settings)
        self._symbols = tuple(sorted(self._settings.data.instruments))
        self._journal: Journal = Journal.attach(config.run_id)
        self._costs: Costs = self._settings.costs.order
        self._exits = ExitRules(self._settings.risk.exits, self._costs)
        self._halt = HaltGuard(self._settings.risk.halt)
        self._barrier = CloseBarrier(self._symbols)
        self._book = PositionBook(self._journal, self._symbols)
        self._instruments: dict[str, Instrument] = {}
        self._symbol_of: dict[InstrumentId, str] = {}
        self._intents: dict[str, Intent] = {}
        self._contexts: dict[str, EntryContext] = {}
        self._stops: dict[str, _Resting] = {}
        self._tickets: dict[str, list[_Ticket]] = {}
        self._leaving: dict[str, str] = {}
        self._funding_seen: dict[str, int] = {}
        self._sequence: dict[str, int] = {}
        self._cycle: dict[str, int] = {}
        self._sent_ns: deque[int] = deque()

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
        self._limits = RiskLimits(self._settings.risk, listings, self._costs)
        self.subscribe_data(DataType(OcwDecision), client_id=OCW_CLIENT)
        for symbol in self._symbols:
            self.subscribe_bars(bar_type(symbol, self._settings.data.bar_minutes))

    def on_stop(self) -> None:
        """Hand over what is still to be told; stops stay at the venue."""
        self._tell_trades()
        self._sample_equity(self.clock.timestamp_ns())
        self._journal.flush()

    # -- decisions --------------------------------------------------------------------------------

    def on_data(self, data: Any) -> None:
        """Plan a decision and queue its legs."""
        if not isinstance(data, OcwDecision):
            return
        decision = data.read()
        now_ns = self.clock.timestamp_ns()
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
            self._queue(leg, contexts[leg.symbol], now_ns)
        if self._settings.execution.entry_timing == "alert":
            self._send_tickets(now_ns)

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

    def _send_tickets(self, now_ns: int) -> None:
        tickets, self._tickets = self._tickets, {}
        for symbol in sorted(tickets):
            for ticket in tickets[symbol]:
                self._send_ticket(symbol, ticket, now_ns)

    def _send_ticket(self, symbol: str, ticket: _Ticket, now_ns: int) -> None:
        # What was planned is checked once more: a stop may have filled, a halt begun since.
        leg, quantity = ticket.leg, ticket.quantity
        if leg.purpose == "entry":
            refusal = self._halt.blocked(now_ns) or self._halt.cooling(now_ns).get(symbol)
            wanted = 1 if leg.delta_notional > 0 else -1
            if self._book.is_held(symbol) and self._book.direction(symbol) != wanted:
                refusal = "position_changed"
        else:
            quantity = min(quantity, self._book.quantity(symbol))
            refusal = None if quantity else "position_closed"
        if refusal:
            self._event(now_ns, f"dropped:{refusal}", symbol, leg.purpose)
            return
        self._send(
            symbol,
            ticket.context.decision.decision_id,
            leg.purpose,
            OrderSide.BUY if leg.delta_notional > 0 else OrderSide.SELL,
            quantity,
            leg.purpose,
            now_ns,
            ticket=ticket,
        )

    # -- orders -----------------------------------------------------------------------------------

    def _send(
        self,
        symbol: str,
        decision_id: str,
        leg: str,
        side: OrderSide,
        quantity: Decimal,
        purpose: str,
        now_ns: int,
        *,
        ticket: _Ticket | None = None,
        trigger: float | None = None,
    ) -> Order:
        # The intent is durable before its order leaves.
        instrument = self._instruments[symbol]
        sequence = self._sequence[symbol] = self._sequence.get(symbol, 0) + 1
        leg = f"{symbol}/{leg}/{sequence}"
        name = client_order_id(str(self.id), decision_id, leg, 0)
        common: dict[str, Any] = {
            "instrument_id": instrument.id,
            "order_side": side,
            "quantity": instrument.make_qty(quantity),
            "reduce_only": purpose != "entry",
            "client_order_id": ClientOrderId(name),
        }
        if trigger is None:
            order = self.order_factory.market(**common)
        else:
            order = self.order_factory.stop_market(
                **common, trigger_price=instrument.make_price(trigger)
            )
        reference = ticket.reference_price if ticket else self._book.price(symbol)
        intent = Intent(
            client_order_id=name,
            decision_id=decision_id,
            leg=leg,
            attempt=0,
            ts_ns=now_ns,
            symbol=symbol,
            purpose=purpose,
            side="BUY" if side == OrderSide.BUY else "SELL",
            quantity=str(order.quantity),
            trigger_price="" if trigger is None else str(order.trigger_price),
            reference_price=str(reference),
            context=ticket.context.target.model_dump_json() if ticket else "",
        )
        self._journal.append_durably(intent)
        self._intents[name] = intent
        if ticket:
            self._contexts[name] = ticket.context
        if purpose != "stop":
            self._sent_ns.append(now_ns)
        self.submit_order(order, position_id=self._position_id(symbol))
        return order

    def _position_id(self, symbol: str) -> PositionId | None:
        # A hedging venue must be told which position an order belongs to; a netting one knows.
        if self._settings.execution.oms == "NETTING":
            return None
        if not self._book.is_held(symbol):
            self._cycle[symbol] = self._cycle.get(symbol, 0) + 1
        return PositionId(f"{symbol}-{self._cycle[symbol]}")

    def on_order_rejected(self, event: OrderRejected) -> None:
        """Record the refusal; a stop that would trigger at once closes at market instead."""
        self._refused(event.client_order_id.value, event.reason, event.ts_event)

    def on_order_denied(self, event: OrderDenied) -> None:
        """Record the refusal."""
        self._refused(event.client_order_id.value, event.reason, event.ts_event)

    def _refused(self, name: str, reason: str, now_ns: int) -> None:
        intent = self._intents.pop(name)
        self._leaving.pop(intent.symbol, None)
        self._journal.append(OrderEvent(name, now_ns, "refused", "", reason))
        if intent.purpose == "stop":
            self._stops.pop(intent.symbol, None)
            self._leave(intent.symbol, "stop_refused", now_ns)

    def on_order_filled(self, event: OrderFilled) -> None:
        """Book the fill into lots and put the stop where the position now is."""
        name = event.client_order_id.value
        intent = self._intents[name]
        symbol = intent.symbol
        fill = Fill(
            trade_id=event.trade_id.value,
            ts_ns=event.ts_event,
            quantity=event.last_qty.as_decimal(),
            price=event.last_px.as_decimal(),
            fee_usd=event.commission.as_decimal(),
            liquidity=event.liquidity_side.name,
        )
        self._take_funding(symbol)
        if intent.purpose == "entry":
            self._book.entry_filled(intent, self._contexts[name], fill)
        else:
            reason = self._exit_reason(intent)
            self._book.reduction_filled(intent, fill, reason)
            if not self._book.is_held(symbol):
                self._leaving.pop(symbol, None)
                if reason != "decision":
                    self._halt.on_exit(symbol, fill.ts_ns)
        self._protect(symbol, fill.ts_ns)

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
        order = self._send(
            symbol, decision_id, "stop", side, quantity, "stop", now_ns, trigger=level.price
        )
        if order.is_closed:  # refused; the refusal has closed the position
            return
        self._stops[symbol] = _Resting(order, level, quantity)
        self._cancel(old)

    def _cancel(self, stop: _Resting | None) -> None:
        if stop is not None and stop.order.is_open:
            self.cancel_order(stop.order)

    def _leave(self, symbol: str, rule: str, now_ns: int) -> None:
        if not self._book.is_held(symbol) or symbol in self._leaving:
            return
        self._leaving[symbol] = rule
        side = OrderSide.SELL if self._book.direction(symbol) > 0 else OrderSide.BUY
        quantity = self._book.quantity(symbol)
        decision_id = self._book.decision_id(symbol)
        self._send(symbol, decision_id, f"exit/{rule}", side, quantity, "exit", now_ns)

    # -- every bar --------------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Remember the price; work once the close is complete."""
        symbol = self._symbol_of[bar.bar_type.instrument_id]
        close_ns = close_of(bar.ts_event)
        self._book.see(
            symbol, bar.close.as_decimal(), bar.high.as_decimal(), bar.low.as_decimal(), close_ns
        )
        for due_ns in self._barrier.add(symbol, close_ns):
            self._on_close(due_ns)

    def _on_close(self, now_ns: int) -> None:
        if self._tickets:
            self._send_tickets(now_ns)
        held = self._book.held
        for symbol in held:
            self._take_funding(symbol)
            self._watch_exits(symbol, now_ns)
        self._tell_trades()
        if held or now_ns % HOUR_NS == 0:
            self._watch_equity(now_ns)

    def _watch_exits(self, symbol: str, now_ns: int) -> None:
        position = self._book.position(symbol)
        if position is None:
            return
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

    def _take_funding(self, symbol: str) -> None:
        # Funding the venue booked on the position since we last looked.
        for position in self.cache.positions_open(
            instrument_id=self._instruments[symbol].id, strategy_id=self.id
        ):
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
            entries_blocked=self._halt.blocked(now_ns),
            blocked=self._halt.cooling(now_ns),
        )

    def _balance(self) -> float:
        account = self.portfolio.account(VENUE)
        return account.balance_total(_USDT).as_double() if account is not None else 0.0

    def _equity(self) -> float:
        return self._balance() + self._book.unrealised_usd()

    def _sample_equity(self, now_ns: int) -> None:
        self._journal.append(Equity(now_ns, self._equity(), self._balance()))
        for symbol, price in sorted(self._book.prices.items()):
            self._journal.append(PriceRow(now_ns, symbol, price))

    def _event(self, now_ns: int, kind: str, symbol: str, detail: str) -> None:
        self._journal.append(Event(now_ns, kind, symbol, detail))
