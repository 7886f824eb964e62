"""The market from before a moment, by REST, as a backtest would have delivered it.

Bars are of closed klines only: the one that forms is left out, by the venue's clock. Each bar is
preceded by the takers' part of it, stamped as the catalog stamps it; open interest, ratios and
funding are the catalog's own types with their publication delay. What the features see of the past
is what they see of the present, and what a backtest arriving at the same moment has seen.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

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
from ocw_strategy.live.statistics_rows import interval
from ocw_strategy.regime import first_hour_ns
from ocw_strategy.settings import Settings
from ocw_strategy.units import HOUR_NS, MILLISECOND_NS, MINUTE_NS


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
        minutes = self._settings.data.bar_minutes
        rows = await self._http.get(
            "/fapi/v1/klines", symbol=symbol, interval=interval(minutes), limit=2
        )
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
            for row in await self._klines(symbol, minutes, start_ns - minutes * MINUTE_NS):
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
        rows = await self._klines(symbol, 60, start_ns)
        closes = [(int(row[0]) * MILLISECOND_NS + HOUR_NS, float(row[4])) for row in rows]
        return [(close_ns, price) for close_ns, price in closes if close_ns < before_ns]

    async def _now_ms(self) -> int:
        return int((await self._http.get("/fapi/v1/time"))["serverTime"])

    async def _klines(self, symbol: str, minutes: int, start_ns: int) -> list[list[Any]]:
        # one that forms comes again, closed, over the socket
        found = await self._past.klines(
            venue_symbol(symbol), minutes, start_ns // MILLISECOND_NS, await self._now_ms()
        )
        return [row for row in found if math.isfinite(float(row[4]))]
