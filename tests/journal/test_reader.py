import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from math import nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import (
    MEMORY,
    RECORDS,
    Answered,
    DecisionRow,
    Equity,
    Evaluation,
    Event,
    Journal,
    Record,
    Settlement,
    Spend,
)
from tests.journal.samples import evaluation, one_of_each, sample

WRITE_REVERSED = """
import sys
from ocw_strategy.journal import Journal
from tests.journal.samples import one_of_each
with Journal.open(sys.argv[1], run_id="another", created_wall_ns=9, config={"a": 1}) as journal:
    journal.save_state("gate/1", {"timer": 5})
    for number in range(200):
        for record in reversed(one_of_each(number)):
            journal.append(record)
    print(journal.digest())
"""

READ_WHILE_WRITTEN = """
import sys
from ocw_strategy.journal import Evaluation, Journal
print("ready", flush=True)
with Journal.read_only(sys.argv[1]) as reader:
    seen = 0
    while seen < int(sys.argv[2]):
        rows = reader.rows(Evaluation)
        assert [row.ts_ns for row in rows] == list(range(len(rows))), "a row is missing"
        assert len(rows) % 10 == 0, "part of a commit"
        assert len(rows) >= seen, "rows went away"
        seen = len(rows)
print("all seen", flush=True)
"""


def digest_of(*records: Record) -> str:
    with Journal.open(MEMORY, run_id="digest") as journal:
        for record in records:
            journal.append(record)
        return journal.digest()


def test_rows_come_back_in_the_order_they_were_appended_before_any_flush() -> None:
    with Journal.open(MEMORY, run_id="order") as journal:
        for number in (3, 1, 2):
            for record in one_of_each(number):
                journal.append(record)
        for kind in RECORDS:
            assert journal.rows(kind) == [sample(kind, number) for number in (3, 1, 2)]
            assert journal.count(kind) == 3


def test_rows_can_be_chosen_sorted_and_limited() -> None:
    with Journal.open(MEMORY, run_id="query") as journal:
        for number in range(10):
            journal.append(evaluation(number))
        newest = journal.rows(Evaluation, "ts_ns < ?", (8,), order="ts_ns DESC", limit=2)
        assert newest == [evaluation(7), evaluation(6)]
        assert journal.count(Evaluation, "wake > ?", (5,)) == 4
        assert journal.columns(Evaluation, "ts_ns IN (?, ?)", (1, 4))["value"] == [1.1, 4.1]


def test_columns_are_the_rows_turned_and_exist_without_rows() -> None:
    rows = [Equity(1, 10.0, nan), Equity(2, 11.0, 9.0)]
    with Journal.open(MEMORY, run_id="columns") as journal:
        assert journal.columns(Equity) == {"ts_ns": [], "equity": [], "balance": []}
        for row in rows:
            journal.append(row)
        columns = journal.columns(Equity)
        assert columns["ts_ns"] == [1, 2]
        assert columns["equity"] == [10.0, 11.0]
        assert repr(columns["balance"]) == "[nan, 9.0]"


def test_a_question_that_makes_no_sense_is_an_error_about_the_journal() -> None:
    with (
        Journal.open(MEMORY, run_id="nonsense") as journal,
        pytest.raises(JournalError, match="no such column: colour"),
    ):
        journal.rows(Event, "colour = ?", ("red",))


def test_states_come_back_as_they_were_saved_and_the_last_one_counts() -> None:
    state = {"timers": {"BTCUSDT-PERP": 5}, "mean": 0.1 + 0.2, "seen": [1, None, "ü"], "on": True}
    with Journal.open(MEMORY, run_id="state") as journal:
        assert journal.load_state("gate/1") is None
        journal.save_state("gate/1", {"timers": {}})
        journal.save_state("gate/1", state)
        journal.save_state("bandit/1", {"worst": -float("inf"), "last": nan})
        assert journal.load_state("gate/1") == state
        assert repr(journal.load_state("bandit/1")) == "{'last': nan, 'worst': -inf}"
        with pytest.raises(JournalError, match=r"state of gate/1.*set"):
            journal.save_state("gate/1", {"symbols": {1}})
        assert journal.load_state("gate/1") == state


