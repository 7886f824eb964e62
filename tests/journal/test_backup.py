import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import (
    RECORDS,
    SCHEMA_VERSION,
    Event,
    Intent,
    Journal,
    backup_journal,
    restore_journal,
)
from tests.journal.samples import intent, one_of_each, sample
from tests.journal.test_schema import EARLIER, statements_of_version, write_by_hand

# writes an intent and an event in one commit, again and again, from a process of its own
WRITER = """
import sys
from ocw_strategy.journal import Event, Journal
from tests.journal.samples import intent, sample
journal = Journal.open(sys.argv[1], run_id="busy")
for number in range(1_000_000):
    journal.append_durably(intent(number), sample(Event, number))
    if number == 50:
        print("writing", flush=True)
"""


def filled(path: Path, rows: int = 20) -> Path:
    with Journal.open(path, run_id="kept") as journal:
        for number in range(rows):
            for record in one_of_each(number):
                journal.append(record)
        journal.save_state("gate/1", {"purse": 1.5})
    return path


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_copy_taken_while_a_node_writes_is_one_state_of_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
            counts = []
            for number in range(5):
                copy = tmp_path / f"copy{number}.db"
                backup_journal(path, copy)
                with Journal.read_only(copy) as reader:
                    intents, events = reader.count(Intent), reader.count(Event)
                    assert intents == events
                    assert reader.rows(Intent) == [intent(n) for n in range(intents)]
                    counts.append(intents)
                time.sleep(0.05)
            assert writer.poll() is None
        finally:
            writer.kill()
    assert counts[0] > 50
    assert counts == sorted(set(counts)), "the writer went on between the copies"


def test_a_copy_restores_to_the_identical_journal(tmp_path: Path) -> None:
    journal, copy = filled(tmp_path / "journal.db"), tmp_path / "copy.db"
    with Journal.read_only(journal) as reader:
        digest = reader.digest()
    made = backup_journal(journal, copy)
    back = tmp_path / "back.db"
    restored = restore_journal(copy, back)
    assert (restored.digest, restored.rows) == (made.digest, made.rows)
    with Journal.open(back, run_id="kept") as again, Journal.read_only(journal) as first:
        assert again.digest() == digest
        assert again.meta() == first.meta()
        assert again.load_state("gate/1") == {"purse": 1.5}
        assert all(again.rows(kind) == first.rows(kind) for kind in RECORDS)


def test_a_copy_is_one_plain_file_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    source, target = tmp_path / "live", tmp_path / "kept"
    source.mkdir()
    target.mkdir()
    with Journal.open(source / "journal.db", run_id="live") as journal:
        journal.append_durably(intent(1))
        backup_journal(source / "journal.db", target / "copy.db")
    assert [path.name for path in target.iterdir()] == ["copy.db"]
    assert (target / "copy.db").read_bytes()[18:20] == b"\x01\x01", "not a WAL"


def test_a_copy_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    journal, there = filled(tmp_path / "journal.db"), tmp_path / "there.db"
    there.write_bytes(b"precious")
    with pytest.raises(JournalError, match="is there already"):
        backup_journal(journal, there)
    assert there.read_bytes() == b"precious"
    assert left_behind(tmp_path) == []


