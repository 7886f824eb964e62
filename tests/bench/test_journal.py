"""The bench of the journal counts every byte once, and folds as a node does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocw_strategy.journal import (
    DecisionRow,
    Equity,
    Evaluation,
    Journal,
    Record,
    SkippedDay,
    Trade,
)
from ocw_strategy.units import DAY_NS, MINUTE_NS
from tests.bench.dashboard import MONTH_DAYS
from tests.bench.journal import Sizes, by_day, grown, lived, moment
from tests.journal.samples import sample

CLOSE_NS = 15 * MINUTE_NS


def skips(days: int) -> Iterator[tuple[int, list[Record]]]:
    for day in range(days):
        yield (
            day,
            [
                sample(
                    Evaluation,
                    1,
                    ts_ns=day * DAY_NS + close * CLOSE_NS,
                    wake=0,
                    reason="quiet",
                    regime="calm",
                )
                for close in range(96)
            ],
        )


def unasked(row: DecisionRow) -> DecisionRow:
    return row


def live(path: Path, months: int, keep_days: float, state: str = "") -> list[Sizes]:
    with Journal.open(path, run_id="live", power_safe=False) as journal:
        saved: dict[type[Record], Any] = {Evaluation: ("actor", {"learnt": state})}
        days = skips(months * MONTH_DAYS)
        return list(lived(days, journal, saved, unasked, keep_days=keep_days))


def test_a_month_ends_after_thirty_days_and_old_skips_are_counts(tmp_path: Path) -> None:
    found = live(tmp_path / "node.db", 3, keep_days=10)
    # the last day of a month keeps ten whole days and itself
    assert [each.rows[Evaluation.TABLE] for each in found] == [11 * 96] * 3
    assert [each.rows[SkippedDay.TABLE] for each in found] == [19, 49, 79]
    kept = live(tmp_path / "kept.db", 3, keep_days=90)
    assert [each.rows[Evaluation.TABLE] for each in kept] == [30 * 96, 60 * 96, 90 * 96]
    assert grown(kept)[2] > 5 * grown(found)[2]


def test_every_page_is_counted_once(tmp_path: Path) -> None:
    (found,) = live(tmp_path / "node.db", 1, keep_days=10, state="x" * 500_000)
    assert sum(found.tables.values()) == found.file
    assert found.tables["states"] > 500_000
    assert found.tables["evaluations"] > 11 * 96 * 20
    assert found.wal > 0


def test_a_month_grows_by_what_the_file_has_become_longer() -> None:
    found = [Sizes(file=size, wal=0, tables={}, rows={}) for size in (5_000_000, 9_000_000)]
    assert grown(found) == [5.0, 4.0]


def test_what_was_journalled_outside_the_run_is_no_day_of_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.db", run_id="run") as journal:
        times = (0, DAY_NS, DAY_NS + 5, 2 * DAY_NS, 3 * DAY_NS)
        rows = [Equity(ts_ns, 1.0, 1.0) for ts_ns in times]
        trade = sample(Trade, 1, closed_ns=2 * DAY_NS - 1, opened_ns=7)
        for row in (*reversed(rows), trade):
            journal.append(row)
        days = dict(by_day(journal, DAY_NS, 3 * DAY_NS))
    assert days == {1: [rows[1], rows[2], trade], 2: [rows[3]]}
    assert moment(trade) == 2 * DAY_NS - 1


def test_decisions_are_kept_as_whoever_was_asked_put_them(tmp_path: Path) -> None:
    row = sample(DecisionRow, 1, ts_ns=5)
    with Journal.open(tmp_path / "node.db", run_id="live") as journal:
        asked = lived(
            [(0, [row])], journal, {}, lambda row: replace(row, advisor="claude"), keep_days=90
        )
        list(asked)
        assert journal.rows(DecisionRow) == [replace(row, advisor="claude")]
