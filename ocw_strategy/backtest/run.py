"""One backtest from settings to a folder of results.

The run is made in a hidden sibling and renamed when it is whole: a failure, a blown account, a full
disk or an interrupt leaves nothing, and no finished run is touched. A kill leaves the hidden
``.partial`` folder, which is no run, hinders none and may be deleted. A whole run is counted in the
ledger of tries, and stays counted when its folder is deleted.
"""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from ocw_strategy.advisors import hindsight_warning
from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.backtest.trials import Trial, record_trial, trial_of
from ocw_strategy.backtest.window import check_window
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Equity, Event, Journal
from ocw_strategy.journals import JOURNAL_FILE
from ocw_strategy.settings import Settings

CONFIG_FILE = "config.json"
HINDSIGHT = "hindsight"
"""The kind of event that marks a run whose model may remember its window."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where a finished run lies and what identifies its content."""

    run_id: str
    folder: Path
    digest: str
    """The journal's digest: equal for equal seed, catalog and settings."""


def run_backtest(
    settings: Settings,
    *,
    created_wall_ns: int,
    finish: Callable[[Path], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> RunResult:
    """Run a backtest and keep its journal and settings.

    Parameters
    ----------
    settings : Settings
    created_wall_ns : int
        Wall time, for the run's id and the journal's meta data only.
    finish : callable, optional
        Called with the run's folder before it takes its final name: writes the reports.
    progress : callable, optional
        Called with the simulated time, once a simulated day.

    Returns
    -------
    RunResult

    Raises
    ------
    CatalogError
        If the catalog lacks what the window needs.
    JournalError
        If the disk is full or the folder cannot be written.
    HindsightError
        If Claude decides and may remember the window.
    AccountBlownError
        If equity fell to the maintenance margin.
    """
    check_window(settings)
    hindsight = hindsight_warning(settings)
    runs = Path(settings.run.runs_dir)
    partial = None
    try:
        run_id, partial = _claim(runs, _run_id(settings, created_wall_ns))
        folder = runs / run_id
        (partial / CONFIG_FILE).write_text(settings.canonical_json() + "\n", encoding="utf-8")
        digest, trial = _run_into(partial, settings, run_id, created_wall_ns, hindsight, progress)
        if finish is not None:
            finish(partial)
        if settings.experiment.plain:  # a null is no candidate
            record_trial(runs, trial)
        partial.rename(folder)
    except OSError as error:
        raise JournalError(
            "run.runs_dir", str(runs), f"make it writable with space left: {error}"
        ) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
    return RunResult(run_id, folder, digest)


def _claim(runs: Path, name: str) -> tuple[str, Path]:
    # A run of the same settings in the same second, at work or finished, keeps its name.
    runs.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        run_id = name if number == 1 else f"{name}-{number}"
        partial = runs / f".{run_id}.partial"
        with suppress(FileExistsError):
            partial.mkdir()
            if not (runs / run_id).exists():
                return run_id, partial
            partial.rmdir()
    raise AssertionError("unreachable")


def _run_into(
    folder: Path,
    settings: Settings,
    run_id: str,
    created_wall_ns: int,
    hindsight: str,
    progress: Callable[[int], None] | None,
) -> tuple[str, Trial]:
    journal = Journal.open(
        folder / JOURNAL_FILE,
        run_id=run_id,
        created_wall_ns=created_wall_ns,
        config=settings.model_dump(mode="json"),
        power_safe=False,
    )
    try:
        if hindsight:
            journal.append(Event(settings.run.start_ns, HINDSIGHT, "", hindsight))
        run_node(run_config(settings, run_id), progress=progress)
        journal.flush()
        return journal.digest(), _trial(settings, journal)
    finally:
        journal.close()


def _trial(settings: Settings, journal: Journal) -> Trial:
    samples = journal.columns(Equity, "ts_ns >= ?", (settings.run.start_ns,))
    ts_ns = np.array(samples["ts_ns"], dtype=np.int64)
    return trial_of(settings, "backtest", ts_ns, np.array(samples["equity"]))


def _run_id(settings: Settings, created_wall_ns: int) -> str:
    content = hashlib.sha256(settings.canonical_json().encode()).hexdigest()[:6]
    return f"{settings.run.name}-{created_wall_ns // 1_000_000_000}-{content}"
