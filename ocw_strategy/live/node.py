"""Assembly of a `TradingNode`: settings and keys in, a node with actor and strategy out.

Market data is Binance's main net without a key, execution the account the settings name (on paper
it is simulated here, see `paper`); both go to one address where the settings give one. The engine's
own retries are off: an order whose outcome is unknown is asked about and never sent again. Nothing
is read from the environment here.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceInstrumentProviderConfig,
)
from nautilus_trader.adapters.binance.common.enums import BinanceEnvironment
from nautilus_trader.adapters.binance.common.symbol import BinanceSymbol
from nautilus_trader.adapters.binance.futures.enums import BinanceFuturesMarginType
from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.config import (
    CacheConfig,
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.portfolio.config import PortfolioConfig

from ocw_strategy.engine import instrument_id, venue_symbol
from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from ocw_strategy.live.derivatives import DerivativesClientFactory, DerivativesConfig
from ocw_strategy.live.paper import sandbox_config
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.messages import OCW_CLIENT
from ocw_strategy.settings import Settings

_CONNECT_S: Final = 30.0
MARKET_HOST: Final = "https://fapi.binance.com"
_HOSTS: Final = {
    "demo": "https://demo-fapi.binance.com",
    "paper": MARKET_HOST,
    "real": "https://fapi.binance.com",
}
RUN_ID: Final = "live"
"""The run id of a live journal."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The key of the execution account."""

    key: str
    secret: str


def execution_host(live: LiveSettings) -> str:
    """Return the address of the execution venue's REST interface; on paper the market's."""
    return live.venue_http or _HOSTS[live.account]


def node_config(
    live: LiveSettings,
    settings: Settings,
    keys: Keys,
    *,
    closing: bool = False,
    log_level: str = "ERROR",
) -> TradingNodeConfig:
    """Return the engine's configuration of a live node.

    Parameters
    ----------
    closing : bool, default False
        Whether it is only to close positions: then the execution venue is all it needs, also for
        prices, and nothing else is connected.
    log_level : str, default "ERROR"
        How much the engine says.
    """
    ids = frozenset(instrument_id(symbol) for symbol in settings.data.instruments)
    symbols = tuple(sorted(venue_symbol(symbol) for symbol in settings.data.instruments))
    http, ws = live.venue_http or None, live.venue_ws or None
    common: dict[str, Any] = {
        "account_type": BinanceAccountType.USDT_FUTURES,
        "base_url_http": http,
        "instrument_provider": BinanceInstrumentProviderConfig(load_ids=ids),
    }
    real, paper = live.account == "real", live.account == "paper"
    environment = BinanceEnvironment.LIVE if real else BinanceEnvironment.DEMO
    statistics = DerivativesConfig(
        base_url=live.venue_http or MARKET_HOST,
        symbols=symbols,
        bar_minutes=settings.data.bar_minutes,
        replayed=live.replayed,
        interval_seconds=live.statistics_seconds,
        busy_seconds=min(60.0, live.statistics_seconds),
    )
    margin = "CROSS" if live.margin_type == "CROSSED" else "ISOLATED"
    return TradingNodeConfig(
        trader_id=TraderId(live.trader_id),
        logging=LoggingConfig(log_level=log_level, log_colors=False),
        data_clients={
            BINANCE: BinanceDataClientConfig(
                environment=environment if closing else BinanceEnvironment.LIVE,
                base_url_ws=ws,
                **common,
            ),
            **({} if closing else {OCW_CLIENT.value: statistics}),
        },
        exec_clients={
            BINANCE: sandbox_config(settings)
            if paper
            else BinanceExecClientConfig(
                environment=environment,
                api_key=keys.key,
                api_secret=keys.secret,
                base_url_ws_stream=ws,
                base_url_ws=f"{ws}/ws-fapi/v1" if ws else None,
                use_position_ids=False,
                max_retries=None,
                futures_leverages={
                    BinanceSymbol(s): int(settings.risk.venue_leverage) for s in symbols
                },
                futures_margin_types={
                    BinanceSymbol(s): BinanceFuturesMarginType[margin] for s in symbols
                },
                **common,
            )
        },
        exec_engine=LiveExecEngineConfig(
            # the sandbox reports nothing: whatever is asked for it seems to have lost
            reconciliation=not paper,
            open_check_interval_secs=None if paper else 10.0,
            inflight_check_interval_ms=0 if paper else 2000,
            position_check_interval_secs=None,  # the keeper compares, with the journal beside
            allow_overfills=False,
            graceful_shutdown_on_exception=True,
        ),
        data_engine=LiveDataEngineConfig(
            graceful_shutdown_on_exception=True,
            external_clients=[OCW_CLIENT] if closing else None,
        ),
        risk_engine=LiveRiskEngineConfig(
            # it would hold back a stop as well; the venue takes 300 orders in ten seconds
            max_order_submit_rate="100/00:00:01",
            graceful_shutdown_on_exception=True,
        ),
        cache=CacheConfig(tick_capacity=100, bar_capacity=1500),
        portfolio=PortfolioConfig(use_mark_prices=True),
        timeout_connection=_CONNECT_S,
        timeout_reconciliation=20.0,
        timeout_portfolio=10.0,
        timeout_disconnection=3.0,
        timeout_post_stop=1.0,
    )


def build_node(
    config: TradingNodeConfig, loop: asyncio.AbstractEventLoop, actor: Any | None, strategy: Any
) -> TradingNode:
    """Return a node that is ready to run; without an actor it decides nothing."""
    node = TradingNode(config=config, loop=loop)
    if actor is not None:
        node.trader.add_actor(actor)
    node.trader.add_strategy(strategy)
    node.add_data_client_factory(BINANCE, OcwDataClientFactory)
    node.add_data_client_factory(OCW_CLIENT.value, DerivativesClientFactory)
    on_paper = isinstance(config.exec_clients[BINANCE], SandboxExecutionClientConfig)
    node.add_exec_client_factory(
        BINANCE, SandboxLiveExecClientFactory if on_paper else OcwExecClientFactory
    )
    node.build()
    return node
