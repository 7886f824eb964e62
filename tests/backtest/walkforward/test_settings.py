"""A walk-forward's file: every field written down and explained; a fault is one sentence."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.backtest.walkforward import WalkForwardSettings, load_walk_forward
from ocw_strategy.errors import SettingsError
from ocw_strategy.settings import Settings
from tests.test_settings import CONFIGS, commented_keys, fields, plain, value_at

WRITTEN = CONFIGS / "walkforward.toml"
TABLES = tomllib.loads(WRITTEN.read_text(encoding="utf-8"))
LEAVES = {k: v for k, v in fields(WalkForwardSettings) if k not in {"grid", "set"}}


def loaded(grid: dict[str, Any] | None = None, **given: Any) -> WalkForwardSettings:
    overrides = {**given, **({} if grid is None else {"grid": grid})}
    return load_walk_forward(WRITTEN, overrides)[0]


@pytest.mark.parametrize("key", LEAVES)
def test_every_field_is_in_the_file_at_its_default_with_a_comment(key: str) -> None:
    assert value_at(TABLES, key) == plain(LEAVES[key])
    assert commented_keys(WRITTEN.read_text(encoding="utf-8"))[key]


def test_the_file_has_nothing_else_but_a_grid() -> None:
    assert TABLES.keys() == WalkForwardSettings.model_fields.keys()
    assert TABLES["set"] == {}
    assert loaded().points == 6


def test_sections_of_both_files_have_different_names() -> None:
    assert not WalkForwardSettings.model_fields.keys() & Settings.model_fields.keys()


def test_an_override_reaches_the_section_it_names() -> None:
    walk, base = load_walk_forward(WRITTEN, {"windows.purge_days": 2, "run.seed": 7})
    assert walk.windows.purge_days == 2
    assert base.run.seed == 7
    assert walk.set == {"run.seed": 7}


def test_every_point_of_the_grid_is_listed_once_in_order() -> None:
    walk = loaded({"gate.savings_days": [10.0, 20.0], "risk.max_orders_per_hour": [5, 6, 7]})
    points = walk.grid_points()
    assert len(points) == walk.points == 6
    assert points[1] == {"gate.savings_days": 10.0, "risk.max_orders_per_hour": 6}
    assert loaded({}).grid_points() == [{}]


def test_where_windows_are_computed_is_no_part_of_what_they_are() -> None:
    assert loaded(**{"execute.workers": 7}).identity() == loaded().identity()
    assert loaded(**{"windows.purge_days": 3}).identity() != loaded().identity()


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"gate.price_elastcity": [0.1, 0.2]}, "did you mean 'gate.price_elasticity'"),
        ({"nothing": [1, 2]}, "grid.nothing: was [1, 2]; unknown parameter"),
        ({"gate.savings_days": [10.0]}, "one value is no choice"),
        ({"gate.savings_days": [10.0, 10.0]}, "give each value once"),
        ({"gate.savings_days": [10.0, -1.0]}, "gate.savings_days: was -1.0"),
        ({"gate.shock_z": [3.0, 4.0]}, "it is fitted in-sample"),
        ({"costs.taker_fee": [0.0, 0.1]}, "choose only among parameters of"),
        ({"run.seed": [1, 2]}, "choose only among parameters of"),
        (
            {"advisor.rules.entry_score": [0.05, 0.35]},
            "exit_score must be below entry_score",
        ),
    ],
)
def test_a_grid_that_cannot_be_chosen_from_is_refused(grid: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(grid)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"windows.purge_dais": 2}, "windows.purge_dais: was 2; unknown key"),
        ({"windows.in_sample_days": 0}, "windows.in_sample_days: was 0"),
        ({"walk.config": "nowhere.toml"}, "name a file that exists"),
        ({"windows.purge_days": 60}, "must not exceed run.warmup_days"),
        ({"run.sede": 2}, "did you mean 'seed'"),
        ({"execute.executor": "cloud"}, "execute.executor: was 'cloud'"),
    ],
)
def test_a_fault_is_one_sentence(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_walk_forward(WRITTEN, overrides)
    assert said in str(raised.value)


def test_a_missing_file_and_one_that_is_no_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name a file that exists"):
        load_walk_forward(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[walk\n")
    with pytest.raises(SettingsError, match="mend its TOML"):
        load_walk_forward(tmp_path / "bad.toml")
