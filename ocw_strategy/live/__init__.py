"""The live node: the same actor and strategy on Binance, kept alive and stopped safely.

A name is loaded when it is asked for: the processes that only read a heartbeat or a halt file (the
dashboard, the alerts) would otherwise carry the whole engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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

_MODULES: Final = {
    "OcwDataClientFactory": "clients",
    "OcwExecClientFactory": "clients",
    "DerivativesClient": "derivatives",
    "DerivativesClientFactory": "derivatives",
    "DerivativesConfig": "derivatives",
    "EndpointHealth": "derivatives",
    "OcwInstrumentProvider": "exchange_info",
    "OcwExecutionClient": "execution",
    "HaltFile": "halt",
    "HaltFileError": "halt",
    "HaltNote": "halt",
    "OcwDataClient": "market_data",
    "taker_flow": "market_data",
    "PULSE_S": "pulse",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
