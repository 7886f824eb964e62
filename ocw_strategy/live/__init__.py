"""The live node's clients: Binance, with the stock adapter's defects mended."""

from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from ocw_strategy.live.exchange_info import OcwInstrumentProvider
from ocw_strategy.live.execution import OcwExecutionClient
from ocw_strategy.live.heartbeat import HEARTBEAT_S
from ocw_strategy.live.market_data import OcwDataClient

__all__ = [
    "HEARTBEAT_S",
    "OcwDataClient",
    "OcwDataClientFactory",
    "OcwExecClientFactory",
    "OcwExecutionClient",
    "OcwInstrumentProvider",
]