def test_the_digest_is_the_sha256_of_the_sorted_canonical_rows() -> None:
    lines = [
        ["equity", ["ts_ns", "equity", "balance"]],
        [1, 0.30000000000000004, None],
        [2, 5.0, 1e300],
        ["events", ["ts_ns", "kind", "symbol", "detail"]],
        [1, "halt", "", "ü"],
    ]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    records = [Event(1, "halt", "", "ü"), Equity(2, 5.0, 1e300), Equity(1, 0.1 + 0.2, nan)]
    assert digest_of(*records) == hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_is_the_same_in_another_process_order_file_and_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    written = subprocess.run(
        [sys.executable, "-c", WRITE_REVERSED, str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    here = digest_of(*(record for number in range(200) for record in one_of_each(number)))
    with Journal.read_only(path) as reader:
        assert written == reader.digest() == here


@settings(max_examples=25)
@given(st.permutations([*one_of_each(1), *one_of_each(2)]))
def test_the_digest_does_not_know_the_order_of_insertion(records: list[Record]) -> None:
    assert digest_of(*records) == digest_of(*one_of_each(1), *one_of_each(2))


@pytest.mark.parametrize("kind", [Spend, Settlement, Answered])
def test_what_was_bought_is_no_part_of_the_digest(kind: type[Record]) -> None:
    assert digest_of(sample(kind, 1)) == digest_of()


@pytest.mark.parametrize("kind", [kind for kind in RECORDS if kind.DIGESTED])
def test_the_digest_sees_every_kind_and_a_row_said_twice(kind: type[Record]) -> None:
    once = digest_of(sample(kind, 1))
    assert once not in {digest_of(), digest_of(sample(kind, 2))}
    assert (digest_of(sample(kind, 1), sample(kind, 1)) == once) == bool(kind.KEY)


def test_the_digest_sees_one_bit_of_a_float_and_not_the_latency_of_this_machine() -> None:
    assert digest_of(Equity(1, 0.3, 1.0)) != digest_of(Equity(1, 0.1 + 0.2, 1.0))
    decision = sample(DecisionRow, 1)
    slower = sample(DecisionRow, 1, latency_ns=10**9, wall_ns=10**18)
    costlier = sample(DecisionRow, 1, cost_usd="2")
    assert digest_of(decision) == digest_of(slower) != digest_of(costlier)


def test_another_process_reads_whole_commits_while_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    total = 20_000
    with Journal.open(path, run_id="read", buffer_rows=10) as journal:
        with subprocess.Popen(
            [sys.executable, "-c", READ_WHILE_WRITTEN, str(path), str(total)],
            stdout=subprocess.PIPE,
            text=True,
        ) as reader:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
            for number in range(total):
                journal.append(evaluation(number))
            assert reader.stdout.readline() == "all seen\n"
        assert reader.returncode == 0


def test_a_reader_cannot_write_and_needs_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="read only") as journal, Journal.read_only(path) as reader:
        journal.append_durably(sample(Event, 1))
        assert reader.rows(Event) == [sample(Event, 1)]
        assert not hasattr(reader, "append")
        with pytest.raises(JournalError, match="readonly"):
            reader._query("DELETE FROM events")


def test_a_reader_undoes_what_a_writer_that_died_left_half_made(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    half_made = tmp_path / "half made.db"
    rows = [sample(Event, number) for number in range(500)]
    with Journal.open(path, run_id="half") as journal:
        for row in rows:
            journal.append(row)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        # a cache of one page sends the change to the file before its commit
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        writer.execute("UPDATE events SET detail = 'half' || detail")
        half_made.write_bytes(path.read_bytes())
        rollback = path.with_name("journal.db-journal").read_bytes()
        half_made.with_name("half made.db-journal").write_bytes(rollback)
        writer.execute("ROLLBACK")
    assert b"halftext" in half_made.read_bytes()
    with Journal.read_only(half_made) as reader:
        assert reader.rows(Event) == rows


def test_a_missing_journal_is_not_made_by_reading_it(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no such file"):
        Journal.read_only(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


def test_a_tally_counts_by_the_values_of_columns() -> None:
    with Journal.open(MEMORY, run_id="tally") as journal:
        for wake, reason in ((1, "timer"), (0, "quiet"), (0, "quiet"), (0, "cooldown")):
            journal.append(sample(Evaluation, 1, wake=wake, reason=reason))
        assert journal.tally(Evaluation, ("wake", "reason")) == {
            (0, "cooldown"): 1,
            (0, "quiet"): 2,
            (1, "timer"): 1,
        }
        assert journal.tally(Evaluation, ("reason",), "wake = ?", (1,)) == {("timer",): 1}
        assert journal.tally(Event, ("kind",)) == {}


def test_commits_of_another_connection_are_seen_and_reading_is_none(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Journal.open(path, run_id="commits") as journal, Journal.read_only(path) as reader:
        before = reader.commits()
        assert reader.rows(Evaluation) == []
        assert reader.commits() == before
        journal.append(evaluation(1))
        assert reader.commits() == before
        journal.flush()
        assert reader.commits() != before


def test_rows_before_go_back_to_the_first_without_a_gap() -> None:
    with Journal.open(MEMORY, run_id="before") as journal:
        for number in range(7):
            journal.append(evaluation(number))
        seen: list[Evaluation] = []
        row_id = None
        while found := journal.rows_before(Evaluation, row_id, limit=3):
            seen += [row for _, row in found]
            row_id = found[-1][0]
        assert seen == [evaluation(number) for number in reversed(range(7))]
