"""The actor in a live node: the same one, with the advisor as a task and faults kept from it.

It adds what only the wall clock needs. The advisor is awaited in a task, one at a time; a wake
meanwhile is counted and skipped, and its answer is looked at again when it arrives: too old, or for
a price or a position that is no longer there, it becomes a hold. What was learnt is durable a
moment after every decision close, and with every trade it was learnt from, so that a restart learns
each trade exactly once.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from nautilus_trader.model.events import PositionOpened
from nautilus_trader.model.position import Position

from ocw_strategy.account import Holding
from ocw_strategy.account_actor import OCWActorConfig
from ocw_strategy.advisor import Advice, Advisor, LessonWriter
from ocw_strategy.advisor.outcomes import TIMEOUT
from ocw_strategy.advisors import make_advisor
from ocw_strategy.delivery import Standing
from ocw_strategy.engine import CLOSE_WAIT_NS, venue_symbol
from ocw_strategy.errors import JournalError
from ocw_strategy.gate import Verdict, is_decision_close
from ocw_strategy.journal import Event, Trade
from ocw_strategy.live.deferred import Deferred
from ocw_strategy.live.desk import NodeDesk, guarded
from ocw_strategy.live.history import History
from ocw_strategy.live.learnt import LearntTrades
from ocw_strategy.live.restart import told_trade
from ocw_strategy.live.warm_actor import WarmActor
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.messages import DecisionPayload, OcwTradeClosed
from ocw_strategy.units import SECOND_NS

STATE = "actor/3"
_EARLIER_STATE = "actor/2"


class LiveActor(WarmActor):
    """Decide in a live node.

    Parameters
    ----------
    config, node, history
        As of `WarmActor`.
    """

    def __init__(
        self,
        config: OCWActorConfig,
        node: NodeDesk,
        history: History | None = None,
    ) -> None:
        super().__init__(config, node, history)
        self._learnt = LearntTrades(self._journal)
        self._asked: asyncio.Task[None] | None = None
        self._awaited_ns = 0
        self._opened: dict[tuple[str, int], int] = {}
        # an order that follows from a close leaves first: its intent is durable by itself
        self._keeping = Deferred(self._keep_now)
        self._preparing = Deferred(self._prepare)

    # -- start and stop ---------------------------------------------------------------------------

    def on_start(self) -> None:
        """Subscribe, then take in the history."""
        if self.advisor is None:
            self.advisor, self._close_advisor = make_advisor(
                self._settings, self._journal, live=True
            )
        super().on_start()
        if self._node.replayed:
            self.msgbus.subscribe(topic="events.position.*", handler=self._date_opening)

    def _restore(self) -> None:
        """Continue where an earlier life left off, and learn what was closed since."""
        state = self._journal.load_state(STATE) or self._journal.load_state(_EARLIER_STATE)
        if state is not None:
            self._desk.restore(state["desk"])
            self._learnt.restore(state["learnt"])
            self._reviews.restore(state["reviews"])
        for trade in self._learnt.missed():
            self._learn(OcwTradeClosed(
                ts_event=trade.closed_ns,
                ts_init=trade.closed_ns,
                trade_id=trade.trade_id,
                payload=told_trade(self._journal, trade).model_dump_json(),
            ))  # fmt: skip

    def on_stop(self) -> None:
        """Let go of what was asked, and keep what was learnt."""
        self._cancel_tasks()
        self._preparing.drop()
        if self._node.warm:
            self._keep()

    @guarded
    def _keep_now(self) -> None:
        self._keep()

    @guarded
    def _prepare(self) -> None:
        # what would cost the next order time, had it to be done then
        self._desk.prepare()
        try:
            self._journal.checkpoint()
        except JournalError as error:  # it can wait: what is in the log is safe there
            self.log.warning(str(error))

    def _keep(self) -> None:
        self._keeping.drop()
        state = {
            "desk": self._desk.state(),
            "learnt": self._learnt.state(),
            "reviews": self._reviews.state(),
        }
        self._journal.save_state(STATE, state)

    # -- handlers ---------------------------------------------------------------------------------

    @guarded
    def on_data(self, data: Any) -> None:
        """Take the message in; a closed trade exactly once."""
        if isinstance(data, OcwTradeClosed):
            # before the history is in it is found in the journal
            if self._node.warm:
                self._learn(data)
        else:
            super().on_data(data)

    def _learn(self, data: OcwTradeClosed) -> None:
        if not self._learnt.has(data.trade_id):
            super().on_data(data)
            self._learnt.add(data.trade_id)
            self._keep()

    def _on_close(self, close_ns: int) -> None:
        if self._desk.warming:  # the past: nothing that is held now was held then
            if is_decision_close(close_ns):
                self._desk.close(close_ns)
            return
        super()._on_close(close_ns)
        if is_decision_close(close_ns):
            self._keeping.ask()
            self._preparing.ask()
        else:
            self._journal.flush()

    @guarded
    def review(self, marks: Mapping[str, Decimal]) -> None:
        """Review what is held at other prices than the bars': rules that may only reduce.

        Parameters
        ----------
        marks : mapping of str to Decimal
            By the venue's symbols.
        """
        if not self._node.warm:
            return
        holdings = tuple(
            replace(held, price=float(marks[venue_symbol(held.symbol)]))
            for held in self._holdings()
        )
        self._review(self._market_ns(), holdings)

    def _start_waiting(self, now_ns: int) -> None:
        pass  # a close is waited for from its first bar on, in whatever time the market has

    def _await_others(self, close_ns: int) -> None:
        if close_ns > self._awaited_ns:
            self._awaited_ns = close_ns
            asyncio.get_running_loop().call_later(
                CLOSE_WAIT_NS / SECOND_NS, self._overdue, close_ns
            )

    @guarded
    def _overdue(self, close_ns: int) -> None:
        if self.is_running:
            self._wait_no_longer(close_ns)

    # -- the advisor, off the loop ----------------------------------------------------------------

    def _ask(self, advisor: Advisor, verdict: Verdict, holdings: tuple[Holding, ...]) -> None:
        if self._asked is not None and not self._asked.done():
            self._journal.append(Event(verdict.now_ns, "wake_skipped", "", "an answer is awaited"))
            return
        snapshot = self._desk.snapshot(verdict, self._account(verdict.now_ns, holdings))
        self._asked = self._spawn(self._answer(advisor, verdict, snapshot, holdings))

    async def _answer(
        self,
        advisor: Advisor,
        verdict: Verdict,
        snapshot: MarketSnapshot,
        holdings: tuple[Holding, ...],
    ) -> None:
        try:
            try:  # an advisor has a limit of its own; one that hangs all the same is not waited for
                async with asyncio.timeout(self._settings.execution.max_answer_age_seconds):
                    advice = await advisor.decide(snapshot)
            except TimeoutError:
                advice = Advice(None, TIMEOUT, "no answer while it would have stood")
            self._node.last_decision = (verdict.now_ns, advice.outcome)
            self._take_advice(verdict, snapshot, advice, advisor, holdings)
            if advice.cost_usd:
                self._keep()  # a bill is not forgotten
            else:
                self._keeping.ask()
        except Exception as error:  # an answer that cannot be had is a hold
            self.on_handler_fault("advisor", error)

    def _ask_lesson(self, writer: LessonWriter, trade: Trade) -> None:
        self._spawn(self._take_lesson(writer, trade))

    async def _take_lesson(self, writer: LessonWriter, trade: Trade) -> None:
        try:
            lesson = await writer.lesson(self._desk.lessons.draft(trade.trade_id), trade.closed_ns)
            if lesson is not None:
                self._desk.lessons.rewrite(trade.trade_id, lesson, trade.closed_ns)
                self._keep()
        except Exception as error:  # the draft stands
            self.on_handler_fault("lesson", error)

    def _deliver_at(
        self, alert_ns: int, payload: DecisionPayload, asked: Standing | None = None
    ) -> None:
        self._deliver(payload, asked)  # the answer took as long as it took

    def _latency_ns(self, close_ns: int) -> int:
        return 0  # not modelled: it passes

    def _order_wait_ns(self) -> int:
        return 0  # orders leave at once

    def _market_ns(self) -> int:
        return self._node.market_ns if self._node.replayed else self.clock.timestamp_ns()

    def _price(self, symbol: str) -> float:
        mark, _ = self._node.marks.get(symbol, (math.nan, 0))
        return mark

    def _date_opening(self, event: Any) -> None:
        if isinstance(event, PositionOpened):
            self._opened[event.position_id.value, event.ts_opened] = self._node.market_ns

    def _opened_ns(self, position: Position) -> int:
        # account events are stamped by the wall, and a replayed market has a time of its own
        if not self._node.replayed:
            return position.ts_opened
        key = (position.id.value, position.ts_opened)
        return self._opened.setdefault(key, self._node.market_ns)
