"""A whole walk-forward: the same wherever it runs, resumed where it was left, told when failing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ocw_strategy.backtest import run_outcome
from ocw_strategy.backtest.walkforward import (
    ProcessExecutor,
    WalkForwardResult,
    WindowError,
    WorkerDiedError,
    plan_windows,
    read_walk_forward,
    walk_forward,
)
from ocw_strategy.backtest.walkforward.executor import died
from ocw_strategy.backtest.walkforward.wording import walk_rows, walk_sentences
from ocw_strategy.errors import CatalogError, JournalError, SettingsError
from ocw_strategy.journal import Equity, Journal
from ocw_strategy.units import DAY_NS
from tests.backtest.market import make_settings
from tests.backtest.walkforward.small import Counting, small_walk

ROOT = Path(__file__).parents[3]
GRID = {"advisor.rules.entry_score": [0.35, 0.2]}


@pytest.fixture(scope="module")
def walked(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> WalkForwardResult:
    walk, base = small_walk(tmp_path_factory.mktemp("walked"), catalog, grid=GRID)
    return walk_forward(walk, base, executor=Counting())


@pytest.fixture(scope="module")
def lived(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> WalkForwardResult:
    walk, base = small_walk(
        tmp_path_factory.mktemp("lived"), catalog, state={"between": "carry"},
        walk={"journals": "keep"},
    )  # fmt: skip
    return walk_forward(walk, base, executor=Counting())


def contents(folder: Path) -> dict[str, bytes]:
    """Return every result file by its name; the settings in one name the folder itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"plan.json", "plan.json.lock", "result.json"}
    }


def test_the_curve_is_the_pieces_compounded_with_their_seams(walked: WalkForwardResult) -> None:
    assert len(walked.windows) == 2
    kept = [
        (found.out.hourly.equity[-1] - found.out.seam_cost_usd) / found.out.hourly.equity[0]
        for found in walked.windows
    ]
    assert walked.equity[-1] == pytest.approx(walked.equity[0] * np.prod(kept))
    assert walked.equity[0] == walked.base.account.starting_balance_usd
    assert np.all(np.diff(walked.ts_ns) > 0)
    first, last = walked.windows[0].window, walked.windows[-1].window
    assert (walked.ts_ns[0], walked.ts_ns[-1]) == (first.oos_start_ns, last.oos_end_ns)
    assert walked.performance.end_usd == walked.equity[-1]


def test_trials_are_counted_as_they_were_made(walked: WalkForwardResult) -> None:
    assert (walked.points, walked.trials, walked.screened) == (2, 4, 0)


def test_what_is_kept_in_the_folder_is_the_result(walked: WalkForwardResult) -> None:
    again = read_walk_forward(walked.folder)
    assert again.windows == walked.windows
    assert np.array_equal(again.equity, walked.equity)
    equity = pq.read_table(walked.folder / "equity.parquet")
    assert np.array_equal(equity.column("equity").to_numpy(), walked.equity)
    assert np.array_equal(equity.column("ts_ns").to_numpy(), walked.ts_ns)
    rows = pq.read_table(walked.folder / "windows.parquet").to_pylist()
    assert [row["digest"] for row in rows] == [w.out.digest for w in walked.windows]


def test_an_out_of_sample_part_can_be_run_again_from_its_settings(
    walked: WalkForwardResult,
) -> None:
    settings = walked.window_settings(0)
    assert settings.run.start_ns == walked.windows[0].window.oos_start_ns
    chosen = walked.windows[0].choice.winner.parameters["advisor.rules.entry_score"]
    assert settings.advisor.rules.entry_score == chosen


def test_local_processes_give_the_same_bytes(
    walked: WalkForwardResult, catalog: Path, tmp_path: Path
) -> None:
    walk, base = small_walk(tmp_path, catalog, grid=GRID)
    other = walk_forward(walk, base, executor=ProcessExecutor(2))
    assert contents(other.folder) == contents(walked.folder)
    assert len(contents(other.folder)) == 4


