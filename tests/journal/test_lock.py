import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal, WriterLock, lock_holder

HOLD = """
import sys
from ocw_strategy.journal import Journal
journal = Journal.open(sys.argv[1], run_id="held")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_journal_and_gets_it_when_that_one_dies(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(JournalError, match=rf"held by pid {holder.pid};"):
            Journal.open(path, run_id="held")
        with Journal.read_only(path) as reader:
            assert reader.meta()["run_id"] == "held"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with Journal.open(path, run_id="held"):
        pass


def test_a_second_lock_in_the_same_process_is_refused_until_the_first_is_released(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    first = WriterLock(path)
    with pytest.raises(JournalError, match=rf"held by pid {os.getpid()};"):
        WriterLock(path)
    first.release()
    WriterLock(path).release()


def test_a_shorter_pid_is_not_followed_by_the_rest_of_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    (tmp_path / "journal.db.lock").write_text("12345678901234")
    lock = WriterLock(path)
    with pytest.raises(JournalError, match=rf"held by pid {os.getpid()};"):
        WriterLock(path)
    lock.release()


def test_a_missing_folder_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"absent.*make its folder"):
        Journal.open(tmp_path / "absent" / "journal.db", run_id="nowhere")


def test_who_writes_is_told_without_taking_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert lock_holder(path) is None
    lock = WriterLock(path)
    assert lock_holder(path) == str(os.getpid())
    lock.release()
    assert lock_holder(path) is None
    WriterLock(path).release()
