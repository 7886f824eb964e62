"""How a process gives back the memory that it no longer needs."""

import ctypes
from contextlib import suppress
from typing import Final

# of glibc's <malloc.h>, with what each is set to
_SETTINGS: Final = {
    -8: 1,  # M_ARENA_MAX: threads make no further heap of their own
    -3: 64 * 1024,  # M_MMAP_THRESHOLD: larger blocks are mapped, and go back when they are freed
    -1: 128 * 1024,  # M_TRIM_THRESHOLD: so does the end of the heap
}


def give_back_memory() -> None:
    """Let the C library return freed memory to the system, for the rest of the process.

    By default glibc gives every thread a heap of its own and keeps ever larger blocks in them: what
    the catalog's readers let go of there is lost to the others. Call it before the work begins. It
    does nothing where the C library is another, and makes no difference to results. See mallopt(3).
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _SETTINGS.items():
            mallopt(parameter, value)
