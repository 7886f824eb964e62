"""An answer is bought once; a file that cannot be believed is never replayed."""

import hashlib
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.advisor.outcomes import DECIDED, REFUSED, SETTLED, TIMEOUT, TRANSIENT
from ocw_strategy.advisor.recording import Recorded, Recording
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import JournalError, OcwError, SettingsError
from ocw_strategy.journal import (
    SCHEMA_VERSION,
    Answered,
    Journal,
    canonical_json,
)
from ocw_strategy.journal.schema import column_names
from tests.journal.samples import sample


def answer(number: int = 1, **given: Any) -> Recorded:
    body = canonical_json({"model": "m", "messages": [f"what now, {number}?"]})
    made = Recorded(
        request_key=hashlib.sha256(body.encode()).hexdigest(),
        close_ns=number,
        model="m",
        outcome=DECIDED,
        text=f"buy {number} \N{BITCOIN SIGN}",
        detail="",
        request_id=f"req_{number}",
        usage=Usage(input_tokens=number, output_tokens=2, cache_read_input_tokens=3),
        cost_usd=Decimal("0.0165"),
        latency_ns=4,
        wall_ns=5,
        body=body,
    )
    return replace(made, **given)


def failure(number: int = 1, outcome: str = TIMEOUT) -> Recorded:
    return answer(number, outcome=outcome, text="", usage=None, cost_usd=Decimal(0))


def recorded(path: Path, *answers: Recorded) -> Path:
    with Recording.record(path, created_wall_ns=1) as recording:
        for each in answers:
            recording.put(each)
    return path


def everything_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_was_put_is_replayed_to_the_letter(tmp_path: Path) -> None:
    first, second = answer(1), answer(2, detail="odd", outcome=REFUSED, usage=None)
    path = recorded(tmp_path / "kept.db", first, second)
    with Recording.replay(path) as recording:
        assert recording.get(first.request_key) == first
        assert recording.get(second.request_key) == second
        assert recording.get(answer(3).request_key) is None
        assert (recording.hits, recording.misses) == (2, 1)


def test_recording_goes_on_where_it_stopped_and_finds_what_it_has(tmp_path: Path) -> None:
    path = recorded(tmp_path / "kept.db", answer(1))
    with Recording.record(path, created_wall_ns=2) as recording:
        assert recording.get(answer(1).request_key) == answer(1)
        assert recording.get(answer(2).request_key) is None
        recording.put(answer(2))
        assert recording.get(answer(2).request_key) == answer(2)


@pytest.mark.parametrize("outcome", sorted(SETTLED))
def test_an_answer_that_was_paid_for_stands_for_ever(tmp_path: Path, outcome: str) -> None:
    paid = answer(1, outcome=outcome)
    with Recording.record(tmp_path / "kept.db", created_wall_ns=1) as recording:
        assert recording.put(paid) == paid
        assert recording.put(answer(1, text="sell")) == paid
        assert recording.put(failure(1)) == paid
        assert recording.get(paid.request_key) == paid
        assert paid.stands


@pytest.mark.parametrize("outcome", sorted(TRANSIENT))
def test_a_failure_is_replayed_until_an_answer_takes_its_place(
    tmp_path: Path, outcome: str
) -> None:
    failed = failure(1, outcome)
    assert not failed.stands
    path = recorded(tmp_path / "kept.db", failed)
    with Recording.replay(path) as recording:
        assert recording.get(failed.request_key) == failed
    with Recording.record(path, created_wall_ns=1) as recording:
        assert recording.put(answer(1)) == answer(1)
        assert recording.get(failed.request_key) == answer(1)


def test_a_later_failure_does_not_change_what_was_recorded_of_an_earlier_one(
    tmp_path: Path,
) -> None:
    with Recording.record(tmp_path / "kept.db", created_wall_ns=1) as recording:
        recording.put(failure(1))
        assert recording.put(failure(1, "overloaded")) == failure(1)