def test_two_copies_to_one_name_at_the_same_time_make_one(tmp_path: Path) -> None:
    journal, target = filled(tmp_path / "journal.db", rows=200), tmp_path / "copy.db"
    faults: list[JournalError] = []

    def copy() -> None:
        try:
            backup_journal(journal, target)
        except JournalError as error:
            faults.append(error)

    threads = [threading.Thread(target=copy) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 2
    assert backup_journal(target, tmp_path / "second.db").rows > 0
    assert left_behind(tmp_path) == []


def test_a_damaged_journal_gives_no_copy(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal.db", rows=300)
    content = bytearray(journal.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 6000] = b"\xff" * 6000
    journal.write_bytes(content)
    with pytest.raises(JournalError, match=r"damaged|malformed"):
        backup_journal(journal, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    assert left_behind(tmp_path) == []


def test_what_is_no_journal_is_neither_copied_nor_restored(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE events (a)")
    with pytest.raises(JournalError, match="not an OCW journal"):
        backup_journal(other, tmp_path / "copy.db")
    with pytest.raises(JournalError, match="not an OCW journal"):
        restore_journal(other, tmp_path / "journal.db")
    with pytest.raises(JournalError, match="no such file"):
        backup_journal(tmp_path / "absent.db", tmp_path / "copy.db")
    with pytest.raises(JournalError, match="make its folder"):
        backup_journal(filled(tmp_path / "journal.db"), tmp_path / "absent" / "copy.db")


def test_a_journal_in_use_is_not_restored_over(tmp_path: Path) -> None:
    journal, copy = filled(tmp_path / "journal.db"), tmp_path / "copy.db"
    backup_journal(journal, copy)
    with Journal.open(journal, run_id="kept") as node:
        with pytest.raises(JournalError, match="held by pid"):
            restore_journal(copy, journal, replace=True)
        node.append_durably(sample(Intent, 99))
    with Journal.read_only(journal) as reader:
        assert sample(Intent, 99) in reader.rows(Intent)


def test_a_journal_that_is_there_is_moved_aside_only_when_asked(tmp_path: Path) -> None:
    journal, copy = filled(tmp_path / "journal.db"), tmp_path / "copy.db"
    backup_journal(journal, copy)
    with Journal.open(journal, run_id="kept") as node:
        node.append_durably(sample(Intent, 99))
    with pytest.raises(JournalError, match="--replace"):
        restore_journal(copy, journal)
    restore_journal(copy, journal, replace=True)
    aside = tmp_path / "journal.db.replaced"
    with Journal.read_only(journal) as new, Journal.read_only(aside) as old:
        assert sample(Intent, 99) not in new.rows(Intent)
        assert sample(Intent, 99) in old.rows(Intent)
    with pytest.raises(JournalError, match="in the way"):
        restore_journal(copy, journal, replace=True)


def test_the_log_of_a_killed_writer_never_meets_the_restored_file(tmp_path: Path) -> None:
    journal, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    first = Journal.open(journal, run_id="kept")
    first.append_durably(intent(1))
    backup_journal(journal, copy)
    first.append_durably(intent(2))
    logs = {end: (tmp_path / f"journal.db{end}").read_bytes() for end in ("", "-wal")}
    first.close()
    for end, content in logs.items():  # as a kill would have left them
        (tmp_path / f"journal.db{end}").write_bytes(content)
    restore_journal(copy, journal, replace=True)
    with Journal.open(journal, run_id="kept") as again:
        assert again.rows(Intent) == [intent(1)]
    with Journal.read_only(tmp_path / "journal.db.replaced") as old:
        assert old.rows(Intent) == [intent(1), intent(2)]


def test_a_copy_that_turns_out_damaged_leaves_the_journal_in_its_place(tmp_path: Path) -> None:
    journal, copy = filled(tmp_path / "journal.db"), tmp_path / "copy.db"
    backup_journal(journal, copy)
    content = bytearray(copy.read_bytes())
    content[9000:14000] = b"\xff" * 5000
    copy.write_bytes(content)
    before = journal.read_bytes()
    with pytest.raises(JournalError, match=r"damaged|malformed"):
        restore_journal(copy, journal, replace=True)
    assert journal.read_bytes() == before
    assert not (tmp_path / "journal.db.replaced").exists()


@pytest.mark.parametrize("version", EARLIER)
def test_a_copy_of_an_older_journal_is_kept_as_it_is_and_upgraded_when_opened(
    tmp_path: Path, version: int
) -> None:
    old, copy, back = tmp_path / "old.db", tmp_path / "copy.db", tmp_path / "back.db"
    write_by_hand(old, version, *statements_of_version(version))
    assert backup_journal(old, copy).version == version
    assert restore_journal(copy, back).version == version
    with Journal.open(back, run_id="any") as journal:
        journal.append(sample(Event, 1))
    assert backup_journal(back, tmp_path / "new.db").version == SCHEMA_VERSION
