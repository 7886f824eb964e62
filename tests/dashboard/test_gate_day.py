"""A day of the gate is counted whole: wakes, skips, and skips that are counts already."""

from ocw_strategy.dashboard.gate_day import ReasonCount, gate_day
from ocw_strategy.journal import MEMORY, Journal, SkippedDay
from ocw_strategy.units import DAY_NS
from tests.backtest.runs import OPENED_NS, decided, evaluated


def test_only_the_day_is_counted_and_the_most_frequent_reason_comes_first() -> None:
    with Journal.open(MEMORY, run_id="gate") as journal:
        for record in (
            evaluated(-1, "quiet", wake=False),
            evaluated(0, "quiet", wake=False),
            evaluated(1, "cooldown", wake=False),
            evaluated(2, "cooldown", wake=False),
            evaluated(3, "timer", wake=True),
            evaluated(24, "timer", wake=True),
            decided("one", 0),
            decided("two", 1),
        ):
            journal.append(record)
        found = gate_day(journal, OPENED_NS + DAY_NS - 1)
    assert found.day == "2024-03-01"
    assert (found.evaluations, found.skips, found.wakes, found.decisions) == (4, 3, 1, 1)
    assert found.wakes_by_reason == (ReasonCount(reason="timer", count=1),)
    assert found.skips_by_reason == (
        ReasonCount(reason="cooldown", count=2),
        ReasonCount(reason="quiet", count=1),
    )


def test_folding_skips_changes_no_count() -> None:
    with Journal.open(MEMORY, run_id="gate") as journal:
        for hour in range(3):
            journal.append(evaluated(hour, "quiet", wake=False))
        before = gate_day(journal, OPENED_NS)
        journal.fold_skips(OPENED_NS + DAY_NS)
        assert journal.count(SkippedDay) == 1
        assert gate_day(journal, OPENED_NS) == before
