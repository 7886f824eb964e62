"""The bars from before a start, by REST, as the engine would have delivered them.

Closed klines only: the one that forms is left out, by the venue's clock. Each bar is preceded by
the takers' part of it, stamped as the catalog stamps it, so what the features see of the past is
what they see of the present. Open interest, ratios and funding come with their client's own polls.
"""

import asyncio
import math
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from nautilus_trader.model.data import Bar
from nautilus_trader.model.instruments import Instrument

from ocw_strategy.catalog import OcwTakerFlow
from ocw_strategy.engine import bar_type, venue_symbol
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.regime import first_hour_ns
from ocw_strategy.settings import Settings
from ocw_strategy.units import HOUR_NS, MILLISECOND_NS, MINUTE_NS

_PAGE: Final = 1500
_PAUSE_S: Final = 0.05


class History:
    """Fetch what came before the start.

    Parameters
    ----------
    settings : Settings
        Which instruments, bars and how many days of them.
    http : StatisticsHttp
        The market data's public REST interface.
    """

    def __init__(self, settings: Settings, http: StatisticsHttp) -> None:
        self._settings, self._http = settings, http

    async def newest_close_ns(self) -> int:
        """Return the close of the newest closed base bar: the market's time.

        Raises
        ------
        UnavailableError
            If it cannot be fetched.
        """
        symbol = venue_symbol(self._settings.regime.symbol)
        rows = await self._http.get(
            "/fapi/v1/klines", symbol=symbol, interval=self._interval, limit=2
        )
        minutes = self._settings.data.bar_minutes
        now_ms = int((await self._http.get("/fapi/v1/time"))["serverTime"])
        closes = [int(row[0]) + minutes * 60_000 for row in rows]
        return max((c for c in closes if c <= now_ms), default=0) * MILLISECOND_NS

    async def items(self, instruments: Mapping[str, Instrument]) -> list[Any]:
        """Return taker flows and bars in the order of their arrival.

        Raises
        ------
        UnavailableError
            If any of it cannot be fetched.
        """
        minutes = self._settings.data.bar_minutes
        found: list[Any] = []
        for symbol, instrument in instruments.items():
            kind = bar_type(symbol, minutes)
            start_ns = self._settings.run.data_start_ns
            for row in await self._klines(symbol, self._interval, start_ns, minutes * MINUTE_NS):
                close_ns = int(row[0]) * MILLISECOND_NS + minutes * MINUTE_NS
                found.append(
                    OcwTakerFlow(
                        ts_event=close_ns,
                        ts_init=close_ns - 1,
                        instrument_id=instrument.id,
                        minutes=minutes,
                        buy_volume=float(row[9]),
                        volume=float(row[5]),
                    )
                )
                prices = [instrument.make_price(float(row[place])) for place in (1, 2, 3, 4)]
                volume = instrument.make_qty(float(row[5]))
                found.append(Bar(kind, *prices, volume, close_ns, close_ns))
        found.sort(key=attrgetter("ts_init"))
        return found

    async def hours(self, before_ns: int) -> list[tuple[int, float]]:
        """Return the hourly closes for the regime, up to the first of the base bars.

        Raises
        ------
        UnavailableError
            If any of it cannot be fetched.
        """
        symbol = self._settings.regime.symbol
        start_ns = first_hour_ns(self._settings.regime, self._settings.run.start_ns)
        rows = await self._klines(symbol, "1h", start_ns, HOUR_NS)
        closes = [(int(row[0]) * MILLISECOND_NS + HOUR_NS, float(row[4])) for row in rows]
        return [(close_ns, price) for close_ns, price in closes if close_ns < before_ns]

    @property
    def _interval(self) -> str:
        return f"{self._settings.data.bar_minutes}m"

    async def _klines(
        self, symbol: str, interval: str, start_ns: int, length_ns: int
    ) -> list[list[Any]]:
        rows: list[list[Any]] = []
        now_ms = int((await self._http.get("/fapi/v1/time"))["serverTime"])
        start_ms = start_ns // MILLISECOND_NS
        while True:
            page = await self._http.get(
                "/fapi/v1/klines",
                symbol=venue_symbol(symbol),
                interval=interval,
                startTime=start_ms,
                limit=_PAGE,
            )
            rows += page
            if len(page) < _PAGE:
                break
            start_ms = int(page[-1][0]) + length_ns // MILLISECOND_NS
            await asyncio.sleep(_PAUSE_S)
        # one that forms comes again, closed, over the socket
        return [row for row in rows if int(row[6]) < now_ms and math.isfinite(float(row[4]))]
