"""A loopback server that takes what alerts send: Telegram's Bot API, and a webhook.

`faults` is a queue: each request for a message takes one and fails so, as long as there are any.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

TOKEN = "7711223344:AAloopback-Token_0123456789abcdefgh"
CHAT = "550011223"


@dataclass
class Inbox:
    """What has arrived, and how the next requests go wrong."""

    texts: list[str] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    """``429`` and other codes, ``slow`` (answers late), ``dropped`` (taken, never answered)."""
    updates: list[dict[str, Any]] = field(default_factory=list)
    tried: int = 0
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/bot{token}/sendMessage", self._message)
        app.router.add_post("/bot{token}/getUpdates", self._updates)
        app.router.add_post("/hook", self._hook)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def hook_url(self) -> str:
        """Return the webhook's address as Apprise reads it."""
        return self.url.replace("http://", "json://") + "/hook"

    def write(self, text: str, *, chat: str = CHAT, ts_s: int) -> None:
        """Let somebody write to the bot."""
        message = {"chat": {"id": int(chat)}, "text": text, "date": ts_s}
        self.updates.append({"update_id": len(self.updates) + 1, "message": message})

    async def until(self, ready: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for something to be so."""
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(0.01)

    async def _message(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != TOKEN:
            return _error(401, "Unauthorized")
        body = await request.json()
        assert str(body["chat_id"]) == CHAT
        return await self._take(request, lambda: self.texts.append(body["text"]))

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        return await self._take(request, lambda: self.hooks.append(body))

    async def _updates(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        found = [each for each in self.updates if each["update_id"] >= asked["offset"]]
        if not found:
            await asyncio.sleep(0.05)
        return web.json_response({"ok": True, "result": found})

    async def _take(self, request: web.Request, keep: Callable[[], None]) -> web.StreamResponse:
        self.tried += 1
        fault = self.faults.popleft() if self.faults else ""
        match fault:
            case "429":
                return _error(429, "Too Many Requests", {"retry_after": 1})
            case "400" | "401" | "500":
                return _error(int(fault), "as the test wishes")
        keep()
        if fault == "slow":
            await asyncio.sleep(1.5)
        elif fault == "dropped":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"ok": True, "result": {}})


def _error(status: int, words: str, parameters: dict[str, Any] | None = None) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": words}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=status)
