"""Open interest, long/short ratios, taker ratio and settled funding as a Nautilus data client.

Emits the very objects that the catalog holds (`statistics_rows`), so a subscription is one line in
backtest and live. Nothing here needs a key; the data are the main net's, also on a demo account.

Cadence: the venue is asked every 300 s, a minute before the newest row is due, and every 60 s from
then on while a due row lacks a column or an endpoint failed. A failing endpoint stops no other; its
columns are NaN until it is back, then the row is told again. 429 and 418 are obeyed
(`statistics_http`). What was missed meanwhile is fetched. Ages of every endpoint are kept
(`health`).

Requests for history answer as the archive would: `OcwDerivatives` (the venue keeps 30 days),
`OcwFundingRate`, and `OcwTakerFlow` of closed klines. `OcwTakerFlow` is not polled: it comes with
the bars (`market_data`). Other types are not ours and are let pass, since the client bears the name
under which actor and strategy subscribe to messages of their own.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from nautilus_trader.config import LiveDataClientConfig
from nautilus_trader.core.datetime import dt_to_unix_nanos
from nautilus_trader.live.data_client import LiveDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.model.data import CustomData, DataType
from nautilus_trader.model.identifiers import ClientId

from ocw_strategy.catalog import (
    PUBLICATION_DELAY_NS,
    SYMBOLS,
    OcwDerivatives,
    OcwFundingRate,
    OcwTakerFlow,
)
from ocw_strategy.engine import venue_symbol
from ocw_strategy.errors import CatalogError
from ocw_strategy.live import endpoints
from ocw_strategy.live.cadence import awaited_ms, pause_ns
from ocw_strategy.live.endpoints import PERIOD_MS, Endpoint
from ocw_strategy.live.statistics_http import StatisticsHttp, UnavailableError
from ocw_strategy.live.statistics_past import PastStatistics
from ocw_strategy.live.statistics_rows import RowBook
from ocw_strategy.units import MILLISECOND_NS, SECOND_NS

_POLLED: Final = (OcwDerivatives, OcwFundingRate)
_FEWEST_ROWS: Final = 3
_REPLAYED_ROWS: Final = 100


class DerivativesConfig(LiveDataClientConfig, frozen=True):
    """What is asked for and how often.

    Attributes
    ----------
    base_url : str
        Of the public REST interface.
    symbols : tuple of str
        Venue symbols.
    bar_minutes : int
        Length of the bars whose taker flow is asked for as history.
    interval_seconds, busy_seconds : float
        Between polls, and while something due is missing.
    delay_seconds : float
        The catalog's publication delay.
    patience_seconds : float
        How long past its due time a row waits for columns that failed.
    labels_are_starts : bool
        Whether the venue labels five minutes by their start (see `endpoints`).
    replayed : bool
        For a market whose time is not the wall's: rows are told as soon as they are there, stamped
        as the archive would, and polls are not aligned to the rows.
    """

    base_url: str = "https://fapi.binance.com"
    symbols: tuple[str, ...] = SYMBOLS
    bar_minutes: int = 15
    interval_seconds: float = 300.0
    busy_seconds: float = 60.0
    delay_seconds: float = PUBLICATION_DELAY_NS / SECOND_NS
    patience_seconds: float = 60.0
    labels_are_starts: bool = False
    replayed: bool = False


@dataclass(slots=True)
class EndpointHealth:
    """How an endpoint does for one symbol; times are UNIX nanoseconds, 0 before the first."""

    asked_ns: int = 0
    answered_ns: int = 0
    newest_row_ms: int = 0
    failures: int = 0
    """In a row; 0 after an answer."""
    fault: str = ""

    def age_s(self, now_ns: int) -> float:
        """Return the seconds since the last answer, infinite before there was one."""
        return (now_ns - self.answered_ns) / SECOND_NS if self.answered_ns else float("inf")


class DerivativesClient(LiveDataClient):
    """Polls the venue's public statistics. See the module."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: DerivativesConfig,
        msgbus: Any,
        cache: Any,
        clock: Any,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(name),
            venue=None,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            config=config,
        )
        self._settings = config
        self._http = StatisticsHttp(config.base_url, clock.timestamp_ns)
        self._delay_ns = int(config.delay_seconds * SECOND_NS)
        self._past = PastStatistics(
            self._http,
            self._delay_ns,
            self._log.warning,
            label_shift_ms=self._shift_ms,
            replayed=config.replayed,
        )
        self._books: dict[tuple[Any, str], RowBook] = {}
        self._polls: dict[Any, asyncio.Task[None]] = {}
        self.health = {
            (endpoint.name, symbol): EndpointHealth()
            for endpoint in endpoints.ENDPOINTS
            for symbol in config.symbols
        }

    @property
    def _shift_ms(self) -> int:
        return PERIOD_MS if self._settings.labels_are_starts else 0

    async def _connect(self) -> None:
        pass  # there is nothing to be connected to: a request opens what it needs

    async def _disconnect(self) -> None:
        for poll in self._polls.values():
            poll.cancel()
        self._polls.clear()
        await self._http.close()

    # -- subscriptions -----------------------------------------------------------------------------

    async def _subscribe(self, command: Any) -> None:
        data_class = command.data_type.type
        if data_class in _POLLED and data_class not in self._polls:
            now_ns = self._clock.timestamp_ns()
            for symbol in self._settings.symbols:
                self._books[data_class, symbol] = RowBook(
                    data_class,
                    symbol,
                    since_ns=0 if self._settings.replayed else now_ns,
                    delay_ns=self._delay_ns,
                    patience_ns=int(self._settings.patience_seconds * SECOND_NS),
                    as_archived=self._settings.replayed,
                )
            self._polls[data_class] = self.create_task(self._poll(data_class))

    async def _unsubscribe(self, command: Any) -> None:
        poll = self._polls.pop(command.data_type.type, None)
        if poll is not None:
            poll.cancel()

    async def _poll(self, data_class: Any) -> None:
        while True:
            for symbol in self._settings.symbols:
                await self._ask_all(data_class, symbol)
            asked_ns = self._clock.timestamp_ns()
            self._tell(data_class)
            until_ns = asked_ns + pause_ns(
                asked_ns,
                busy=self._is_busy(data_class, asked_ns),
                interval_ns=int(self._settings.interval_seconds * SECOND_NS),
                busy_ns=int(self._settings.busy_seconds * SECOND_NS),
                delay_ns=self._delay_ns,
            )
            while (now_ns := self._clock.timestamp_ns()) < until_ns:
                due = [book.next_due_ns() for book in self._of(data_class)]
                next_ns = min((ns for ns in due if ns and ns > now_ns), default=until_ns)
                await asyncio.sleep((min(next_ns, until_ns) - now_ns) / SECOND_NS)
                self._tell(data_class)

    async def _ask_all(self, data_class: Any, symbol: str) -> None:
        asked = (self._ask(endpoint, symbol) for endpoint in endpoints.of(data_class))
        await asyncio.gather(*asked)

    async def _ask(self, endpoint: Endpoint, symbol: str) -> None:
        book, health = self._books[endpoint.data_class, symbol], self.health[endpoint.name, symbol]
        health.asked_ns = self._clock.timestamp_ns()
        missed = (health.asked_ns // MILLISECOND_NS - book.newest_ms) // PERIOD_MS
        limit = max(missed + _FEWEST_ROWS, _FEWEST_ROWS) if book.newest_ms else _FEWEST_ROWS
        if self._settings.replayed:  # the wall's clock does not say what was missed
            limit = _REPLAYED_ROWS if endpoint.periodic else _FEWEST_ROWS
        try:
            answer = await self._http.rows(endpoint.path, **endpoint.params(symbol, limit))
        except UnavailableError as fault:
            health.failures, health.fault = health.failures + 1, str(fault)
            self._log.warning(f"{endpoint.name} of {symbol}: {fault}")
            return
        now_ns = self._clock.timestamp_ns()
        health.answered_ns, health.failures, health.fault = now_ns, 0, ""
        for column, values in endpoint.read(answer, self._shift_ms).items():
            known = self._not_of_the_future(values, now_ns, endpoint)
            book.add(column, known, now_ns)
            health.newest_row_ms = max(health.newest_row_ms, *known, 0)

    def _not_of_the_future(
        self, values: dict[int, float], now_ns: int, endpoint: Endpoint
    ) -> dict[int, float]:
        # a row of a period that has not ended: the labels are not what the settings say
        known = {ts: value for ts, value in values.items() if ts * MILLISECOND_NS <= now_ns}
        if len(known) < len(values) and not self._settings.replayed:
            self._log.error(f"{endpoint.name}: rows of the future dropped; check labels_are_starts")
        return values if self._settings.replayed else known

    def _of(self, data_class: Any) -> list[RowBook]:
        return [self._books[data_class, symbol] for symbol in self._settings.symbols]

    def _tell(self, data_class: Any) -> None:
        now_ns = self._clock.timestamp_ns()
        if self._settings.replayed:
            now_ns = max((b.newest_ms * MILLISECOND_NS for b in self._of(data_class)), default=0)
            now_ns += self._delay_ns
        for book in self._of(data_class):
            for item in book.take(now_ns):
                self._handle_data(CustomData(DataType(data_class), item))
            for fault in book.refused:
                self._log.warning(f"a row was refused: {fault}")
            book.refused.clear()

    def _is_busy(self, data_class: Any, now_ns: int) -> bool:
        if any(
            self.health[endpoint.name, symbol].failures
            for endpoint in endpoints.of(data_class)
            for symbol in self._settings.symbols
        ):
            return True
        if data_class is not OcwDerivatives or self._settings.replayed:
            return False
        ts_ms = awaited_ms(now_ns, self._delay_ns)
        return any(book.lacks(ts_ms) for book in self._of(data_class))

    # -- history -----------------------------------------------------------------------------------

    async def _request(self, request: Any) -> None:
        data_class = request.data_type.type
        now_ms = self._clock.timestamp_ms()
        start_ms = dt_to_unix_nanos(request.start) // MILLISECOND_NS if request.start else 0
        end_ms = dt_to_unix_nanos(request.end) // MILLISECOND_NS if request.end else now_ms
        found: list[Any] = []
        for symbol in self._wanted(request.data_type):
            try:
                until_ms = min(end_ms, now_ms)
                if data_class is OcwTakerFlow:
                    minutes = self._settings.bar_minutes
                    found += await self._past.flows(symbol, minutes, start_ms, until_ms)
                else:
                    found += await self._past.rows(data_class, symbol, start_ms, until_ms)
            except (UnavailableError, CatalogError) as fault:
                self._log.warning(f"history of {symbol}: {fault}")
        wrapped = [CustomData(request.data_type, item) for item in found]
        self._handle_data_response_py(
            request.data_type, wrapped, request.id, request.start, request.end, request.params
        )

    def _wanted(self, data_type: DataType) -> Iterable[str]:
        instrument_id = (data_type.metadata or {}).get("instrument_id")
        if instrument_id is None:
            return self._settings.symbols
        return (venue_symbol(str(instrument_id).partition(".")[0]),)


class DerivativesClientFactory(LiveDataClientFactory):
    """Builds `DerivativesClient`; register it under the name of `OCW_CLIENT`."""

    @staticmethod
    def create(  # type: ignore[override]
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: DerivativesConfig,
        msgbus: Any,
        cache: Any,
        clock: Any,
    ) -> DerivativesClient:
        """Return the client."""
        return DerivativesClient(loop, name, config, msgbus, cache, clock)
