"""How a process keeps its memory together."""

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's <malloc.h>


def make_no_more_heaps() -> None:
    """Let threads share the heaps there are, for the rest of the process, where that is glibc's.

    By default each thread that allocates gets a heap of its own, and what the catalog's reader
    threads let go of there is lost to the others. Call it before those threads are started: in a
    process that already has many heaps, and where there is no such setting, it does nothing. See
    mallopt(3).
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
