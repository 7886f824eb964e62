"""How a process keeps its memory together."""

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's <malloc.h>


def keep_one_heap() -> None:
    """Let all threads share one heap, where the C library is glibc.

    By default each thread that allocates keeps a heap of its own, and what the catalog's reader
    threads let go of there is lost to the others. Call it before those threads are started; it
    does nothing where there is no such setting. See mallopt(3).
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
