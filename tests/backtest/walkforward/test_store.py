"""The folder of a walk-forward: whole or not at all, and never of two catalogs."""

import json
import shutil
from pathlib import Path

import pytest

from ocw_strategy.backtest.walkforward import plan_windows
from ocw_strategy.backtest.walkforward.fingerprint import (
    catalog_changes,
    catalog_files,
    code_fingerprint,
)
from ocw_strategy.backtest.walkforward.store import PLAN_FILE, Store
from ocw_strategy.backtest.walkforward.task import Task, TaskResult
from ocw_strategy.errors import CatalogError, JournalError
from tests.backtest.walkforward.small import small_walk


@pytest.fixture
def copy(catalog: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(catalog, tmp_path / "copy"))


def make_task(folder: Path, catalog: Path) -> Task:
    walk, base = small_walk(folder, catalog)
    return Task(stage="window", window=plan_windows(walk, base)[0], walk=walk, base=base)


def a_bar_file(catalog: Path) -> Path:
    return sorted((catalog / "data" / "bar").rglob("*.parquet"))[0]


def test_a_copy_of_a_catalog_is_the_same_and_a_changed_byte_is_not(
    catalog: Path, copy: Path
) -> None:
    assert catalog_files(copy) == catalog_files(catalog)
    changed = a_bar_file(copy)
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    name = changed.relative_to(copy).as_posix()
    assert catalog_changes(catalog_files(catalog), catalog_files(copy)) == [f"{name} changed"]
    changed.rename(changed.with_name("new.parquet"))
    said = catalog_changes(catalog_files(catalog), catalog_files(copy))
    assert [line.rpartition(" ")[2] for line in said] == ["gone", "new"]


def test_a_result_is_found_again_under_all_it_was_made_from(
    catalog: Path, copy: Path, tmp_path: Path
) -> None:
    task = make_task(tmp_path, catalog)
    kept = TaskResult()
    with Store(tmp_path / "a", catalog, {}) as store:
        assert store.get(task) is None
        store.put(task, kept.model_dump_json())
        assert store.get(task) == kept
        # where data lie and windows are computed is not what they were made from
        elsewhere = make_task(tmp_path / "other", copy)
        assert store.get(elsewhere) == kept
        base = task.base.model_copy(update={"run": task.base.run.model_copy(update={"seed": 2})})
        assert store.get(task.model_copy(update={"base": base})) is None
        assert store.get(task.model_copy(update={"balance_usd": 5.0})) is None
        assert store.get(task.model_copy(update={"stage": "choose"})) is None


def test_a_catalog_that_changed_since_is_refused_and_said_how(copy: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "a", copy, {}):
        pass
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    gone = a_bar_file(copy)
    gone.unlink()
    with pytest.raises(CatalogError) as raised:
        Store(tmp_path / "a", copy, {})
    assert "1 files differ since this walk-forward began" in str(raised.value)
    assert f"{gone.name} is gone" in str(raised.value)
    assert "begin anew" in str(raised.value)
    after = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert before.keys() == after.keys()
    assert after[tmp_path / "a" / PLAN_FILE] == before[tmp_path / "a" / PLAN_FILE]


def test_a_folder_without_a_catalog_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="build it"):
        Store(tmp_path / "a", tmp_path / "nowhere", {})
    assert not (tmp_path / "a").exists()


def test_one_process_works_in_a_folder_at_a_time(catalog: Path, tmp_path: Path) -> None:
    with (
        Store(tmp_path / "a", catalog, {}),
        pytest.raises(JournalError, match="held by pid"),
    ):
        Store(tmp_path / "a", catalog, {})
    with Store(tmp_path / "a", catalog, {}):
        pass


def test_a_file_that_cannot_be_written_leaves_what_was_there(catalog: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "a", catalog, {}) as store:
        store.write("x.json", "before")
        (tmp_path / "a" / ".x.json.partial").mkdir()  # what is written first is in the way
        with pytest.raises(JournalError, match="space left"):
            store.write("x.json", "after")
        assert (tmp_path / "a" / "x.json").read_text() == "before"


def test_the_plan_keeps_what_it_was_begun_with(catalog: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "a", catalog, {"walk": {"name": "w"}}):
        plan = json.loads((tmp_path / "a" / PLAN_FILE).read_text())
    assert plan["settings"] == {"walk": {"name": "w"}}
    assert plan["catalog"] == catalog_files(catalog)


def test_the_code_is_known_by_a_hash_that_stays() -> None:
    assert code_fingerprint() == code_fingerprint()
    assert len(code_fingerprint()) == 64
