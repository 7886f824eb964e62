"""Work of the node that can wait a moment, so that what cannot wait goes first."""

import asyncio
from collections.abc import Callable
from typing import Final

DELAY_S: Final = 0.05
"""The moment."""


class Deferred:
    """Work that is done a moment after it was asked for, and once however often it was.

    Parameters
    ----------
    work : callable
        Called on the running loop; what it raises is the loop's.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._handle: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Ask for the work."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(DELAY_S, self._do)

    def drop(self) -> None:
        """Forget that it was asked for."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _do(self) -> None:
        self._handle = None
        self._work()
