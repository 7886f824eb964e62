"""Heartbeats as a node writes them."""

from typing import Any

from ocw_strategy.live.heartbeat import Heartbeat

NOW_NS = 1_795_600_000_000_000_000


def beat(**given: Any) -> Heartbeat:
    values: dict[str, Any] = {
        "run_id": "live",
        "account": "demo",
        "wall_ns": NOW_NS,
        "started_wall_ns": NOW_NS - 3_600_000_000_000,
        "state": "running",
        "instruments": {},
        "user_stream_alive": True,
        "loop_lag_p99_ms": 1.5,
        "loop_lag_max_ms": 4.0,
        "last_decision_ns": 0,
        "last_decision_outcome": "",
        "equity_usd": 10_000.0,
        "open_orders": 1,
        "venue_open_orders": 1,
        "entries_blocked": (),
        "problems": (),
        "resident_mb": 300.0,
    }
    return Heartbeat(**values | given)
