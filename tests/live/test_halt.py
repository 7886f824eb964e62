import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest

from ocw_strategy.live.halt import HaltFile, HaltFileError, HaltNote


@pytest.fixture
def file(tmp_path: Path) -> HaltFile:
    return HaltFile(tmp_path / "journal.db")


def test_without_a_file_nothing_is_halted(file: HaltFile) -> None:
    assert not file.halted()
    assert file.note() is None


def test_a_halt_says_when_and_why_until_it_is_resumed(file: HaltFile) -> None:
    note = HaltNote(7, "asked by the owner", flatten=True)
    file.halt(note)
    assert (file.halted(), file.note()) == (True, note)
    assert file.resume()
    assert not file.halted()
    assert not file.resume()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"wall_ns": "x"}', '{"wall_ns": null}', "\x00"])
def test_a_file_that_cannot_be_understood_halts_all_the_same(file: HaltFile, text: str) -> None:
    file.path.write_text(text)
    assert file.halted()
    assert file.note() is None


def test_anything_of_that_name_halts(file: HaltFile, tmp_path: Path) -> None:
    file.path.symlink_to(tmp_path / "nowhere")
    assert file.halted()
    file.path.unlink()
    file.path.mkdir()
    assert file.halted()
    with pytest.raises(HaltFileError, match="remove it by hand"):
        file.resume()


def test_a_folder_that_cannot_be_looked_into_halts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert HaltFile(tmp_path / "file" / "journal.db").halted()


def test_the_latest_halt_is_what_the_file_says(file: HaltFile) -> None:
    file.halt(HaltNote(1, "first " * 1000))
    file.halt(HaltNote(2, "second"))
    assert file.note() == HaltNote(2, "second")
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_a_weaker_halt_does_not_take_back_a_request_to_flatten(file: HaltFile) -> None:
    file.halt(HaltNote(1, "all out", flatten=True))
    assert file.halt(HaltNote(2, "by Telegram")) == HaltNote(2, "by Telegram", flatten=True)
    assert file.note() == HaltNote(2, "by Telegram", flatten=True)
    file.resume()
    assert file.halt(HaltNote(3, "by hand")) == file.note() == HaltNote(3, "by hand")


def test_a_stronger_halt_asks_for_more(file: HaltFile) -> None:
    file.halt(HaltNote(1, "by hand"))
    file.halt(HaltNote(2, "all out", flatten=True))
    assert file.note() == HaltNote(2, "all out", flatten=True)


def test_of_halts_in_the_same_instant_none_loses_a_request_to_flatten(file: HaltFile) -> None:
    for _ in range(20):
        together = Barrier(8)

        def halt(k: int, together: Barrier = together) -> HaltNote:
            together.wait()
            return file.halt(HaltNote(k, f"by {k}", flatten=k == 3))

        with ThreadPoolExecutor(8) as people:
            said = list(people.map(halt, range(8)))
        assert said[3].flatten
        found = file.note()
        assert found is not None
        assert found.flatten
        assert file.resume()


def test_a_halt_outlasts_a_resume_in_the_same_instant(
    file: HaltFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, left = os.fsync, [0, 0]

    def resumed_meanwhile(fd: int) -> None:
        fsync(fd)
        if left:
            left.pop()
            file.resume()

    monkeypatch.setattr(os, "fsync", resumed_meanwhile)
    assert file.halt(HaltNote(1, "by hand")) == file.note() == HaltNote(1, "by hand")
    assert not left


def test_a_note_cut_off_by_a_crash_does_not_spoil_the_next(file: HaltFile) -> None:
    file.path.write_bytes(b'{"wall_ns": 1, "rea\xff')
    file.halt(HaltNote(2, "by hand", flatten=True))
    assert file.note() == HaltNote(2, "by hand", flatten=True)


def test_a_file_that_only_another_user_may_write_takes_notes_all_the_same() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        file = HaltFile(Path(folder) / "journal.db")
        file.halt(HaltNote(1, "all out", flatten=True))
        file.path.chmod(0o444)
        me = os.geteuid()
        if me == 0:  # who may write anywhere
            os.seteuid(65534)
        try:
            said = file.halt(HaltNote(2, "by hand"))
        finally:
            os.seteuid(me)
        assert said == file.note() == HaltNote(2, "by hand", flatten=True)
        assert list(Path(folder).iterdir()) == [file.path]


def test_a_halt_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HaltFileError, match="its existence is enough"):
        HaltFile(tmp_path / "absent" / "journal.db").halt(HaltNote(1, "x"))
