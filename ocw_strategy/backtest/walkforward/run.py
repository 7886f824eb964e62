"""A walk-forward from settings to a folder of results, resumed where it was left.

Windows whose state is reset are computed side by side. With the state carried, choices are made
side by side and the out-of-sample parts one after another, each from what the one before left:
posteriors, purse, circuit breakers, money. A window is kept as soon as it is done; when one fails,
those at work are finished and kept and the failure is told with the window's name. The same
command resumes.
"""

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ocw_strategy.backtest.statistics import performance
from ocw_strategy.backtest.walkforward.executor import Executor, WorkerDiedError, make_executor
from ocw_strategy.backtest.walkforward.fingerprint import content_hash
from ocw_strategy.backtest.walkforward.result import Choice, WalkForwardResult, WindowResult
from ocw_strategy.backtest.walkforward.settings import WalkForwardSettings
from ocw_strategy.backtest.walkforward.stitch import end_usd, stitch
from ocw_strategy.backtest.walkforward.store import Store
from ocw_strategy.backtest.walkforward.task import State, Task, TaskResult
from ocw_strategy.backtest.walkforward.windows import Window, windows_of
from ocw_strategy.backtest.window import check_window, covered
from ocw_strategy.errors import JournalError, OcwError
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS

RESULT_FILE: Final = "result.json"
EQUITY_FILE: Final = "equity.parquet"
"""Columns ``ts_ns``, ``equity`` and ``window``: the stitched curve."""
WINDOWS_FILE: Final = "windows.parquet"
"""A row a window, and what was chosen for it."""

type Progress = Callable[[str, float, float], None]
"""Called with what was just done, and the simulated days done and to do."""


class WindowError(OcwError):
    """A window that could not be computed."""


class _Kept(Strict):
    """The content of `RESULT_FILE`."""

    run_id: str
    settings: WalkForwardSettings
    base: Settings
    windows: tuple[WindowResult, ...]


