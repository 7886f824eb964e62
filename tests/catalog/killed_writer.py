"""Kills a writer before its first step that touches the file system, its second, and so on.

Prints, for each step, which catalog was found after the kill (``before`` or ``after`` the import,
or ``between``) and which after recovery.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from ocw_strategy.catalog.store import recover
from ocw_strategy.catalog.writer import write_frame
from tests.catalog import market

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}
START_MS = market.JANUARY_MS + 21 * market.DAY_MS


def write(catalog_dir: Path, first: int, last: int) -> None:
    table = market.bars(last, minutes=60, start_ms=START_MS).slice(first)
    write_frame(catalog_dir, "bars_1h", "BTCUSDT", table, source="x")


def killed_at(step: int, catalog_dir: Path) -> bool:
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, _arguments: tuple) -> None:
            nonlocal left
            if event in STEPS:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(count)
        write(catalog_dir, 100, 400)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    old, new, work = folder / "old", folder / "new", folder / "work"
    write(old, 0, 300)
    shutil.copytree(old, new)
    write(new, 100, 400)
    names = {str(market.contents(old)): "before", str(market.contents(new)): "after"}

    def state() -> str:
        return names.get(str(market.contents(work)), "between")

    steps = []
    while True:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(old, work)
        if not killed_at(len(steps), work):
            break
        found = state()
        recover(work)
        steps.append({"found": found, "recovered": state()})
    print(json.dumps(steps))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
