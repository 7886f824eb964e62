"""Profit by its causes: every view adds up to the change of equity, to the cent."""

import json
from pathlib import Path

import pytest

from ocw_strategy.backtest.attribution import NO_SIGNAL, OPEN, UNEXPLAINED, Part, attribution
from ocw_strategy.backtest.run_data import read_run
from tests.backtest.runs import (
    closed,
    decided,
    evaluated,
    filled,
    hand_settings,
    samples,
    write_run,
)


def amounts(parts: tuple[Part, ...]) -> dict[str, float]:
    return {part.name: part.net_usd for part in parts}


def test_every_view_of_a_real_run_adds_up_to_the_change_of_equity(finished: Path) -> None:
    run = read_run(finished)
    found = attribution(run)
    total = float(run.equity[-1] - run.equity[0])
    assert len(run.trades) > 10
    for name, parts in found.views().items():
        assert sum(part.net_usd for part in parts) == pytest.approx(total, abs=0.005), name
        assert len(parts) > 2
        assert abs(amounts(parts)[UNEXPLAINED]) < 0.005, name


def test_the_parts_of_a_real_run_are_what_its_journal_says(finished: Path) -> None:
    run = read_run(finished)
    found = attribution(run)
    by_cost = amounts(found.by_cost)
    assert by_cost["fees"] == pytest.approx(-sum(float(f.commission_usd) for f in run.fills))
    assert by_cost["funding"] == pytest.approx(sum(row.amount_usd for row in run.funding))
    for parts, field in ((found.by_exit, "exit_reason"), (found.by_regime, "regime")):
        for name in {getattr(trade, field) for trade in run.trades}:
            expected = sum(t.net_usd for t in run.trades if getattr(t, field) == name)
            assert amounts(parts)[name] == pytest.approx(expected)
    reasons = {row.reason for row in run.evaluations if row.wake}
    assert set(amounts(found.by_entry)) <= reasons | {OPEN, UNEXPLAINED, "unknown"}
    assert "unknown" not in amounts(found.by_entry)


def test_a_run_by_hand_is_taken_apart_as_known(tmp_path: Path) -> None:
    # bought 10 at 101 when the price was 100, sold at 109 when it was 110: 100 of price, 20 lost on
    # the way, 1 of fees; equity says the same
    trade = closed("t", 79.0, signals={"funding": 0.6, "open_interest": 0.2, "long_short": -0.9})
    records = [
        *samples([10_000.0] * 24 + [10_079.0] * 25),
        evaluated(0, "timer", wake=True),
        decided("d", 0),
        *filled("a", 2, "BUY", "10", "101"),
        *filled("b", 20, "SELL", "10", "109", purpose="exit", reference="110"),
        trade,
    ]
    run = read_run(write_run(tmp_path / "a", hand_settings(tmp_path), records))
    found = attribution(run)
    assert found.total_usd == pytest.approx(79.0)
    assert amounts(found.by_cost) == pytest.approx(
        {
            "price moves": 100.0,
            "slippage and waiting: entry": -10.0,
            "slippage and waiting: exit": -10.0,
            "fees": -1.0,
            "funding": 0.0,
            UNEXPLAINED: 0.0,
        }
    )
    rest = {OPEN: 0.0, UNEXPLAINED: 0.0}
    assert amounts(found.by_entry) == pytest.approx({"timer": 79.0, **rest})
    assert amounts(found.by_exit) == pytest.approx({"stop": 79.0, **rest})
    assert amounts(found.by_signal) == pytest.approx(
        {"funding": 0.75 * 79.0, "open_interest": 0.25 * 79.0, **rest}
    )


def test_a_position_open_at_the_end_stands_for_itself(tmp_path: Path) -> None:
    records = [*samples([10_000.0] * 24 + [9_989.5] * 25), *filled("a", 2, "BUY", "10", "101")]
    found = attribution(read_run(write_run(tmp_path / "a", hand_settings(tmp_path), records)))
    assert amounts(found.by_exit) == pytest.approx({OPEN: -10.5, UNEXPLAINED: 0.0})


def test_equity_that_the_books_do_not_explain_is_shown(tmp_path: Path) -> None:
    records = samples([10_000.0] * 24 + [9_950.0] * 25)
    found = attribution(read_run(write_run(tmp_path / "a", hand_settings(tmp_path), records)))
    for parts in found.views().values():
        assert amounts(parts)[UNEXPLAINED] == pytest.approx(-50.0)


def test_a_trade_no_signal_pointed_to_is_no_signals(tmp_path: Path) -> None:
    trade = closed("t", 5.0, direction=-1, signals={"funding": 0.6, "open_interest": -0.01})
    assert json.loads(trade.signals)
    records = [*samples([10_000.0] * 24 + [10_005.0] * 25), trade]
    found = attribution(read_run(write_run(tmp_path / "a", hand_settings(tmp_path), records)))
    assert amounts(found.by_signal)[NO_SIGNAL] == 5.0