def walk_forward(
    walk: WalkForwardSettings,
    base: Settings,
    *,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> WalkForwardResult:
    """Compute a walk-forward, or what is left of it, and keep its results.

    Parameters
    ----------
    walk, base : WalkForwardSettings, Settings
        As `load_walk_forward` returns them.
    progress : callable, optional
        Called whenever a window, or a half of one, is done.
    executor : Executor, optional
        Where windows are computed; by default what the settings say.

    Raises
    ------
    SettingsError
        If no window fits into the data.
    CatalogError
        If the catalog lacks what is needed, or changed since the walk-forward began.
    JournalError
        If the folder cannot be written or another process works in it.
    WindowError
        If a window failed or its worker died; finished ones are kept.
    """
    windows = plan_windows(walk, base)
    run_id = walk_id(walk, base)
    folder = Path(walk.walk.folder) / run_id
    plain = {"walk": walk.model_dump(mode="json"), "base": base.model_dump(mode="json")}
    with Store(folder, Path(base.data.catalog), plain) as store:
        made = _Computation(walk, base, windows, store, progress)
        with executor or make_executor(walk.execute) as running:
            made.compute(running)
        kept = _Kept(run_id=run_id, settings=walk, base=base, windows=made.results())
        result = _joined(kept, folder)
        _write(store, result, kept)
    return result


def plan_windows(walk: WalkForwardSettings, base: Settings) -> tuple[Window, ...]:
    """Return the windows that lie in both the backtest's span and the data.

    Raises
    ------
    SettingsError
        If none fits.
    CatalogError
        If the catalog lacks an instrument or is damaged.
    """
    check_window(base)
    return windows_of(walk.windows, *covered(base))


def walk_id(walk: WalkForwardSettings, base: Settings) -> str:
    """Return the name of a walk-forward: the same settings have the same one."""
    plain = base.model_dump(mode="json", exclude={"data": {"catalog"}, "run": {"runs_dir"}})
    return f"{walk.walk.name}-{content_hash(walk.identity(), plain)[:8]}"


def read_walk_forward(folder: Path) -> WalkForwardResult:
    """Return a finished walk-forward from its folder.

    Raises
    ------
    JournalError
        If there is none or it cannot be read.
    """
    path = folder / RESULT_FILE
    try:
        kept = _Kept.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise JournalError(
            "walk-forward", str(path), f"give the folder of a finished one: {first_line}"
        ) from error
    return _joined(kept, folder)


class _Computation:
    """The tasks of a walk-forward: which are ready, at work and done."""

    def __init__(
        self,
        walk: WalkForwardSettings,
        base: Settings,
        windows: tuple[Window, ...],
        store: Store,
        progress: Progress | None,
    ) -> None:
        self._walk = walk
        self._base = base
        self._windows = windows
        self._store = store
        self._progress = progress or (lambda what, done, total: None)
        self._carry = walk.state.between == "carry"
        self._ready: deque[Task] = deque()
        self._chosen: dict[int, TaskResult] = {}
        self._tested: dict[int, TaskResult] = {}
        self._offered = 0  # out-of-sample parts that were started, where they are a chain
        self._days_done = 0.0
        self._days = sum(self._cost("window", window) for window in windows)

    def compute(self, executor: Executor) -> None:
        """Do every task that is not done yet."""
        for window in self._windows:
            self._offer(self._task("choose" if self._carry else "window", window))
        running: dict[str, Task] = {}
        failure: tuple[Task, BaseException] | None = None
        while running or (self._ready and failure is None):
            while self._ready and failure is None and len(running) < executor.slots:
                task = self._ready.popleft()
                name = f"{task.stage} {task.window.index}"
                running[name] = task
                executor.submit(name, task.model_dump_json())
            name, found = executor.next_done()
            task = running.pop(name)
            if isinstance(found, BaseException):
                failure = failure or (task, found)
            else:
                self._store.put(task, found)
                self._take(task, TaskResult.model_validate_json(found))
        if failure is not None:
            self._fail(*failure)

    def _offer(self, task: Task) -> None:
        # what was done before is taken, not computed again
        known = self._store.get(task)
        if known is None:
            self._ready.append(task)
        else:
            self._take(task, known)

    def _take(self, task: Task, found: TaskResult) -> None:
        index = task.window.index
        if task.stage != "test":
            self._chosen[index] = found
        if task.stage != "choose":
            self._tested[index] = found
        self._days_done += self._cost(task.stage, task.window)
        self._progress(f"{task.stage} {index + 1}", self._days_done, self._days)
        self._go_on()

    def _go_on(self) -> None:
        # with the state carried: the next part, once it is chosen and the one before is done
        following = len(self._tested)
        if self._carry and following == self._offered and following in self._chosen:
            self._offered += 1
            self._offer(self._task("test", self._windows[following]))

    def results(self) -> tuple[WindowResult, ...]:
        """Return what came of all windows."""
        found = []
        for window in self._windows:
            choice, out = self._chosen[window.index].choice, self._tested[window.index].out
            assert choice is not None
            assert out is not None
            found.append(WindowResult(window=window, choice=choice, out=out))
        return tuple(found)

    def _task(self, stage: Any, window: Window) -> Task:
        choice: Choice | None = None
        state: State | None = None
        balance_usd = None
        if stage == "test":
            chosen = self._chosen[window.index]
            choice, state = chosen.choice, chosen.state
            before = self._tested.get(window.index - 1)
            if before is not None and before.out is not None:
                state, balance_usd = before.state, end_usd(before.out)
        journal = ""
        if stage != "choose" and self._walk.walk.journals == "keep":
            folder = (self._store.folder / "journals").absolute()
            journal = str(folder / f"window-{window.index + 1:02d}.db")
        return Task(
            stage=stage,
            window=window,
            walk=self._walk,
            base=self._base,
            choice=choice,
            state=state,
            balance_usd=balance_usd,
            journal=journal,
        )

    def _cost(self, stage: str, window: Window) -> float:
        # simulated days: what a task's time is in proportion to
        warmup = self._base.run.warmup_days
        learn = (window.is_end_ns - window.is_start_ns) / DAY_NS + warmup
        judge = (window.oos_end_ns - window.oos_start_ns) / DAY_NS + warmup
        return (stage != "test") * learn * self._walk.points + (stage != "choose") * judge

    def _fail(self, task: Task, error: BaseException) -> None:
        if not isinstance(error, OcwError):
            raise error
        kept = len(self._tested)
        worker = " its worker died:" if isinstance(error, WorkerDiedError) else ""
        raise WindowError(
            f"window {task.window.index + 1} of {len(self._windows)}",
            f"{task.stage}:{worker} {error}",
            f"mend that and give the same command again: {kept} finished windows are kept",
        ) from error


def _joined(kept: _Kept, folder: Path) -> WalkForwardResult:
    pieces = [found.out for found in kept.windows]
    times, values = stitch(pieces, kept.base.account.starting_balance_usd)
    return WalkForwardResult(
        run_id=kept.run_id,
        folder=folder,
        settings=kept.settings,
        base=kept.base,
        windows=kept.windows,
        ts_ns=times,
        equity=values,
        performance=performance(times, values),
    )


def _write(store: Store, result: WalkForwardResult, kept: _Kept) -> None:
    ends = [found.window.oos_end_ns for found in result.windows]
    window = np.minimum(np.searchsorted(ends, result.ts_ns), len(ends) - 1)
    equity = {"ts_ns": result.ts_ns, "equity": result.equity, "window": window}
    store.write(EQUITY_FILE, _parquet(pa.table(equity)))
    store.write(WINDOWS_FILE, _parquet(pa.Table.from_pylist([_row(w) for w in result.windows])))
    store.write(RESULT_FILE, kept.model_dump_json())


def _row(found: WindowResult) -> dict[str, Any]:
    figures = found.out.performance
    return {
        **found.window.model_dump(),
        "total_return": figures.total_return,
        "sharpe": figures.sharpe,
        "max_drawdown": figures.max_drawdown,
        "trades": found.out.trades,
        "calls": found.out.calls,
        "seam_cost_usd": found.out.seam_cost_usd,
        "in_sample_objective": found.choice.winner.objective,
        "screened": len(found.choice.screened),
        "trials": len(found.choice.trials),
        "chosen": json.dumps(found.choice.winner.parameters),
        "calibrated": json.dumps(found.choice.calibrated),
        "digest": found.out.digest,
    }


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())
