"""Binance USDT-margined futures on the loopback interface: keeps the truth, and fails on request.

REST and WebSocket as the real Nautilus adapter calls them. Start it in a test with ``with Venue()
as venue``, by hand with ``python -m tests.venue``. Modules: `exchange` (matching, pure) over
`ledger` and `records`; `market` (what is played, pure) over `history`; `payloads` and `frames` (the
words); `rest`, `sockets`, `playback` (the wires); `faults`; `truth`; `server` (all of it).
"""

from tests.venue.calls import Call, CallLog
from tests.venue.faults import Faults
from tests.venue.history import History, bars_of, flat, sampled
from tests.venue.records import AlgoOrder, Order, Trade
from tests.venue.refusals import Refusal
from tests.venue.server import QUIET_PRICES, Venue
from tests.venue.truth import Truth

__all__ = [
    "QUIET_PRICES",
    "AlgoOrder",
    "Call",
    "CallLog",
    "Faults",
    "History",
    "Order",
    "Refusal",
    "Trade",
    "Truth",
    "Venue",
    "bars_of",
    "flat",
    "sampled",
]
