"""What the in-sample part decides: from its own past alone, by the declared objective."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocw_strategy.advisor import DECIDED, Advice, Decision
from ocw_strategy.backtest import with_values
from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.backtest.replay import window_bars, window_features, window_regimes
from ocw_strategy.backtest.walkforward import Choice, Window, plan_windows
from ocw_strategy.backtest.walkforward.choose import choose, part_settings
from ocw_strategy.backtest.walkforward.screen import Moves, finalists, screen_calls
from ocw_strategy.backtest.walkforward.task import Task, TaskResult, run_task
from ocw_strategy.gate.calibration import CalibrationError
from ocw_strategy.journal import Evaluation, Journal
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.units import DAY_NS, HOUR_NS, MILLISECOND_NS
from tests.backtest.market import change_after, sample_frames, write_catalog
from tests.backtest.walkforward.small import small_walk

FULL: dict[str, dict[str, Any]] = {
    "windows": {"in_sample_days": 12},
    "calibrate": {"gate": True},
    "choose": {"finalists": 1},
    "grid": {
        "gate.price_elasticity": [0.2, 0.6],
        "advisor.rules.entry_score": [0.35, 0.2],
    },
}


def task_text(folder: Path, catalog: Path, stage: str = "choose") -> tuple[str, Window]:
    walk, base = small_walk(folder, catalog, **FULL)
    window = plan_windows(walk, base)[0]
    return Task.model_validate(
        {"stage": stage, "window": window, "walk": walk, "base": base}
    ).model_dump_json(), window


@pytest.fixture(scope="module")
def chosen(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Window]:
    text, window = task_text(tmp_path_factory.mktemp("choose"), catalog)
    return run_task(text), window


def choice_of(text: str) -> Choice:
    choice = TaskResult.model_validate_json(text).choice
    assert choice is not None
    return choice


def test_nothing_after_the_in_sample_end_changes_what_is_chosen(
    chosen: tuple[str, Window], tmp_path: Path
) -> None:
    before, window = chosen
    end_ms = window.is_end_ns // MILLISECOND_NS + 1  # a settlement at the end itself is its own
    frames = {key: change_after(table, end_ms) for key, table in sample_frames().items()}
    text, _ = task_text(tmp_path, write_catalog(tmp_path / "later", frames))
    assert run_task(text) == before


def test_what_lies_before_the_in_sample_end_does_change_it(
    chosen: tuple[str, Window], tmp_path: Path
) -> None:
    before, window = chosen
    end_ms = (window.is_end_ns - 5 * DAY_NS) // MILLISECOND_NS
    frames = {key: change_after(table, end_ms) for key, table in sample_frames().items()}
    text, _ = task_text(tmp_path, write_catalog(tmp_path / "earlier", frames))
    assert choice_of(run_task(text)) != choice_of(before)


def test_every_point_that_was_looked_at_is_kept(chosen: tuple[str, Window]) -> None:
    choice = choice_of(chosen[0])
    assert [s.parameters for s in choice.screened] == [
        {"gate.price_elasticity": 0.2}, {"gate.price_elasticity": 0.6},
    ]  # fmt: skip
    passed = [s.parameters for s in choice.screened if s.finalist]
    assert len(passed) == 1
    assert [t.parameters for t in choice.trials] == [
        {**passed[0], "advisor.rules.entry_score": score} for score in (0.35, 0.2)
    ]
    assert choice.calibrated.keys() >= {"gate.shock_z", "features.hour_weight"}


def test_the_best_objective_wins(chosen: tuple[str, Window]) -> None:
    choice = choice_of(chosen[0])
    objectives = [t.objective for t in choice.trials]
    assert None not in objectives
    assert choice.winner.objective == max(o for o in objectives if o is not None)
    assert [t.performance.sharpe for t in choice.trials] == objectives


def test_a_trials_days_begin_with_its_part_and_end_with_it(chosen: tuple[str, Window]) -> None:
    text, window = chosen
    for trial in choice_of(text).trials:
        times = trial.daily.times
        assert times[0] == window.is_start_ns
        assert times[-1] == window.is_end_ns
        assert np.all(np.diff(times) == DAY_NS)
        end_usd = trial.performance.end_usd
        assert trial.daily.equity[-1] == end_usd


def test_a_part_too_short_to_fit_on_is_refused(catalog: Path, tmp_path: Path) -> None:
    walk, base = small_walk(tmp_path, catalog, **{**FULL, "windows": {"in_sample_days": 7}})
    with pytest.raises(CalibrationError, match="longer window"):
        choose(plan_windows(walk, base)[0], walk, base)


class Holds:
    """Holds, and asks for its next check when the rules do."""

    name = "holds"

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        return Advice(Decision.hold("screen", 14_400), DECIDED)


def test_the_screen_calls_where_a_run_that_trades_nothing_does(
    catalog: Path, tmp_path: Path
) -> None:
    walk, base = small_walk(tmp_path, catalog)
    window = plan_windows(walk, base)[0]
    settings = part_settings(base, window.is_start_ns, window.is_end_ns)
    closes = window_features(settings.features, window_bars(settings), 15)
    calls = screen_calls(settings, closes, window_regimes(settings))
    with Journal.open(":memory:", run_id="screen-parity") as journal:
        run_node(run_config(settings, "screen-parity"), advisor=Holds())
        ran = [row.ts_ns for row in journal.rows(Evaluation) if row.wake]
    assert calls == ran
    assert len(calls) > 3
    eager = with_values(settings, {"gate.price_elasticity": 5.0})
    assert screen_calls(eager, closes, window_regimes(eager)) != calls


def test_lift_is_the_mean_move_at_calls_over_that_at_all_closes(
    catalog: Path, tmp_path: Path
) -> None:
    walk, base = small_walk(tmp_path, catalog)
    window = plan_windows(walk, base)[0]
    settings = part_settings(base, window.is_start_ns, window.is_end_ns)
    closes = window_features(settings.features, window_bars(settings), 15)
    moves = Moves(closes, window.is_start_ns)
    times = [t for t in closes if t >= window.is_start_ns]

    def moved(now_ns: int) -> float:
        pairs = [
            (closes[now_ns][s].price, f.price) for s, f in closes[now_ns + 4 * HOUR_NS].items()
        ]
        return float(np.mean([abs(np.log(later / now)) for now, later in pairs]))

    judged = [t for t in times if t + 4 * HOUR_NS <= window.is_end_ns]
    calls = judged[5::40]
    expected = np.mean([moved(t) for t in calls]) / np.mean([moved(t) for t in judged])
    assert moves.lift([*calls, times[-1]]) == pytest.approx(expected)
    assert moves.lift(judged) == pytest.approx(1.0)
    assert moves.lift([]) is None
    assert moves.lift(times[-3:]) is None


def test_of_equal_points_the_first_declared_passes_and_one_without_lift_last() -> None:
    assert finalists([1.0, 1.2, None, 1.2], 1) == {1}
    assert finalists([1.0, 1.2, None, 1.2], 3) == {0, 1, 3}
    assert finalists([None, None], 1) == {0}
