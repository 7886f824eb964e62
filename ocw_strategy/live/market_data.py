"""The Binance market data client: the stock one, with the takers' part of each bar beside it.

What a backtest reads as `OcwTakerFlow` is in every kline that Binance sends; here it is taken out
and delivered just before its bar, stamped as the catalog stamps it: ``ts_event`` at the close,
``ts_init`` one nanosecond before. exchangeInfo is read tolerantly (see `exchange_info`), and a
pulse lets a socket's reconnect through (see `execution`, defect 7).
"""

import asyncio
from typing import Any

from nautilus_trader.adapters.binance.common.types import BinanceBar
from nautilus_trader.adapters.binance.futures.data import BinanceFuturesDataClient
from nautilus_trader.model.data import CustomData, DataType

from ocw_strategy.catalog import OcwTakerFlow
from ocw_strategy.live.pulse import beat
from ocw_strategy.units import close_of

_MINUTES = {"MINUTE": 1, "HOUR": 60, "DAY": 1440}


def taker_flow(bar: BinanceBar) -> OcwTakerFlow:
    """Return the takers' part of a bar, equal to what the catalog holds of it."""
    close_ns, spec = close_of(bar.ts_event), bar.bar_type.spec
    unit = str(spec).split("-")[1]
    return OcwTakerFlow(
        ts_event=close_ns,
        ts_init=close_ns - 1,
        instrument_id=bar.bar_type.instrument_id,
        minutes=spec.step * _MINUTES[unit],
        buy_volume=float(bar.taker_buy_base_volume),
        volume=bar.volume.as_double(),
    )


class OcwDataClient(BinanceFuturesDataClient):
    """Market data of Binance USDT-margined futures."""

    def __init__(self, **wiring: Any) -> None:
        super().__init__(**wiring)
        self._pulse: asyncio.Task[None] | None = None

    async def _connect(self) -> None:
        self._pulse = self._loop.create_task(beat())
        await super()._connect()

    async def _disconnect(self) -> None:
        if self._pulse is not None:
            self._pulse.cancel()
        await super()._disconnect()

    def _handle_data(self, data: Any) -> None:
        if isinstance(data, BinanceBar) and str(data.bar_type.spec).split("-")[1] in _MINUTES:
            super()._handle_data(CustomData(DataType(OcwTakerFlow), taker_flow(data)))
        super()._handle_data(data)
