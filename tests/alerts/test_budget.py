"""Each mark of a budget is told once, of the day and of the month."""

import json
from decimal import Decimal
from pathlib import Path

from ocw_strategy.advisor.budget import Budget
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.alerts.cursor import Cursor
from ocw_strategy.journal import Journal, Settlement
from ocw_strategy.units import DAY_NS
from tests.alerts.journals import START_NS, event, open_journal
from tests.alerts.test_feed import look
from tests.journal.samples import sample

USAGE = Usage(input_tokens=1, output_tokens=1)


class Spender:
    """Calls that are made one by one, and what is told after each."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self.path, self.journal = path, journal
        self.budget = Budget(journal, Decimal(1), Decimal(10))
        _, self.cursor = look(path, Cursor())

    def told(self) -> list[str]:
        steps, self.cursor = look(self.path, self.cursor)
        return [step.alert.title for step in steps if step.alert.kind == "budget"]

    def call(self, usd: str, day: int = 0, cost: str | None = None) -> list[str]:
        taken = self.budget.reserve(
            START_NS + day * DAY_NS, Decimal(usd), model="m", request_key="k"
        )
        assert taken is not None
        if cost is not None:
            self.budget.settle(taken, Decimal(cost), USAGE, "decided", 7)
        return self.told()


def test_80_and_100_per_cent_of_a_day_are_told_once_each_day(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        spender = Spender(tmp_path / "j.db", journal)
        assert spender.call("0.7", cost="0.7") == []
        assert spender.call("0.1") == ["80 % of the day's budget is spent"]
        assert spender.call("0.1") == []
        assert spender.call("0.1") == ["100 % of the day's budget is spent"]
        assert spender.call("0.9", day=1) == ["80 % of the day's budget is spent"]


def test_a_worst_case_counts_until_it_is_settled(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        spender = Spender(tmp_path / "j.db", journal)
        assert spender.call("0.79", cost="0.01") == []
        assert spender.call("0.78") == []
        assert spender.call("0.02") == ["80 % of the day's budget is spent"]


def test_a_month_is_told_beside_the_day(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        spender = Spender(tmp_path / "j.db", journal)
        for day in range(7):
            spender.call("1.0", day=day)
        assert spender.call("1.0", day=7) == [
            "100 % of the day's budget is spent",
            "80 % of the month's budget is spent",
        ]


def test_a_crash_between_the_two_loses_neither(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        spender = Spender(tmp_path / "j.db", journal)
        for day in range(7):
            spender.call("1.0", day=day)
        spender.budget.reserve(START_NS + 7 * DAY_NS, Decimal(1), model="m", request_key="k")
        first, second = look(tmp_path / "j.db", spender.cursor)[0]
        spender.cursor = first.after  # the process dies before the second is delivered
        assert spender.told() == [second.alert.title]


def test_a_damaged_ledger_is_told_and_silences_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with open_journal(path) as journal:
        _, cursor = look(path, Cursor())
        journal.append_durably(sample(Settlement, 1), event("halt:drawdown"))
        steps, cursor = look(path, cursor)
        assert [step.alert.title for step in steps] == [
            "Entries halted: drawdown",
            "The ledger of calls cannot be read",
        ]
        assert "no such reservation" in steps[1].alert.text
        assert look(path, cursor) == ([], cursor)


def test_a_run_without_limits_is_never_told_of(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with Journal.open(path, run_id="live", config=json.loads("{}")) as journal:
        assert Spender(path, journal).call("1.0") == []
