"""Orders whose answer never came: asked about by client id until it is known what became of them.

A 5xx, an answer that is no JSON, code -1000, -1001, -1006 or -1007, a cut connection or silence
leave it open whether an order was placed. The stock adapter sends it again (a market order then
fills twice) or calls it rejected (while it holds a position). Here nothing is ever sent twice:

- the order is found at the venue: the answer that was lost is given late;
- the venue says for `SETTLED_AFTER_S`, more than once, that there is no such order: rejected;
- the venue cannot be asked: it is asked again, as long as it takes; the order stays *submitted*.

Questions behind the adapter's reports have a limit of time, are repeated, and are counted when they
fail for good, so that a report with a hole can be told from an empty account.

An order of the same client id from before (Binance keeps an id unique among open orders only) is
not mistaken for it: what is older than the sending does not count.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from nautilus_trader.adapters.binance.common.enums import BinanceErrorCode
from nautilus_trader.adapters.binance.futures.http.account import BinanceFuturesAccountHttpAPI
from nautilus_trader.adapters.binance.http.error import (
    BinanceClientError,
    BinanceError,
    BinanceServerError,
    get_binance_error_code,
)
from nautilus_trader.core.nautilus_pyo3 import HttpError, HttpTimeoutError

ANSWER_WITHIN_S: Final = 10.0
"""How long an answer to an order is waited for."""
ASK_AFTER_S: Final = (0.25, 0.5, 1.0, 2.0)
"""Pauses before the first questions; the last one goes on."""
READ_AGAIN_AFTER_S: Final = (0.25, 1.0)
"""Pauses before a question behind a report is repeated; reading is safe to repeat."""
SETTLED_AFTER_S: Final = 3.0
"""How long after the sending "no such order" is believed."""
_SKEW_MS: Final = 10_000
_OPEN_CODES: Final = frozenset(
    {
        BinanceErrorCode.UNKNOWN,
        BinanceErrorCode.DISCONNECTED,
        BinanceErrorCode.UNEXPECTED_RESP,
        BinanceErrorCode.TIMEOUT,
    }
)
_TRANSPORT: Final = (HttpError, HttpTimeoutError, TimeoutError)


def is_open(fault: Exception) -> bool:
    """Return whether a fault leaves open what became of an order."""
    if isinstance(fault, _TRANSPORT):
        return True
    code = get_binance_error_code(fault)
    if isinstance(fault, BinanceServerError):
        return code is not BinanceErrorCode.SERVER_BUSY  # the venue says that it did nothing
    return code in _OPEN_CODES


def named(fault: Exception) -> str:
    """Return a fault in few words, without the signed address that a transport's text holds."""
    if isinstance(fault, BinanceError):
        return f"HTTP {fault.status} {fault.message}"
    return type(fault).__name__


