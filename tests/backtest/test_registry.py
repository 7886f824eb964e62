"""The list of runs, and runs side by side."""

import json
from pathlib import Path

import pytest

from ocw_strategy.backtest import list_runs, summarise
from ocw_strategy.errors import JournalError
from tests.backtest.runs import closed, flat, hand_settings, samples, write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for name, created, seed in (("young", 30, 2), ("old", 10, 1), ("middle", 20, 1)):
        settings = hand_settings(tmp_path, run={"seed": seed}, gate={"cooldown_minutes": 10 * seed})
        records = [*samples([10_000.0] * 48 + [10_000.0 + created]), closed(name, float(created))]
        made = write_run(folder / name, settings, records, created_wall_ns=created)
        (made / "summary.json").write_text(summarise(made).model_dump_json())
    return folder


def test_runs_are_listed_by_the_time_they_were_made(runs: Path) -> None:
    found = list_runs(runs)
    assert [row.run_id for row in found.rows] == ["old", "middle", "young"]
    returns = [row.summary.result.total_return for row in found.rows if row.summary]
    assert returns == pytest.approx([0.001, 0.002, 0.003])
    assert found.differences is None


def test_unfinished_and_foreign_folders_are_no_runs(runs: Path) -> None:
    (runs / "middle").rename(runs / ".middle.partial")
    (runs / "notes").mkdir()
    (runs / "notes" / "summary.json").write_text("{}")
    (runs / "a-file").write_text("")
    assert [row.run_id for row in list_runs(runs).rows] == ["old", "young"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"run_id": "old"}', None])
def test_a_damaged_run_is_named_and_hides_no_other(damage: str | None, runs: Path) -> None:
    stored = runs / "old" / "summary.json"
    if damage is None:
        stored.unlink()
    else:
        stored.write_text(damage)
    rows = {row.run_id: row for row in list_runs(runs).rows}
    assert rows["old"].summary is None
    assert "summary.json" in rows["old"].fault
    assert rows["middle"].summary
    assert rows["young"].summary
    with pytest.raises(JournalError, match="old"):
        list_runs(runs, ["old", "young"])


def test_compared_runs_come_as_named_with_the_settings_that_differ(runs: Path) -> None:
    found = list_runs(runs, [str(runs / "young"), "old"])
    assert [row.run_id for row in found.rows] == ["young", "old"]
    assert found.differences == (("gate.cooldown_minutes", "20", "10"), ("run.seed", "2", "1"))
    assert list_runs(runs, ["old", "middle"]).differences == ()


def test_a_setting_that_only_one_run_knows_is_a_difference(runs: Path) -> None:
    path = runs / "old" / "config.json"
    tables = json.loads(path.read_text())
    tables["gate"]["bygone"] = [1, 2]
    path.write_text(json.dumps(tables))
    assert list_runs(runs, ["old", "middle"]).differences == (("gate.bygone", "[1, 2]", ""),)


def test_a_run_that_is_not_there_is_named(runs: Path) -> None:
    with pytest.raises(JournalError, match="'older'"):
        list_runs(runs, ["old", "older"])


def test_a_folder_that_does_not_exist_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "runs").rows == ()


def test_a_run_without_reports_is_named_as_such(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "bare", hand_settings(tmp_path), flat())
    (row,) = list_runs(tmp_path / "runs").rows
    assert row.fault == "it has no summary.json"
