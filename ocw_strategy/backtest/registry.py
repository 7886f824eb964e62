"""The runs that were made: a list of them, or some side by side with the settings that differ.

Only the summaries and settings beside the journals are read. A folder without a journal is none
of ours; a run whose summary cannot be read is named with the fault and hides no other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocw_strategy.backtest.report import SUMMARY_FILE
from ocw_strategy.backtest.run import CONFIG_FILE
from ocw_strategy.backtest.summary import Summary
from ocw_strategy.errors import JournalError
from ocw_strategy.journals import JOURNAL_FILE


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in the list."""

    run_id: str
    summary: Summary | None
    """None where it cannot be read."""
    fault: str
    """Why not; empty where it can."""


@dataclass(frozen=True, slots=True)
class RunList:
    """The runs of a folder, oldest first, or those compared, as they were named."""

    folder: Path
    rows: tuple[RunRow, ...]
    differences: tuple[tuple[str, ...], ...] | None = None
    """Of compared runs: each setting that is not the same in all, and its value in each."""


def list_runs(folder: Path, names: Sequence[str] = ()) -> RunList:
    """Return the runs in a folder.

    Parameters
    ----------
    folder : Path
        What `run.runs_dir` named; it need not exist.
    names : Sequence[str], optional
        Runs to compare, by id or path; none lists all.

    Raises
    ------
    JournalError
        If a run to compare is not there or cannot be read.
    """
    if names:
        return _compared(folder, [Path(name).name for name in names])
    found = folder.iterdir() if folder.is_dir() else ()
    rows = [_row(run) for run in found if _is_run(run)]
    rows.sort(key=lambda row: (row.summary.created_wall_ns if row.summary else 0, row.run_id))
    return RunList(folder, tuple(rows))


def newest_run(folder: Path) -> Path:
    """Return the folder of the run that was made last.

    Raises
    ------
    JournalError
        If there is none.
    """
    rows = list_runs(folder).rows
    if not rows:
        raise JournalError("run", str(folder), "no run is there yet; `ocw demo` makes one")
    return folder / rows[-1].run_id


def _is_run(folder: Path) -> bool:
    # a run in the making lies in a hidden folder
    return not folder.name.startswith(".") and (folder / JOURNAL_FILE).is_file()


def _row(folder: Path) -> RunRow:
    try:
        text = (folder / SUMMARY_FILE).read_text(encoding="utf-8")
        return RunRow(folder.name, Summary.model_validate_json(text), "")
    except FileNotFoundError:
        return RunRow(folder.name, None, f"it has no {SUMMARY_FILE}")
    except (OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        return RunRow(folder.name, None, f"{SUMMARY_FILE} is damaged: {first_line}")


def _compared(folder: Path, names: Sequence[str]) -> RunList:
    rows, settings = [], []
    for name in names:
        if not _is_run(folder / name):
            raise JournalError("run", name, f"there is none in {folder}; `ocw runs` lists them")
        row = _row(folder / name)
        if row.summary is None:
            raise JournalError("run", name, f"leave it out: {row.fault}")
        rows.append(row)
        settings.append(_settings(folder / name))
    keys = sorted(set().union(*settings))
    values = [(key, *(each.get(key, "") for each in settings)) for key in keys]
    differing = tuple(row for row in values if len(set(row[1:])) > 1)
    return RunList(folder, tuple(rows), differing)


def _settings(folder: Path) -> dict[str, str]:
    try:
        tables = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JournalError("run", folder.name, f"leave it out: {error}") from error
    return dict(_flat(tables))


def _flat(tables: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for key, value in tables.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value if isinstance(value, str) else json.dumps(value)))
    return found
