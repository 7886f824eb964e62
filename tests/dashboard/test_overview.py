"""At a glance, everything is the journal's: over a finished run, and over a node's."""

from pathlib import Path
from typing import Any

from ocw_strategy.dashboard.node import read_node
from ocw_strategy.dashboard.overview import Overview, build_overview
from ocw_strategy.journal import (
    DecisionRow,
    Equity,
    Evaluation,
    Event,
    FillRow,
    Journal,
    Settlement,
    Spend,
)
from ocw_strategy.live.heartbeat import DEAD_NS, heartbeat_path, write_heartbeat
from ocw_strategy.units import DAY_NS
from tests.backtest.runs import OPENED_NS, evaluated, samples
from tests.dashboard.beats import NOW_NS, beat

CLAUDE = {
    "advisor": {
        "kind": "claude",
        "claude": {"budget_usd_per_day": "2", "budget_usd_per_month": "30"},
    }
}


def overview_of(path: Path, now_ns: int = NOW_NS) -> Overview:
    with Journal.read_only(path) as journal:
        return build_overview(journal, read_node(path, now_ns), now_ns)


def written(path: Path, *records: Any, config: dict[str, Any] | None = None) -> Path:
    with Journal.open(path, run_id="live", config=config) as journal:
        for record in records:
            journal.append(record)
    return path


def test_a_finished_run_is_shown_as_it_was_journalled(demo: Path) -> None:
    found = overview_of(demo)
    with Journal.read_only(demo) as journal:
        newest = journal.rows(Equity, order="ts_ns DESC", limit=1)[0]
        decisions = journal.rows(DecisionRow, order="rowid DESC", limit=len(found.decisions))
        day_ns = (newest.ts_ns - 1) // DAY_NS * DAY_NS
        looked = journal.count(Evaluation, "ts_ns >= ? AND ts_ns < ?", (day_ns, day_ns + DAY_NS))
        held = {row.symbol for row in journal.rows(FillRow)}
    assert (found.run.account, found.run.clock_is_wall) == ("backtest", False)
    assert found.equity is not None
    assert found.equity.equity_usd == newest.equity
    assert [each.decision_id for each in found.decisions] == [row.decision_id for row in decisions]
    assert found.gate.evaluations == looked == 96
    assert {each.symbol for each in found.positions} <= held
    assert not found.node.live


def test_an_empty_journal_is_no_fault(tmp_path: Path) -> None:
    found = overview_of(written(tmp_path / "node.db"))
    assert found.equity is None
    assert found.positions == found.decisions == found.trades == ()
    assert found.run.clock_ns == 0


def test_spend_is_that_of_the_clocks_day_and_month(tmp_path: Path) -> None:
    def bought(number: int, day: str, cost: str) -> list[Any]:
        name = str(number)
        return [
            Spend(name, 0, day, "m", "k", "0.50", "{}"),
            Settlement(name, cost, "decided", "", 0),
        ]

    path = written(
        tmp_path / "node.db",
        evaluated(1, "timer", wake=True),
        *bought(1, "2024-02-29", "0.40"),
        *bought(2, "2024-03-01", "0.25"),
        Spend("3", 0, "2024-03-01", "m", "k", "0.50", "{}"),
        config=CLAUDE,
    )
    spend = overview_of(path).spend
    assert spend.day is not None
    assert spend.month is not None
    assert (spend.day.spent_usd, spend.day.left_usd) == ("0.75", "1.25")
    assert (spend.month.spent_usd, spend.month.left_usd) == ("0.75", "29.25")
    assert (spend.total_usd, spend.calls) == ("1.15", 3)


def test_a_halt_of_the_run_is_in_force_until_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    written(path, Event(1, "halt:drawdown", "", ""), Event(2, "halt:daily_loss", "", ""))
    assert overview_of(path).halts == ("drawdown", "daily_loss")
    written(path, Event(3, "halt_ended:daily_loss", "", ""))
    assert overview_of(path).halts == ("drawdown",)


def test_a_node_is_well_while_its_heartbeat_is_fresh(tmp_path: Path) -> None:
    path = written(tmp_path / "node.db", *samples([10_000.0], first_ns=OPENED_NS))
    write_heartbeat(heartbeat_path(path), beat())
    found = overview_of(path)
    assert (found.node.live, found.node.well, found.run.account) == (True, True, "demo")
    assert found.run.clock_is_wall
    late = overview_of(path, NOW_NS + DEAD_NS + 1).node
    assert not late.well
    assert "heartbeat is 90 s old" in late.problems[0]


def test_a_replayed_market_has_no_ages(tmp_path: Path) -> None:
    path = written(tmp_path / "node.db", config={"live": {"venue_http": "http://127.0.0.1:1"}})
    write_heartbeat(heartbeat_path(path), beat())
    assert not overview_of(path).run.clock_is_wall
