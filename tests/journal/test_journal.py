import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import MEMORY, RECORDS, Equity, Evaluation, Event, Intent, Journal
from tests.journal.samples import evaluation, intent, one_of_each, sample

# prints the number of each intent once it is durable; the state names the last one
WRITE_UNTIL_KILLED = """
import sys
from ocw_strategy.journal import Journal
from tests.journal.samples import evaluation, intent
journal = Journal.open(sys.argv[1], run_id="crash", buffer_rows=7)
for number in range(1_000_000):
    journal.append(evaluation(2 * number))
    journal.append(evaluation(2 * number + 1))
    if number % 3 == 0:
        journal.save_state("learner/1", {"number": number})
    journal.append_durably(intent(number))
    print(number, flush=True)
"""

# fills the disk, which ends at a file size that this process may not pass
FILL_THE_DISK = """
import resource, sys
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Evaluation, Intent, Journal
from tests.journal.samples import evaluation, intent
journal = Journal.open(sys.argv[1], run_id="full", buffer_rows=50)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
durable = number = 0
try:
    while True:
        journal.append(evaluation(number))
        number += 1
        if number % 20 == 0:
            journal.append_durably(intent(number))
            durable += 1
except JournalError as error:
    assert "disk is full" in str(error), error
try:
    journal.append_durably(intent(0))
except JournalError as error:
    assert "disk is full" in str(error), error
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if sys.argv[2] == "freed":
    assert journal.count(Evaluation) == number, "rows that were held back are lost"
    assert intent(0) not in journal.rows(Intent), "an intent that was refused exists"
    journal.close()
print(durable, number, flush=True)
import os
os._exit(0)
"""


@contextmanager
def statements_of(journal: Journal) -> Iterator[list[str]]:
    statements: list[str] = []
    journal._connection.set_trace_callback(statements.append)
    yield statements
    journal._connection.set_trace_callback(None)


def test_appended_rows_wait_for_the_buffer_to_fill_and_a_reader_sees_them_then(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    with (
        Journal.open(path, run_id="buffer", buffer_rows=3) as journal,
        Journal.read_only(path) as reader,
    ):
        for number, seen in ((0, 0), (1, 0), (2, 3), (3, 3)):
            journal.append(evaluation(number))
            assert reader.count(Evaluation) == seen
        journal.flush()
        assert reader.count(Evaluation) == 4


def test_a_durable_append_takes_all_before_it_along_in_one_commit(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="durable") as journal, Journal.read_only(path) as reader:
        for record in one_of_each(1):
            journal.append(record)
        with statements_of(journal) as statements:
            journal.append_durably(intent(2), sample(Event, 2))
        assert statements.count("COMMIT") == 1
        assert all(reader.count(kind) == 1 for kind in RECORDS if kind not in (Intent, Event))
        assert reader.rows(Intent) == [intent(1), intent(2)]


@pytest.mark.parametrize(("power_safe", "level"), [(True, "FULL"), (False, "NORMAL")])
def test_what_must_be_durable_is_synced_even_when_it_says_nothing_new(
    tmp_path: Path, power_safe: bool, level: str
) -> None:
    """An earlier, unsynced commit may hold the same rows; SQLite syncs only what it writes."""
    path = tmp_path / "journal.db"
    log = tmp_path / "journal.db-wal"
    with Journal.open(path, run_id="sync", power_safe=power_safe) as journal:
        journal.append(intent(1))
        with statements_of(journal) as statements:
            journal.flush()
        assert statements[0] == "PRAGMA synchronous = NORMAL"
        durable: list[Callable[[], None]] = [
            lambda: journal.append_durably(intent(1)),
            journal.append_durably,
            lambda: journal.save_state("gate/1", {}),
            lambda: journal.save_state("gate/1", {}),
            lambda: journal.replace(intent(1)),
        ]
        for write in durable:
            written = log.read_bytes()
            with statements_of(journal) as statements:
                write()
            assert statements[0] == f"PRAGMA synchronous = {level}"
            assert log.read_bytes() != written or not power_safe


def test_a_saved_state_is_never_ahead_of_the_rows_it_was_made_of(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="state") as journal, Journal.read_only(path) as reader:
        journal.append(evaluation(1))
        with statements_of(journal) as statements:
            journal.save_state("gate/1", {"evaluations": 1})
        assert statements.count("COMMIT") == 1
        assert reader.load_state("gate/1") == {"evaluations": 1}
        assert reader.count(Evaluation) == 1


def test_a_checkpoint_now_and_then_leaves_none_for_the_commit_that_must_be_quick(
    tmp_path: Path,
) -> None:
    def longest_log(*, checkpoints: bool) -> int:
        path = tmp_path / f"{checkpoints}.db"
        log = path.with_name(f"{path.name}-wal")
        longest = 0
        with Journal.open(path, run_id="a") as journal:
            for number in range(140):
                journal.save_state("learner/1", {"number": number, "much": "x" * 100_000})
                journal.append_durably(intent(number))
                if checkpoints:
                    journal.checkpoint()
                longest = max(longest, log.stat().st_size)
            assert len(journal.rows(Intent)) == 140
        return longest

    at_which_sqlite_does_it_itself = 1_000 * 4_096
    assert longest_log(checkpoints=False) > at_which_sqlite_does_it_itself
    assert longest_log(checkpoints=True) < at_which_sqlite_does_it_itself / 4


def test_closing_writes_what_is_held_back_and_leaves_one_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="close") as journal:
        journal.append(evaluation(1))
        digest = journal.digest()
        journal.append(evaluation(2))
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    with Journal.read_only(copy) as reader:
        assert reader.rows(Evaluation) == [evaluation(1), evaluation(2)]
        assert reader.digest() != digest
    assert [file.name for file in copy.parent.iterdir()] == ["copy.db"]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "elsewhere",
        "journal.db",
        "journal.db.lock",
    ]


