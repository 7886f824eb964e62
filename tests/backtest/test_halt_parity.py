"""What a snapshot says of halts is what the strategy enforces when that decision arrives."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.data import DataType

from ocw_strategy.actor import OCWActor
from ocw_strategy.backtest.node import run_config
from ocw_strategy.journal import DecisionRow, Journal
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.market.figures import significant
from ocw_strategy.messages import OCW_CLIENT, REVIEW, OcwDecision
from ocw_strategy.risk import HaltGuard, HaltSettings
from ocw_strategy.strategy import OCWStrategy
from ocw_strategy.units import HOUR_NS
from tests.backtest.eager import Wants, eager, short_frames
from tests.backtest.market import write_catalog

type Said = tuple[str | None, float, float]
"""Why entries are blocked, the drawdown, the return of the day."""


class Witness(Actor):
    """Notes what the strategy would enforce whenever a decision arrives."""

    def __init__(self, strategy: OCWStrategy) -> None:
        super().__init__(ActorConfig(component_id="WITNESS"))
        self._strategy = strategy
        self.enforced: dict[str, Said] = {}

    def on_start(self) -> None:
        self.subscribe_data(DataType(OcwDecision), client_id=OCW_CLIENT)

    def on_data(self, data: OcwDecision) -> None:
        if data.read().source != REVIEW:
            guard = self._strategy._halt
            blocked = guard.blocked(self.clock.timestamp_ns())
            self.enforced[data.decision_id] = (
                blocked,
                significant(guard.drawdown_fraction),
                significant(-guard.daily_loss_fraction),
            )


def restless(snapshot: MarketSnapshot) -> dict[str, float]:
    """Return other exposures every two hours."""
    rng = np.random.default_rng((5, snapshot.now_ns // (2 * HOUR_NS)))
    return {symbol: float(rng.choice([-1, -0.5, 0, 0.5, 1])) for symbol in snapshot.instruments}


def outcome(
    catalog: Path, known: Mapping[str, Any] | None = None, **tables: Mapping[str, Any]
) -> tuple[dict[str, Said], dict[str, Said]]:
    """Return what was said and what was enforced, by decision.

    `known` is a state of the strategy's guard from before the start, as a restart has one.
    """
    halt = {"max_daily_loss_fraction": 0.002, "max_drawdown_fraction": 0.005}
    settings = eager(catalog, risk={"halt": halt}, **tables)
    journal = Journal.open(":memory:", run_id="halts", power_safe=False)
    node = BacktestNode([config := run_config(settings, "halts")])
    try:
        node.build()
        engine: Any = node.get_engine(config.id)
        for actor in engine.trader.actors():
            if isinstance(actor, OCWActor):
                actor.advisor = Wants(restless)
        (strategy,) = engine.trader.strategies()
        if known is not None:
            strategy._halt.restore(known)
        witness = Witness(strategy)
        engine.add_actor(witness)
        node.run()
        said = {}
        for row in journal.rows(DecisionRow):
            found = json.loads(row.snapshot)["portfolio"]
            said[row.decision_id] = (
                found["entries_blocked"], found["drawdown_fraction"], found["day_return_fraction"],
            )  # fmt: skip
        return said, witness.enforced
    finally:
        node.dispose()
        journal.close()


def differences(
    said: Mapping[str, Said], enforced: Mapping[str, Said]
) -> dict[str, tuple[Said, Said]]:
    assert len(enforced) > 150
    return {key: (said[key], enforced[key]) for key in enforced if said[key] != enforced[key]}


def reasons(enforced: Mapping[str, Said]) -> set[str | None]:
    return {reason for reason, _, _ in enforced.values()}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("halts") / "catalog", short_frames())


@pytest.mark.parametrize("timing", ["next_bar", "alert"])
def test_the_snapshot_says_what_the_strategy_enforces_at_every_decision(
    catalog: Path, timing: str
) -> None:
    said, enforced = outcome(catalog, execution={"entry_timing": timing})
    assert differences(said, enforced) == {}
    assert reasons(enforced) == {None, "daily_loss", "drawdown"}


def test_they_agree_after_a_restart_that_brought_a_halt_along(catalog: Path) -> None:
    guard = HaltGuard(HaltSettings(max_drawdown_fraction=0.005))
    guard.on_equity(0, 20_000.0)
    guard.on_equity(1, 10_000.0)
    said, enforced = outcome(catalog, guard.state())
    assert differences(said, enforced) == {}
    assert reasons(enforced) == {"drawdown"}
