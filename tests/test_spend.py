"""The ledger as a person reads it, to the cent and by day, model and outcome."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.advisor.budget import Budget
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal, Settlement, Spend
from ocw_strategy.settings import parse_time_ns
from ocw_strategy.spend import SpendLine, report_spend
from ocw_strategy.units import DAY_NS

LIMITS = {"budget_usd_per_day": "1.0", "budget_usd_per_month": "2.5"}
LAST_OF_MONTH_NS = parse_time_ns("2025-01-31T12:00")


def claude(**given: Any) -> dict[str, Any]:
    return {"advisor": {"claude": {**LIMITS, **given}}}


def buy(journal: Journal) -> None:
    """Buy five calls: two alike, one that failed, one never settled, one of the next month."""
    budget = Budget(journal, Decimal(1), Decimal("2.5"))
    usage = Usage(input_tokens=1_000, output_tokens=100, cache_read_input_tokens=10)

    def call(now_ns: int, model: str, cost: str | None, outcome: str, settle: bool = True) -> None:
        made = budget.reserve(now_ns, Decimal("0.20"), model=model, request_key="k")
        assert made is not None
        if settle:
            known = Decimal(cost) if cost else None
            budget.settle(made, known, usage if cost else None, outcome, 0)

    call(LAST_OF_MONTH_NS, "big", "0.05", "decided")
    call(LAST_OF_MONTH_NS, "big", "0.0625", "decided")
    call(LAST_OF_MONTH_NS, "big", None, "timeout")
    call(LAST_OF_MONTH_NS, "small", None, "", settle=False)
    call(LAST_OF_MONTH_NS + DAY_NS, "big", "0.1", "decided")


def bought(folder: Path, config: dict[str, Any] | None = None) -> Path:
    path = folder / "journal.db"
    with Journal.open(path, run_id="spender", config=config) as journal:
        buy(journal)
    return path


def figures(line: SpendLine) -> tuple[int, str, str, str]:
    return line.calls, line.reserved_usd, line.settled_usd, line.unsettled_usd


def test_calls_are_told_by_day_model_and_outcome_and_add_up(tmp_path: Path) -> None:
    report = report_spend(bought(tmp_path))
    assert {(line.day, line.model, line.outcome): figures(line) for line in report.lines} == {
        ("2025-01-31", "big", "decided"): (2, "0.40", "0.1125", "0"),
        ("2025-01-31", "big", "timeout"): (1, "0.20", "0.20", "0"),
        ("2025-01-31", "small", "unsettled"): (1, "0.20", "0", "0.20"),
        ("2025-02-01", "big", "decided"): (1, "0.20", "0.1", "0"),
    }
    assert figures(report.total) == (5, "1.00", "0.4125", "0.20")
    assert report.total.tokens == {
        "input_tokens": 3_000,
        "output_tokens": 300,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 30,
    }
    assert report.run_id == "spender"


def test_what_is_left_is_told_for_each_day_and_month(tmp_path: Path) -> None:
    report = report_spend(bought(tmp_path, claude()))
    assert [(d.period, d.spent_usd, d.left_usd) for d in report.days] == [
        ("2025-01-31", "0.5125", "0.4875"),
        ("2025-02-01", "0.1", "0.9"),
    ]
    assert [(m.period, m.spent_usd, m.left_usd) for m in report.months] == [
        ("2025-01", "0.5125", "1.9875"),
        ("2025-02", "0.1", "2.4"),
    ]


def test_without_limits_what_is_left_is_unknown(tmp_path: Path) -> None:
    report = report_spend(bought(tmp_path))
    assert {line.left_usd for line in (*report.days, *report.months)} == {None}


def test_what_a_run_bought_through_its_recording_is_read_there(tmp_path: Path) -> None:
    recording = bought(tmp_path)
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "journal.db"
    Journal.open(path, run_id="run", config=claude(recording=str(recording))).close()
    report = report_spend(path)
    assert (report.journal, report.total.calls) == (str(recording), 5)
    assert report.days[0].left_usd == "0.4875"


def test_a_journal_that_bought_nothing_has_an_empty_ledger(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path, run_id="frugal", config=claude(recording="absent.db")).close()
    report = report_spend(path)
    assert (report.lines, report.days, report.total.calls) == ((), (), 0)


def test_damaged_usage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="damaged") as journal:
        journal.append(Spend("2025-01-31/1", 0, "2025-01-31", "big", "k", "0.2", "{}"))
        journal.append(Settlement("2025-01-31/1", "0.1", "decided", "[1]", 0))
    with pytest.raises(JournalError, match="usage of call 2025-01-31/1"):
        report_spend(path)
