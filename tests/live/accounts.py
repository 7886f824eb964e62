"""Accounts as the execution venue would tell of them, for tests that need no venue."""

from decimal import Decimal

from ocw_strategy.live.account import AccountTruth, VenueFill

BTC = "BTCUSDT-PERP"


def truth(there: str, entry: str = "100000", *fills: VenueFill) -> AccountTruth:
    """Return an account that holds so much BTCUSDT, marked at 101000, and has no open order."""
    return AccountTruth(
        positions={"BTCUSDT": Decimal(there)},
        entries={"BTCUSDT": Decimal(entry)},
        marks={"BTCUSDT": Decimal("101000.0")},
        fills=fills,
        payments=(),
        open_orders={"BTCUSDT": 0},
        open_ids=frozenset(),
        known_ids=frozenset(),
    )
