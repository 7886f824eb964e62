"""A real `TradingNode` on the real Binance adapter, against the venue on loopback, in a test.

The node runs on a loop of the test's own; the test goes on in between with `until` and `run`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceInstrumentProviderConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.adapters.binance.common.enums import BinanceEnvironment
from nautilus_trader.config import (
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

from ocw_strategy.catalog import SYMBOLS, instrument_id
from tests.venue import Venue

INSTRUMENTS = frozenset(instrument_id(symbol) for symbol in SYMBOLS)


class Node:
    """A node to be used as a context manager: it is built, started, and stopped at the end.

    Parameters
    ----------
    venue : Venue
        Where its data come from and its orders go.
    strategy : Strategy
        What it runs.
    exec_factory, data_factory : type
        Of the clients under test; by default the stock ones.
    """

    def __init__(
        self,
        venue: Venue,
        *strategies: Strategy,
        exec_factory: Any = BinanceLiveExecClientFactory,
        data_factory: Any = BinanceLiveDataClientFactory,
        data_clients: dict[str, tuple[Any, Any]] | None = None,
        max_retries: int | None = None,
        instruments: Iterable[InstrumentId] = INSTRUMENTS,
        open_check_s: float | None = None,
        position_check_s: float | None = None,
        wait_s: float = 10.0,
    ) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        provider = BinanceInstrumentProviderConfig(load_ids=frozenset(instruments))
        common = {
            "account_type": BinanceAccountType.USDT_FUTURES,
            "base_url_http": venue.http_url,
            "instrument_provider": provider,
        }
        extra = data_clients or {}
        config = TradingNodeConfig(
            trader_id=TraderId("OCW-001"),
            logging=LoggingConfig(log_level="ERROR", log_colors=False),
            data_clients={
                BINANCE: BinanceDataClientConfig(
                    environment=BinanceEnvironment.LIVE, base_url_ws=venue.ws_url, **common
                ),
                **{name: client[1] for name, client in extra.items()},
            },
            exec_clients={
                BINANCE: BinanceExecClientConfig(
                    environment=BinanceEnvironment.DEMO,
                    api_key=venue.api_key,
                    api_secret=venue.api_secret,
                    base_url_ws_stream=venue.ws_url,
                    base_url_ws=f"{venue.ws_url}/ws-fapi/v1",
                    use_position_ids=False,
                    max_retries=max_retries,
                    **common,
                )
            },
            exec_engine=LiveExecEngineConfig(
                reconciliation=True,
                open_check_interval_secs=open_check_s,
                position_check_interval_secs=position_check_s,
                graceful_shutdown_on_exception=True,
            ),
            data_engine=LiveDataEngineConfig(graceful_shutdown_on_exception=True),
            timeout_connection=wait_s,
            timeout_reconciliation=wait_s,
            timeout_portfolio=wait_s,
            timeout_disconnection=2.0,
            timeout_post_stop=0.1,
        )
        self.node = TradingNode(config=config, loop=self.loop)
        for strategy in strategies:
            self.node.trader.add_strategy(strategy)
        self.node.add_data_client_factory(BINANCE, data_factory)
        self.node.add_exec_client_factory(BINANCE, exec_factory)
        for name, client in extra.items():
            self.node.add_data_client_factory(name, client[0])
        self.node.build()

    @property
    def cache(self) -> Any:
        """The engine's cache."""
        return self.node.cache

    @property
    def exec_client(self) -> Any:
        """The execution client under test."""
        return next(iter(self.node.kernel.exec_engine._clients.values()))

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the node's loop."""
        return self.loop.run_until_complete(work)

    def until(self, condition: Callable[[], Any], within_s: float = 30.0, what: str = "") -> None:
        """Let the node run until something holds; fail if it does not in time."""
        assert self.reaches(condition, within_s), what or "it did not come true in time"

    def reaches(self, condition: Callable[[], Any], within_s: float = 5.0) -> bool:
        """Let the node run until something holds; return whether it did in time."""

        async def wait() -> bool:
            for _ in range(int(within_s / 0.01)):
                if condition():
                    return True
                await asyncio.sleep(0.01)
            return bool(condition())

        return self.run(wait())

    def rest(self, seconds: float) -> None:
        """Let the node run for a time."""
        self.run(asyncio.sleep(seconds))

    def start(self) -> Self:
        """Start; return once the strategies run."""
        self._task = self.loop.create_task(self.node.run_async())
        self.until(lambda: self.node.trader.is_running, 60.0, "the node did not start")
        return self

    def stop(self) -> None:
        """Stop, and let go of everything."""

        async def ended() -> None:
            await self.node.stop_async()
            pending = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

        self.run(ended())
        self.node.dispose()
        asyncio.set_event_loop(None)
        if not self.loop.is_closed():
            self.loop.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
