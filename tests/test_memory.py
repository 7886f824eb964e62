"""That freed memory goes back to the system, seen by what Linux and glibc tell of a process."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="the C library is not glibc"
)

HEAPS = """
import ctypes, re, tempfile, threading
threads = [threading.Thread(target=bytearray, args=(10_000,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall("<heap nr=", file.read().decode())))
"""

HELD_MB = """
from pathlib import Path
def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
bytearray(30_000_000)  # once freed, blocks as large are kept in the heap
before = resident_mb()
blocks = [bytearray(100_000) for _ in range(500)]
small = [bytearray(1_000) for _ in range(50)]  # above them in the heap, and stays
blocks.clear()
print(resident_mb() - before)
"""


def told_by(code: str, *, given_back: bool) -> float:
    first = "from ocw_strategy.memory import give_back_memory\n"
    first += "give_back_memory()\n" if given_back else ""
    settings = {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}
    done = subprocess.run(
        [sys.executable, "-c", first + code],
        env={name: value for name, value in os.environ.items() if name not in settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def test_threads_make_no_heaps_of_their_own() -> None:
    assert told_by(HEAPS, given_back=False) > 1
    assert told_by(HEAPS, given_back=True) == 1


def test_large_blocks_go_back_when_they_are_freed() -> None:
    assert told_by(HELD_MB, given_back=False) > 30
    assert told_by(HELD_MB, given_back=True) < 5