class ConfirmingAccountApi(BinanceFuturesAccountHttpAPI):
    """The stock account API, but that a new order's outcome is always found out.

    `log` takes warnings.
    """

    def __init__(self, client: Any, clock: Any, account_type: Any, log: Any) -> None:
        super().__init__(client, clock, account_type)
        self._ocw_clock, self._log = clock, log
        self.asking: set[str] = set()
        """Client ids of orders whose outcome is being asked for."""
        self.failed_reports = 0
        """Questions behind a report that were not answered, since the start."""

    async def new_order(self, *args: Any, **kwargs: Any) -> Any:
        """Send an order; return what the venue knows of it."""
        symbol, client_id = kwargs["symbol"], kwargs["new_client_order_id"]
        return await self._confirmed(
            client_id,
            lambda: super(ConfirmingAccountApi, self).new_order(*args, **kwargs),
            lambda: self.query_order(symbol, orig_client_order_id=client_id),
        )

    async def new_algo_order(self, *args: Any, **kwargs: Any) -> Any:
        """Send a conditional order; return what the venue knows of it."""
        client_id = kwargs["client_algo_id"]
        return await self._confirmed(
            client_id,
            lambda: super(ConfirmingAccountApi, self).new_algo_order(*args, **kwargs),
            lambda: self.query_algo_order(client_algo_id=client_id),
        )

    async def query_open_orders(self, *args: Any, **kwargs: Any) -> Any:
        """Return the open orders."""
        return await self._read(super().query_open_orders, args, kwargs)

    async def query_all_orders(self, *args: Any, **kwargs: Any) -> Any:
        """Return the orders of a symbol."""
        return await self._read(super().query_all_orders, args, kwargs)

    async def query_user_trades(self, *args: Any, **kwargs: Any) -> Any:
        """Return the executions of a symbol."""
        return await self._read(super().query_user_trades, args, kwargs)

    async def query_open_algo_orders(self, *args: Any, **kwargs: Any) -> Any:
        """Return the conditional orders that wait."""
        return await self._read(super().query_open_algo_orders, args, kwargs)

    async def query_all_algo_orders(self, *args: Any, **kwargs: Any) -> Any:
        """Return the conditional orders of a symbol."""
        return await self._read(super().query_all_algo_orders, args, kwargs)

    async def query_futures_position_risk(self, *args: Any, **kwargs: Any) -> Any:
        """Return the positions."""
        return await self._read(super().query_futures_position_risk, args, kwargs)

    async def _read(
        self, question: Callable[..., Awaitable[Any]], args: Any, kwargs: Mapping[str, Any]
    ) -> Any:
        # the adapter turns a question that failed into a report of nothing: ask again, then count
        for pause_s in (*READ_AGAIN_AFTER_S, None):
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await question(*args, **kwargs)
            except (BinanceError, *_TRANSPORT) as fault:
                if pause_s is None or isinstance(fault, BinanceClientError):
                    self.failed_reports += 1
                    raise
                await asyncio.sleep(pause_s)
        raise AssertionError  # the last round returns or raises

    async def _confirmed(
        self,
        client_id: str,
        send: Callable[[], Awaitable[Any]],
        ask: Callable[[], Awaitable[Any]],
    ) -> Any:
        sent_ms = self._ocw_clock.timestamp_ms()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await send()
        except (BinanceError, *_TRANSPORT) as fault:
            if not is_open(fault):
                raise
            self._log.warning(f"{client_id}: outcome unknown ({named(fault)}), asking the venue")
            self.asking.add(client_id)
            try:
                return await self._found_out(client_id, sent_ms, ask, fault)
            finally:
                self.asking.discard(client_id)

    async def _found_out(
        self, client_id: str, sent_ms: int, ask: Callable[[], Awaitable[Any]], fault: Exception
    ) -> Any:
        denials, asked = 0, 0
        while True:
            await asyncio.sleep(ASK_AFTER_S[min(asked, len(ASK_AFTER_S) - 1)])
            asked += 1
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    found = await ask()
                if (_placed_ms(found) or sent_ms) >= sent_ms - _SKEW_MS:
                    return found
                denials += 1
            except (BinanceError, *_TRANSPORT) as answer:
                if get_binance_error_code(answer) is not BinanceErrorCode.NO_SUCH_ORDER:
                    self._log.warning(f"{client_id}: cannot ask ({named(answer)})")
                    continue
                denials += 1
            waited_s = (self._ocw_clock.timestamp_ms() - sent_ms) / 1000
            if denials > 1 and waited_s >= SETTLED_AFTER_S:
                raise BinanceClientError(
                    status=getattr(fault, "status", 0),
                    message={
                        "code": BinanceErrorCode.NO_SUCH_ORDER.value,
                        "msg": f"not at the venue {waited_s:.1f} s after {named(fault)}",
                    },
                    headers={},
                ) from fault


def _placed_ms(found: Any) -> int:
    return int(getattr(found, "time", None) or getattr(found, "createTime", None) or 0)
