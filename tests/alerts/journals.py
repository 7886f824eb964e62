"""A journal of a node that has traded, and rows to add to it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from ocw_strategy.journal import DecisionRow, Equity, Event, FillRow, Intent, Journal, Trade
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.journal.samples import sample

DAY = 20_000
"""A day, counted from the epoch: 2024-10-04."""
START_NS = DAY * DAY_NS + 12 * HOUR_NS
CONFIG = {"advisor": {"claude": {"budget_usd_per_day": "1.0", "budget_usd_per_month": "10.0"}}}


def open_journal(path: Path, *, created_wall_ns: int = 1) -> Journal:
    return Journal.open(path, run_id="live", created_wall_ns=created_wall_ns, config=CONFIG)


def event(kind: str, minutes: float = 0, symbol: str = "", detail: str = "why") -> Event:
    return Event(START_NS + round(minutes * 60e9), kind, symbol, detail)


def decision(number: int, **given: Any) -> DecisionRow:
    plain = {f.name: "" for f in fields(DecisionRow) if f.type is str}
    plain |= {"decision_id": f"{number:012x}", "cost_usd": "0.01", "advisor": "claude"}
    return sample(DecisionRow, number, ts_ns=START_NS + number, **{**plain, **given})


def intent(order: str, decision_id: str) -> Intent:
    return sample(Intent, 0, client_order_id=order, decision_id=decision_id)


def fill(
    trade_id: str, order: str = "O-1", quantity: str = "0.5", price: str = "60000", **given: Any
) -> FillRow:
    plain = {
        "symbol": "BTCUSDT-PERP", "purpose": "entry", "side": "BUY", "commission_usd": "15",
        "liquidity": "TAKER", "ts_ns": START_NS,
    }  # fmt: skip
    return FillRow(
        trade_id=trade_id, client_order_id=order, quantity=quantity, price=price,
        **{**plain, **given},
    )  # fmt: skip


def trade(trade_id: str, net_usd: float, **given: Any) -> Trade:
    plain: dict[str, Any] = {
        "symbol": "BTCUSDT-PERP", "direction": 1, "quantity": "0.5", "entry_price": "60000",
        "exit_price": "61000", "closed_ns": START_NS, "opened_ns": START_NS - HOUR_NS,
        "exit_reason": "trailing_stop", "fees_usd": 30.0,
    }  # fmt: skip
    return sample(Trade, 0, trade_id=trade_id, net_usd=net_usd, **{**plain, **given})


def equity(hours: float, value: float) -> Equity:
    return Equity(START_NS + round(hours * HOUR_NS), value, value)