def test_a_reader_stays_through_the_end_of_one_writer_and_the_start_of_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path, run_id="restart").close()
    with Journal.read_only(path) as reader:
        for number in range(3):
            with Journal.open(path, run_id="restart") as journal:
                journal.append_durably(evaluation(number))
                assert reader.count(Evaluation) == number + 1
            assert reader.count(Evaluation) == number + 1


def test_a_failure_inside_the_block_still_writes_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    def run_that_fails() -> None:
        with Journal.open(path, run_id="failing") as journal:
            journal.append(evaluation(1))
            raise RuntimeError("the run failed")

    with pytest.raises(RuntimeError, match="the run failed"):
        run_that_fails()
    with Journal.open(path, run_id="failing") as journal:
        assert journal.rows(Evaluation) == [evaluation(1)]


def test_attached_rooms_share_one_journal_and_the_last_close_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    actor = Journal.attach("shared", path)
    strategy = Journal.attach("shared")
    assert strategy is actor
    with pytest.raises(JournalError, match=r"shared.*attach"):
        Journal.open(path, run_id="shared")
    actor.close()
    strategy.append_durably(intent(1))
    with pytest.raises(JournalError, match=rf"held by pid {os.getpid()}"):
        Journal.open(path, run_id="other")
    strategy.close()
    strategy.close()
    with pytest.raises(JournalError, match="is not open"):
        Journal.attach("shared")
    with Journal.open(path, run_id="shared") as journal:
        assert journal.rows(Intent) == [intent(1)]


def test_attaching_to_a_run_at_another_path_is_refused(tmp_path: Path) -> None:
    with (
        Journal.open(MEMORY, run_id="here"),
        pytest.raises(JournalError, match="journal is open at :memory:"),
    ):
        Journal.attach("here", tmp_path / "there.db")


def test_two_runs_in_memory_are_apart() -> None:
    with Journal.open(MEMORY, run_id="one") as one, Journal.open(MEMORY, run_id="two") as two:
        one.append(evaluation(1))
        assert one.count(Evaluation) == 1
        assert two.count(Evaluation) == 0


def test_a_closed_journal_takes_nothing() -> None:
    journal = Journal.open(MEMORY, run_id="closed")
    journal.close()
    for use in (
        lambda: journal.append(evaluation(1)),
        lambda: journal.append_durably(intent(1)),
        lambda: journal.replace(intent(1)),
        lambda: journal.save_state("gate/1", {}),
        lambda: journal.rows(Event),
    ):
        with pytest.raises(JournalError):
            use()


def test_what_is_no_record_is_refused_at_once_and_takes_nothing_along() -> None:
    with Journal.open(MEMORY, run_id="foreign") as journal:
        with pytest.raises(JournalError, match="dict"):
            journal.append({})  # type: ignore[arg-type]
        with pytest.raises(JournalError, match="dict"):
            journal.append_durably(intent(1), {})  # type: ignore[arg-type]
        assert journal.count(Intent) == 0


def test_another_thread_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    faults: list[JournalError] = []

    def use(journal: Journal) -> None:
        try:
            journal.append_durably(intent(2))
        except JournalError as error:
            faults.append(error)

    with Journal.open(tmp_path / "journal.db", run_id="threads") as journal:
        journal.append(intent(1))
        thread = threading.Thread(target=use, args=(journal,))
        thread.start()
        thread.join()
        assert "thread" in str(faults[0])
        assert journal.rows(Intent) == [intent(1)]


def test_a_killed_process_loses_nothing_durable_and_leaves_nothing_half_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    for lines in (1, 20):
        path.unlink(missing_ok=True)
        for sidecar in ("-wal", "-shm"):
            path.with_name(path.name + sidecar).unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", WRITE_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                durable = int(process.stdout.readline())
            process.kill()
            for line in process.stdout:
                durable = int(line) if line.endswith(b"\n") else durable
        with Journal.read_only(path) as reader:
            before_repair = reader.digest()
        with Journal.open(path, run_id="crash") as journal:
            intents = journal.rows(Intent)
            evaluations = journal.rows(Evaluation)
            assert len(intents) > durable
            assert intents == [intent(number) for number in range(len(intents))]
            assert len(evaluations) >= 2 * len(intents)
            assert evaluations == [evaluation(number) for number in range(len(evaluations))]
            state = journal.load_state("learner/1")
            assert state is not None
            assert state["number"] >= 3 * (durable // 3)
            assert journal.digest() == before_repair
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("afterwards", ["freed", "killed"])
def test_a_full_disk_is_said_and_what_was_durable_stays(tmp_path: Path, afterwards: str) -> None:
    path = tmp_path / "journal.db"
    durable, held = map(
        int,
        subprocess.run(
            [sys.executable, "-c", FILL_THE_DISK, str(path), afterwards],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout.split(),
    )
    assert durable > 10
    with Journal.open(path, run_id="full") as journal:
        assert journal.rows(Intent) == [intent(20 * n) for n in range(1, durable + 1)]
        stored = journal.rows(Evaluation)
        assert len(stored) >= 20 * durable
        assert stored == [evaluation(number) for number in range(len(stored))]
        assert (len(stored) == held) == (afterwards == "freed")
        journal.append_durably(sample(Equity, 1))
