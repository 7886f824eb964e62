"""The venue by hand: ``python -m tests.venue --port 8090 --speed 60`` plays the sample market.

The market begins some days before now, so that a node finds history; its account is empty but for
its wallet. ``curl -X POST .../_ctl/NAME`` calls a fault or a control by its name, with a list or an
object of JSON as arguments; any unknown name answers with those that there are.
"""

import argparse
import signal
import threading
import time
from decimal import Decimal

from ocw_strategy.units import DAY_NS
from tests.venue.history import midnight_before_ns, sampled
from tests.venue.server import Venue


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.venue", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--speed", type=float, default=60.0, help="market seconds a second")
    parser.add_argument("--seed", type=int, default=7, help="of the sample market")
    parser.add_argument("--minutes", type=int, default=1, choices=(1, 5, 15), help="of a bar")
    parser.add_argument("--days", type=int, default=30, help="of market, played and to come")
    parser.add_argument("--history", type=int, default=10, help="days that have passed")
    parser.add_argument("--wallet", type=Decimal, default=Decimal(10_000), help="USDT")
    asked = parser.parse_args()
    start_ns = midnight_before_ns(time.time_ns(), asked.days)
    histories = sampled(asked.seed, start_ns, asked.days, asked.minutes)
    shown = asked.history * DAY_NS // (asked.minutes * 60_000_000_000)
    venue = Venue(histories, bars_shown=shown, wallet=asked.wallet, port=asked.port)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    venue.market.tells_forming = asked.speed <= 1000
    with venue:
        venue.market.play(asked.speed)
        print(f"SYNTHETIC market, {asked.days} days from seed {asked.seed}, x{asked.speed:g}")
        print(f"REST     {venue.http_url}")
        print(f"sockets  {venue.ws_url}")
        print(f"key      {venue.api_key}\nsecret   {venue.api_secret}", flush=True)
        while not done.wait(10):
            print(venue.state.summary(), flush=True)


if __name__ == "__main__":
    main()
