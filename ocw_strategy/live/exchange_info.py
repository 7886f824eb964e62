"""Instruments from an exchangeInfo that may speak of things this engine has never heard of.

The stock adapter decodes the whole answer strictly, some five hundred symbols of it: one unknown
order type, time in force, status, filter or rate limit on any of them, and no node starts. Here the
symbols that are not asked for are left out before decoding, and unknown words with them; an unknown
*status* of a symbol that IS asked for stays refused, since nobody can say whether it trades.
"""

from collections.abc import Collection
from enum import Enum
from typing import Any, Final

import msgspec
from nautilus_trader.adapters.binance.common.enums import (
    BinanceOrderType,
    BinanceSymbolFilterType,
    BinanceTimeInForce,
)
from nautilus_trader.adapters.binance.futures.http.market import (
    BinanceFuturesExchangeInfoHttp,
    BinanceFuturesMarketHttpAPI,
)
from nautilus_trader.adapters.binance.futures.providers import BinanceFuturesInstrumentProvider
from nautilus_trader.adapters.binance.futures.schemas.market import BinanceFuturesExchangeInfo
from nautilus_trader.core.nautilus_pyo3 import HttpMethod

_LISTS: Final[tuple[tuple[str, type[Enum]], ...]] = (
    ("orderTypes", BinanceOrderType),
    ("timeInForce", BinanceTimeInForce),
)


def tolerant(raw: bytes, symbols: Collection[str]) -> BinanceFuturesExchangeInfo:
    """Return exchangeInfo of some symbols, without the words that this engine does not know.

    Raises
    ------
    msgspec.ValidationError
        If a symbol that is asked for cannot be read without them.
    """
    answer: dict[str, Any] = msgspec.json.decode(raw)
    answer["rateLimits"], answer["exchangeFilters"] = [], []  # read by nobody
    answer["symbols"] = [symbol for symbol in answer["symbols"] if symbol["symbol"] in symbols]
    filters = {member.value for member in BinanceSymbolFilterType}
    for symbol in answer["symbols"]:
        for name, words in _LISTS:
            known = {member.value for member in words}
            symbol[name] = [word for word in symbol[name] if word in known]
        symbol["filters"] = [f for f in symbol["filters"] if f["filterType"] in filters]
    return msgspec.convert(answer, BinanceFuturesExchangeInfo)


class _TolerantEndpoint(BinanceFuturesExchangeInfoHttp):
    def __init__(self, client: Any, base_endpoint: str, symbols: Collection[str]) -> None:
        super().__init__(client, base_endpoint)
        self._symbols = symbols

    async def get(self) -> BinanceFuturesExchangeInfo:
        return tolerant(await self._method(HttpMethod.GET, None), self._symbols)


class _TolerantMarketApi(BinanceFuturesMarketHttpAPI):
    def __init__(self, client: Any, account_type: Any, symbols: Collection[str]) -> None:
        super().__init__(client, account_type)
        self._endpoint_futures_exchange_info = _TolerantEndpoint(
            client, self.base_endpoint, symbols
        )


class OcwInstrumentProvider(BinanceFuturesInstrumentProvider):
    """The stock provider over a tolerant exchangeInfo; it loads what its config names, never all.

    Its config must hold ``load_ids``: perpetuals such as ``BTCUSDT-PERP.BINANCE``.
    """

    def __init__(self, client: Any, clock: Any, account_type: Any, config: Any, venue: Any) -> None:
        super().__init__(client, clock, account_type, config, venue)
        ids = config.load_ids or ()
        symbols = frozenset(str(i).partition(".")[0].removesuffix("-PERP") for i in ids)
        self._http_market = _TolerantMarketApi(client, account_type, symbols)
