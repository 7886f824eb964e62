"""Rows on their way: due times, stamps, gaps, and equality with what is imported."""

import math
from pathlib import Path

import pytest

from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate, write_frame
from ocw_strategy.catalog.frames import STATISTICS
from ocw_strategy.catalog.store import part_files, read_table
from ocw_strategy.live.statistics_rows import PERIOD_NS, RowBook, flows, objects
from ocw_strategy.units import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from tests.catalog import market

T = market.JANUARY_MS
T_NS = T * MILLISECOND_NS
DELAY_NS = 300 * SECOND_NS
DUE_NS = T_NS + DELAY_NS


def whole(value: float = 2.0) -> dict[str, float]:
    return dict.fromkeys(STATISTICS, value)


def book(since_ns: int = T_NS, **more: bool) -> RowBook:
    return RowBook(OcwDerivatives, "BTCUSDT", since_ns, DELAY_NS, **more)


def fill(rows: RowBook, now_ns: int, ts_ms: int = T, without: str = "") -> None:
    for name, value in whole().items():
        if name != without:
            rows.add(name, {ts_ms: value}, now_ns)


def test_a_row_is_told_at_its_due_time_and_not_before() -> None:
    rows = book()
    fill(rows, T_NS + MINUTE_NS)
    assert rows.next_due_ns() == DUE_NS
    assert rows.take(DUE_NS - 1) == []
    (told,) = rows.take(DUE_NS)
    assert (told.ts_event, told.ts_init) == (T_NS, DUE_NS)
    assert rows.take(DUE_NS + PERIOD_NS) == []
    assert rows.next_due_ns() is None


def test_a_row_told_a_little_late_that_came_in_time_keeps_its_stamp() -> None:
    rows = book()
    fill(rows, DUE_NS)
    assert rows.take(DUE_NS + 5 * SECOND_NS)[0].ts_init == DUE_NS


def test_a_row_that_came_late_says_when() -> None:
    rows = book()
    fill(rows, DUE_NS + 1)
    assert rows.take(DUE_NS + SECOND_NS)[0].ts_init == DUE_NS + SECOND_NS


def test_a_replayed_market_is_stamped_as_the_archive_would() -> None:
    rows = book(since_ns=0, as_archived=True)
    fill(rows, DUE_NS + 10**15)
    assert rows.take(DUE_NS + 10**15)[0].ts_init == DUE_NS


def test_a_missing_column_is_waited_for_then_told_as_unknown_then_told_again() -> None:
    rows = book()
    fill(rows, T_NS + MINUTE_NS, without="taker_buy_sell_ratio")
    assert rows.take(DUE_NS) == []
    assert rows.lacks(T)
    (partial,) = rows.take(DUE_NS + MINUTE_NS)
    assert math.isnan(partial.taker_buy_sell_ratio)
    assert partial.open_interest == 2.0
    assert partial.ts_init == DUE_NS + MINUTE_NS
    assert rows.take(DUE_NS + 2 * MINUTE_NS) == []
    rows.add("taker_buy_sell_ratio", {T: 1.5}, DUE_NS + 3 * MINUTE_NS)
    assert not rows.lacks(T)
    (again,) = rows.take(DUE_NS + 3 * MINUTE_NS)
    assert (again.taker_buy_sell_ratio, again.ts_init) == (1.5, DUE_NS + 3 * MINUTE_NS)
    assert rows.take(DUE_NS + 4 * MINUTE_NS) == []


def test_history_is_not_told() -> None:
    rows = book(since_ns=DUE_NS + 1)
    fill(rows, DUE_NS + 1)
    assert rows.take(DUE_NS + MINUTE_NS) == []
    assert not rows.lacks(T)


def test_rows_that_were_missed_come_in_order() -> None:
    rows = book()
    for step in (2, 0, 1):
        fill(rows, DUE_NS + 10 * PERIOD_NS, T + step * 300_000)
    told = rows.take(DUE_NS + 10 * PERIOD_NS)
    assert [item.ts_event for item in told] == [T_NS + step * PERIOD_NS for step in range(3)]


def test_a_row_the_importer_would_refuse_is_dropped_and_said() -> None:
    rows = book()
    fill(rows, T_NS)
    rows.add("open_interest", {T: -1.0}, T_NS)
    assert rows.take(DUE_NS) == []
    assert "cannot be negative" in rows.refused[0]


def test_of_many_rows_each_keeps_its_own_time_and_a_bad_one_spoils_no_other() -> None:
    rows = book()
    in_time, bad, late, partial = (T + step * 300_000 for step in range(4))
    fill(rows, T_NS, in_time)
    fill(rows, T_NS, bad)
    rows.add("open_interest", {bad: -1.0}, T_NS)
    now_ns = DUE_NS + 10 * PERIOD_NS
    fill(rows, now_ns, late)
    fill(rows, T_NS, partial, without="taker_buy_sell_ratio")
    told = {item.ts_event // 1_000_000: item.ts_init for item in rows.take(now_ns)}
    assert told == {in_time: DUE_NS, late: now_ns, partial: now_ns}
    assert len(rows.refused) == 1
    assert "cannot be negative" in rows.refused[0]


def test_what_was_not_published_is_not_a_number() -> None:
    (made,) = objects(OcwDerivatives, "BTCUSDT", {T: whole() | {"open_interest": 0.0}}, DELAY_NS)
    assert math.isnan(made.open_interest)


def test_memory_does_not_grow() -> None:
    rows = book()
    for step in range(2000):
        now_ns = DUE_NS + step * PERIOD_NS
        fill(rows, now_ns, T + step * 300_000)
        rows.take(now_ns)
    assert len(rows._told) < 300


@pytest.mark.parametrize("kind", ["metrics_5m", "funding", "bars_5m"])
def test_objects_equal_those_that_are_imported(tmp_path: Path, kind: str) -> None:
    frame = {
        "metrics_5m": market.metrics(20, start_ms=T),
        "funding": market.funding(5, start_ms=T),
        "bars_5m": market.bars(20, start_ms=T, taker=True),
    }[kind]
    write_frame(tmp_path, kind, "BTCUSDT", frame, source="test", delay_ns=DELAY_NS)
    rows = {
        row.pop("ts"): {name: math.nan if value is None else value for name, value in row.items()}
        for row in frame.to_pylist()
    }
    if kind == "bars_5m":
        made = flows("BTCUSDT", 5, rows, DELAY_NS)
    else:
        made = objects(
            OcwDerivatives if kind == "metrics_5m" else OcwFundingRate, "BTCUSDT", rows, DELAY_NS
        )
    data_class = type(made[0])
    files = part_files(tmp_path, data_class, "BTCUSDT-PERP.BINANCE")
    held = [item for path in files for item in data_class.from_arrow(read_table(path))]
    assert [repr(vars(item)) for item in made] == [repr(vars(item)) for item in held]
