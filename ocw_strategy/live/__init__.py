"""The live node's clients: Binance, with the stock adapter's defects mended."""

from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from ocw_strategy.live.derivatives import (
    DerivativesClient,
    DerivativesClientFactory,
    DerivativesConfig,
    EndpointHealth,
)
from ocw_strategy.live.exchange_info import OcwInstrumentProvider
from ocw_strategy.live.execution import OcwExecutionClient
from ocw_strategy.live.heartbeat import HEARTBEAT_S
from ocw_strategy.live.market_data import OcwDataClient, taker_flow

__all__ = [
    "HEARTBEAT_S",
    "DerivativesClient",
    "DerivativesClientFactory",
    "DerivativesConfig",
    "EndpointHealth",
    "OcwDataClient",
    "OcwDataClientFactory",
    "OcwExecClientFactory",
    "OcwExecutionClient",
    "OcwInstrumentProvider",
    "taker_flow",
]
