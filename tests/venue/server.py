"""The venue as one object: a server in a thread of its own, its market, its truth, its faults.

Everything of the venue happens on its own event loop; methods called from another thread wait for
it. The account's clock is the wall's (plus `faults.clock_skew_ms`), the market's is its own.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from ocw_strategy.units import MILLISECOND_NS
from tests.venue.calls import CallLog
from tests.venue.exchange import Exchange
from tests.venue.faults import Faults
from tests.venue.history import MINUTE_MS, History, flat
from tests.venue.market import Market
from tests.venue.payloads import Message
from tests.venue.playback import Playback
from tests.venue.records import Order
from tests.venue.rest import Rest, control
from tests.venue.sockets import MarketSockets, UserSockets
from tests.venue.truth import Truth

QUIET_PRICES: Final = {"BTCUSDT": 100_000.0, "ETHUSDT": 3_000.0, "SOLUSDT": 150.0}
"""Prices of the still market that is played unless another is given."""
_PATIENCE_S: Final = 30.0


class Venue:
    """Binance USDT-margined futures on the loopback interface, one account.

    Parameters
    ----------
    histories : Mapping, optional
        The market by symbol; by default three perpetuals that stand still for a day of minutes,
        two hours of which have passed.
    bars_shown : int
        How many of its bars have closed when the venue opens.
    wallet : Decimal
        USDT in the account.
    port : int
        0 for any.
    api_key, api_secret : str
        The account's key.
    first_id : int, optional
        Where ids of orders and trades begin; by default where no earlier venue's have been.

    Examples
    --------
    >>> with Venue() as venue:
    ...     venue.state.wallet
    Decimal('10000')
    """

    def __init__(
        self,
        histories: Mapping[str, History] | None = None,
        *,
        bars_shown: int = 120,
        wallet: Decimal = Decimal(10_000),
        port: int = 0,
        api_key: str = "venue-key",
        api_secret: str = "venue-secret",
        first_id: int | None = None,
    ) -> None:
        opened_ms = time.time_ns() // MILLISECOND_NS
        if histories is None:
            start_ms = opened_ms // MINUTE_MS * MINUTE_MS - bars_shown * MINUTE_MS
            histories = flat(QUIET_PRICES, start_ms, 1440)
        self.api_key, self.api_secret = api_key, api_secret
        self.faults = Faults(self._wall_ms)
        self.calls = CallLog()
        self._market = Market(histories, bars_shown)
        self._users = UserSockets(self.now_ms, self.faults)
        self._sockets = MarketSockets()
        self._exchange = Exchange(
            self.now_ms,
            self._emit,
            wallet=wallet,
            first_id=first_id or opened_ms * 1000,
            schedule=self._schedule,
        )
        self._exchange.plan = self.faults.plan
        self._exchange.refuse_trigger = self.faults.trigger_refusal
        for tick in self._market.opening():
            self._exchange.jump(tick.symbol, tick.last, tick.mark)
        self.market = Playback(self._market, self._exchange, self._sockets, self.run, self._await)
        self.state = Truth(self._exchange, self.run)
        self._rest = Rest(
            self._exchange,
            self._market,
            self._users,
            self.faults,
            self.calls,
            self.now_ms,
            api_key,
            api_secret,
        )
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="venue", daemon=True)
        self._opened: Future[int] = Future()
        self._closing = asyncio.Event()
        self.events: list[Message] = []
        """Every event of the account so far, sent or not."""

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Open the venue; return it once it answers."""
        self._thread.start()
        self._port = self._opened.result(_PATIENCE_S)
        return self

    def stop(self) -> None:
        """Close the venue and every connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(_PATIENCE_S)

    def __enter__(self) -> Self:
        """Open."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.stop()

    @property
    def http_url(self) -> str:
        """Address of the REST interface."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """Address of the sockets."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def listeners(self) -> int:
        """Sockets that hear the account's events."""
        return self.run(lambda: self._users.listeners)

    @property
    def streams(self) -> set[str]:
        """Market streams that somebody wants."""
        return self.run(lambda: self._sockets.streams)

    def place(
        self, symbol: str, side: str, quantity: str, client_id: str = "", **more: str
    ) -> Order:
        """Place an order by hand, as a person at the venue's page does; a market order if no more.

        `more` are parameters of ``POST /fapi/v1/order``.
        """
        params = {"symbol": symbol, "side": side, "quantity": quantity, "type": "MARKET"} | more
        if client_id:
            params["newClientOrderId"] = client_id
        return self.run(lambda: self._exchange.new_order(params))

    def cancel_stop(self, client_id: str) -> None:
        """Cancel a conditional order by hand."""
        self.run(lambda: self._exchange.cancel_algo({"clientAlgoId": client_id}))

    def publish_statistics_after(self, seconds: float) -> None:
        """Say how long after their five minutes statistics come out; two minutes by default."""
        self._market.publication_delay_ms = int(seconds * 1000)

    def let_key_withdraw(self) -> None:
        """Give the key the permission to withdraw."""
        self._rest.key_may_withdraw = True

    def now_ms(self) -> int:
        """Return the account's clock."""
        return self._wall_ms() + self.faults.clock_skew_ms

    @staticmethod
    def _wall_ms() -> int:
        return time.time_ns() // MILLISECOND_NS

    # -- threads -----------------------------------------------------------------------------------

    def run[T](self, function: Callable[[], T]) -> T:
        """Call a function on the venue's loop and return what it returns."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return function()

        async def call() -> T:
            return function()

        return self._await(call())

    def _await[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/stream", self._on_market_socket),
                web.get("/{route:market|public|private}/stream", self._on_market_socket),
                web.get("/ws", self._on_user_socket),
                web.get("/ws/{key}", self._on_user_socket),
                web.get("/private/ws", self._on_user_socket),
                web.post("/_ctl/{name}", control(self._controls())),
                web.route("*", "/{path:.*}", self._rest.serve),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self._port)
            await site.start()
        except OSError as fault:
            await runner.cleanup()
            self._opened.set_exception(fault)
            return
        self.faults.attach(
            lambda which: self.run(lambda: self._drop(which)),
            lambda: self.run(self._users.expire_key),
        )
        sender = asyncio.create_task(self._users.run())
        self._opened.set_result(runner.addresses[0][1])
        await self._closing.wait()
        self.market.halt()
        sender.cancel()
        self._drop("")
        await runner.cleanup()

    def _controls(self) -> dict[str, Callable[..., Any]]:
        faults = {
            name: getattr(self.faults, name)
            for name in dir(Faults)
            if not name.startswith("_") and callable(getattr(Faults, name))
        }
        return faults | self.market.controls() | {"state": self.state.summary}

    def _drop(self, which: str) -> None:
        if which in {"", "user"}:
            self._users.drop()
        if which in {"", "market"}:
            self._sockets.drop()

    async def _on_market_socket(self, request: web.Request) -> web.StreamResponse:
        if self._is_cut(request):
            return web.Response(status=503)
        return await self._sockets.serve(request)

    async def _on_user_socket(self, request: web.Request) -> web.StreamResponse:
        if self._is_cut(request):
            return web.Response(status=503)
        return await self._users.serve(request)

    def _is_cut(self, request: web.Request) -> bool:
        if self.faults.sockets_refused and request.transport is not None:
            request.transport.abort()
            return True
        return False

    def _emit(self, event: Message) -> None:
        self.events.append(event)
        self._users.push(event)

    def _schedule(self, due_ms: int) -> None:
        delay_s = max(due_ms - self.now_ms(), 0) / 1000 + 0.001
        self._loop.call_later(delay_s, self._exchange.run_due)
