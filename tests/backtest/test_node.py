"""What a whole run promises: determinism, no look-ahead, protection, exact money."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from nautilus_trader.backtest.node import BacktestNode

from ocw_strategy.backtest import node
from ocw_strategy.engine import VENUE
from ocw_strategy.errors import AccountBlownError
from ocw_strategy.journal import (
    DecisionRow,
    Equity,
    Evaluation,
    FillRow,
    Funding,
    Intent,
    Posterior,
    PriceRow,
    Trade,
)
from ocw_strategy.units import MILLISECOND_NS
from tests.backtest.eager import BTC, ToldRun, eager, short_frames
from tests.backtest.market import (
    MINUTES_15,
    Run,
    change_after,
    gap_every_midnight,
    make_settings,
    sample_frames,
    write_catalog,
)


def test_a_run_wakes_decides_trades_and_learns(run: Run) -> None:
    assert any(row.wake for row in run.rows(Evaluation))
    assert any(row.outcome == "decided" for row in run.rows(DecisionRow))
    assert len(run.rows(Trade)) > 3
    assert run.rows(Posterior)


def test_same_seed_and_settings_give_the_same_digest_again(catalog: Path, run: Run) -> None:
    again = Run(make_settings(catalog), "again")
    assert again.digest() == run.digest()
    again.close()


def test_chunked_and_unchunked_streaming_give_the_same_digest(catalog: Path, run: Run) -> None:
    small = Run(make_settings(catalog, data={"chunk_size": 1_000}), "chunked")
    whole = Run(make_settings(catalog, data={"chunk_size": None}), "whole")
    assert small.digest() == whole.digest() == run.digest()
    small.close()
    whole.close()


def test_another_process_gives_the_same_digest(catalog: Path, run: Run) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.backtest.market import *;"
        "print(Run(make_settings(Path(sys.argv[1])), 'other').digest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(catalog)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )  # fmt: skip
    assert done.stdout.split()[-1] == run.digest()


def test_hedging_and_netting_venues_give_the_same_digest(catalog: Path, run: Run) -> None:
    hedging = Run(make_settings(catalog, execution={"oms": "HEDGING"}), "hedging")
    assert hedging.digest() == run.digest()
    hedging.close()


def test_forgetting_what_is_closed_changes_nothing(
    catalog: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[tuple[int, int]] = []

    class Watched(BacktestNode):  # type: ignore[misc]
        def dispose(self) -> None:
            for engine in self.get_engines():
                cache = engine.cache
                events = cache.account_for_venue(VENUE).event_count
                left.append((cache.orders_closed_count(), events))
            super().dispose()

    monkeypatch.setattr(node, "BacktestNode", Watched)
    for kept_s in (node._PURGED_AFTER_S, 10**9):
        monkeypatch.setattr(node, "_PURGED_AFTER_S", kept_s)
        again = Run(make_settings(catalog), f"kept-{kept_s}")
        assert again.digest() == run.digest()
        again.close()
    forgetful, mindful = left
    assert all(few < many / 2 for few, many in zip(forgetful, mindful, strict=True)), left


def test_another_seed_gives_another_journal(catalog: Path, run: Run) -> None:
    other = Run(make_settings(catalog, run={"seed": 2}), "seed2")
    assert other.digest() != run.digest()
    other.close()


def test_changing_all_data_after_a_time_changes_nothing_up_to_it(tmp_path: Path, run: Run) -> None:
    cut_ns = make_settings(tmp_path).run.start_ns + 9 * 24 * 4 * MINUTES_15
    changed = {
        key: change_after(table, cut_ns // MILLISECOND_NS) for key, table in sample_frames().items()
    }
    other = Run(make_settings(write_catalog(tmp_path / "catalog", changed)), "changed")

    def past(made: Run) -> list[object]:
        return [
            row
            for record, time in (
                (Evaluation, "ts_ns"), (DecisionRow, "ts_ns"), (Intent, "ts_ns"),
                (FillRow, "ts_ns"), (Posterior, "ts_ns"), (Trade, "closed_ns"),
            )
            for row in made.rows(record)
            if getattr(row, time) <= cut_ns and not isinstance(row, DecisionRow)
        ]  # fmt: skip

    assert [repr(row) for row in past(run)] == [repr(row) for row in past(other)]
    assert len(past(run)) > 500
    assert other.digest() != run.digest()
    other.close()


def test_every_entry_has_a_reduce_only_stop_of_its_size_at_once(run: Run) -> None:
    intents = {row.client_order_id: row for row in run.rows(Intent)}
    stops = [row for row in intents.values() if row.purpose == "stop"]
    entries = [row for row in run.rows(FillRow) if row.purpose == "entry"]
    assert entries
    for fill in entries:
        assert any(
            stop.symbol == fill.symbol and stop.ts_ns == fill.ts_ns and stop.side != fill.side
            and Decimal(stop.quantity) >= Decimal(fill.quantity)
            for stop in stops
        )  # fmt: skip


def test_every_order_was_journalled_before_it_left(run: Run) -> None:
    intents = {row.client_order_id: row for row in run.rows(Intent)}
    assert all(fill.client_order_id in intents for fill in run.rows(FillRow))


def test_entries_fill_no_earlier_than_the_next_bars_close(run: Run) -> None:
    decisions = {row.decision_id: row.ts_ns for row in run.rows(DecisionRow)}
    intents = {row.client_order_id: row for row in run.rows(Intent)}
    entries = [fill for fill in run.rows(FillRow) if fill.purpose == "entry"]
    assert entries
    for fill in entries:
        decided_ns = decisions[intents[fill.client_order_id].decision_id]
        assert fill.ts_ns >= decided_ns + MINUTES_15


def test_equity_equals_start_plus_trades_plus_what_is_open(catalog: Path) -> None:
    made = Run(make_settings(catalog), "money")
    last = made.rows(Equity)[-1]
    fills = made.rows(FillRow)
    flow = sum(
        (-1 if fill.side == "BUY" else 1) * Decimal(fill.quantity) * Decimal(fill.price)
        - Decimal(fill.commission_usd)
        for fill in fills
    )
    funding = sum(row.amount_usd for row in made.rows(Funding))
    held: dict[str, Decimal] = {}
    for fill in fills:
        sign = 1 if fill.side == "BUY" else -1
        held[fill.symbol] = held.get(fill.symbol, Decimal(0)) + sign * Decimal(fill.quantity)
    prices = {row.symbol: row.price for row in made.rows(PriceRow) if row.ts_ns == last.ts_ns}
    open_value = sum(float(quantity) * prices[symbol] for symbol, quantity in held.items())
    assert last.equity == pytest.approx(10_000 + float(flow) + funding + open_value, abs=0.02)
    made.close()


def test_b4_every_trade_is_net_of_fees_and_funding(run: Run) -> None:
    for trade in run.rows(Trade):
        assert trade.fees_usd > 0
        net = trade.gross_usd - trade.fees_usd + trade.funding_usd
        assert trade.net_usd == pytest.approx(net, abs=1e-9)


def test_b5_a_trade_is_credited_with_the_signals_and_regime_of_its_entry(run: Run) -> None:
    decisions = {row.decision_id: row for row in run.rows(DecisionRow)}
    checked = 0
    for trade in run.rows(Trade):
        decision = decisions.get(trade.decision_id)
        if decision is None:
            continue
        snapshot = json.loads(decision.snapshot)
        assert json.loads(trade.signals) == snapshot["instruments"][trade.symbol]["signals"]
        assert trade.regime == decision.regime
        checked += 1
    assert checked > 3


def test_a_blown_account_fails_loudly(tmp_path: Path) -> None:
    # Every other day is priced three times as high: a gap at midnight that no stop survives.
    frames = {
        key: gap_every_midnight(table, 3.0) if key[0].startswith("bars") else table
        for key, table in short_frames().items()
    }
    reckless = eager(
        write_catalog(tmp_path / "catalog", frames),
        risk={"max_position_fraction": 5.0, "max_gross_fraction": 5.0},
    )
    with pytest.raises(AccountBlownError, match="the venue liquidates at"):
        ToldRun(reckless, "reckless", lambda snapshot: {BTC: 1.0})
