"""Requests for public statistics that keep the venue's peace.

Each pool of limits (the venue counts ``/fapi`` and ``/futures/data`` apart) is left alone after a
429 for as long as Retry-After says; after a 418 the whole address is banned, and nothing is asked
until the ban is over. A request that must not be made is a `PausedError` at once, without a
connection. Every other fault is an `UnavailableError`; nothing is retried here.
"""

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from ocw_strategy.errors import OcwError
from ocw_strategy.units import SECOND_NS

TIMEOUT_S: Final = 10.0
PAUSE_S: Final = {418: 300.0, 429: 60.0, 403: 300.0}
"""Seconds of a pause that names no length, by status: ban, rate limit, firewall."""
_BAN: Final = (418, 403)


class UnavailableError(OcwError):
    """The venue did not give an answer that can be used."""


class PausedError(UnavailableError):
    """The venue asked for a pause that is not over."""


class StatisticsHttp:
    """GET requests of public endpoints.

    Parameters
    ----------
    base_url : str
        Such as ``https://fapi.binance.com``.
    now_ns : Callable
        The clock, UNIX nanoseconds.
    """

    def __init__(self, base_url: str, now_ns: Callable[[], int]) -> None:
        self._base_url, self._now_ns = base_url.rstrip("/"), now_ns
        self._session: aiohttp.ClientSession | None = None
        self._paused_until_ns: dict[str, int] = {}

    def paused_s(self, path: str) -> float:
        """Return how many seconds a path is still left alone."""
        until_ns = max(self._paused_until_ns.get("", 0), self._paused_until_ns.get(_pool(path), 0))
        return max(until_ns - self._now_ns(), 0) / SECOND_NS

    async def get(self, path: str, **params: str | int) -> Any:
        """Return the JSON of an answer.

        Raises
        ------
        PausedError
            If the path is to be left alone, or this answer asks for that.
        UnavailableError
            If there is no answer, or not one of JSON with status 200.
        """
        paused = self.paused_s(path)
        if paused:
            raise PausedError(path, f"paused for {paused:.0f} s", "wait")
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S))
        try:
            async with self._session.get(f"{self._base_url}{path}", params=params) as answer:
                text = await answer.text()
                status, headers = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError) as fault:
            raise UnavailableError(path, repr(fault), "it is asked again") from fault
        if status in PAUSE_S:
            seconds = _seconds(headers.get("Retry-After", ""), PAUSE_S[status])
            pool = "" if status in _BAN else _pool(path)
            until_ns = self._now_ns() + int(seconds * SECOND_NS)
            self._paused_until_ns[pool] = max(until_ns, self._paused_until_ns.get(pool, 0))
            raise PausedError(path, f"HTTP {status}", f"wait {seconds:.0f} s")
        if status != 200:
            raise UnavailableError(path, f"HTTP {status} {text[:200]}", "it is asked again")
        try:
            return json.loads(text)
        except ValueError as fault:
            raise UnavailableError(path, text[:200], "it is asked again") from fault

    async def rows(self, path: str, **params: str | int) -> list[Any]:
        """Return the rows of an answer that is a list.

        Raises
        ------
        UnavailableError
            If there is no answer, or another than a list.
        """
        answer = await self.get(path, **params)
        if not isinstance(answer, list):
            raise UnavailableError(path, str(answer)[:200], "it is asked again")
        return answer

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)


def _pool(path: str) -> str:
    return "/futures/data" if path.startswith("/futures/data") else "/fapi"


def _seconds(text: str, otherwise: float) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return otherwise
    return seconds if math.isfinite(seconds) and seconds >= 0 else otherwise
