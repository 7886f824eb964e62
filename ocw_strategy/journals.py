"""Which journal a person means: a run by name or folder, the newest by default, or a file."""

from pathlib import Path
from typing import Final

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal

JOURNAL_FILE: Final = "journal.db"
"""A run's journal, in its folder."""

RUNS_FOLDER: Final = Path("runs")


def find_journal(run: str | None = None, folder: Path = RUNS_FOLDER) -> Path:
    """Return the path of a run's journal.

    Parameters
    ----------
    run : str, optional
        A run's name in `folder`, its own folder or its journal; None is the run made last.
    folder : Path, default "runs"
        Where the runs lie.

    Raises
    ------
    JournalError
        If there is no such run, or none at all.
    """
    if run is None:
        # a run in the making lies in a hidden folder
        made = [path for path in folder.glob(f"*/{JOURNAL_FILE}") if path.parent.name[0] != "."]
        if not made:
            raise JournalError("run", str(folder), "holds no run yet; `ocw backtest` makes one")
        return max(made, key=lambda path: (_created_ns(path), path.parent.name))
    for path in (folder / run / JOURNAL_FILE, Path(run) / JOURNAL_FILE, Path(run)):
        if path.is_file():
            return path
    raise JournalError("run", run, f"there is none in {folder}; `ocw runs` lists them")


def _created_ns(path: Path) -> int:
    try:
        with Journal.read_only(path) as journal:
            return int(journal.meta()["created_wall_ns"])
    except (JournalError, KeyError, ValueError):
        return 0  # damaged or older: it hides no other, and is named when it is asked for
