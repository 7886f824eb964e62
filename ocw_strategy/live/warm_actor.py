"""The part of the live actor that takes in what it did not see: history at a start, bars missed.

Live bars wait meanwhile. What is taken in is learnt from and not decided on.
"""

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

from nautilus_trader.model.data import Bar

from ocw_strategy.account_actor import OCWActorConfig
from ocw_strategy.actor import OCWActor
from ocw_strategy.catalog import OcwTakerFlow
from ocw_strategy.engine import instrument_id
from ocw_strategy.journal import Event
from ocw_strategy.live.desk import NodeDesk, Work, guarded
from ocw_strategy.live.history import History
from ocw_strategy.units import MINUTE_NS, close_of


class WarmActor(OCWActor):
    """Know the past before deciding.

    Parameters
    ----------
    config : OCWActorConfig
    node : NodeDesk
        Shared with the strategy and the keeper.
    history : History, optional
        Where what came before the start is fetched.
    """

    def __init__(
        self, config: OCWActorConfig, node: NodeDesk, history: History | None = None
    ) -> None:
        super().__init__(config)
        self._node = node
        self._history = history
        self._waiting: list[Any] = []
        self._closes: dict[str, int] = {}
        self._bar_ns = self._settings.data.bar_minutes * MINUTE_NS
        self._filling = False
        self._tasks: set[asyncio.Task[None]] = set()

    def on_start(self) -> None:
        """Subscribe, then take in the history."""
        super().on_start()
        self._spawn(self._warm_up())

    def _warm_regime(self) -> None:
        pass  # with the history

    async def _warm_up(self) -> None:
        found: Sequence[Any] = ()
        try:
            if self._history is not None:
                found = await self._history.items(self._instruments())
                first_ns = min((i.ts_init for i in found if isinstance(i, Bar)), default=0)
                if self.regimes.fits:
                    self.regimes.warm(await self._history.hours(first_ns))
        except Exception as error:  # cold is worse than warm and better than dead
            self.on_handler_fault("history", error)
        self._desk.warming = True
        for number, item in enumerate(found):
            if number % 200 == 199:
                await asyncio.sleep(0)  # fills and stops do not wait for it
            self._feed(item)
        self._desk.warming = False
        self._restore()
        self._desk.prepare()
        gc.collect()
        gc.freeze()  # what the start made stays: no later collection stops the loop to look at it
        self._node.warm = True
        self._play_waiting()

    async def _fill(self, since_ns: int, history: History) -> None:
        # what was missed is learnt from and not decided on: its moment has passed
        missed: Sequence[Any] = ()
        try:
            missed = await self._missed(since_ns, history)
            first_ns = self._first_waiting_ns()
            self._desk.warming = True
            for item in missed:
                if close_of(item.ts_event) < first_ns:
                    self._feed(item)
        except Exception as error:  # told, and no reason to keep back what waits
            self.on_handler_fault("gap", error)
        finally:
            self._desk.warming = self._filling = False
        # a bar that waits may have lost the takers' part of it to what was fed just now
        first_ns = self._first_waiting_ns()
        flows = [i for i in missed if not isinstance(i, Bar) and close_of(i.ts_event) >= first_ns]
        self._waiting = sorted([*flows, *self._waiting], key=_by_close)
        self._play_waiting()

    async def _missed(self, since_ns: int, history: History) -> Sequence[Any]:
        try:
            return await history.bars(self._instruments(), since_ns)
        except Exception as error:  # the features know how to live with a gap
            self.on_gap(f"not filled: {error!r}")
            return ()

    def _first_waiting_ns(self) -> int:
        return min(close_of(i.ts_event) for i in self._waiting if isinstance(i, Bar))

    def _instruments(self) -> dict[str, Any]:
        return {s: self.cache.instrument(instrument_id(s)) for s in self._desk.symbols}

    def _feed(self, item: Any) -> None:
        if not isinstance(item, Bar):
            super().on_data(item)
            return
        symbol, close_ns = self._symbol_of[item.bar_type.instrument_id], close_of(item.ts_event)
        if close_ns > self._closes.get(symbol, 0):
            self._closes[symbol] = close_ns
            super().on_bar(item)

    def _play_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            self._feed(item)

    def on_gap(self, detail: str) -> None:
        """Take notice of bars that did not come."""
        self._journal.append(Event(self._node.market_ns, "bars_missed", "", detail))

    def _restore(self) -> None:
        """Continue where an earlier life left off; the history is in."""

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Take the bar in, once the history is."""
        symbol, close_ns = self._symbol_of[bar.bar_type.instrument_id], close_of(bar.ts_event)
        self._node.see(symbol, close_ns)
        last_ns = self._closes.get(symbol, close_ns)
        if not self._node.warm or self._filling:
            self._waiting.append(bar)
        elif self._history is not None and close_ns > last_ns + self._bar_ns:
            self.on_gap(f"{symbol}: none between {last_ns} and {close_ns}")
            self._waiting.append(bar)
            self._filling = True
            self._spawn(self._fill(min(self._closes.values()), self._history))
        else:
            self._feed(bar)

    def on_data(self, data: Any) -> None:
        """Take the message in; takers' flow that comes while bars wait goes with its bar."""
        if isinstance(data, OcwTakerFlow) and (self._filling or not self._node.warm):
            self._waiting.append(data)
        else:
            super().on_data(data)

    def on_handler_fault(self, where: str, error: Exception) -> None:
        """Record a fault; nothing is entered until a restart."""
        self.log.exception(f"{where} of the actor", error)
        self._node.blocks[f"fault:{where}"] = repr(error)
        self._journal.append(Event(self._node.market_ns, f"fault:{where}", "", f"actor: {error!r}"))

    def _spawn(self, work: Work) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself keeps none
        task.add_done_callback(self._ended)
        return task

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_handler_fault(
                "task", error if isinstance(error, Exception) else Exception(error)
            )


def _by_close(item: Bar | OcwTakerFlow) -> tuple[int, bool]:
    return close_of(item.ts_event), isinstance(item, Bar)
