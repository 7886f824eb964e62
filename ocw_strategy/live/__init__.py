"""The live node: the same actor and strategy on Binance, kept alive and stopped safely."""

from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from ocw_strategy.live.derivatives import (
    DerivativesClient,
    DerivativesClientFactory,
    DerivativesConfig,
    EndpointHealth,
)
from ocw_strategy.live.exchange_info import OcwInstrumentProvider
from ocw_strategy.live.execution import OcwExecutionClient
from ocw_strategy.live.halt import HaltFile, HaltFileError, HaltNote
from ocw_strategy.live.market_data import OcwDataClient, taker_flow
from ocw_strategy.live.pulse import PULSE_S

__all__ = [
    "PULSE_S",
    "DerivativesClient",
    "DerivativesClientFactory",
    "DerivativesConfig",
    "EndpointHealth",
    "HaltFile",
    "HaltFileError",
    "HaltNote",
    "OcwDataClient",
    "OcwDataClientFactory",
    "OcwExecClientFactory",
    "OcwExecutionClient",
    "OcwInstrumentProvider",
    "taker_flow",
]
