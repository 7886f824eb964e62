"""Makes calls from one process after another, each killed at some moment, until all is spent.

Prints, for each of those lives, the lines it got out (``called``, ``settled``, ``spent``) and what
the journal then held.
"""

import json
import os
import random
import signal
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

from ocw_strategy.advisor.budget import Budget
from ocw_strategy.journal import Event, Journal, read_ledger

LIMIT_USD, WORST_USD, COST_USD = Decimal("0.50"), Decimal("0.01"), Decimal("0.005")


def call_until_spent(path: Path, out: int) -> None:
    journal = Journal.open(path, run_id="killed")
    budget = Budget(journal, LIMIT_USD, LIMIT_USD)
    while call := budget.reserve(0, WORST_USD, model="m", request_key="k"):
        os.write(out, b"called\n")
        journal.append(Event(0, "noise", "", "held back"))
        budget.settle(call, COST_USD, None, "decided", 0)
        os.write(out, b"settled\n")
    os.write(out, b"spent\n")
    signal.pause()


def live(path: Path, lines: int) -> Counter[str]:
    """Let a process call until it has said so many lines, kill it, and return all it said."""
    source, out = os.pipe()
    child = os.fork()
    if child == 0:
        call_until_spent(path, out)
    os.close(out)
    said: Counter[str] = Counter()
    with os.fdopen(source) as told:
        while said.total() < lines and not said["spent"]:
            said[told.readline().strip()] += 1
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said.update(line.strip() for line in told)
    return said


def main(path: Path) -> None:
    patience = random.Random(3)
    lives = []
    while not lives or not lives[-1]["said"]["spent"]:
        said = live(path, patience.randint(1, 30))
        with Journal.read_only(path) as reader:
            ledger = read_ledger(reader)
        lives.append(
            {
                "said": said,
                "calls": len(ledger),
                "settled": sum(entry.settlement is not None for entry in ledger),
                "counted_usd": str(sum(entry.counted_usd for entry in ledger)),
            }
        )
    print(json.dumps(lives))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
