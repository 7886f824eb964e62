"""The market under a test's control: step by step, at a price, or at a speed.

Each point of the walk moves the exchange first (triggers and fills happen on the way) and is then
told to the sockets, so a stop's events and its bar's close come in the order a venue sends them.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from tests.venue.exchange import Exchange
from tests.venue.frames import stream_frame
from tests.venue.market import POINTS, Market
from tests.venue.sockets import MarketSockets

Runner = Callable[[Callable[[], Any]], Any]


class Playback:
    """Moves the market; safe to call from any thread."""

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        sockets: MarketSockets,
        run: Runner,
        wait: Callable[[Coroutine[Any, Any, Any]], Any],
    ) -> None:
        self._market, self._exchange, self._sockets = market, exchange, sockets
        self._run, self._wait = run, wait
        self._task: asyncio.Task[None] | None = None
        self.speed = 0.0
        """Market seconds a second while playing, as far as the machine keeps up."""
        self.told_ns = 0
        """When the sockets were last told something, wall time."""
        self.tells_forming = True
        """Whether klines are told while they form; without, the market plays faster."""

    @property
    def now_ms(self) -> int:
        """The market's clock, UTC milliseconds."""
        return self._market.now_ms

    @property
    def at_end(self) -> bool:
        """Whether there is nothing left to play."""
        return self._market.at_end

    def step(self, points: int = 1) -> None:
        """Move by points; four of them are a bar."""
        for _ in range(points):
            self._wait(self._step())

    def advance(self, bars: int = 1) -> None:
        """Move to the close of the bar that forms, and by whole bars from there."""
        self._wait(self._advance(bars))

    def price(self, symbol: str, last: float | str, mark: float | str | None = None) -> None:
        """Move one perpetual to a price between the bars, in a straight line; sockets hear it."""
        self._wait(self._price(symbol, last, mark, jump=False))

    def gap(self, symbol: str, last: float | str, mark: float | str | None = None) -> None:
        """Move one perpetual to a price with nothing between."""
        self._wait(self._price(symbol, last, mark, jump=True))

    def settle(self, symbol: str, rate: float | str) -> None:
        """Settle funding now, whatever the history says."""
        self._run(lambda: self._exchange.settle_funding(symbol, Decimal(str(rate))))

    def publish(self) -> None:
        """Tell the sockets where the market stands."""
        self._wait(self._tell())

    def play(self, speed: float) -> None:
        """Play from here at so many times the wall's speed, until paused or at the end."""
        self._run(lambda: self.start_playing(speed))

    def pause(self) -> None:
        """Stand still."""
        self._run(self.halt)

    def tell_marks(self) -> None:
        """Tell the mark prices again, as the venue does every second, wherever the market stands.

        A market that stands still is otherwise silent, which a node takes for a lost connection.
        """
        self._wait(self._tell_marks())

    def controls(self) -> dict[str, Callable[..., Any]]:
        """Return what can be called by name on the venue's loop."""
        return {
            "play": self.start_playing,
            "pause": self.halt,
            "step": self._step,
            "advance": self._advance,
            "price": lambda symbol, last, mark=None: self._price(symbol, last, mark, jump=False),
            "gap": lambda symbol, last, mark=None: self._price(symbol, last, mark, jump=True),
        }

    def start_playing(self, speed: float) -> None:
        """Play; to be called on the venue's loop."""
        self.halt()
        self.speed = speed
        self._task = asyncio.get_running_loop().create_task(self._play())

    def halt(self) -> None:
        """Stand still; to be called on the venue's loop."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = self._market.minutes * 60 / POINTS / self.speed
        due_s = loop.time()
        while not self._market.at_end:
            due_s += pause_s
            await asyncio.sleep(max(due_s - loop.time(), 0))
            await self._step()

    async def _advance(self, bars: int = 1) -> None:
        for _ in range(bars):
            await self._step()
            while not self._market.bar_closed:
                await self._step()

    async def _step(self) -> None:
        before_ms = self._market.now_ms
        for tick in self._market.step():
            move = self._exchange.jump if tick.jump else self._exchange.move
            move(tick.symbol, tick.last, tick.mark)
        for symbol in self._market.symbols:
            settled = self._market.settled(symbol, before_ms + 1, self._market.now_ms, 100)
            for _, rate in settled:
                self._exchange.settle_funding(symbol, Decimal(repr(rate)))
        await self._tell()

    async def _price(
        self, symbol: str, last: float | str, mark: float | str | None, *, jump: bool
    ) -> None:
        price = Decimal(str(last))
        move = self._exchange.jump if jump else self._exchange.move
        move(symbol, price, price if mark is None else Decimal(str(mark)))
        await self._tell()

    async def _tell_marks(self) -> None:
        streams = [name for name in self._sockets.streams if "@markPrice" in name]
        frames = {name: stream_frame(self._market, self._exchange, name) for name in streams}
        await self._sockets.publish({name: frame for name, frame in frames.items() if frame})

    async def _tell(self) -> None:
        frames = {}
        for stream in self._sockets.streams:
            if not self.tells_forming and not self._market.bar_closed and "@kline" in stream:
                continue
            frame = stream_frame(self._market, self._exchange, stream)
            if frame is not None:
                frames[stream] = frame
        self.told_ns = time.time_ns()
        await self._sockets.publish(frames)
