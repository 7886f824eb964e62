"""One life of a live node: from the lock on its journal to its exit code.

Exit codes: 0 after a request to stop (stops stay at the venue, the journal is whole); 70 where the
node did not come to trade in time, or ended for a restart; an `OcwError` where a person must act
first. Whoever starts it again may do so always: what it was doing is in the journal.
"""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ocw_strategy.account_actor import OCWActorConfig
from ocw_strategy.engine import instrument_id, venue_symbol
from ocw_strategy.environment import log_level
from ocw_strategy.errors import JournalError, OcwError
from ocw_strategy.journal import Event, Journal
from ocw_strategy.live.account import LOOK_BACK_NS, AccountHttp, AccountTruth, wanted_margin
from ocw_strategy.live.actor import LiveActor
from ocw_strategy.live.desk import NodeDesk
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.live.health_server import HealthServer
from ocw_strategy.live.heartbeat import heartbeat_path
from ocw_strategy.live.history import History
from ocw_strategy.live.keeper import Keeper
from ocw_strategy.live.node import (
    MARKET_HOST,
    RUN_ID,
    Keys,
    build_node,
    execution_host,
    node_config,
)
from ocw_strategy.live.paper import PaperAccount, PaperStrategy, abandon
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.live.strategy import LiveStrategy
from ocw_strategy.protected import OCWStrategyConfig
from ocw_strategy.settings import Settings
from ocw_strategy.units import SECOND_NS

FAILED: Final = 70
"""Exit code of a node that wants to be started again."""
_STOP_S: Final = 8.0


def open_journal(live: LiveSettings, settings: Settings) -> Journal:
    """Open a node's journal for writing, and with it the right to trade on its account.

    Raises
    ------
    JournalHeldError
        If a node has it.
    JournalError
        If it cannot be written.
    """
    path = Path(live.journal)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError("live.journal", str(path), f"make its folder: {error}") from error
    return Journal.open(
        path,
        run_id=RUN_ID,
        created_wall_ns=time.time_ns(),
        config={"live": live.model_dump(mode="json"), **settings.model_dump(mode="json")},
        power_safe=True,
    )


def run_live(
    live: LiveSettings, settings: Settings, keys: Keys, *, flat_within_s: float | None = None
) -> int:
    """Run a node until it is told to stop; return its exit code.

    Parameters
    ----------
    flat_within_s : float, optional
        Live only to halt and to close everything: no advisor, no market data but the execution
        venue's. Ends when the venue has confirmed it, or with `FAILED` after so many seconds.

    Raises
    ------
    JournalHeldError
        If another node has the journal.
    JournalError
        If the journal cannot be written.
    OcwError
        If the account or the market cannot be read at the start.
    """
    journal = open_journal(live, settings)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    life = _Life(live, settings, keys, journal, loop, flat_within_s)
    try:
        return loop.run_until_complete(life.run())
    finally:
        if life.node is not None:
            with suppress(Exception):
                life.node.dispose()  # stops the loop, so not before it has ended
        asyncio.set_event_loop(None)
        if not loop.is_closed():
            loop.close()
        journal.close()


