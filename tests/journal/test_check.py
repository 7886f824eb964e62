import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ocw_strategy.journal import (
    Clamp,
    DecisionRow,
    FillRow,
    Intent,
    Journal,
    OrderEvent,
    Record,
    ReflectionRow,
    Settlement,
    Spend,
    Trade,
    check_journal,
)
from tests.journal.samples import sample

DECISION = "0123456789ab"
WHOLE: tuple[Record, ...] = (
    sample(DecisionRow, 1, decision_id=DECISION),
    sample(Clamp, 1, decision_id=DECISION),
    sample(Intent, 1, decision_id=DECISION, client_order_id="order"),
    sample(Intent, 2, decision_id="review-BTCUSDT-PERP-17", client_order_id="review"),
    sample(OrderEvent, 1, client_order_id="order"),
    sample(FillRow, 1, client_order_id="review"),
    sample(Trade, 1, decision_id=DECISION, trade_id="trade"),
    sample(ReflectionRow, 1, trade_id="trade"),
    sample(Spend, 1, reservation_id="call", day="2025-01-31", reserved_usd="0.5"),
    sample(Settlement, 1, reservation_id="call", cost_usd="0.25"),
)


def found(path: Path, *records: Record) -> list[str]:
    with Journal.open(path, run_id="check") as journal:
        for record in records:
            journal.append(record)
        return check_journal(journal)


def test_a_whole_journal_has_nothing_wrong_and_orders_of_no_decision_need_none(
    tmp_path: Path,
) -> None:
    assert found(tmp_path / "whole.db", *WHOLE) == []


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        (sample(Clamp, 9, decision_id="ffffffffffff"), "clamps: 1 speak of decisions"),
        (sample(Intent, 9, decision_id="ffffffffffff"), "intents: 1 speak of decisions"),
        (sample(Trade, 9, decision_id="ffffffffffff"), "trades: 1 speak of decisions"),
        (sample(OrderEvent, 9), "order_events: 1 speak of intents"),
        (sample(FillRow, 9), "fills: 1 speak of intents"),
        (sample(ReflectionRow, 9), "reflections: 1 speak of trades"),
        (sample(Settlement, 9, cost_usd="1"), "settlements: 1 speak of spend"),
        (sample(Spend, 9, day="2025-01-31", reserved_usd="much"), "no amount of money"),
    ],
)
def test_a_row_that_speaks_of_what_is_not_there_is_named(
    tmp_path: Path, stray: Record, said: str
) -> None:
    assert any(said in wrong for wrong in found(tmp_path / "stray.db", *WHOLE, stray))


def test_a_damaged_index_is_found(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    assert found(path, *WHOLE) == []
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_intents_1'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = bytes([10]) + bytes(4095)
    path.write_bytes(content)
    with Journal.read_only(path) as reader:
        (wrong,) = check_journal(reader)
    assert "damaged" in wrong
