"""The seam between OCW and whoever decides, and the way to await it where no event loop runs.

Every advisor is asked by the same coroutine. A live node awaits it; a backtest, which has no event
loop, hands it to `drive`. There is no second, synchronous way to ask.
"""

import asyncio
import atexit
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Protocol

from ocw_strategy.advisor.decision import Advice
from ocw_strategy.market.snapshot import MarketSnapshot


class Advisor(Protocol):
    """Whoever turns a snapshot into a decision.

    `decide` never raises for what an answer holds or fails to hold: that is a hold with an outcome.
    """

    @property
    def name(self) -> str:
        """What it is called in the journal."""

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        """Return advice on a snapshot."""


class _PrivateLoop:
    """One event loop per process, so that an advisor's connections outlive a single decision."""

    def __init__(self) -> None:
        self._lock = Lock()
        # by process: a fork must neither run its parent's loop nor close it
        self._loops: dict[int, asyncio.AbstractEventLoop] = {}
        atexit.register(self._close)

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            loop = self._loops.get(os.getpid())
            if loop is None:
                # not the engine's kind of loop, which opens sockets at each run
                loop = self._loops[os.getpid()] = asyncio.SelectorEventLoop()
            return loop.run_until_complete(coroutine)

    def _close(self) -> None:
        if loop := self._loops.pop(os.getpid(), None):
            loop.close()


_private_loop = _PrivateLoop()


def drive[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to completion and return its result, raising what it raises.

    It runs on a private loop that is kept for the life of the process. Where the calling thread
    runs a loop of its own (a notebook), the private one runs in a thread beside it, and the caller
    waits all the same.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _private_loop.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as beside:
        return beside.submit(_private_loop.run, coroutine).result()
