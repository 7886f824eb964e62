"""The gate bench measures the gate that runs: the same wakes as a `BacktestNode` over the days."""

from pathlib import Path

import numpy as np

from ocw_strategy.advisor import DECIDED, Advice, Decision
from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.catalog import hourly_closes, read_bars
from ocw_strategy.journal import Evaluation, Journal
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.regime import record_regimes
from tests.backtest.market import make_settings
from tests.bench.gate import Bars, watch_run


class Requests:
    """Holds, and asks for its next check as the bench's stand-in for the advisor does."""

    name = "requests"

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng((seed, 900, 3600))

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        return Advice(Decision.hold("bench", int(self._rng.integers(900, 3601))), DECIDED)


def test_bench_and_backtest_node_wake_at_the_same_closes(catalog: Path) -> None:
    settings = make_settings(catalog)
    venue_symbols = {symbol: symbol.removesuffix("-PERP") for symbol in settings.data.instruments}
    bars = {}
    for symbol in sorted(venue_symbols):
        found = read_bars(
            catalog, venue_symbols[symbol], 15, settings.run.data_start_ns, settings.run.end_ns
        )
        columns = (found.open, found.high, found.low, found.close, found.volume)
        bars[symbol] = Bars(found.close_ns, np.column_stack(columns))
    regimes = record_regimes(*hourly_closes(catalog, "BTCUSDT"), settings.regime)
    measured = watch_run(
        settings.gate,
        settings.features,
        bars,
        regimes.at,
        start_ns=settings.run.start_ns,
        round_trip_cost=settings.costs.order.round_trip,
        seed=settings.run.seed,
    )

    with Journal.open(":memory:", run_id="parity") as journal:
        run_node(
            run_config(settings, "parity"), regimes=regimes, advisor=Requests(settings.run.seed)
        )
        ran = journal.rows(Evaluation)

    assert sum(row.wake for row in ran) > 20
    assert [(v.now_ns, v.wake, v.counted_as) for v in measured] == [
        (row.ts_ns, bool(row.wake), row.reason) for row in ran
    ]
