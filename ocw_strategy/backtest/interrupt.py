"""An interrupt that no callback can swallow.

Some of the engine's compiled callbacks print an exception and go on, a KeyboardInterrupt too: a
run that was told to stop would then go on to its end. So an interrupt is also remembered.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether an interrupt came since."""

    def __init__(self) -> None:
        self._came = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember an interrupt, and raise it: a signal handler.

        Raises
        ------
        KeyboardInterrupt
            Always.
        """
        self._came = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise an interrupt that came, and may have been swallowed.

        Raises
        ------
        KeyboardInterrupt
            If one came.
        """
        if self._came:
            raise KeyboardInterrupt


@contextmanager
def remembered_interrupts() -> Iterator[Interrupts]:
    """Remember interrupts while the context lasts; outside the main thread there are none.

    Where somebody else handles interrupts (a notebook's kernel, a parent that ignores them), that
    is left as it is.
    """
    found = Interrupts()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield found
        return
    signal.signal(signal.SIGINT, found.note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
