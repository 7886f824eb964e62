from pathlib import Path

import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal
from ocw_strategy.journals import find_journal


def run_in(folder: Path, name: str, created_wall_ns: int) -> Path:
    (folder / name).mkdir(parents=True)
    path = folder / name / "journal.db"
    Journal.open(path, run_id=name, created_wall_ns=created_wall_ns).close()
    return path


def test_the_run_made_last_is_meant_unless_one_is_named(tmp_path: Path) -> None:
    run_in(tmp_path, "z-first", 1)
    last = run_in(tmp_path, "a-last", 3)
    run_in(tmp_path, ".hidden.partial", 9)
    assert find_journal(folder=tmp_path) == last


def test_a_run_is_named_by_its_name_its_folder_or_its_journal(tmp_path: Path) -> None:
    path = run_in(tmp_path, "one", 1)
    run_in(tmp_path, "two", 2)
    for name in ("one", str(path.parent), str(path)):
        assert find_journal(name, tmp_path) == path


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    path = run_in(tmp_path, "whole", 1)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "journal.db").write_text("broken")
    assert find_journal(folder=tmp_path) == path


def test_no_run_and_an_unknown_run_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="`ocw backtest` makes one"):
        find_journal(folder=tmp_path / "none")
    run_in(tmp_path, "one", 1)
    with pytest.raises(JournalError, match=r"three.*`ocw runs` lists them"):
        find_journal("three", tmp_path)
