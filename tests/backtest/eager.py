"""Short runs that call at nearly every close, with an advisor that wants what a test tells it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ocw_strategy.advisor import DECIDED, Advice, Decision, Target
from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.journal import Journal, Record
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.settings import Settings, parse_time_ns
from ocw_strategy.units import DAY_NS, MILLISECOND_NS
from tests.backtest.market import make_settings, sample_frames

BTC, ETH, SOL = "BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP"
DAYS = 40
START, END = "2024-02-06", "2024-02-09"
START_NS = parse_time_ns(START)
GAP_NS = START_NS + DAY_NS
"""Where a test's gap of a day begins."""

type Frames = dict[tuple[str, str], pa.Table]
type Wish = Mapping[str, float]


def short_frames() -> Frames:
    return sample_frames(days=DAYS)


def without(table: pa.Table, first_ns: int, end_ns: int) -> pa.Table:
    """Return a frame without its rows in a time span."""
    ts = pyarrow.compute.field("ts")
    kept = (ts < first_ns // MILLISECOND_NS) | (ts >= end_ns // MILLISECOND_NS)
    return table.filter(kept)


def without_day(frames: Frames, *symbols: str) -> Frames:
    """Return frames whose bars lack the day of the gap for some venue symbols."""
    return {
        (kind, symbol): without(table, GAP_NS, GAP_NS + DAY_NS)
        if kind.startswith("bars") and symbol in symbols
        else table
        for (kind, symbol), table in frames.items()
    }


def eager(catalog: Path, **tables: Mapping[str, Any]) -> Settings:
    """Return settings of three days under which the gate wakes at nearly every close."""
    values: dict[str, dict[str, Any]] = {
        "run": {"start": START, "end": END},
        "data": {"derivatives": False},
        "gate": {
            "shock_z": 0.001, "budget_usd_per_day": 1_000.0, "reserved_calls": 0,
            "calls_per_day_ceiling": 96, "calls_per_month_day_ceiling": 96,
        },
    }  # fmt: skip
    for section, table in tables.items():
        values[section] = {**values.get(section, {}), **table}
    return make_settings(catalog, **values)


class Wants:
    """Wants what a function of the snapshot says, in full confidence."""

    name = "wants"

    def __init__(self, wish: Callable[[MarketSnapshot], Wish]) -> None:
        self._wish = wish

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        wish = self._wish(snapshot)
        targets = tuple(
            Target(symbol=symbol, exposure=exposure, confidence=1.0)
            for symbol, exposure in sorted(wish.items())
        )
        held = Decision.hold("as told", 900)
        return Advice(held.model_copy(update={"targets": targets}), DECIDED)


class ToldRun:
    """A run whose advisor wants what it is told; its journal is in memory until `close`."""

    def __init__(
        self, settings: Settings, run_id: str, wish: Callable[[MarketSnapshot], Wish]
    ) -> None:
        self.journal = Journal.open(":memory:", run_id=run_id, power_safe=False)
        try:
            run_node(run_config(settings, run_id), advisor=Wants(wish))
        except BaseException:
            self.journal.close()
            raise

    def rows[R: Record](self, record: type[R]) -> list[R]:
        return self.journal.rows(record)

    def close(self) -> None:
        self.journal.close()