def test_an_answer_is_durable_before_anybody_goes_by_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    code = (
        "import os, sys\n"
        "from tests.advisor.test_recording import *\n"
        "recording = Recording.record(sys.argv[1], created_wall_ns=1)\n"
        "recording.put(answer(1))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    with Recording.replay(path) as recording:
        assert recording.get(answer(1).request_key) == answer(1)


def test_several_may_replay_at_once_and_none_writes_anything(tmp_path: Path) -> None:
    path = recorded(tmp_path / "kept.db", *map(answer, range(50)))
    before = everything_in(tmp_path)
    with Recording.replay(path) as one, Recording.replay(path) as other:
        for number in range(60):
            assert one.get(answer(number).request_key) == other.get(answer(number).request_key)
        assert everything_in(tmp_path) == before
        assert one.journal is None
        with pytest.raises(JournalError, match="open it to record"):
            one.put(answer(60))
    assert everything_in(tmp_path) == before


def test_one_records_while_others_replay(tmp_path: Path) -> None:
    path = recorded(tmp_path / "kept.db", answer(1))
    with Recording.record(path, created_wall_ns=1) as writer, Recording.replay(path) as reader:
        writer.put(answer(2))
        assert reader.get(answer(2).request_key) == answer(2)
        with pytest.raises(JournalError, match="open in this process"):
            Recording.record(path, created_wall_ns=1)


def test_another_thread_may_replay_and_record(tmp_path: Path) -> None:
    """In a notebook the coroutine of an advisor runs in a thread beside the caller."""
    found: list[Recorded | None] = []
    with Recording.record(tmp_path / "kept.db", created_wall_ns=1) as recording:

        def use() -> None:
            recording.put(answer(1))
            found.append(recording.get(answer(1).request_key))

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert found == [answer(1)]


def test_a_missing_recording_names_the_setting_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"advisor\.claude\.recording.*absent.db.*ocw record"):
        Recording.replay(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


def test_the_journal_of_a_run_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path, run_id="monday").close()
    with pytest.raises(JournalError, match=r"journal of run monday"):
        Recording.replay(path)
    with pytest.raises(JournalError, match=r"belongs to run monday"):
        Recording.record(path, created_wall_ns=1)


def test_a_newer_recording_is_refused(tmp_path: Path) -> None:
    path = recorded(tmp_path / "kept.db", answer(1))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(JournalError, match="update OCW"):
        Recording.replay(path)
    with pytest.raises(JournalError, match="update OCW"):
        Recording.record(path, created_wall_ns=1)


def test_a_recording_that_is_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = recorded(tmp_path / "kept.db", *map(answer, range(100)))
    whole = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(whole[: len(whole) * tenth // 10])
        with pytest.raises(JournalError):
            Recording.replay(path)


def test_a_flipped_byte_gives_a_typed_error_or_changes_no_answer(tmp_path: Path) -> None:
    """Some bytes of a file mean nothing; of all others none is believed once it is changed."""
    answers = [answer(number) for number in range(8)]
    path = recorded(tmp_path / "kept.db", *answers)
    whole = path.read_bytes()
    refused = 0
    for position in range(0, len(whole), 307):
        damaged = bytearray(whole)
        damaged[position] ^= 0x21
        path.write_bytes(damaged)
        try:
            with Recording.replay(path) as recording:
                assert [recording.get(each.request_key) for each in answers] == answers
        except OcwError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("column", column_names(Answered))
def test_a_row_that_was_changed_is_refused(tmp_path: Path, column: str) -> None:
    path = recorded(tmp_path / "kept.db", answer(1))
    key = answer(1).request_key
    with closing(sqlite3.connect(path)) as connection, connection:
        if column == "request_key":
            key = "0" * 64
        value = {"request_key": key, "usage": "{}", "cost_usd": "0"}.get(column, 9)
        connection.execute(f"UPDATE answers SET {column} = ?", (value,))
    with (
        Recording.replay(path) as recording,
        pytest.raises(JournalError, match="changed since it was written"),
    ):
        recording.get(key)


def test_an_answer_under_another_request_s_key_is_refused(tmp_path: Path) -> None:
    other = answer(2).request_key
    with Recording.record(tmp_path / "kept.db", created_wall_ns=1) as recording:
        with pytest.raises(JournalError, match="not under the key"):
            recording.put(answer(1, request_key=other))
        assert recording.get(other) is None


def test_a_row_that_nobody_sealed_is_refused(tmp_path: Path) -> None:
    path = recorded(tmp_path / "kept.db")
    with Journal.open(path, run_id="recording") as journal:
        journal.append(sample(Answered, 1))
    with Recording.replay(path) as recording, pytest.raises(JournalError, match="changed"):
        recording.get("text 1")
