from dataclasses import replace
from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import MEMORY, Clamp, DecisionRow, Equity, Event, Intent, Journal
from tests.journal.samples import intent, sample


def test_the_same_row_twice_is_one_row_within_a_batch_and_across() -> None:
    with Journal.open(MEMORY, run_id="idempotent") as journal:
        for number in (1, 2, 1):
            journal.append(intent(number))
        journal.flush()
        journal.append_durably(intent(2))
        assert journal.rows(Intent) == [intent(1), intent(2)]


def test_a_row_that_contradicts_its_key_is_refused_and_the_others_are_kept() -> None:
    with Journal.open(MEMORY, run_id="contradiction") as journal:
        journal.append_durably(intent(1))
        contradiction = sample(Intent, 1, quantity="9", client_order_id=intent(1).client_order_id)
        journal.append(intent(2))
        journal.append(contradiction)
        journal.append(sample(Event, 3))
        with pytest.raises(JournalError, match=r"intents.*client_order_id.*text 1.*has its key"):
            journal.flush()
        assert journal.rows(Intent) == [intent(1), intent(2)]
        assert journal.rows(Event) == [sample(Event, 3)]
        journal.flush()


def test_nan_does_not_contradict_itself() -> None:
    row = Equity(ts_ns=1, equity=nan, balance=1.0)
    with Journal.open(MEMORY, run_id="nan key") as journal:
        journal.append_durably(row)
        journal.append_durably(row)
        with pytest.raises(JournalError, match="has its key"):
            journal.append_durably(Equity(ts_ns=1, equity=2.0, balance=1.0))
        assert journal.count(Equity) == 1


def test_a_measured_latency_is_no_contradiction_and_the_first_one_stays() -> None:
    first = sample(DecisionRow, 1)
    again = sample(DecisionRow, 1, latency_ns=99, wall_ns=99)
    with Journal.open(MEMORY, run_id="latency") as journal:
        journal.append_durably(first)
        journal.append_durably(again)
        assert journal.rows(DecisionRow) == [first]


def test_only_replace_changes_a_row_and_it_keeps_its_place() -> None:
    changed = sample(Intent, 1, quantity="9")
    with Journal.open(MEMORY, run_id="replace") as journal:
        for number in (1, 2):
            journal.append(intent(number))
        journal.replace(changed)
        journal.replace(intent(3))
        assert journal.rows(Intent) == [changed, intent(2), intent(3)]
        with pytest.raises(JournalError, match="Event"):
            journal.replace(sample(Event, 1))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("detail", Decimal("1.5")),
        ("detail", None),
        ("detail", "\ud800"),
        ("ts_ns", 2**63),
        ("ts_ns", 1.5),
        ("ts_ns", None),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_and_the_others_are_kept(
    column: str, value: Any
) -> None:
    with Journal.open(MEMORY, run_id="unstorable") as journal:
        good = [sample(Event, 1), sample(Event, 2)]
        journal.append(good[0])
        journal.append(sample(Event, 9, **{column: value}))
        journal.append(good[1])
        with pytest.raises(JournalError, match=r"events.*not stored"):
            journal.flush()
        assert journal.rows(Event) == good


def test_b39_a_time_is_integer_nanoseconds_and_a_datetime_text_is_refused() -> None:
    with Journal.open(MEMORY, run_id="b39") as journal:
        with pytest.raises(JournalError, match="ts_ns"):
            journal.append_durably(sample(Event, 1, ts_ns="2025-01-01T00:00:00"))
        assert journal.count(Event) == 0


numbers = st.floats(allow_nan=True, allow_infinity=True)
texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.builds(Clamp, texts, integers, texts, texts, numbers, numbers)))
def test_every_value_comes_back_to_the_bit(rows: list[Clamp]) -> None:
    with Journal.open(MEMORY, run_id="round trip") as journal:
        for row in rows:
            journal.append(row)
        # as text, since NaN is equal to nothing; SQLite keeps -0.0 as 0.0
        expected = [
            repr(replace(row, before=row.before + 0.0, after=row.after + 0.0)) for row in rows
        ]
        assert [repr(row) for row in journal.rows(Clamp)] == expected


def test_infinities_stay_infinite_and_nan_stays_nan() -> None:
    row = sample(Clamp, 1, before=inf, after=-inf)
    with Journal.open(MEMORY, run_id="infinite") as journal:
        journal.append(row)
        journal.append(sample(Clamp, 2, after=nan))
        assert journal.rows(Clamp, "ts_ns = ?", (1,)) == [row]
        assert repr(journal.columns(Clamp)["after"]) == "[-inf, nan]"
