"""OCWActor: watches the market and asks for a decision when the gate says it is worth buying.

It translates: engine events into calls of the `DecisionDesk`, advice into an `OcwDecision` on the
bus. A close is decided once the bars of all instruments are in, or three seconds after it with the
missing ones stale. The advisor is a coroutine: in a backtest it is driven inline and its answer
takes effect after a modelled latency, by a time alert.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from nautilus_trader.model.data import Bar, DataType

from ocw_strategy.account import AccountView, Holding
from ocw_strategy.account_actor import AccountActor, OCWActorConfig
from ocw_strategy.advisor import Advice, Advisor, LessonWriter, drive
from ocw_strategy.advisors import make_advisor
from ocw_strategy.carried import DESK_STATE, CarriedState
from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.delivery import Standing, overtaken
from ocw_strategy.engine import CLOSE_WAIT_NS, bar_type, instrument_id
from ocw_strategy.gate import Verdict, is_decision_close
from ocw_strategy.journal import Event, Trade
from ocw_strategy.market import CloseBarrier, MarketSnapshot, SignalTrack
from ocw_strategy.market.features import DECISION_NS
from ocw_strategy.messages import (
    OCW_CLIENT,
    REVIEW,
    DecisionPayload,
    OcwDecision,
    OcwHalts,
    OcwTradeClosed,
    TargetContext,
    TradePayload,
)
from ocw_strategy.regime import Regime
from ocw_strategy.risk import PositionView, ReviewBook
from ocw_strategy.units import HOUR_NS, MINUTE_NS, SECOND_NS, close_of


class OCWActor(AccountActor):
    """Decide when a decision is worth buying, and publish what was decided.

    Parameters
    ----------
    config : OCWActorConfig
    """

    def __init__(self, config: OCWActorConfig) -> None:
        super().__init__(config)
        self.advisor: Advisor | None = None
        """Who is asked: whom the settings name, unless another is put here before the start."""
        self._close_advisor: Callable[[], None] | None = None
        self.signal_track: SignalTrack | None = None
        """Signals to use instead of those of the statistics, where a run scrambles them."""
        self.carried: CarriedState | None = None
        """What an earlier run left, to continue from."""
        self._barrier = CloseBarrier(self._desk.symbols)
        self._flows: dict[str, tuple[int, float]] = {}
        self._reviews = ReviewBook(self._settings.risk.review, self._settings.costs.order)
        self._on_their_way: dict[str, tuple[DecisionPayload, Standing | None]] = {}
        self._moved_ns: dict[str, int] = {}  # until when orders of ours may move a position

    # -- start and stop ---------------------------------------------------------------------------

    def on_start(self) -> None:
        """Take over what is carried, find who decides, bring the regime up to now, subscribe."""
        self._desk.signal_track = self.signal_track
        if self.carried is not None:
            self._desk.restore(self.carried.desk)
        if self.advisor is None and self.config.wake:
            self.advisor, self._close_advisor = make_advisor(self._settings, self._journal)
        self._warm_regime()
        for symbol in self._desk.symbols:
            self._symbol_of[instrument_id(symbol)] = symbol
        types: list[type] = [OcwTradeClosed, OcwHalts]
        if self._settings.data.derivatives:
            types += [OcwTakerFlow, OcwDerivatives]
        if self._settings.data.funding:
            types.append(OcwFundingRate)
        for cls in types:
            self.subscribe_data(DataType(cls), client_id=OCW_CLIENT)
        for symbol in self._desk.symbols:
            self.subscribe_bars(bar_type(symbol, self._settings.data.bar_minutes))
        self._start_waiting(self.clock.timestamp_ns())

    def _warm_regime(self) -> None:
        self.regimes.warm_from_catalog(self.clock.timestamp_ns())

    def _start_waiting(self, now_ns: int) -> None:
        # One timer for all closes is half the price of an alert at each.
        since_ns = now_ns - (now_ns - CLOSE_WAIT_NS) % DECISION_NS
        self.clock.set_timer_ns("close-wait", DECISION_NS, since_ns, 0, self._on_wait_over)

    def on_stop(self) -> None:
        """Keep what was learnt."""
        self._journal.save_state(DESK_STATE, self._desk.state())

    def on_dispose(self) -> None:
        """Let go of the journal and the advisor's files."""
        if self._close_advisor is not None:
            self._close_advisor()
        self._journal.close()

    def on_fault(self) -> None:
        """Let go of the journal and the advisor's files."""
        self.on_dispose()

    # -- market data ------------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Take the bar in; decide once the close is complete."""
        symbol = self._symbol_of[bar.bar_type.instrument_id]
        close_ns = close_of(bar.ts_event)
        close = bar.close.as_double()
        flow = self._flows.get(symbol)
        self._desk.add_bar(
            symbol,
            close_ns,
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            close,
            bar.volume.as_double(),
            flow[1] if flow is not None and flow[0] == close_ns else math.nan,
        )
        if close_ns % HOUR_NS == 0:
            self.regimes.add_hour(symbol, close_ns, close)
        for due_ns in self._barrier.add(symbol, close_ns):
            self._on_close(due_ns)
        if is_decision_close(close_ns) and self._barrier.waits(close_ns):
            self._await_others(close_ns)

    def _await_others(self, close_ns: int) -> None:
        if self.clock.timestamp_ns() > close_ns + CLOSE_WAIT_NS:
            self._wait_no_longer(close_ns)  # even its first bar came late

    def _on_wait_over(self, event: Any) -> None:
        # three seconds after every decision close
        self._wait_no_longer(event.ts_event - CLOSE_WAIT_NS)

    def _wait_no_longer(self, close_ns: int) -> None:
        # Whatever bars are missing are stale; a close of which none came is not decided.
        if self._barrier.waits(close_ns):
            self._barrier.finish(close_ns)
            self._on_close(close_ns)

    def on_data(self, data: Any) -> None:
        """Take in a statistic, or learn from a closed trade."""
        if isinstance(data, OcwDerivatives):
            self._desk.derivatives.add_metrics(
                self._symbol_of[data.instrument_id],
                data.ts_event,
                data.ts_init,
                data.open_interest,
                data.open_interest_value,
                data.toptrader_account_ls_ratio,
                data.toptrader_position_ls_ratio,
                data.global_account_ls_ratio,
                data.taker_buy_sell_ratio,
            )
        elif isinstance(data, OcwTakerFlow):
            if data.minutes == self._settings.data.bar_minutes:
                self._flows[self._symbol_of[data.instrument_id]] = (data.ts_event, data.buy_volume)
        elif isinstance(data, OcwFundingRate):
            self._desk.derivatives.add_funding(
                self._symbol_of[data.instrument_id], data.ts_event, data.ts_init, data.rate
            )
        elif isinstance(data, OcwTradeClosed):
            self._on_trade(data.read())
        elif isinstance(data, OcwHalts):
            self._halts = data

    def _on_trade(self, payload: TradePayload) -> None:
        if self._desk.lessons.learn(payload) and isinstance(self.advisor, LessonWriter):
            self._ask_lesson(self.advisor, payload.trade)

    def _ask_lesson(self, writer: LessonWriter, trade: Trade) -> None:
        draft = self._desk.lessons.draft(trade.trade_id)
        lesson = drive(writer.lesson(draft, trade.closed_ns))
        if lesson is not None:
            self._desk.lessons.rewrite(trade.trade_id, lesson, trade.closed_ns)

    # -- a close ----------------------------------------------------------------------------------

    def _on_close(self, close_ns: int) -> None:
        decides = is_decision_close(close_ns)
        if not decides and not self.cache.positions_open_count():
            return
        holdings = self._holdings()
        if holdings:
            self._review(close_ns, holdings)
        if not decides:
            return
        verdict = self._desk.close(
            close_ns,
            holding=frozenset(held.symbol for held in holdings),
            # priced with this close, woken or not; a new concern asks anew
            extra=("position_review",) if self._reviews.take_asking() else (),
        )
        if verdict is not None and verdict.wake and self.advisor is not None:
            self._ask(self.advisor, verdict, holdings)

    def _ask(self, advisor: Advisor, verdict: Verdict, holdings: tuple[Holding, ...]) -> None:
        snapshot = self._desk.snapshot(verdict, self._account(verdict.now_ns, holdings))
        self._take_advice(verdict, snapshot, drive(advisor.decide(snapshot)), advisor, holdings)

    def _take_advice(
        self,
        verdict: Verdict,
        snapshot: MarketSnapshot,
        advice: Advice,
        advisor: Advisor,
        holdings: tuple[Holding, ...],
    ) -> None:
        payload = self._desk.decided(snapshot, advice, advisor.name, self.clock.timestamp_ns())
        if payload is None:
            return
        self._reviews.decided(((held.symbol, held.opened_ns) for held in holdings), payload.regime)
        reports = snapshot.instruments.items()
        prices = {symbol: found.price for symbol, found in reports if found.price is not None}
        asked = _standing(verdict.now_ns, holdings, prices)
        self._deliver_at(verdict.now_ns + self._latency_ns(verdict.now_ns), payload, asked)

    def _order_wait_ns(self) -> int:
        waits = self._settings.execution.entry_timing == "next_bar"
        return self._settings.data.bar_minutes * MINUTE_NS if waits else 0

    def _market_ns(self) -> int:
        return self.clock.timestamp_ns()

    def _price(self, symbol: str) -> float:
        return self._desk.price(symbol)

    def _latency_ns(self, close_ns: int) -> int:
        execution = self._settings.execution
        rng = np.random.default_rng((self._settings.run.seed, 3, close_ns))
        factor = rng.lognormal(0.0, execution.latency_sigma) if execution.latency_sigma else 1.0
        # never before the close's stragglers have been waited for
        return max(CLOSE_WAIT_NS + 1, int(execution.latency_seconds * SECOND_NS * factor))

    def _deliver_at(
        self, alert_ns: int, payload: DecisionPayload, asked: Standing | None = None
    ) -> None:
        name = f"decision-{payload.decision_id}"
        self._on_their_way[name] = payload, asked
        # the clock keeps what it called, by name, for ever: a method weighs nothing
        self.clock.set_time_alert_ns(name, alert_ns, self._on_arrival)

    def _on_arrival(self, event: Any) -> None:
        self._deliver(*self._on_their_way.pop(event.name))

    def _deliver(self, payload: DecisionPayload, asked: Standing | None) -> None:
        if not self.is_running:
            return
        now_ns = self.clock.timestamp_ns()
        if asked is not None:
            prices = {symbol: self._price(symbol) for symbol in asked.prices}
            now = _standing(self._market_ns(), self._holdings(), prices)
            ours = {s for s, ns in self._moved_ns.items() if ns >= asked.now_ns}
            why = overtaken(asked, now, self._settings.execution, ours)
            if why is not None:
                self._desk.hold(payload.close_ns, why, payload.decision_id)
                return
        for target in payload.targets:
            self._moved_ns[target.symbol] = payload.close_ns + self._order_wait_ns()
        message = OcwDecision(
            ts_event=payload.close_ns,
            ts_init=now_ns,
            decision_id=payload.decision_id,
            payload=payload.model_dump_json(),
        )
        self.publish_data(DataType(OcwDecision), message)

    # -- the review of what is held ---------------------------------------------------------------

    def _review(self, now_ns: int, holdings: tuple[Holding, ...]) -> None:
        regime = self.regimes.at(now_ns)
        for held in holdings:
            action = self._reviews.look(
                _position_view(held, now_ns),
                now_ns,
                regime=regime.key,
                composite=self._desk.composite(held.symbol, now_ns),
            )
            if action.kind == "reduce":
                account = self._account(now_ns, holdings)
                self._reduce(held, account, action.fraction, action.concerns, regime)

    def _reduce(
        self,
        held: Holding,
        account: AccountView,
        fraction: float,
        concerns: tuple[str, ...],
        regime: Regime,
    ) -> None:
        now_ns = account.now_ns
        exposure = account.exposure(held, self._settings.risk.max_position_fraction)
        self._journal.append(Event(now_ns, "review:reduce", held.symbol, ", ".join(concerns)))
        self._deliver_at(
            now_ns + CLOSE_WAIT_NS + 1,
            DecisionPayload(
                decision_id=f"review-{held.symbol}-{now_ns}",
                close_ns=now_ns,
                source=REVIEW,
                reason=", ".join(concerns),
                regime=regime.key,
                regime_scale=1.0,
                macro_scale=1.0,
                targets=(
                    TargetContext(
                        symbol=held.symbol,
                        exposure=max(-1.0, min(1.0, exposure * (1 - fraction))),
                        confidence=1.0,
                        posterior_scale=1.0,
                        signals={},
                        volatility=None,
                    ),
                ),
            ),
        )


def _standing(now_ns: int, holdings: tuple[Holding, ...], prices: Mapping[str, float]) -> Standing:
    return Standing(now_ns, prices, {held.symbol: held.quantity for held in holdings})


def _position_view(held: Holding, now_ns: int) -> PositionView:
    return PositionView(
        symbol=held.symbol,
        quantity=held.quantity,
        entry_price=held.entry_price,
        price=held.price,
        price_ns=now_ns,
        opened_ns=held.opened_ns,
        best_price=held.price,
        worst_price=held.price,
    )
