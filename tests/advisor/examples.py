"""Snapshots in which everything is known, as large as they come."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ocw_strategy.advisor.prompt import AccountRules
from ocw_strategy.gate import GateSettings
from ocw_strategy.market import MarketSettings, MarketSnapshot
from ocw_strategy.risk import RiskSettings
from tests.market.examples import SYMBOLS, make_position, make_snapshot, make_trade

RULES = AccountRules.of(GateSettings(), MarketSettings(), RiskSettings())
LEVELS = {"price", "entry_price", "stop_price", "quantity", "open_interest", "open_interest_value"}
"""Fields that are levels: what a mask hides."""
REASONS = tuple(f"condition:{SYMBOLS[k % 3]}:{'funding turned and open interest fell ' * 3}"[:100]
    for k in range(3)
)  # fmt: skip

type Leaf = tuple[str | int, ...]


def full_snapshot(**changes: Any) -> MarketSnapshot:
    """Return a snapshot of three instruments, all held, with ten trades and long texts."""
    base = make_snapshot(
        wake_reasons=("timer", *REASONS),
        positions={symbol: make_position() for symbol in SYMBOLS},
        trades=[make_trade(k) for k in range(10)],
        memory_note=("funding high, waiting for a flush before going long again; " * 9)[:500],
        reflections=tuple(("a short against the crowd lost as the flow kept on; " * 5)[:200]
            for _ in range(4)
        ),
    )  # fmt: skip
    draw = np.random.default_rng(3)

    def known(path: Leaf, value: Any) -> Any:
        if isinstance(value, bool) or not (value is None or isinstance(value, float)):
            return value
        name = str(path[-1])
        if name == "entries_blocked":
            return "drawdown 0.21 is beyond 0.2: entries stop until a person resumes them"
        size = draw.uniform(1.01, 9.9)
        if name.endswith("_age_s"):
            return float(round(size * 400))
        if "signals" in path or name == "composite":
            return round(size / 10, 3) * draw.choice([-1, 1])
        if name == "rsi":
            return size * 10
        if name.endswith("usd") or is_level(path):
            return size * 10_000
        return size * 10.0 ** -draw.integers(1, 4) * draw.choice([-1, 1])

    return changed(base, known).model_copy(update=changes)


def is_level(path: Leaf) -> bool:
    """Return whether a leaf is a price, a quantity or a level of open interest."""
    return path[-1] in LEVELS and not {"signals", "posteriors"} & set(path)


def changed(snapshot: MarketSnapshot, change: Callable[[Leaf, Any], Any]) -> MarketSnapshot:
    """Return a snapshot with every leaf replaced by ``change(path, value)``."""

    def rebuilt(node: Any, path: Leaf) -> Any:
        if isinstance(node, dict):
            return {key: rebuilt(part, (*path, key)) for key, part in node.items()}
        if isinstance(node, list):
            return [rebuilt(part, (*path, k)) for k, part in enumerate(node)]
        return change(path, node)

    return MarketSnapshot.model_validate_json(
        json.dumps(rebuilt(snapshot.model_dump(mode="json"), ()))
    )


def leaves(snapshot: MarketSnapshot) -> Iterator[tuple[Leaf, Any]]:
    """Yield every leaf with its path."""

    def walk(node: Any, path: Leaf) -> Iterator[tuple[Leaf, Any]]:
        parts = node.items() if isinstance(node, dict) else enumerate(node)
        for key, part in parts:
            if isinstance(part, dict | list):
                yield from walk(part, (*path, key))
            else:
                yield (*path, key), part

    yield from walk(snapshot.model_dump(mode="json"), ())
