"""The venue's WebSockets: market streams, and the user stream behind its listen key.

A market socket gets what it subscribed to, by its address or by SUBSCRIBE. A user socket gets the
account's events while its listen key lives; an unknown key is let in and hears nothing, as at
Binance. What happens while nobody listens is never sent.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from aiohttp import WSMsgType, web

from tests.venue.faults import Faults
from tests.venue.payloads import Message
from tests.venue.refusals import Refusal

KEY_LIFE_MS: Final = 3_600_000
EVENT_OF_KEY: Final = "listenKeyExpired"


class MarketSockets:
    """Sockets of market data and the streams each of them wants."""

    def __init__(self) -> None:
        self._wanted: dict[web.WebSocketResponse, list[str]] = {}

    @property
    def streams(self) -> set[str]:
        """Every stream that somebody wants."""
        return {stream for streams in self._wanted.values() for stream in streams}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold a socket until it closes."""
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        streams = request.query.get("streams", "")
        self._wanted[socket] = [stream for stream in streams.split("/") if stream]
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_json(self._told(socket, json.loads(message.data)))
        finally:
            self._wanted.pop(socket, None)
        return socket

    def _told(self, socket: web.WebSocketResponse, request: dict[str, Any]) -> Message:
        wanted, params = self._wanted.get(socket, []), request.get("params") or []
        match request.get("method"):
            case "SUBSCRIBE":
                wanted += [stream for stream in params if stream not in wanted]
            case "UNSUBSCRIBE":
                wanted[:] = [stream for stream in wanted if stream not in params]
            case "LIST_SUBSCRIPTIONS":
                return {"result": list(wanted), "id": request.get("id")}
            case _:
                error = {"code": 2, "msg": "Invalid request: unknown method"}
                return {"error": error, "id": request.get("id")}
        return {"result": None, "id": request.get("id")}

    async def publish(self, frames: dict[str, Message]) -> None:
        """Send each socket the frames it wants."""
        texts = {
            stream: json.dumps({"stream": stream, "data": frame})
            for stream, frame in frames.items()
        }
        for socket, streams in list(self._wanted.items()):
            for stream in list(streams):
                if stream in texts and not socket.closed:
                    try:
                        await socket.send_str(texts[stream])
                    except ConnectionError:
                        break

    def drop(self) -> None:
        """Cut every socket."""
        for socket in list(self._wanted):
            _cut(socket)


class UserSockets:
    """The listen key and the sockets that use it."""

    def __init__(self, now_ms: Callable[[], int], faults: Faults) -> None:
        self._now_ms, self._faults = now_ms, faults
        self._key, self._key_until_ms = "", 0
        self._sockets: dict[web.WebSocketResponse, str] = {}
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @property
    def key(self) -> str:
        """The listen key that lives, or nothing."""
        return self._key if self._now_ms() < self._key_until_ms else ""

    @property
    def listeners(self) -> int:
        """Sockets that hear the account's events."""
        return sum(key == self.key != "" for key in self._sockets.values())

    def create_key(self) -> str:
        """Return the living key, its life extended, or a new one."""
        if not self.key:
            self._key = secrets.token_hex(32)
        self._key_until_ms = self._now_ms() + KEY_LIFE_MS
        return self._key

    def extend_key(self) -> str:
        """Extend the life of the key."""
        if not self.key:
            raise Refusal(-1125)
        return self.create_key()

    def close_key(self) -> Message:
        """End the key without a word."""
        self._key_until_ms = 0
        return {}

    def expire_key(self) -> None:
        """End the key and say so on its sockets."""
        if self.key:
            event = {"e": EVENT_OF_KEY, "E": self._now_ms(), "listenKey": self._key}
            self._send(event, self._key)
            self._key_until_ms = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold a socket until it closes."""
        key = request.query.get("listenKey") or request.match_info.get("key", "")
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self._sockets[socket] = key
        try:
            async for _ in socket:
                pass
        finally:
            self._sockets.pop(socket, None)
        return socket

    def push(self, event: Message) -> None:
        """Send an event of the account, unless a fault has other plans."""
        if not self.key:
            return
        fault = self._faults.of_event(event["e"])
        if fault is None:
            self._send(event, self._key)
            return
        for _ in range(fault.copies):
            if fault.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(fault.delay_s, self._send, event, self._key)
            else:
                self._send(event, self._key)

    def _send(self, event: Message, key: str) -> None:
        self._queue.put_nowait((json.dumps(event), key))

    async def run(self) -> None:
        """Send what is queued, in order, until cancelled."""
        while True:
            text, key = await self._queue.get()
            for socket, heard in list(self._sockets.items()):
                if heard == key and not socket.closed:
                    try:
                        await socket.send_str(text)
                    except ConnectionError:
                        continue

    def drop(self) -> None:
        """Cut every socket."""
        for socket in list(self._sockets):
            _cut(socket)


def _cut(socket: web.WebSocketResponse) -> None:
    # as a cable that is pulled: no closing handshake
    request = socket._req
    if request is not None and request.transport is not None:
        request.transport.abort()
