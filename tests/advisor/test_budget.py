"""No day and no month costs more than its limit, and no call is forgotten."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.advisor.budget import Budget, Reservation, utc_day
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import MEMORY, Equity, Journal, Settlement, Spend, read_ledger
from ocw_strategy.settings import parse_time_ns
from ocw_strategy.units import DAY_NS, HOUR_NS, SECOND_NS

NOON_NS = parse_time_ns("2025-01-30") + 12 * HOUR_NS
MONTH_END_NS = parse_time_ns("2025-02-01")
USAGE = Usage(input_tokens=1_000, output_tokens=100)


@pytest.fixture
def journal() -> Iterator[Journal]:
    with Journal.open(MEMORY, run_id="budget") as journal:
        yield journal


def usd(text: str) -> Decimal:
    return Decimal(text)


def budget_on(journal: Journal, day: str = "1", month: str = "10", **given: bool) -> Budget:
    return Budget(journal, usd(day), usd(month), **given)


def asked(budget: Budget, amount: str, now_ns: int = NOON_NS) -> Reservation | None:
    return budget.reserve(now_ns, usd(amount), model="m", request_key="k")


def reserved(budget: Budget, amount: str, now_ns: int = NOON_NS) -> Reservation:
    reservation = asked(budget, amount, now_ns)
    assert reservation is not None
    return reservation


def settled(budget: Budget, reservation: Reservation, cost: str) -> None:
    budget.settle(reservation, usd(cost), USAGE, "decided", 7)


def spent(budget: Budget, now_ns: int = NOON_NS) -> tuple[str, str]:
    day, month = budget.spent_usd(now_ns)
    return str(day), str(month)


def test_a_call_counts_as_its_worst_case_until_it_is_settled_and_then_as_its_cost(
    journal: Journal,
) -> None:
    budget = budget_on(journal)
    reservation = reserved(budget, "0.60")
    assert spent(budget) == ("0.60", "0.60")
    assert asked(budget, "0.50") is None
    settled(budget, reservation, "0.25")
    assert spent(budget) == ("0.25", "0.25")
    assert asked(budget, "0.75") is not None
    assert asked(budget, "0.01") is None


def test_the_month_ends_what_the_days_would_let_through(journal: Journal) -> None:
    budget = budget_on(journal, "1", "1.50")
    reserved(budget, "1")
    assert asked(budget, "0.51", NOON_NS + DAY_NS) is None
    assert asked(budget, "0.50", NOON_NS + DAY_NS) is not None
    assert asked(budget, "0.50", MONTH_END_NS) is not None


def test_nothing_is_let_through_without_a_budget(journal: Journal) -> None:
    assert asked(budget_on(journal, "0", "10"), "0.01") is None
    assert asked(budget_on(journal, "1", "0"), "0.01") is None
    assert journal.count(Spend) == 0


def test_the_ledger_says_what_each_call_was(journal: Journal) -> None:
    budget = budget_on(journal)
    reservation = budget.reserve(
        NOON_NS, usd("0.5"), model="m", request_key="k", prices={"input": usd("3.00")}
    )
    assert reservation is not None
    settled(budget, reservation, "0.0165")
    assert journal.rows(Spend) == [
        Spend("2025-01-30/1", NOON_NS, "2025-01-30", "m", "k", "0.5", '{"input":"3.00"}')
    ]
    (settlement,) = journal.rows(Settlement)
    assert json.loads(settlement.usage) == USAGE.model_dump()
    assert settlement == Settlement(
        "2025-01-30/1", "0.0165", "decided", settlement.usage, wall_ns=7
    )


def test_concurrent_calls_share_one_budget(journal: Journal) -> None:
    budget = budget_on(journal)

    async def call() -> bool:
        await asyncio.sleep(0)
        reservation = asked(budget, "0.03")
        await asyncio.sleep(0)
        assert budget.spent_usd(NOON_NS)[0] <= 1
        return reservation is not None

    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(call() for _ in range(50)))

    assert sum(asyncio.run(all_at_once())) == 33
    assert spent(budget) == ("0.99", "0.99")


def test_a_budget_made_from_the_file_goes_on_exactly(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="run") as journal:
        budget = budget_on(journal)
        reserved(budget, "0.30")
        settled(budget, reserved(budget, "0.30"), "0.1234567")
        settled(budget, reserved(budget, "0.20", NOON_NS - DAY_NS), "0")
        before = [budget.spent_usd(NOON_NS + day * DAY_NS) for day in (-1, 0, 1, 2)]
    with Journal.open(path, run_id="run") as journal:
        again = budget_on(journal)
        assert [again.spent_usd(NOON_NS + day * DAY_NS) for day in (-1, 0, 1, 2)] == before
        assert spent(again) == ("0.4234567", "0.4234567")
        assert reserved(again, "0.1").reservation_id == "2025-01-30/4"


def test_a_call_that_the_process_did_not_live_to_settle_counts_in_full_for_ever(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="run") as journal:
        lost = reserved(budget_on(journal), "0.90")
    with Journal.open(path, run_id="run") as journal:
        budget = budget_on(journal)
        assert asked(budget, "0.20") is None
        with pytest.raises(ValueError, match="of another budget"):
            settled(budget, lost, "0.01")
        assert spent(budget) == ("0.90", "0.90")


def test_a_call_of_the_31st_is_settled_in_the_ledger_of_the_31st(journal: Journal) -> None:
    budget = budget_on(journal)
    late = reserved(budget, "0.80", MONTH_END_NS - 1)
    assert spent(budget, MONTH_END_NS) == ("0", "0")
    reserved(budget, "0.70", MONTH_END_NS)
    settled(budget, late, "0.10")
    assert spent(budget, MONTH_END_NS) == ("0.70", "0.70")
    january = [entry.counted_usd for entry in read_ledger(journal) if entry.spend.day < "2025-02"]
    assert january == [usd("0.10")]


def test_a_new_day_begins_at_midnight_to_the_nanosecond(journal: Journal) -> None:
    budget = budget_on(journal)
    midnight = parse_time_ns("2025-01-31")
    reserved(budget, "1", midnight - 1)
    assert asked(budget, "0.01", midnight - 1) is None
    assert asked(budget, "1", midnight) is not None


@pytest.mark.parametrize("back_ns", [1, SECOND_NS, DAY_NS, 40 * DAY_NS, MONTH_END_NS])
def test_a_clock_that_goes_backwards_opens_no_new_budget(journal: Journal, back_ns: int) -> None:
    budget = budget_on(journal, "1", "1.5")
    reserved(budget, "1", MONTH_END_NS)
    for again in (budget, budget_on(journal, "1", "1.5")):
        assert asked(again, "0.01", MONTH_END_NS - back_ns) is None
        assert spent(again, MONTH_END_NS - back_ns) == ("1", "1")
        assert asked(again, "0.51", MONTH_END_NS + DAY_NS) is None


def test_a_simulated_clock_may_begin_anew_with_each_run(journal: Journal) -> None:
    budget = budget_on(journal, simulated_clock=True)
    reserved(budget, "1", MONTH_END_NS)
    assert asked(budget, "1", NOON_NS) is not None
    assert asked(budget, "0.01", NOON_NS) is None
    assert spent(budget, MONTH_END_NS) == ("1", "1")


def test_a_change_of_prices_does_not_reach_a_call_under_way(journal: Journal) -> None:
    budget = budget_on(journal)
    prices = {"input": usd("3")}
    reservation = budget.reserve(NOON_NS, usd("0.5"), model="m", request_key="k", prices=prices)
    prices["input"] = usd("30")
    assert reservation is not None
    assert reservation.prices == {"input": usd("3")}


def test_a_cost_above_the_worst_case_is_recorded_in_full_and_ends_the_budget(
    journal: Journal,
) -> None:
    budget = budget_on(journal)
    settled(budget, reserved(budget, "0.50"), "1.75")
    for again in (budget, budget_on(journal)):
        assert spent(again) == ("1.75", "1.75")
        assert asked(again, "0.01") is None
        assert asked(again, "0") is None


def test_an_unknown_cost_stays_at_the_worst_case_and_keeps_its_outcome(journal: Journal) -> None:
    budget = budget_on(journal)
    budget.settle(reserved(budget, "0.40"), None, None, "timeout", 0)
    assert spent(budget) == spent(budget_on(journal)) == ("0.40", "0.40")
    (settlement,) = journal.rows(Settlement)
    assert (settlement.cost_usd, settlement.outcome, settlement.usage) == ("0.40", "timeout", "")


def test_a_call_is_settled_once(journal: Journal) -> None:
    budget = budget_on(journal)
    reservation = reserved(budget, "0.40")
    settled(budget, reservation, "0.10")
    with pytest.raises(ValueError, match="settled already"):
        settled(budget, reservation, "0")
    assert spent(budget) == ("0.10", "0.10")


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_of_money_is_refused_and_changes_nothing(
    journal: Journal, amount: str
) -> None:
    budget = budget_on(journal)
    reservation = reserved(budget, "0.40")
    for use in (
        lambda: asked(budget, amount),
        lambda: settled(budget, reservation, amount),
        lambda: budget_on(journal, amount),
    ):
        with pytest.raises(ValueError, match="amount of money"):
            use()
    assert spent(budget) == ("0.40", "0.40")
    assert journal.count(Spend) == 1


def test_without_a_journal_no_call_is_made() -> None:
    with Journal.open(MEMORY, run_id="closed") as journal:
        budget = budget_on(journal)
        reservation = reserved(budget, "0.40")
    with pytest.raises(JournalError):
        settled(budget, reservation, "0.10")
    assert spent(budget) == ("0.40", "0.40")
    with pytest.raises(JournalError):
        asked(budget, "0.10")


def test_a_stranger_s_bad_record_in_the_same_commit_does_not_hide_a_call(
    journal: Journal,
) -> None:
    journal.append_durably(Equity(1, 1.0, 1.0))
    budget = budget_on(journal)
    reservation = reserved(budget, "0.20")
    journal.append(Equity(1, 2.0, 2.0))
    with pytest.raises(JournalError, match="equity"):
        asked(budget, "0.30")
    assert spent(budget) == spent(budget_on(journal)) == ("0.50", "0.50")
    journal.append(Equity(1, 3.0, 3.0))
    with pytest.raises(JournalError, match="equity"):
        settled(budget, reservation, "0.05")
    assert spent(budget) == spent(budget_on(journal)) == ("0.35", "0.35")


def test_a_call_costs_the_same_work_after_thousands_as_after_none(journal: Journal) -> None:
    def statements_of_one_call(budget: Budget) -> list[str]:
        statements: list[str] = []
        journal._connection.set_trace_callback(statements.append)
        settled(budget, reserved(budget, "0.001"), "0.001")
        journal._connection.set_trace_callback(None)
        return [" ".join(statement.split()[:3]) for statement in statements]

    budget = budget_on(journal, "1000", "1000")
    first = statements_of_one_call(budget)
    for _ in range(2_000):
        settled(budget, reserved(budget, "0.001"), "0.001")
    assert statements_of_one_call(budget) == first
    assert "SELECT" not in " ".join(first)
    assert budget._open == {}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE spend SET reserved_usd = 'lots'", "no amount of money"),
        ("UPDATE spend SET reserved_usd = '-1'", "no amount of money"),
        ("UPDATE settlements SET cost_usd = 'NaN'", "no amount of money"),
        ("UPDATE spend SET day = '2025-01-32'", "no day"),
        ("DELETE FROM spend", "no such reservation"),
    ],
)
def test_a_ledger_that_cannot_be_trusted_is_refused(tmp_path: Path, damage: str, said: str) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="run") as journal:
        budget = budget_on(journal)
        settled(budget, reserved(budget, "0.20"), "0.10")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    with Journal.open(path, run_id="run") as journal, pytest.raises(JournalError, match=said):
        budget_on(journal)


def test_days_are_those_of_utc() -> None:
    assert utc_day(MONTH_END_NS - 1) == "2025-01-31"
    assert utc_day(MONTH_END_NS) == "2025-02-01"