class _Life:
    # what is alive between the lock and the exit code

    def __init__(
        self,
        live: LiveSettings,
        settings: Settings,
        keys: Keys,
        journal: Journal,
        loop: asyncio.AbstractEventLoop,
        flat_within_s: float | None,
    ) -> None:
        self._live, self._settings, self._keys = live, settings, keys
        self._journal, self._loop, self._flat_within_s = journal, loop, flat_within_s
        self._over = asyncio.Event()
        self._code = 0
        self._why = ""
        self.node: Any = None

    async def run(self) -> int:
        market = StatisticsHttp(self._live.venue_http or MARKET_HOST, time.time_ns)
        paper, host = self._live.account == "paper", execution_host(self._live)
        account = (
            PaperAccount(host) if paper else AccountHttp(host, self._keys.key, self._keys.secret)
        )
        try:
            if self._flat_within_s is not None:
                note = HaltNote(time.time_ns(), "ocw flatten", flatten=True)
                HaltFile(Path(self._live.journal)).halt(note)
            if self._live.replayed:
                self._settings = await self._in_market_time(market)
            symbols = [venue_symbol(symbol) for symbol in self._settings.data.instruments]
            truth = await account.read(symbols, time.time_ns() - LOOK_BACK_NS)
            if paper:
                abandon(self._journal, self._settings, truth, self._settings.run.start_ns)
            return await self._live_on(market, account, truth)
        finally:
            await market.close()
            await account.close()

    async def _in_market_time(self, market: StatisticsHttp) -> Settings:
        # a replayed market has a time of its own, and the first decision comes after now in it
        close_ns = await self._history(market).newest_close_ns()
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(close_ns // SECOND_NS))
        run = self._settings.run.model_copy(update={"start": start})
        return self._settings.model_copy(update={"run": run})

    def _history(self, market: StatisticsHttp) -> History:
        return History(self._settings, market, _say, replayed=self._live.replayed)

    async def _live_on(
        self, market: StatisticsHttp, account: AccountHttp, truth: AccountTruth
    ) -> int:
        path = Path(self._live.journal)
        desk = NodeDesk(HaltFile(path), self._live.replayed, market_ns=self._settings.run.start_ns)
        actor = None if self._closing else self._actor(desk, market)
        on_paper = isinstance(account, PaperAccount)
        strategy = self._strategy(desk, truth, PaperStrategy if on_paper else LiveStrategy)
        node = self.node = self._engine(actor, strategy)
        client: Any = next(iter(node.kernel.exec_engine._clients.values()))
        if isinstance(account, PaperAccount):
            account.cache = node.cache
        keeper = Keeper(
            self._live,
            self._settings.data.bar_minutes,
            desk,
            self._journal,
            account,
            strategy,
            (lambda: True) if on_paper else client.user_stream_alive,
            heartbeat_path(path),
            (lambda _: None) if actor is None else actor.review,
            self._give_up,
        )
        await self._kept(node, keeper, desk, account)
        return FAILED if self._closing and not keeper.flat_verified else self._code

    @property
    def _closing(self) -> bool:
        return self._flat_within_s is not None

    def _actor(self, desk: NodeDesk, market: StatisticsHttp) -> LiveActor:
        config = OCWActorConfig(settings=self._settings.model_dump(mode="json"), run_id=RUN_ID)
        return LiveActor(config, desk, self._history(market))

    def _strategy(
        self, desk: NodeDesk, truth: AccountTruth, kind: type[LiveStrategy]
    ) -> LiveStrategy:
        config = OCWStrategyConfig(
            settings=self._settings.model_dump(mode="json"),
            run_id=RUN_ID,
            order_id_tag="001",
            oms_type="NETTING",
            external_order_claims=[
                instrument_id(symbol) for symbol in self._settings.data.instruments
            ],
        )
        return kind(config, desk, truth)

    def _engine(self, actor: LiveActor | None, strategy: LiveStrategy) -> Any:
        config = node_config(
            self._live,
            self._settings,
            self._keys,
            closing=self._closing,
            log_level=log_level(),
        )
        return build_node(config, self._loop, actor, strategy)

    async def _kept(self, node: Any, keeper: Keeper, desk: NodeDesk, account: AccountHttp) -> None:
        # from the engine's start to its end, whatever happens in between
        server = HealthServer(lambda: keeper.beat, time.time_ns)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._over.set)
        watch: asyncio.Task[None] | None = None
        running = self._loop.create_task(node.run_async())
        running.add_done_callback(lambda _: self._ended())
        try:
            if self._live.health_port:
                await server.start(self._live.health_host, self._live.health_port)
            keeper.tell(time.time_ns())
            await self._started(node)
            desk.blocks |= await self._unlike(account)
            if not self._over.is_set():
                keeper.state = "running"
                keeper.tell(time.time_ns())
                watch = self._loop.create_task(keeper.run())
                self._note("node_started", f"account {self._live.account}")
                await self._lived(keeper)
        finally:
            keeper.state = "stopping"
            if watch is not None:
                watch.cancel()
            with suppress(Exception):
                keeper.tell(time.time_ns())
            await self._stop(node, running)
            await server.stop()
            self._note("node_stopped", self._why or "as it was told")

    async def _started(self, node: Any) -> None:
        # the engine says RUNNING whatever failed on the way: only the trader tells
        until = time.monotonic() + self._live.start_timeout_seconds
        while not node.trader.is_running and not self._over.is_set():
            if time.monotonic() > until:
                self._give_up("the node did not come to trade in time")
                return
            await asyncio.sleep(0.1)

    async def _lived(self, keeper: Keeper) -> None:
        if self._flat_within_s is None:
            await self._over.wait()
            return
        until = time.monotonic() + self._flat_within_s
        while not keeper.flat_verified and not self._over.is_set():
            if time.monotonic() > until:
                self._give_up("it was not flat in time")
            await asyncio.sleep(0.1)
        self._over.set()

    async def _unlike(self, account: AccountHttp) -> dict[str, str]:
        # the adapter sets leverage and margin type; whether it took is asked here
        symbols = [venue_symbol(symbol) for symbol in self._settings.data.instruments]
        try:
            found = await account.unlike(symbols, wanted_margin(self._live, self._settings))
        except OcwError as error:
            found = [f"not verified: {error}"]
        return {"account_settings": "; ".join(found)} if found else {}

    async def _stop(self, node: Any, running: asyncio.Task[None]) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(node.stop_async()), _STOP_S)
        pending = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in (running, *pending):
            task.cancel()
        await asyncio.wait(pending, timeout=1.0) if pending else None

    def _give_up(self, why: str) -> None:
        self._code, self._why = FAILED, why
        self._over.set()

    def _ended(self) -> None:
        if not self._over.is_set():
            self._give_up("the engine stopped by itself")

    def _note(self, kind: str, detail: str) -> None:
        # by the wall, as account events are
        self._journal.append_durably(Event(time.time_ns(), kind, "", detail))
        _say(f"{kind.replace('_', ' ')}: {detail} (pid {os.getpid()})")


def _say(text: str) -> None:
    sys.stderr.write(f"ocw: {text}\n")
