"""The venue's REST interface: a table of endpoints, access, faults, the call log.

Answers carry Binance's status, code and words. A fault that refuses after the request was carried
out leaves its effects: that is the point of it.
"""

import asyncio
import inspect
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from tests.venue import access, account, frames, payloads
from tests.venue.calls import SECRET, Call, CallLog
from tests.venue.checks import Parameters
from tests.venue.exchange import Exchange
from tests.venue.faults import Faults, RequestFault
from tests.venue.listings import exchange_info
from tests.venue.market import Market
from tests.venue.refusals import Refusal
from tests.venue.sockets import UserSockets

Answer = Callable[[Parameters], Any]
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers, and who may ask: ``""`` everybody, ``key``, or ``signed``."""

    answer: Answer
    access: str = ""


class Rest:
    """Answers requests.

    Parameters
    ----------
    api_key, api_secret : str
        The one key that is known here.
    """

    def __init__(
        self,
        exchange: Exchange,
        market: Market,
        users: UserSockets,
        faults: Faults,
        calls: CallLog,
        now_ms: Callable[[], int],
        api_key: str,
        api_secret: str,
    ) -> None:
        self._exchange, self._market, self._users = exchange, market, users
        self._faults, self._calls, self._now_ms = faults, calls, now_ms
        self._api_key, self._api_secret = api_key, api_secret
        self.key_may_withdraw = False
        self._weights: dict[int, int] = {}
        self._endpoints = self._public() | self._private()

    def _public(self) -> dict[tuple[str, str], Endpoint]:
        market, exchange, now = self._market, self._exchange, self._now_ms
        found: dict[str, Answer] = {
            "/fapi/v1/ping": lambda _: {},
            "/fapi/v1/time": lambda _: {"serverTime": now()},
            "/fapi/v1/exchangeInfo": lambda _: exchange_info(
                now(), unknown_words=self._faults.unknown_words
            ),
            "/fapi/v1/klines": lambda p: frames.klines(market, p),
            "/fapi/v1/premiumIndex": lambda p: frames.premium_index(market, exchange, p),
            "/fapi/v1/fundingRate": lambda p: frames.funding_rate(market, p),
            "/fapi/v1/openInterest": lambda p: frames.open_interest(market, p),
        }
        for name in frames.STATISTICS_ENDPOINTS:
            found[f"/futures/data/{name}"] = lambda p, name=name: frames.statistics(  # type: ignore[misc]
                market, name, p
            )
        return {("GET", path): Endpoint(answer) for path, answer in found.items()}

    def _private(self) -> dict[tuple[str, str], Endpoint]:
        x, users, now = self._exchange, self._users, self._now_ms
        signed: dict[tuple[str, str], Answer] = {
            ("GET", "/fapi/v2/account"): lambda _: account.account(x, now(), version=2),
            ("GET", "/fapi/v3/account"): lambda _: account.account(x, now(), version=3),
            ("GET", "/fapi/v1/accountConfig"): lambda _: account.account_config(x),
            ("GET", "/fapi/v2/balance"): lambda _: account.balance(x, now()),
            ("GET", "/fapi/v3/positionRisk"): lambda p: account.position_risk(x, p),
            ("GET", "/fapi/v1/symbolConfig"): lambda p: account.symbol_config(x, p),
            ("GET", "/fapi/v1/positionSide/dual"): lambda _: {"dualSidePosition": False},
            ("POST", "/fapi/v1/leverage"): lambda p: account.leverage(x, p),
            ("POST", "/fapi/v1/marginType"): lambda p: account.margin_type(x, p),
            ("GET", "/fapi/v1/commissionRate"): account.commission_rate,
            ("GET", "/fapi/v1/apiTradingStatus"): lambda _: account.trading_status(now()),
            ("GET", "/fapi/v1/income"): lambda p: account.income(x, p),
            ("GET", "/sapi/v1/account/apiRestrictions"): lambda _: account.permissions(
                withdrawals=self.key_may_withdraw
            ),
            ("POST", "/fapi/v1/order"): lambda p: payloads.order_placed(x.new_order(p)),
            ("GET", "/fapi/v1/order"): lambda p: payloads.order(x.find_order(p)),
            ("PUT", "/fapi/v1/order"): lambda p: payloads.order_placed(x.amend(p)),
            ("DELETE", "/fapi/v1/order"): lambda p: payloads.order_placed(x.cancel(p)),
            ("GET", "/fapi/v1/openOrders"): lambda p: [
                payloads.order(order) for order in x.open_orders(p.get("symbol", ""))
            ],
            ("GET", "/fapi/v1/allOrders"): lambda p: account.all_orders(x, p),
            ("GET", "/fapi/v1/userTrades"): lambda p: account.user_trades(x, p, now()),
            ("DELETE", "/fapi/v1/allOpenOrders"): lambda p: account.cancel_all(x, p),
            ("DELETE", "/fapi/v1/batchOrders"): lambda p: account.cancel_batch(x, p),
            ("POST", "/fapi/v1/algoOrder"): lambda p: payloads.algo_placed(x.new_algo_order(p)),
            ("GET", "/fapi/v1/algoOrder"): lambda p: payloads.algo_order(x.find_algo(p)),
            ("DELETE", "/fapi/v1/algoOrder"): lambda p: account.cancel_algo(x, p),
            ("GET", "/fapi/v1/openAlgoOrders"): lambda p: [
                payloads.algo_order(order) for order in x.open_algo_orders(p.get("symbol", ""))
            ],
            ("GET", "/fapi/v1/allAlgoOrders"): lambda p: account.all_algo_orders(x, p),
            ("DELETE", "/fapi/v1/algoOpenOrders"): lambda p: account.cancel_all_algo(x, p),
        }
        keyed: dict[tuple[str, str], Answer] = {
            ("POST", "/fapi/v1/listenKey"): lambda _: {"listenKey": users.create_key()},
            ("PUT", "/fapi/v1/listenKey"): lambda _: {"listenKey": users.extend_key()},
            ("DELETE", "/fapi/v1/listenKey"): lambda _: users.close_key(),
        }
        return {place: Endpoint(answer, "signed") for place, answer in signed.items()} | {
            place: Endpoint(answer, "key") for place, answer in keyed.items()
        }

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and log it."""
        arrived_ns = time.time_ns()
        body = await request.text()
        query = request.rel_url.raw_query_string
        params = dict(parse_qsl(query)) | dict(parse_qsl(body))
        place = (request.method, request.path)
        fault = None if self._faults.dark else self._faults.of_request(*place)
        cut = self._faults.dark or bool(fault and fault.cut)
        try:
            answer: Any = None
            if not self._faults.dark:
                answer = self._carried_out(request, query, body, params, fault)
            status, code, headers = 200, 0, {}
        except Refusal as refusal:
            answer, status = refusal.body, refusal.status
            code, headers = refusal.code, refusal.headers
        shown = {name: value for name, value in params.items() if name not in SECRET}
        self._calls.add(Call(*place, shown, 0 if cut else status, code, arrived_ns))
        if fault is not None and fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if cut and request.transport is not None:
            request.transport.abort()
        minute = self._now_ms() // _MINUTE_MS
        self._weights = {minute: self._weights.get(minute, 0) + 1}
        headers = headers | {"X-MBX-USED-WEIGHT-1M": str(self._weights[minute])}
        if fault is not None and fault.body is not None and status == 200:
            return web.Response(body=fault.body, headers=headers)
        return web.json_response(answer, status=status, headers=headers)

    def _carried_out(
        self,
        request: web.Request,
        query: str,
        body: str,
        params: Parameters,
        fault: RequestFault | None,
    ) -> Any:
        banned = self._faults.banned_for_s()
        if banned:
            raise Refusal(-1003, 2400, status=418, headers={"Retry-After": str(banned)})
        if fault is not None and not fault.executed and (fault.refusal or fault.cut):
            raise fault.refusal or Refusal(-1000)
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            raise Refusal(-1000, status=404)
        if endpoint.access:
            access.check_key(request.headers, self._api_key)
        if endpoint.access == "signed":
            access.check_signature(query, body, self._api_secret, self._now_ms())
        answer = endpoint.answer(params)
        if fault is not None and fault.refusal is not None:
            raise fault.refusal
        if fault is not None and fault.hidden and isinstance(answer, list):
            return [row for row in answer if row.get("symbol") != fault.hidden]
        return answer


def control(methods: dict[str, Callable[..., Any]]) -> Callable[[web.Request], Any]:
    """Return a handler for ``POST /_ctl/<name>``: calls a method with the JSON it is sent.

    It is no part of Binance: for a hand at the keyboard, or a test in another process.
    """

    async def serve(request: web.Request) -> web.Response:
        method = methods.get(request.match_info["name"])
        if method is None:
            return web.json_response({"known": sorted(methods)}, status=404)
        text = await request.text()
        arguments = json.loads(text) if text else {}
        given = arguments if isinstance(arguments, dict) else {}
        listed = arguments if isinstance(arguments, list) else []
        try:
            result = method(*listed, **given)
            result = await result if inspect.isawaitable(result) else result
            return web.json_response({"result": result}, dumps=_plain)
        except (TypeError, ValueError) as fault:
            return web.json_response({"error": str(fault)}, status=400)

    return serve


def _plain(value: Any) -> str:
    return json.dumps(value, default=str)
