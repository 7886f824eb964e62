"""Keeps a live node honest: heartbeat, age of the data, drift from the venue, the halt file.

One task on the node's loop, a look a second. A look that fails is a problem of the next heartbeat,
never the end of the watch. What is compared with the venue is what the strategy thinks, not what
the engine does. When the data has been gone for long the node ends for a restart; stops at the
venue do the work meanwhile.
"""

import asyncio
import resource
import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ocw_strategy.engine import venue_symbol
from ocw_strategy.environment import redact
from ocw_strategy.errors import OcwError
from ocw_strategy.journal import Event, Journal
from ocw_strategy.live.account import AccountHttp, AccountTruth
from ocw_strategy.live.desk import NodeDesk
from ocw_strategy.live.heartbeat import INTERVAL_NS, Heartbeat, InstrumentBeat, write_heartbeat
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.live.strategy import LiveStrategy
from ocw_strategy.live.watchdog import Action, Watchdog
from ocw_strategy.units import DAY_NS, MINUTE_NS, SECOND_NS

_SAMPLE_S: Final = 0.05
_SAMPLES_A_LOOK: Final = 20
_LAGS: Final = 600  # the time between two heartbeats
_DOUBT_NS: Final = 3 * SECOND_NS
"""After so long without news of an order the account is read, and at most so often."""
STALE: Final = "stale_data"
BASIS: Final = "basis"


