"""The ledger of tries counts configurations, forgets none and mixes up no markets."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from ocw_strategy.backtest import run_backtest
from ocw_strategy.backtest.run_data import read_run
from ocw_strategy.backtest.significance import daily_sharpe
from ocw_strategy.backtest.statistics import daily_returns
from ocw_strategy.backtest.trials import LEDGER_FILE, Trial, record_trial, trial_of, trials_on
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS
from tests.backtest.market import make_settings
from tests.backtest.runs import hand_settings


def tried(settings: Settings, *, days: int = 40, mean: float = 0.001) -> Trial:
    rng = np.random.default_rng(days)
    equity = 10_000 * np.cumprod(1 + rng.normal(mean, 0.01, days + 1))
    ts_ns = settings.run.start_ns + np.arange(days + 1) * DAY_NS
    return trial_of(settings, "backtest", ts_ns, equity)


def test_a_configuration_counts_once_however_often_it_is_run(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path)
    renamed = hand_settings(tmp_path, run={"name": "other"}, data={"chunk_size": 1_000})
    for each in (settings, settings, renamed):
        record_trial(tmp_path, tried(each))
    assert trials_on(tmp_path, settings).count == 1
    for seed in (2, 3):
        record_trial(tmp_path, tried(hand_settings(tmp_path, run={"seed": seed})))
    record_trial(tmp_path, tried(hand_settings(tmp_path, gate={"cooldown_minutes": 30})))
    found = trials_on(tmp_path, settings)
    assert found.count == 4
    assert len(found.daily_sharpes) == 4


def test_what_is_shown_counts_though_it_is_not_in_the_ledger(tmp_path: Path) -> None:
    assert trials_on(tmp_path / "nowhere", hand_settings(tmp_path)).count == 1
    record_trial(tmp_path, tried(hand_settings(tmp_path, run={"seed": 9})))
    assert trials_on(tmp_path, hand_settings(tmp_path)).count == 2


def test_other_markets_and_windows_that_do_not_overlap_do_not_count(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path)
    for other in (
        hand_settings(tmp_path / "elsewhere", run={"seed": 2}),
        hand_settings(tmp_path, run={"seed": 3}, data={"bar_minutes": 5}),
        hand_settings(tmp_path, run={"seed": 4, "start": "2024-04-01", "end": "2024-05-01"}),
    ):
        record_trial(tmp_path, tried(other))
    assert trials_on(tmp_path, settings).count == 1
    overlapping = hand_settings(tmp_path, run={"seed": 5, "start": "2024-02-01"})
    record_trial(tmp_path, tried(overlapping))
    assert trials_on(tmp_path, settings).count == 2


def test_the_ratio_of_a_configuration_is_that_over_its_longest_window(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path)
    short, long = tried(settings, days=10), tried(settings, days=40)
    for trial in (short, long, short):
        record_trial(tmp_path, trial)
    assert trials_on(tmp_path, settings).daily_sharpes == (long.daily_sharpe,)
    more = tried(settings, days=50)
    assert trials_on(tmp_path, settings, [more]).daily_sharpes == (more.daily_sharpe,)


def test_a_line_that_cannot_be_read_counts_as_a_try(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path)
    record_trial(tmp_path, tried(settings))
    with (tmp_path / LEDGER_FILE).open("a") as file:
        file.write('{"kind": "backtest"\n')
    record_trial(tmp_path, tried(hand_settings(tmp_path, run={"seed": 2})))
    assert trials_on(tmp_path, settings).count == 3


def test_a_run_that_never_traded_counts_without_a_ratio(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path, run={"seed": 2})
    ts_ns = settings.run.start_ns + np.arange(5) * DAY_NS
    record_trial(tmp_path, trial_of(settings, "backtest", ts_ns, np.full(5, 10_000.0)))
    found = trials_on(tmp_path, hand_settings(tmp_path))
    assert (found.count, found.daily_sharpes) == (2, ())


def _write(task: tuple[str, int]) -> None:
    folder, first = task
    for seed in range(first, first + 100):
        record_trial(Path(folder), tried(hand_settings(Path(folder), run={"seed": seed}), days=5))


def test_processes_that_write_at_once_lose_no_line(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_write, [(str(tmp_path), 0), (str(tmp_path), 100)]))
    assert trials_on(tmp_path, hand_settings(tmp_path, run={"seed": 7})).count == 200


def test_every_backtest_is_a_try_and_stays_one_when_its_folder_is_deleted(
    finished: Path, tmp_path: Path
) -> None:
    run = read_run(finished)
    shutil.copy(finished.parent / LEDGER_FILE, tmp_path)  # the ledger alone: every run is gone
    (line,) = (tmp_path / LEDGER_FILE).read_text().splitlines()
    trial = Trial.model_validate_json(line)
    returns = daily_returns(run.ts_ns, run.equity).to_numpy()
    assert trial.days == len(returns)
    assert trial.daily_sharpe == pytest.approx(daily_sharpe(returns), abs=1e-9)
    assert trials_on(tmp_path, run.settings).count == 1
    assert trials_on(tmp_path, run.settings).daily_sharpes == (trial.daily_sharpe,)


def test_a_backtest_that_fails_is_no_try(tmp_path: Path, catalog: Path) -> None:
    def fails(folder: Path) -> None:
        raise RuntimeError("no report")

    settings = make_settings(
        catalog, run={"start": "2024-02-10", "end": "2024-02-11", "runs_dir": str(tmp_path)}
    )
    with pytest.raises(RuntimeError):
        run_backtest(settings, created_wall_ns=1, finish=fails)
    assert not (tmp_path / LEDGER_FILE).exists()
