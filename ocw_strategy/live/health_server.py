"""`/health`, served by a node on its own event loop, for whoever starts it again."""

import json
from collections.abc import Callable

from aiohttp import web

from ocw_strategy.errors import OcwError
from ocw_strategy.live.heartbeat import Heartbeat, health


class HealthServer:
    """`GET /health` on the node's own event loop.

    Parameters
    ----------
    beat : callable
        Returns the last heartbeat, or None.
    now_ns : callable
        Returns the wall time, UNIX nanoseconds.
    """

    def __init__(self, beat: Callable[[], Heartbeat | None], now_ns: Callable[[], int]) -> None:
        self._beat = beat
        self._now_ns = now_ns
        self._runner: web.AppRunner | None = None
        self.port = 0
        """The port that is served, once started."""

    async def start(self, host: str, port: int) -> None:
        """Serve; port 0 takes a free one.

        Raises
        ------
        OcwError
            If the address cannot be bound.
        """
        app = web.Application()
        app.router.add_get("/health", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise OcwError(
                "live.health_port", port, f"give a free port, or 0 to serve none: {error}"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, _request: web.Request) -> web.Response:
        status, body = health(self._beat(), self._now_ns())
        return web.Response(
            status=status,
            text=json.dumps(body, sort_keys=True),
            content_type="application/json",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )
