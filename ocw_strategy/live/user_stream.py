"""A user stream that comes back: as often as it is lost, for as long as it takes.

The stock client gives up for good when creating a listen key fails once during a recovery, with one
line in the log and a node that goes on trading deaf. Here a recovery is tried again, with growing
pauses, until it succeeds or the client is stopped; a start gives up after a few tries, so that it
fails in bounded time. The reconnect hook runs on the socket's thread and is handed over to the
event loop with a wake-up, which the stock client forgets.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nautilus_trader.adapters.binance.websocket.user import BinanceUserDataWebSocketClient

from ocw_strategy.live.submission import named

START_TRIES: Final = 3
LONGEST_PAUSE_S: Final = 30.0
TRY_WITHIN_S: Final = 120.0
"""How long one try may take, the reading of the account included."""
_FIRST_PAUSE_S: Final = 0.5


class RecoveringUserStream(BinanceUserDataWebSocketClient):
    """The stock user stream with a recovery that does not give up (HMAC keys, listen key by REST).

    `like` makes one with the wiring of a stock client.
    """

    def __init__(self, **wiring: Any) -> None:
        super().__init__(**wiring)
        self._stopped = False

    @classmethod
    def like(
        cls, stock: BinanceUserDataWebSocketClient, http_client: Any, api_secret: str
    ) -> "RecoveringUserStream":
        """Return a stream wired as a stock one is."""
        return cls(
            clock=stock._clock,
            base_url=stock._base_url,
            handler=stock._handler,
            api_key=stock._api_key,
            api_secret=api_secret,
            loop=stock._loop,
            is_futures=stock._is_futures,
            stream_base_url=stock._stream_base_url,
            is_ed25519=stock._ed25519_key is not None,
            http_client=http_client if stock._http_user is not None else None,
            account_type=stock._account_type,
            on_resubscribe=stock._on_resubscribe,
            proxy_url=stock._proxy_url,
        )

    def is_alive(self) -> bool:
        """Return whether the stream is connected and nothing is being recovered."""
        client = self._stream_client
        return (
            client is not None
            and client.is_active()
            and not client.is_reconnecting()  # which counts as active
            and self._subscription_id is not None
            and not self._is_recovery_failed
        )

    async def connect(self) -> None:
        """Connect."""
        self._stopped = False
        await super().connect()

    async def disconnect(self) -> None:
        """Disconnect, and recover no more."""
        self._stopped = True
        await super().disconnect()

    def _handle_stream_reconnect(self) -> None:
        self._loop.call_soon_threadsafe(super()._handle_stream_reconnect)

    async def _subscribe_rest(
        self, pre_dispatch_hook: Callable[[], Awaitable[None]] | None = None
    ) -> str:
        recovering, tries, pause_s = pre_dispatch_hook is not None, 0, _FIRST_PAUSE_S
        while True:
            tries += 1
            try:
                async with asyncio.timeout(TRY_WITHIN_S):
                    return await super()._subscribe_rest(pre_dispatch_hook)
            except Exception as fault:
                if self._stopped or (not recovering and tries >= START_TRIES):
                    raise
                self._log.warning(f"user stream not back after {tries} tries ({named(fault)})")
                await self._disconnect_stream()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
