"""OCWStrategy: carries a decision out under limits, and keeps every position protected.

It receives `OcwDecision`, asks the risk room what of it may be traded, journals what an order is
for before the order leaves, puts a reduce-only stop at the venue on every fill, watches the exits
at each close and reports what was closed as `OcwTradeClosed` and its halts as `OcwHalts`. No
formula lives here. Work that spans instruments waits until a close's bars are all in, so the order
of their arrival is nothing.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from nautilus_trader.model.data import Bar, DataType
from nautilus_trader.model.identifiers import InstrumentId

from ocw_strategy.carried import HALT_STATE, CarriedState
from ocw_strategy.engine import (
    CLOSE_WAIT_NS,
    balance_usd,
    bar_type,
    instrument_id,
    open_profit_usd,
)
from ocw_strategy.errors import AccountBlownError, SettingsError
from ocw_strategy.journal import Clamp, Equity, PriceRow
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
from ocw_strategy.protected import OCWStrategyConfig
from ocw_strategy.risk import (
    Listing,
    PortfolioView,
    RiskLimits,
    TargetExposure,
    maintenance_margin,
    measures_equity,
)
from ocw_strategy.tickets import TicketStrategy
from ocw_strategy.units import HOUR_NS, close_of


class OCWStrategy(TicketStrategy):
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
        self._armed_ns = 0

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

    def _reduces(self, target: TargetContext) -> bool:
        # What a review saw may have been closed or turned since.
        symbol = target.symbol
        return self._book.is_held(symbol) and self._book.direction(symbol) * target.exposure > 0

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

    def _equity(self) -> float:
        return balance_usd(self.portfolio) + open_profit_usd(
            self.cache.positions_open(), self._book.prices
        )

    def _equity_now(self, now_ns: int) -> Equity:
        return Equity(now_ns, self._equity(), balance_usd(self.portfolio))

    def _sample_equity(self, now_ns: int) -> None:
        self._journal.append(self._equity_now(now_ns))
        for symbol, price in sorted(self._book.prices.items()):
            self._journal.append(PriceRow(now_ns, symbol, price))
