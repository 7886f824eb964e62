"""The server: it checks, keeps and answers what it is asked, from a script or by a function.

Use `ClaudeApi` as a context manager. ``script`` queues replies, each used once; a reply may be a
function of the request's body. When the queue is empty the ``default`` answers. Requests that the
real API would refuse are refused before any script is asked. A cached prefix is written once and
read after, as long as it is long enough.
"""

import asyncio
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from aiohttp import web

from tests.claude.checks import MAX_BODY, refusal
from tests.claude.replies import Reply, answer, decision_text, error

KEY = "sk-ant-api03-loopback-0123456789abcdef-AA"
Script = Reply | Callable[[dict[str, Any]], Reply | str]


@dataclass(frozen=True)
class Call:
    """One request as it came, and the status it got."""

    path: str
    headers: Mapping[str, str]
    body: Any
    status: int

    @property
    def prompt(self) -> str:
        """Return the text of the last message: the snapshot, in a request for a decision."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(each["text"] for each in content)


class ClaudeApi:
    """The Messages API; `url` is its address while it serves."""

    def __init__(self, *, port: int = 0, key: str = KEY, cache_floor_tokens: int = 1024) -> None:
        self.calls: list[Call] = []
        self.default: Script = answer(decision_text())
        self.key = key
        self.url = ""
        self._port = port
        self._floor = cache_floor_tokens
        self._script: deque[Script] = deque()
        self._cached: set[str] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def script(self, *replies: Script) -> None:
        """Queue replies for the next requests for a message."""
        with self._lock:
            self._script.extend(replies)

    @property
    def messages(self) -> list[Call]:
        """Return the requests for a message, counts of tokens left out."""
        return [call for call in self.calls if call.path == "/v1/messages"]

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _begin(self) -> None:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _end(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:  # replies that are still pausing
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        reply = self._reply(request, body)
        call = Call(request.path, dict(request.headers), body, reply.status)
        with self._lock:
            self.calls.append(call)
            number = len(self.calls)
        return await _say(request, reply, f"req_{number:024}")

    def _reply(self, request: web.Request, body: Any) -> Reply:
        counting = request.path == "/v1/messages/count_tokens"
        if request.method != "POST" or request.path not in (
            "/v1/messages", "/v1/messages/count_tokens",
        ):  # fmt: skip
            return error(404, message="Not Found")
        headers = {name.lower(): value for name, value in request.headers.items()}
        refused = refusal(headers, body, self.key, counting=counting)
        if refused is not None:
            return refused
        if counting:
            return Reply(body={"input_tokens": _tokens(body)})
        with self._lock:
            script = self._script.popleft() if self._script else self.default
        made = script if isinstance(script, Reply) else script(body)
        if isinstance(made, str):
            made = answer(made)
        return self._completed(made, body)

    def _completed(self, reply: Reply, body: dict[str, Any]) -> Reply:
        """Return a reply with what only the API knows: the model's name and the usage."""
        if not isinstance(reply.body, Mapping) or reply.body.get("type") != "message":
            return reply
        message = dict(reply.body)
        message["model"] = message.get("model") or body["model"]
        if message.get("usage") is ...:
            message["usage"] = self._usage(message, body)
        return replace(reply, body=message)

    def _usage(self, message: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        written = max(1, len(json.dumps(message["content"])) // 4)
        whole, prefix = _tokens(body), _prefix(body)
        kept = _tokens(prefix) if prefix is not None else 0
        usage: dict[str, Any] = {
            "input_tokens": whole, "output_tokens": min(written, body["max_tokens"]),
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "service_tier": "standard",
        }  # fmt: skip
        if kept >= self._floor:
            name = hashlib.sha256(json.dumps([body["model"], prefix]).encode()).hexdigest()
            with self._lock:
                kind = "read" if name in self._cached else "creation"
                self._cached.add(name)
            usage["input_tokens"] = whole - kept
            usage[f"cache_{kind}_input_tokens"] = kept
        return usage


async def _say(request: web.Request, reply: Reply, request_id: str) -> web.StreamResponse:
    if reply.first_byte_s:
        await asyncio.sleep(reply.first_byte_s)
    if reply.drop:
        _abort(request)
        return web.Response()
    raw = reply.raw
    response = web.StreamResponse(
        status=reply.status,
        headers={
            "content-type": reply.content_type,
            "content-length": str(len(raw)),
            "request-id": request_id,
            "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-input-tokens-remaining": "50000",
            **reply.headers,
        },
    )
    await response.prepare(request)
    await response.write(raw[: reply.sent])
    if reply.sent is not None:
        if not reply.pause_s:
            _abort(request)
            return response
        await asyncio.sleep(reply.pause_s)
        await response.write(raw[reply.sent :])
    await response.write_eof()
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _tokens(asked: Any) -> int:
    """Return a made-up but steady count: a token for every four bytes."""
    return max(1, len(json.dumps(asked).encode()) // 4)


def _prefix(body: dict[str, Any]) -> Any:
    """Return the part of a request that ends with its last cache breakpoint, if it has one."""
    system = body.get("system")
    if not isinstance(system, list):
        return None
    marked = [k for k, block in enumerate(system) if "cache_control" in block]
    return system[: marked[-1] + 1] if marked else None
