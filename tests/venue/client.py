"""A hand-made client of the venue, for tests of the venue itself: signs, asks, listens."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx

from tests.venue.server import Venue


class Client:
    """Asks as the holder of the venue's key."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._http = httpx.Client(base_url=venue.http_url, trust_env=False)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(
        self, method: str, path: str, *, signed: bool = True, key: bool = True, **params: Any
    ) -> httpx.Response:
        """Return the whole answer."""
        if signed:
            params = {"timestamp": time.time_ns() // 1_000_000} | params
            text = urlencode(params)
            secret = self._venue.api_secret.encode()
            params["signature"] = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self._venue.api_key} if key else {}
        return self._http.request(method, path, params=params, headers=headers)

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a good answer."""
        return _good(self.ask("GET", path, **params))

    def post(self, path: str, **params: Any) -> Any:
        """Return the JSON of a good answer."""
        return _good(self.ask("POST", path, **params))

    def put(self, path: str, **params: Any) -> Any:
        """Return the JSON of a good answer."""
        return _good(self.ask("PUT", path, **params))

    def delete(self, path: str, **params: Any) -> Any:
        """Return the JSON of a good answer."""
        return _good(self.ask("DELETE", path, **params))

    def code(self, method: str, path: str, **params: Any) -> int:
        """Return the error code of a refusal."""
        answer = self.ask(method, path, **params)
        assert answer.status_code >= 400, answer.text
        return int(answer.json()["code"])

    def market(self, side: str, quantity: str, symbol: str = "BTCUSDT", **more: Any) -> Any:
        """Place a market order."""
        return self.post(
            "/fapi/v1/order", symbol=symbol, side=side, type="MARKET", quantity=quantity, **more
        )

    def stop(self, side: str, quantity: str, trigger: str, **more: Any) -> Any:
        """Place a reduce-only stop on BTCUSDT."""
        return self.post("/fapi/v1/algoOrder", **stop_params(side, quantity, trigger, **more))


def stop_params(side: str, quantity: str, trigger: str, **more: Any) -> dict[str, Any]:
    """Return the parameters of a reduce-only stop on BTCUSDT."""
    return {
        "algoType": "CONDITIONAL",
        "symbol": "BTCUSDT",
        "side": side,
        "type": "STOP_MARKET",
        "quantity": quantity,
        "triggerPrice": trigger,
        "workingType": "MARK_PRICE",
        "reduceOnly": "true",
        **more,
    }


def _good(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


class Listener:
    """Hears a socket on a loop of its own: ``with Listener(url) as heard: ...``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self.messages: list[Any] = []

    def __enter__(self) -> "Listener":
        self._session = self._run(_session())
        try:
            self._socket = self._run(self._session.ws_connect(self._url))
        except aiohttp.ClientError:
            self._run(self._session.close())
            self._loop.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._socket.close())
        self._run(self._session.close())
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._run(self._socket.send_json(message))

    def hear(self, count: int = 1, within_s: float = 2.0) -> list[Any]:
        """Return the next messages; fail if they do not come."""

        async def take() -> list[Any]:
            async with asyncio.timeout(within_s):
                return [json.loads(await self._socket.receive_str()) for _ in range(count)]

        return list(self._run(take()))

    def all_within(self, seconds: float) -> list[Any]:
        """Return what comes within a time."""
        heard: list[Any] = []

        async def take() -> None:
            while True:
                heard.append(json.loads(await self._socket.receive_str()))

        async def bounded() -> None:
            try:
                await asyncio.wait_for(take(), seconds)
            except TimeoutError:
                return

        self._run(bounded())
        return heard

    def is_cut(self, within_s: float = 2.0) -> bool:
        """Return whether the socket ends within a time."""

        async def take() -> bool:
            try:
                async with asyncio.timeout(within_s):
                    while True:
                        message = await self._socket.receive()
                        if message.type is not aiohttp.WSMsgType.TEXT:
                            return True
            except TimeoutError:
                return False

        return bool(self._run(take()))


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()
