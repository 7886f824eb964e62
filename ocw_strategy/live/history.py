"""The market from before a moment, by REST, as a backtest would have delivered it.

Bars are of closed klines only: the one that forms is left out, by the venue's clock. Each bar is
preceded by the takers' part of it, stamped as the catalog stamps it; open interest, ratios and
funding are the catalog's own types with their publication delay. What the features see of the past
is what they see of the present, and what a backtest arriving at the same moment has seen.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from nautilus_trader.model.data import Bar
from nautilus_trader.model.instruments import Instrument

from ocw_strategy.catalog import (
    PUBLICATION_DELAY_NS,
    OcwDerivatives,
    OcwFundingRate,
    OcwTakerFlow,
)
from ocw_strategy.engine import bar_type, venue_symbol
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.live.statistics_past import PastStatistics
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
    warn : callable
        Told of statistics that could not be had.
    replayed : bool
        For a market whose time is not the wall's: statistics count as known once they are there.
    """

    def __init__(
        self,
        settings: Settings,
        http: StatisticsHttp,
        warn: Callable[[str], None],
        *,
        replayed: bool = False,
    ) -> None:
        self._settings, self._http = settings, http
        self._replayed = replayed
        self._past = PastStatistics(http, PUBLICATION_DELAY_NS, warn, replayed=replayed)

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
        now_ms = await self._now_ms()
        closes = [int(row[0]) + minutes * 60_000 for row in rows]
        return max((c for c in closes if c <= now_ms), default=0) * MILLISECOND_NS

    async def items(
        self, instruments: Mapping[str, Instrument], start_ns: int | None = None
    ) -> list[Any]:
        """Return statistics, taker flows and bars in the order of their arrival.

        Parameters
        ----------
        instruments : mapping of str to Instrument
            By symbol.
        start_ns : int, optional
            Nothing that arrived earlier; by default where the settings begin to read.

        Raises
        ------
        UnavailableError
            If bars cannot be fetched; statistics that cannot are left out, with a warning.
        """
        if start_ns is None:
            start_ns = self._settings.run.data_start_ns
        bars = await self.bars(instruments, start_ns)
        found = await self._statistics(tuple(instruments), start_ns) + bars
        found.sort(key=attrgetter("ts_init"))
        return found

    async def bars(self, instruments: Mapping[str, Instrument], start_ns: int) -> list[Any]:
        """Return taker flows and bars that arrived since a moment, in the order of their arrival.

        Raises
        ------
        UnavailableError
            If any of it cannot be fetched.
        """
        minutes = self._settings.data.bar_minutes
        found: list[Any] = []
        for symbol, instrument in instruments.items():
            kind = bar_type(symbol, minutes)
            for row in await self._klines(
                symbol, self._interval, start_ns - minutes * MINUTE_NS, minutes * MINUTE_NS
            ):
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
        return sorted((i for i in found if i.ts_init >= start_ns), key=attrgetter("ts_init"))

    async def _statistics(self, symbols: Sequence[str], start_ns: int) -> list[Any]:
        types: list[Any] = [OcwDerivatives] if self._settings.data.derivatives else []
        if self._settings.data.funding:
            types.append(OcwFundingRate)
        found: list[Any] = []
        if self._replayed:
            end_ms = await self.newest_close_ns() // MILLISECOND_NS
        else:
            end_ms = await self._now_ms()
        for data_class in types:
            for symbol in symbols:
                start_ms = (start_ns - PUBLICATION_DELAY_NS) // MILLISECOND_NS
                found += await self._past.rows(data_class, venue_symbol(symbol), start_ms, end_ms)
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

    async def _now_ms(self) -> int:
        return int((await self._http.get("/fapi/v1/time"))["serverTime"])

    @property
    def _interval(self) -> str:
        return f"{self._settings.data.bar_minutes}m"

    async def _klines(
        self, symbol: str, interval: str, start_ns: int, length_ns: int
    ) -> list[list[Any]]:
        rows: list[list[Any]] = []
        now_ms = await self._now_ms()
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