@pytest.mark.slow
def test_ray_gives_the_same_bytes(walked: WalkForwardResult, catalog: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    code = (
        "import sys; from pathlib import Path\n"
        "from ocw_strategy.backtest.walkforward import RayExecutor, walk_forward\n"
        "from tests.backtest.walkforward.small import small_walk\n"
        "from tests.backtest.walkforward.test_run import GRID\n"
        "walk, base = small_walk(Path(sys.argv[1]), Path(sys.argv[2]), grid=GRID)\n"
        "print(walk_forward(walk, base, executor=RayExecutor(2)).folder)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(catalog)],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert contents(Path(done.stdout.split()[-1])) == contents(walked.folder)


def test_a_finished_one_is_read_and_not_computed_again(walked: WalkForwardResult) -> None:
    before = contents(walked.folder)
    executor = Counting()
    again = walk_forward(walked.settings, walked.base, executor=executor)
    assert executor.done == []
    assert contents(again.folder) == before


def test_a_failing_window_is_named_and_the_finished_ones_are_kept(
    walked: WalkForwardResult, catalog: Path, tmp_path: Path
) -> None:
    walk, base = small_walk(tmp_path, catalog, grid=GRID)
    broken = Counting("window 1", died("it was killed"))
    with pytest.raises(WindowError) as raised:
        walk_forward(walk, base, executor=broken)
    said = str(raised.value)
    assert "window 2 of 2" in said
    assert "its worker died" in said
    assert "1 finished windows are kept" in said
    assert isinstance(raised.value.__cause__, WorkerDiedError)
    assert not list(tmp_path.glob("*/result.json"))
    mended = Counting()
    result = walk_forward(walk, base, executor=mended)
    assert mended.done == ["window 1"]
    assert contents(result.folder) == contents(walked.folder)


def test_a_bug_in_a_window_keeps_its_traceback(catalog: Path, tmp_path: Path) -> None:
    walk, base = small_walk(tmp_path, catalog)
    with pytest.raises(ZeroDivisionError):
        walk_forward(walk, base, executor=Counting("window 0", ZeroDivisionError()))


def test_a_killed_one_resumes_without_computing_again(
    walked: WalkForwardResult, catalog: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from ocw_strategy.backtest.walkforward import InlineExecutor, walk_forward\n"
        "from tests.backtest.walkforward.small import small_walk\n"
        "from tests.backtest.walkforward.test_run import GRID\n"
        "walk, base = small_walk(Path(sys.argv[1]), Path(sys.argv[2]), grid=GRID)\n"
        "walk_forward(walk, base, executor=InlineExecutor())\n"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(catalog)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    until = time.monotonic() + 600
    while not list(tmp_path.glob("*/results/*.json")):
        assert killed.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(list(tmp_path.glob("*/results/*.json"))) == 1
    walk, base = small_walk(tmp_path, catalog, grid=GRID)
    executor = Counting()
    result = walk_forward(walk, base, executor=executor)
    assert executor.done == ["window 1"]
    assert contents(result.folder) == contents(walked.folder)


def test_with_the_state_carried_each_part_begins_with_what_the_one_before_left(
    lived: WalkForwardResult,
) -> None:
    first, second = (found.out for found in lived.windows)
    expected = first.hourly.equity[-1] - first.seam_cost_usd
    assert second.hourly.equity[0] == pytest.approx(expected, abs=0.01)
    assert lived.equity[-1] == pytest.approx(second.hourly.equity[-1] - second.seam_cost_usd)


def test_carried_and_reset_differ_after_the_first_part_only(
    lived: WalkForwardResult, catalog: Path, tmp_path: Path
) -> None:
    walk, base = small_walk(tmp_path, catalog)
    reset = walk_forward(walk, base, executor=Counting())
    assert reset.windows[0].out.digest == lived.windows[0].out.digest
    assert reset.windows[1].choice == lived.windows[1].choice
    assert reset.windows[1].out.digest != lived.windows[1].out.digest


def test_without_a_warm_start_a_part_is_a_run_that_knows_nothing(
    catalog: Path, tmp_path: Path
) -> None:
    walk, base = small_walk(tmp_path, catalog, calibrate={"gate": False, "warm_start": False})
    found = walk_forward(walk, base, executor=Counting())
    alone = run_outcome(found.window_settings(1))
    assert found.windows[1].out.digest == alone.digest


def test_journals_are_kept_where_asked_for_and_say_what_the_figures_say(
    lived: WalkForwardResult, walked: WalkForwardResult
) -> None:
    for index, found in enumerate(lived.windows):
        path = lived.folder / "journals" / f"window-{index + 1:02d}.db"
        with Journal.read_only(path) as journal:
            assert journal.digest() == found.out.digest
            assert journal.rows(Equity)[-1].equity == found.out.hourly.equity[-1]
    assert not list((lived.folder / "journals").glob(".*"))
    assert not (walked.folder / "journals").exists()


def test_a_catalog_that_lacks_the_span_is_said_before_anything_is_made(
    catalog: Path, tmp_path: Path
) -> None:
    walk, _ = small_walk(tmp_path, catalog)
    with pytest.raises(CatalogError, match="none from 2025"):
        walk_forward(walk, make_settings(catalog, run={"start": "2025-01-01", "end": "2025-06-01"}))
    with pytest.raises(SettingsError, match="one window is longer than the"):
        walk_forward(walk, make_settings(catalog, run={"start": "2024-02-08", "end": "2024-02-12"}))
    assert not list(tmp_path.iterdir())


def test_the_windows_lie_in_what_the_data_cover(catalog: Path, tmp_path: Path) -> None:
    walk, _ = small_walk(tmp_path, catalog)
    base = make_settings(catalog, run={"start": "2023-06-01", "end": "2025-01-01"})
    windows = plan_windows(walk, base)
    data = make_settings(catalog, run={"start": "2024-01-01", "end": "2024-03-01"}).run
    assert windows[0].is_start_ns == data.start_ns
    assert data.end_ns - 2 * DAY_NS < windows[-1].oos_end_ns <= data.end_ns


def test_what_is_shown_has_a_row_a_window_and_says_what_was_tried(
    walked: WalkForwardResult, lived: WalkForwardResult
) -> None:
    rows = walk_rows(walked)
    assert [row[0] for row in rows] == [
        "2024-02-19 to 2024-02-21", "2024-02-21 to 2024-02-23", "stitched",
    ]  # fmt: skip
    assert all(len(row) == 8 for row in rows)
    assert rows[0][-1].startswith("entry_score=")
    said = " ".join(walk_sentences(walked))
    assert "2 points of the grid in each of 2 windows" in said
    assert "4 backtests run in-sample" in said
    assert "nothing was chosen" in " ".join(walk_sentences(lived))
    assert "carried" in " ".join(walk_sentences(lived))


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="give the folder of a finished one"):
        read_walk_forward(tmp_path)
