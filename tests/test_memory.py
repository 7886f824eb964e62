"""How many heaps threads make, seen by what glibc itself tells of its heaps."""

import os
import platform
import subprocess
import sys

import pytest

COUNT = """
import ctypes, re, sys, tempfile, threading
from ocw_strategy.memory import make_no_more_heaps
if sys.argv[1] == "one":
    make_no_more_heaps()
threads = [threading.Thread(target=bytearray, args=(100_000,)) for _ in range(4)]
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


def heaps(how: str) -> int:
    settings = {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"}
    done = subprocess.run(
        [sys.executable, "-c", COUNT, how],
        env={name: value for name, value in os.environ.items() if name not in settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_threads_share_the_heap_there_is_once_it_is_asked_for() -> None:
    assert heaps("as it is") > 1
    assert heaps("one") == 1
