"""Statistics and taker flow of the past, by REST, as the catalog would hold them.

Long stretches come in pages. An endpoint that does not answer leaves its columns NaN: the others
are still worth having. Binance keeps statistics of five minutes for thirty days; what is older at
the end of the stretch is not asked for.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ocw_strategy.catalog import OcwTakerFlow
from ocw_strategy.live import endpoints
from ocw_strategy.live.endpoints import MINUTE_MS, PERIOD_MS, Endpoint
from ocw_strategy.live.statistics_http import StatisticsHttp, UnavailableError
from ocw_strategy.live.statistics_rows import flows, interval, objects
from ocw_strategy.units import DAY_NS, MILLISECOND_NS

_KLINES: Final = 1500
_PAUSE_S: Final = 0.05
_KEPT_MS: Final = 30 * DAY_NS // MILLISECOND_NS - PERIOD_MS


class PastStatistics:
    """Fetch the catalog's own types for a stretch of the past.

    Parameters
    ----------
    http : StatisticsHttp
        The market data's public REST interface.
    delay_ns : int
        The catalog's publication delay.
    label_shift_ms : int
        Added to the venue's labels (see `endpoints`).
    replayed : bool
        For a market whose time is not the wall's: a row counts as known once it is there.
    warn : callable
        Told of what could not be had.
    """

    def __init__(
        self,
        http: StatisticsHttp,
        delay_ns: int,
        warn: Callable[[str], None],
        *,
        label_shift_ms: int = 0,
        replayed: bool = False,
    ) -> None:
        self._http, self._delay_ns, self._warn = http, delay_ns, warn
        self._shift_ms, self._replayed = label_shift_ms, replayed

    async def rows(self, data_class: Any, symbol: str, start_ms: int, end_ms: int) -> list[Any]:
        """Return what was known at `end_ms` of `OcwDerivatives` or `OcwFundingRate`.

        Parameters
        ----------
        data_class : type
        symbol : str
            The venue's.
        start_ms, end_ms : int
            UNIX milliseconds; rows by the time they describe.

        Raises
        ------
        CatalogError
            If a row would be refused by the importer.
        """
        answers = []
        for endpoint in endpoints.of(data_class):
            try:
                found = await self._pages(endpoint, symbol, start_ms, end_ms)
            except UnavailableError as fault:  # the other columns are still worth having
                self._warn(f"history of {symbol}: {fault}")
                found = []
            answers.append(endpoint.read(found, self._shift_ms))
        known_ns = end_ms * MILLISECOND_NS - self._delay_ns
        rows_by_time = {
            ts_ms: row
            for ts_ms, row in endpoints.joined(answers).items()
            if ts_ms * MILLISECOND_NS <= known_ns or self._replayed
        }
        return objects(data_class, symbol, rows_by_time, self._delay_ns)

    async def flows(
        self, symbol: str, minutes: int, start_ms: int, end_ms: int
    ) -> list[OcwTakerFlow]:
        """Return the takers' part of the bars that opened since `start_ms` and have closed.

        Raises
        ------
        UnavailableError
            If it cannot be fetched.
        CatalogError
            If a bar would be refused by the importer.
        """
        names = {1: "open", 2: "high", 3: "low", 4: "close", 5: "volume", 9: "taker_buy_volume"}
        rows = {
            int(kline[0]): {name: endpoints.number(kline[place]) for place, name in names.items()}
            for kline in await self.klines(symbol, minutes, start_ms, end_ms)
        }
        return flows(symbol, minutes, rows, self._delay_ns)

    async def klines(
        self, symbol: str, minutes: int, start_ms: int, end_ms: int
    ) -> list[list[Any]]:
        """Return the klines that opened since `start_ms` and had closed before `end_ms`.

        Raises
        ------
        UnavailableError
            If they cannot be fetched.
        """
        found: list[list[Any]] = []
        while start_ms <= end_ms:
            page = await self._http.rows(
                "/fapi/v1/klines",
                symbol=symbol,
                interval=interval(minutes),
                startTime=start_ms,
                endTime=end_ms,
                limit=_KLINES,
            )
            found += page
            if len(page) < _KLINES:
                break
            start_ms = int(page[-1][0]) + minutes * MINUTE_MS
            await asyncio.sleep(_PAUSE_S)
        return [kline for kline in found if int(kline[6]) < end_ms]  # not one that forms

    async def _pages(
        self, endpoint: Endpoint, symbol: str, start_ms: int, end_ms: int
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if endpoint.periodic:  # older is refused
            start_ms = max(start_ms, end_ms - _KEPT_MS)
        while start_ms <= end_ms:
            window_ms = endpoint.largest * PERIOD_MS - 1 if endpoint.periodic else end_ms
            window: dict[str, str | int] = {
                "startTime": start_ms,
                "endTime": min(end_ms, start_ms + window_ms),
            }
            params = endpoint.params(symbol, endpoint.largest) | window
            answer = await self._http.rows(endpoint.path, **params)
            found += answer
            if endpoint.periodic:
                start_ms += endpoint.largest * PERIOD_MS
            elif len(answer) == endpoint.largest:
                start_ms = int(answer[-1][endpoint.time_field]) + 1
            else:
                break
        return found