class Keeper:
    """Watch over a node.

    Parameters
    ----------
    live : LiveSettings
    bar_minutes : int
        Base bar of the run.
    desk : NodeDesk
    journal : Journal
    account : AccountHttp
    strategy : LiveStrategy
    stream_alive : callable
        Whether events of the account are being received.
    path : Path
        The heartbeat's file.
    review : callable
        Reviews what is held at marks by the venue's symbols; it may reduce.
    give_up : callable
        Ends the node for a restart; called with the reason.
    """

    def __init__(
        self,
        live: LiveSettings,
        bar_minutes: int,
        desk: NodeDesk,
        journal: Journal,
        account: AccountHttp,
        strategy: LiveStrategy,
        stream_alive: Callable[[], bool],
        path: Path,
        review: Callable[[Mapping[str, Decimal]], None],
        give_up: Callable[[str], None],
    ) -> None:
        self._live, self._bar_ns = live, bar_minutes * MINUTE_NS
        self._desk, self._journal, self._account = desk, journal, account
        self._strategy, self._stream_alive, self._path = strategy, stream_alive, path
        self._review, self._give_up = review, give_up
        self._watchdog = Watchdog(live.watchdog)
        self._lags: deque[float] = deque(maxlen=_LAGS)
        self._started_ns = time.time_ns()
        self._truth: AccountTruth | None = None
        self._compared_ns = self._beaten_ns = self._marked_ns = 0
        self._asked_ns = 0
        self._out: dict[str, int] = {}
        self._flat_told = False
        self._folded_day = 0
        self._problems: dict[str, str] = {}
        self._basis: dict[str, float] = {}
        self.state = "starting"
        self.beat: Heartbeat | None = None
        """The last one."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            for _ in range(_SAMPLES_A_LOOK):
                before = time.monotonic()
                await asyncio.sleep(_SAMPLE_S)
                self._lags.append(max(0.0, time.monotonic() - before - _SAMPLE_S) * 1000)
            try:
                await self.look()
                self._problems.pop("keeper", None)
            except Exception as error:  # the watch goes on
                self._problems["keeper"] = redact(repr(error))

    async def look(self) -> None:
        """Look once at everything that is due."""
        now_ns = time.time_ns()
        note = self._desk.halt_file.note() if self._desk.halt_file.halted() else None
        flatten = note is not None and note.flatten
        due_ns = int(self._live.drift_seconds * SECOND_NS)
        safety_ns = int(self._live.safety_seconds * SECOND_NS)
        due = now_ns - self._compared_ns >= due_ns or (flatten and not self._flat_told)
        if due or self._is_in_doubt(now_ns):
            await self._compare(now_ns, flatten=flatten)
        self._flat_told = self._flat_told and flatten
        if self.state == "running":
            self._strategy.see_to_stops()
            self._strategy.withdraw_entries()
            await self._watch(now_ns)
            if self._strategy.holds and now_ns - self._marked_ns >= safety_ns:
                self._marked_ns = now_ns
                await self._look_at_exits()
        if now_ns - self._beaten_ns >= INTERVAL_NS:
            self.tell(now_ns)
        self._fold_skips()
        self._journal.flush()  # whoever looks from outside sees it within a second or two

    def _fold_skips(self) -> None:
        day = self._desk.market_ns // DAY_NS
        if day > self._folded_day:
            self._folded_day = day
            kept_ns = int(self._live.keep_skips_days * DAY_NS)
            self._journal.fold_skips(max(0, self._desk.market_ns - kept_ns))

    def _is_in_doubt(self, now_ns: int) -> bool:
        # an order that is out for long may have filled unheard: the next drift check is too late
        self._out = {name: self._out.get(name, now_ns) for name in self._strategy.out}
        late = any(now_ns - ns >= _DOUBT_NS for ns in self._out.values())
        return (late or self._strategy.wants_truth) and now_ns - self._asked_ns >= _DOUBT_NS

    async def _compare(self, now_ns: int, *, flatten: bool) -> None:
        self._asked_ns = now_ns
        symbols = [venue_symbol(symbol) for symbol in self._strategy.symbols]
        try:
            self._truth = await self._account.read(symbols, now_ns - DAY_NS)
        except OcwError as error:
            self._problems["account"] = redact(str(error))
            return
        self._problems.pop("account", None)
        self._compared_ns = now_ns
        self._strategy.compare(self._truth)
        self._check_basis(self._truth)
        if flatten:
            if not self._truth.flat:
                self._strategy.flatten(self._truth)
            elif not self._flat_told:
                self._flat_told = True
                found = "the venue holds nothing and no order is open"
                event = Event(self._desk.market_ns, "flat_verified", "", found)
                self._journal.append_durably(event)

    def _check_basis(self, truth: AccountTruth) -> None:
        for symbol in self._strategy.symbols:
            market, _ = self._desk.marks.get(symbol, (0.0, 0))
            if market:
                execution = float(truth.marks[venue_symbol(symbol)])
                self._basis[symbol] = (execution / market - 1) * 10_000
        worst = max((abs(value) for value in self._basis.values()), default=0.0)
        # a replayed market moves by more between two looks than two venues ever differ
        if worst > self._live.max_basis_points and not self._desk.replayed:
            self._desk.blocks[BASIS] = f"the two venues differ by {worst:.0f} basis points"
        else:
            self._desk.blocks.pop(BASIS, None)

    async def _watch(self, now_ns: int) -> None:
        arrived = [ns for _, ns in self._desk.marks.values()]
        newest_ns = min(arrived) if len(arrived) == len(self._strategy.symbols) else 0
        due_ns = last_ns = 0
        if not self._desk.replayed:
            due_ns = now_ns // self._bar_ns * self._bar_ns
            bars = self._desk.bars_ns
            last_ns = min((bars.get(s, 0) for s in self._strategy.symbols), default=0)
            if due_ns <= self._started_ns:
                due_ns = last_ns  # none can have come yet
        action = self._watchdog.look(
            now_ns,
            newest_mark_ns=newest_ns or self._started_ns,
            due_bar_ns=due_ns,
            last_bar_ns=last_ns,
        )
        if action is Action.STOP_ENTRIES:
            self._desk.blocks[STALE] = "market data is too old"
        elif action is Action.RESUME_ENTRIES:
            self._desk.blocks.pop(STALE, None)
        elif action is Action.ASK_MARK:
            marks = await self._look_at_exits()
            if marks is not None:
                self._review(marks)
        elif action is Action.EXIT:
            self._give_up("no market data for too long")
        if action is not Action.NONE:
            self._journal.append(Event(self._desk.market_ns, f"watchdog:{action}", "", ""))

    async def _look_at_exits(self) -> Mapping[str, Decimal] | None:
        symbols = [venue_symbol(symbol) for symbol in self._strategy.symbols]
        try:
            marks = await self._account.marks(symbols)
        except OcwError as error:  # the stops at the venue do the work
            self._problems["marks"] = redact(str(error))
            return None
        self._problems.pop("marks", None)
        self._strategy.watch(marks)
        return marks

    @property
    def flat_verified(self) -> bool:
        """Whether all was closed because a halt asked for it, and the venue has confirmed it."""
        return self._flat_told

    def tell(self, now_ns: int) -> None:
        """Write a heartbeat now."""
        self._beaten_ns = now_ns
        lags = sorted(self._lags) or [0.0]
        cache: Any = self._strategy.cache
        decision_ns, outcome = self._desk.last_decision
        reasons = list(self._desk.blocks)
        if self._desk.halt_file.halted():
            reasons.insert(0, "halt")
        problems = [f"{name}: {text}" for name, text in self._problems.items()]
        problems += [f"{name}: {text}" for name, text in self._desk.blocks.items()]
        if self.state == "running" and not self._stream_alive():
            problems.append("user stream: events of the account are not being received")
        self.beat = Heartbeat(
            run_id=self._journal.run_id,
            account=self._live.account,
            wall_ns=now_ns,
            started_wall_ns=self._started_ns,
            state=self.state,
            instruments={s: self._instrument(s, now_ns) for s in self._strategy.symbols},
            user_stream_alive=self._stream_alive(),
            loop_lag_p99_ms=lags[int(0.99 * (len(lags) - 1))],
            loop_lag_max_ms=lags[-1],
            last_decision_ns=decision_ns,
            last_decision_outcome=outcome,
            equity_usd=self._equity(),
            open_orders=cache.orders_open_count(),
            venue_open_orders=None if self._truth is None else len(self._truth.open_ids),
            entries_blocked=tuple(reasons),
            problems=tuple(redact(problem) for problem in problems),
            resident_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
        write_heartbeat(self._path, self.beat)

    def _equity(self) -> float | None:
        return self._strategy.equity() if self.state == "running" else None

    def _instrument(self, symbol: str, now_ns: int) -> InstrumentBeat:
        _, mark_ns = self._desk.marks.get(symbol, (0.0, 0))
        return InstrumentBeat(
            last_bar_ns=self._desk.bars_ns.get(symbol, 0),
            bars=self._desk.bars.get(symbol, 0),
            mark_age_s=(now_ns - mark_ns) / SECOND_NS if mark_ns else None,
            quantity=self._strategy.quantities().get(symbol, "0"),
            stop_price=self._strategy.stop_prices().get(symbol, ""),
            basis_points=self._basis.get(symbol),
        )
