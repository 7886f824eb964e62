"""The door of the page: nothing behind it is reached by a request that has not passed all of it.

In this order: the ``Host`` must be a name the page is served under (a page elsewhere that points
its own name at this machine is turned away); the request must be small; one that changes something
must come from the page itself (``Origin``), whatever cookie it carries; and where there is a token,
the request must hold it or a session. What is refused learns nothing but that. Every answer carries
the headers that keep a browser from running, framing or caching what it should not.
"""

import json
from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocw_strategy.dashboard.access import Door

COOKIE: Final = "ocw_session"
SIGN_IN: Final = "/sign-in"

MAX_TARGET: Final = 1024
"""Bytes of path and query."""
MAX_BODY: Final = 4096

_METHODS: Final = ("GET", "POST")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer."""


class Guard:
    """Let requests through to an application, or answer them here.

    Parameters
    ----------
    app : ASGIApp
    hosts : frozenset[str] or None
        Names it is served under, without a port; None lets any name in, which is safe only where
        a token is asked for.
    door : Door or None
        None lets everyone read.
    public : Collection[str]
        Paths that anyone may have: they say nothing of the journal.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] | None,
        door: Door | None,
        public: Collection[str],
    ) -> None:
        self._app, self._hosts, self._door, self._public = app, hosts, door, public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answered[name] = value
                answered.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(guarded_send, *refusal)
            return
        await self._app(scope, receive, guarded_send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        # the status, words and headers of a request that is not let in
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return 421, "this name is not served here", {}
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
            return 414, "the address is too long", {}
        method, path = scope["method"], scope["path"]
        if method not in _METHODS:
            return 405, "only GET and POST", {"Allow": ", ".join(_METHODS)}
        # a length that is told is kept to by the parser below; one that is not could be any
        length = headers.get("content-length", "0" if method == "GET" else "")
        if "transfer-encoding" in headers or not length:
            return 411, "say how long the body is", {}
        if not length.isdecimal() or int(length) > MAX_BODY:
            return 413, "the body is too large", {}
        if method == "POST" and not _same_origin(headers, host):
            return 403, "only from the page itself", {}
        if path in self._public or self._door is None:
            return None
        return self._stranger(scope, headers, self._door)

    def _stranger(
        self, scope: Scope, headers: Headers, door: Door
    ) -> tuple[int, str, dict[str, str]] | None:
        if door.knows(_session(headers)):
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            wait_s = door.admit(given.strip(), scope["client"][0])
            if wait_s == 0:
                return None
            if wait_s > 0:
                return 429, "too many wrong tokens", {"Retry-After": str(wait_s)}
        if scope["path"] == "/" and scope["method"] == "GET":
            return 303, "sign in", {"Location": SIGN_IN}
        return 401, "a token is needed", {"WWW-Authenticate": "Bearer"}


def _name(host: str) -> str:
    # the name of a Host header: without its port, an IPv6 address without its brackets
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _same_origin(headers: Headers, host: str) -> bool:
    # a client that is no browser sends no Origin, and no cookie that a browser keeps either
    origin = headers.get("origin")
    if origin is None:
        return headers.get("cookie") is None
    return origin.partition("://")[2] == host


def _session(headers: Headers) -> str:
    try:
        cookies: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


async def _answer(send: Send, status: int, words: str, headers: Mapping[str, str]) -> None:
    body = json.dumps({"error": words}).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.lower().encode(), v.encode()) for k, v in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
