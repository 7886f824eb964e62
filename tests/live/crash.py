"""``make test-crash``: a live node is killed, cut off and lied to, and judged from outside.

``python -m tests.live.crash --points 300 --seed 1`` plays the sample market (SYNTHETIC) to a real
`ocw live`, with an advisor that wants something else at each close. A *point* is one blow (see
`blows`) around a decision close, after which the node, started again where it was killed, must
come to rest with all that `oracle` asks for. Several points make one life of the venue. The dice of
a point are its life's and its own number, so ``--first L --lives 1`` strikes one life again with
the same blows; what the processes do in between is theirs and not repeated to the millisecond.
``--mutation NAME`` takes away something the node is safe by: the suite must then fail. It ends with
one line of JSON; the exit code is 1 if anything was wrong.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from ocw_strategy.settings import parse_time_ns
from tests.live.blows import NAMES
from tests.live.breaking import MUTATIONS
from tests.live.nursery import Nursery
from tests.live.process import START
from tests.live.struck import DAYS, Run, VenueLife
from tests.venue import sampled


def main() -> int:
    """Strike; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.crash", description=__doc__)
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first venue's life")
    parser.add_argument("--per-life", type=int, default=30, help="points of one venue's life")
    parser.add_argument("--drift", type=float, default=60.0, help="live.drift_seconds of the node")
    parser.add_argument("--mutation", default="", choices=("", *MUTATIONS))
    parser.add_argument("--only", nargs="+", default=(), choices=NAMES, help="blows to draw from")
    parser.add_argument("--stop-after", type=int, default=5, help="lives that go wrong")
    parser.add_argument("--minutes", type=float, default=600.0, help="no point begins later")
    parser.add_argument("--keep", type=Path, help="folder that keeps journals and outputs")
    asked = parser.parse_args()
    console = Console(width=140, file=sys.stderr)
    run = Run(
        asked.seed,
        asked.points,
        asked.per_life,
        asked.mutation,
        asked.drift,
        tuple(asked.only),
        console,
        time.monotonic() + asked.minutes * 60,
    )
    histories = sampled(asked.seed, parse_time_ns(START), DAYS, 5)
    begun, number = time.monotonic(), asked.first
    with Nursery() as nursery, tempfile.TemporaryDirectory() as made:
        while (
            run.done < run.points
            and len(run.wrongs) < asked.stop_after
            and time.monotonic() < run.until
        ):
            folder = (asked.keep or Path(made)) / f"life-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            life = VenueLife(run, number, histories, nursery, folder)
            life.strike(min(run.per_life, run.points - run.done))
            number += 1
    rests = sorted(run.rest_s) or [0.0]
    print(
        json.dumps(
            {
                "suite": "crash", "seed": run.seed, "only": run.only, "mutation": run.mutation,
                "points": run.done,
                "kills": run.kills, "lives": number - asked.first, "wrong": len(run.wrongs),
                "worst_uncovered_s": round(run.worst_uncovered_s, 2),
                "rest_s_p50": round(rests[len(rests) // 2], 2),
                "rest_s_max": round(rests[-1], 2),
                "seconds": round(time.monotonic() - begun), **run.counts,
                "blows": dict(sorted(run.blows.items())), "wrongs": run.wrongs,
            }
        ),
        flush=True,
    )  # fmt: skip
    return 1 if run.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
