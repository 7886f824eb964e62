"""The Binance execution client: the stock one of Nautilus 1.231, its defects mended by subclassing.

1. *Phantom positions*: after a recovery each symbol was queried twice, as ``BTCUSDT`` and as
   ``BTCUSDT-PERP``, and its fills counted twice. Here by the venue's name only.
2. *A user stream that dies for good*, or comes back to half an account: see `user_stream`; what
   cannot be read is asked for again, not taken for nothing.
3. *Stops that trigger unseen*: while the stream or the node is down a triggered stop changes its
   venue order id, and the engine refuses its fills under the new one. Here the id is brought up to
   date before a report is used, and the fills are the venue's own.
4. *Synthetic fills*: a conditional order's FINISHED overtook its queued fill, and the adapter made
   one up, refused as an overfill. Here it waits; if a fill is truly missing, it is fetched.
5. *Orders sent twice*: see `submission`.
6. *Starts that stop at an unknown word*: see `exchange_info`.
7. *Reconnects that wait*: see `pulse`.
8. *Old news*: that an order of an earlier life was placed can be told after a restart, when it has
   long been filled or canceled; the engine would hold it open. Here the venue is asked first.

Keys come in through the config. Real money or demo is the config's environment, nothing here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.adapters.binance import BinanceAccountType
from nautilus_trader.adapters.binance.common.constants import BINANCE_FUTURES_ALGO_ORDER_TYPES
from nautilus_trader.adapters.binance.common.enums import BinanceOrderStatus
from nautilus_trader.adapters.binance.common.symbol import BinanceSymbol
from nautilus_trader.adapters.binance.futures.execution import BinanceFuturesExecutionClient
from nautilus_trader.adapters.binance.http.error import BinanceError
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import (
    GenerateOrderStatusReport,
    GenerateOrderStatusReports,
)
from nautilus_trader.execution.reports import OrderStatusReport
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, VenueOrderId
from nautilus_trader.model.orders import Order

from ocw_strategy.live.pulse import beat
from ocw_strategy.live.submission import ConfirmingAccountApi
from ocw_strategy.live.user_stream import LONGEST_PAUSE_S, RecoveringUserStream
from ocw_strategy.risk import PREFIX

FINISHED_GRACE_S: Final = 1.0
"""How long a finished conditional order waits for its fill before it is fetched."""
_APPLIED_WITHIN_S: Final = 1.0
_POLL_S: Final = 0.005


class OcwExecutionClient(BinanceFuturesExecutionClient):
    """Executes on Binance USDT-margined futures, one-way positions.

    Takes what the stock client takes; `create` of its factory gives it that.
    """

    def __init__(self, **wiring: Any) -> None:
        super().__init__(**wiring)
        client, clock = wiring["client"], wiring["clock"]
        api = ConfirmingAccountApi(
            client, clock, wiring.get("account_type", BinanceAccountType.USDT_FUTURES), self._log
        )
        self._orders = self._futures_http_account = self._http_account = api
        self._events = RecoveringUserStream.like(self._ws_client, client, wiring["api_secret"])
        self._ws_client = self._events
        self._pulse: asyncio.Task[None] | None = None

    def user_stream_alive(self) -> bool:
        """Return whether events of the account are being received."""
        return self._events.is_alive()

    def unknown_outcomes(self) -> set[str]:
        """Return the client ids of orders of which it is not known yet whether they were placed."""
        return set(self._orders.asking)

    async def _connect(self) -> None:
        self._pulse = self._loop.create_task(beat())
        await super()._connect()

    async def _disconnect(self) -> None:
        if self._pulse is not None:
            self._pulse.cancel()
        await super()._disconnect()

    # -- (1) one name a symbol ---------------------------------------------------------------------

    def _get_cache_active_symbols(self) -> set[str]:
        return {str(BinanceSymbol(symbol)) for symbol in super()._get_cache_active_symbols()}

    # -- (2) a report is whole, or none ------------------------------------------------------------

    async def _whole[T](self, report: Awaitable[T]) -> T:
        # what the stock client cannot ask for it reports as empty, and the engine believes it: an
        # order that was filled meanwhile stays open
        failed = self._orders.failed_reports
        found = await report
        if self._orders.failed_reports != failed:
            raise ConnectionError("the account could not be read whole")
        return found

    async def generate_fill_reports(self, command: Any) -> list[Any]:
        """Return the venue's executions, or raise if they cannot be read."""
        return await self._whole(super().generate_fill_reports(command))

    async def generate_position_status_reports(self, command: Any) -> list[Any]:
        """Return the venue's positions, or raise if they cannot be read."""
        return await self._whole(super().generate_position_status_reports(command))

    async def _reconcile_after_resubscribe(self) -> None:
        # events wait until this is done; the stream limits how long it tries
        pause_s = FINISHED_GRACE_S
        while (status := await self.generate_mass_status(lookback_mins=None)) is None:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._send_mass_status_report(status)

    # -- (3) stops that triggered unseen -----------------------------------------------------------

    async def generate_order_status_reports(
        self, command: GenerateOrderStatusReports
    ) -> list[OrderStatusReport]:
        """Return the venue's orders, the cached ones of another venue order id brought up to it.

        Raises if they cannot be read.
        """
        reports = await self._whole(super().generate_order_status_reports(command))
        await self._align(reports)
        return reports

    async def generate_order_status_report(
        self, command: GenerateOrderStatusReport
    ) -> OrderStatusReport | None:
        """Return one order; a conditional one that triggered, as the order it became."""
        placed = await self._placed_by_trigger(command.client_order_id)
        if placed is not None:
            command = GenerateOrderStatusReport(
                instrument_id=command.instrument_id,
                client_order_id=command.client_order_id,
                venue_order_id=placed,
                command_id=UUID4(),
                ts_init=self._clock.timestamp_ns(),
            )
        report = await super().generate_order_status_report(command)
        if report is not None:
            await self._align([report])
            if placed is not None:
                await self._fetch_fills(report.client_order_id, command.instrument_id, placed)
        return report

    async def _placed_by_trigger(
        self, client_order_id: ClientOrderId | None
    ) -> VenueOrderId | None:
        order = self._cache.order(client_order_id) if client_order_id is not None else None
        if (
            order is None
            or order.order_type not in BINANCE_FUTURES_ALGO_ORDER_TYPES
            or client_order_id in self._triggered_algo_order_ids
        ):
            return None
        try:
            found = await self._futures_http_account.query_algo_order(
                client_algo_id=str(client_order_id)
            )
        except BinanceError:
            return None  # the stock way says what is wrong
        return VenueOrderId(found.actualOrderId) if found.actualOrderId else None

    async def _align(self, reports: Iterable[OrderStatusReport]) -> None:
        moved: list[tuple[Order, VenueOrderId]] = []
        for report in reports:
            order = self._cache.order(report.client_order_id) if report.client_order_id else None
            if order is None or order.is_closed:
                continue
            if order.venue_order_id in {None, report.venue_order_id}:
                continue
            self._triggered_algo_order_ids.add(order.client_order_id)
            self.generate_order_updated(
                strategy_id=order.strategy_id,
                instrument_id=order.instrument_id,
                client_order_id=order.client_order_id,
                venue_order_id=report.venue_order_id,
                quantity=order.quantity,
                price=order.price if order.has_price else None,
                trigger_price=order.trigger_price if order.has_trigger_price else None,
                ts_event=report.ts_last,
                venue_order_id_modified=True,
            )
            moved.append((order, report.venue_order_id))
        # the engine applies events from its queue: a report must not overtake them
        await self._applied(lambda: all(o.venue_order_id == placed for o, placed in moved))

    @staticmethod
    async def _applied(condition: Callable[[], bool]) -> None:
        waited_s = 0.0
        while waited_s < _APPLIED_WITHIN_S and not condition():
            await asyncio.sleep(_POLL_S)
            waited_s += _POLL_S

    # -- (4) no made-up fills ----------------------------------------------------------------------

    def _handle_algo_update(self, raw: bytes) -> None:
        update = self._decoder_futures_algo_update.decode(raw).o
        if self._may_be_old(update.caid, update.X):
            self._ask_whether_open(update.caid, update.s)
        elif update.X is BinanceOrderStatus.FINISHED:
            self.create_task(self._finish(raw, update), log_msg="finish conditional order")
        else:
            super()._handle_algo_update(raw)

    async def _finish(self, raw: bytes, update: Any) -> None:
        client_order_id = ClientOrderId(update.caid)
        order = self._cache.order(client_order_id)
        executed = Decimal(update.aq or 0)

        def missing() -> bool:
            return bool(
                order is not None
                and not order.is_closed
                and order.filled_qty.as_decimal() < executed
            )

        await asyncio.sleep(FINISHED_GRACE_S)
        if missing() and update.ai:
            instrument_id = self._get_cached_instrument_id(update.s)
            placed = VenueOrderId(update.ai)
            while not await self._fetch_fills(client_order_id, instrument_id, placed):
                await asyncio.sleep(FINISHED_GRACE_S)
            await self._applied(lambda: not missing())
        if missing():
            self._log.error(f"{client_order_id}: finished, but its fills are not applied")
        else:
            super()._handle_algo_update(raw)

    async def _fetch_fills(
        self,
        client_order_id: ClientOrderId | None,
        instrument_id: InstrumentId,
        venue_order_id: VenueOrderId,
    ) -> bool:
        # sends the engine the venue's own executions of an order; it knows those it has had
        try:
            trades = await self._http_account.query_user_trades(
                symbol=instrument_id.symbol.value, order_id=int(venue_order_id.value)
            )
        except BinanceError as fault:
            self._log.warning(f"{client_order_id}: cannot fetch its fills ({fault.message})")
            return False
        for trade in trades:
            report = trade.parse_to_fill_report(
                account_id=self.account_id,
                instrument_id=instrument_id,
                report_id=UUID4(),
                ts_init=self._clock.timestamp_ns(),
                use_position_ids=self._use_position_ids,
            )
            report.client_order_id = client_order_id
            self._send_fill_report(report)
        return bool(trades)

    # -- (8) old news ------------------------------------------------------------------------------

    def _handle_order_trade_update(self, raw: bytes) -> None:
        update = self._decoder_futures_order_update.decode(raw).o
        if self._may_be_old(update.c, update.X):
            self._ask_whether_open(update.c, update.s)
        else:
            super()._handle_order_trade_update(raw)

    def _may_be_old(self, name: str, status: BinanceOrderStatus) -> bool:
        # an order of ours that was sent in this life is known here before the venue tells of it
        ours = name.startswith(f"{PREFIX}-") and status is BinanceOrderStatus.NEW
        return ours and self._cache.strategy_id_for_order(ClientOrderId(name)) is None

    def _ask_whether_open(self, name: str, symbol: str) -> None:
        task = self._tell_if_open(ClientOrderId(name), self._get_cached_instrument_id(symbol))
        self.create_task(task, log_msg=f"ask whether {name} is open")

    async def _tell_if_open(self, name: ClientOrderId, instrument_id: InstrumentId) -> None:
        command = GenerateOrderStatusReports(
            instrument_id=instrument_id,
            start=None,
            end=None,
            open_only=True,
            command_id=UUID4(),
            ts_init=self._clock.timestamp_ns(),
        )
        for report in await self.generate_order_status_reports(command):
            if report.client_order_id == name:
                self._send_order_status_report(report)
