from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.journal import (
    MEMORY,
    RECORDS,
    Evaluation,
    Journal,
    SkippedDay,
    skip_counts,
)
from ocw_strategy.units import DAY_NS, MINUTE_NS
from tests.journal.samples import one_of_each, sample

CLOSE_NS = 15 * MINUTE_NS


def evaluated(close: int, wake: int, reason: str, regime: str = "calm") -> Evaluation:
    return sample(Evaluation, 1, ts_ns=close * CLOSE_NS, wake=wake, reason=reason, regime=regime)


rows = st.lists(
    st.builds(
        evaluated,
        st.integers(0, 96 * 6),
        st.integers(0, 1),
        st.sampled_from(["timer", "cooldown", "quiet"]),
        st.sampled_from(["calm", "wild"]),
    ),
    max_size=40,
)


@given(rows, st.lists(st.integers(0, 7 * 96), max_size=4))
def test_whatever_is_folded_the_counts_stay_and_wakes_are_kept(
    evaluations: list[Evaluation], folds: list[int]
) -> None:
    skips = Counter(
        ((date(1970, 1, 1) + timedelta(days=row.ts_ns // DAY_NS)).isoformat(), row.reason)
        for row in evaluations
        if not row.wake
    )
    with Journal.open(MEMORY, run_id="fold") as journal:
        for row in evaluations:
            journal.append(row)
        for close in folds:
            journal.fold_skips(close * CLOSE_NS)
            assert skip_counts(journal) == skips
        wakes = [row for row in evaluations if row.wake]
        assert journal.rows(Evaluation, "wake = 1") == wakes
        end = max(folds, default=0) * CLOSE_NS // DAY_NS * DAY_NS
        kept = [row for row in evaluations if not row.wake and row.ts_ns >= end]
        assert journal.rows(Evaluation, "wake = 0") == kept


def test_the_day_that_is_not_over_is_not_folded() -> None:
    with Journal.open(MEMORY, run_id="fold") as journal:
        for close in (95, 96, 97):
            journal.append(evaluated(close, 0, "quiet"))
        assert journal.fold_skips(98 * CLOSE_NS) == 1
        assert journal.fold_skips(98 * CLOSE_NS) == 0
        assert journal.rows(SkippedDay) == [SkippedDay("1970-01-01", "quiet", "calm", 1)]


def test_folding_touches_no_other_table_and_a_reader_sees_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="fold") as journal, Journal.read_only(path) as reader:
        for record in one_of_each(1):
            journal.append(record)
        journal.append(evaluated(5, 0, "quiet"))
        before = {kind: journal.rows(kind) for kind in RECORDS}
        assert journal.fold_skips(DAY_NS) == 1
        after = {kind: reader.rows(kind) for kind in RECORDS}
    changed = {kind for kind in RECORDS if before[kind] != after[kind]}
    assert changed == {Evaluation, SkippedDay}


def test_pages_that_become_free_are_written_again(tmp_path: Path) -> None:
    """The file of a node that folds its skips stops growing by them."""
    path = tmp_path / "journal.db"
    sizes = []
    with Journal.open(path, run_id="fold") as journal:
        for day in range(60):
            for close in range(96):
                row = evaluated(day * 96 + close, 0, "quiet" * 20)
                journal.append(row)
            journal.fold_skips((day - 10) * DAY_NS)
            journal.flush()
            (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
            sizes.append(pages)
    assert sizes[59] <= sizes[20] * 1.05
    assert sizes[10] > sizes[1] + 20, "the rows are what fills it"


@pytest.mark.parametrize("before_ns", [0, 1])
def test_nothing_old_enough_is_nothing_done(before_ns: int) -> None:
    with Journal.open(MEMORY, run_id="fold") as journal:
        journal.append(evaluated(0, 0, "quiet"))
        assert journal.fold_skips(before_ns) == 0
        assert journal.count(Evaluation) == 1
