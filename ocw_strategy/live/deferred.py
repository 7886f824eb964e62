"""Work of the node that can wait a moment, so that what cannot wait goes first."""

import asyncio
from collections.abc import Callable
from typing import Final

KEEP_AFTER_S: Final = 0.05
"""How long after a close what a restart needs is written."""


class Deferred:
    """Work that is done a moment after it was asked for, and once however often it was.

    Parameters
    ----------
    work : callable
        Called on the running loop; what it raises is the loop's.
    delay_s : float
        The moment, in seconds.
    """

    def __init__(self, work: Callable[[], None], delay_s: float) -> None:
        self._work = work
        self._delay_s = delay_s
        self._handle: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Ask for the work."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._delay_s, self._do)

    def drop(self) -> None:
        """Ask for it no more, since it has been done."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _do(self) -> None:
        self._handle = None
        self._work()
