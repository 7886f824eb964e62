"""Factories of the clients that a `TradingNode` is built with.

Keys and environment come in through the configs; nothing is read from the process's environment.
"""

import asyncio
from typing import Any

from nautilus_trader.adapters.binance import BinanceDataClientConfig, BinanceExecClientConfig
from nautilus_trader.adapters.binance.common.enums import BinanceEnvironment
from nautilus_trader.adapters.binance.common.urls import (
    get_usdm_ws_route_base_url,
    get_ws_base_url,
    get_ws_public_base_url,
)
from nautilus_trader.adapters.binance.factories import get_cached_binance_http_client
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory

from ocw_strategy.errors import SettingsError
from ocw_strategy.live.exchange_info import OcwInstrumentProvider
from ocw_strategy.live.execution import OcwExecutionClient
from ocw_strategy.live.market_data import OcwDataClient


class OcwExecClientFactory(LiveExecClientFactory):
    """Builds `OcwExecutionClient` from the stock config."""

    @staticmethod
    def create(  # type: ignore[override]
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: BinanceExecClientConfig,
        msgbus: Any,
        cache: Any,
        clock: Any,
    ) -> OcwExecutionClient:
        """Return the client.

        Raises
        ------
        SettingsError
            If the config lacks a key, its environment or the instruments to load.
        """
        for field in ("api_key", "api_secret"):
            if not getattr(config, field):
                raise SettingsError(f"execution client: {field}", None, "give it in the config")
        client, provider, environment = _common(config, clock)
        default_ws = get_ws_base_url(config.account_type, environment, config.us)
        return OcwExecutionClient(
            loop=loop,
            client=client,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            base_url_ws=config.base_url_ws or default_ws,
            account_type=config.account_type,
            name=name,
            config=config,
            environment=environment,
            api_key=config.api_key,
            api_secret=config.api_secret,
        )


class OcwDataClientFactory(LiveDataClientFactory):
    """Builds `OcwDataClient` from the stock config."""

    @staticmethod
    def create(  # type: ignore[override]
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: BinanceDataClientConfig,
        msgbus: Any,
        cache: Any,
        clock: Any,
    ) -> OcwDataClient:
        """Return the client.

        Raises
        ------
        SettingsError
            If the config lacks its environment or the instruments to load.
        """
        client, provider, environment = _common(config, clock)
        url = config.base_url_ws
        if url is None:
            market = get_ws_base_url(config.account_type, environment, config.us)
            public = get_ws_public_base_url(config.account_type, environment, config.us)
        elif environment is BinanceEnvironment.LIVE:
            market = get_usdm_ws_route_base_url(url, "market")
            public = get_usdm_ws_route_base_url(url, "public")
        else:
            market = public = url
        return OcwDataClient(
            loop=loop,
            client=client,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            account_type=config.account_type,
            base_url_ws=market,
            name=name,
            config=config,
            base_url_ws_public=public,
        )


def _common(config: Any, clock: Any) -> tuple[Any, OcwInstrumentProvider, BinanceEnvironment]:
    if config.environment is None:
        raise SettingsError("client: environment", None, "say LIVE or DEMO in the config")
    if not config.instrument_provider.load_ids:
        raise SettingsError("client: instrument_provider.load_ids", None, "name the perpetuals")
    client = get_cached_binance_http_client(
        clock=clock,
        account_type=config.account_type,
        api_key=config.api_key,
        api_secret=config.api_secret,
        key_type=config.key_type,
        base_url=config.base_url_http,
        environment=config.environment,
        is_us=config.us,
        proxy_url=config.proxy_url,
    )
    provider = OcwInstrumentProvider(
        client, clock, config.account_type, config.instrument_provider, config.venue
    )
    return client, provider, config.environment
