"""A journal is found whenever it is there, and read one state at a time."""

from pathlib import Path

import pytest

from ocw_strategy.dashboard.source import Source
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Evaluation, Journal, backup_journal, restore_journal
from tests.journal.samples import evaluation


def count(source: Source) -> int:
    with source.reading() as journal:
        return journal.count(Evaluation)


def test_a_journal_may_come_later(tmp_path: Path) -> None:
    source = Source(tmp_path / "node.db")
    with pytest.raises(JournalError, match="is not there yet"):
        source.version()
    with Journal.open(tmp_path / "node.db", run_id="live") as journal:
        journal.append_durably(evaluation(1))
        assert count(source) == 1
    source.close()


def test_the_version_changes_with_a_commit_and_only_then(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "node.db", run_id="live") as journal:
        source = Source(tmp_path / "node.db")
        before = source.version()
        assert count(source) == 0
        assert source.version() == before
        journal.append_durably(evaluation(1))
        after = source.version()
        assert after != before
        assert count(source) == 1
        assert source.version() == after
        source.close()


def test_a_restored_journal_is_read_in_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with Journal.open(path, run_id="live") as journal:
        journal.append_durably(evaluation(1))
        backup_journal(path, tmp_path / "copy.db")
        journal.append_durably(evaluation(2))
    source = Source(path)
    assert count(source) == 2
    before = source.version()
    restore_journal(tmp_path / "copy.db", path, replace=True)
    assert source.version() != before
    assert count(source) == 1
    source.close()


def test_a_request_reads_one_state_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "node.db", run_id="live") as journal:
        source = Source(tmp_path / "node.db")
        with source.reading() as reader:
            journal.append_durably(evaluation(1))
            assert reader.count(Evaluation) == 0
        assert count(source) == 1
        source.close()


def test_a_file_that_is_no_journal_is_a_fault_each_time_until_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_text("not a journal")
    source = Source(path)
    for _ in range(2):
        with pytest.raises(JournalError, match="not an OCW journal"), source.reading():
            raise AssertionError("it was read")
    path.unlink()
    with Journal.open(path, run_id="live"):
        assert count(source) == 0
    source.close()
