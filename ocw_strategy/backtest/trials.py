"""The ledger of what was tried: one line for every backtest made, kept when its run is deleted.

The best of many tries is good by luck alone, so the deflated Sharpe ratio needs their number, the
forgotten ones included. A try is a configuration: running it again, or over another part of the
same market, adds none. A line that cannot be read counts as a try of its own.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ocw_strategy.backtest.significance import daily_sharpe
from ocw_strategy.backtest.statistics import Figure, Times, Values, daily_returns
from ocw_strategy.errors import JournalError
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings

LEDGER_FILE = "trials.jsonl"


class Trial(Strict):
    """One configuration over one window, and what its Sharpe ratio was."""

    kind: str
    """Who ran it: ``backtest`` or ``walk-forward``."""
    configuration: str
    """SHA-256 of the settings without name, window and folders."""
    market: str
    """The catalog, instruments and base bar."""
    start_ns: int
    end_ns: int
    days: int
    daily_sharpe: Figure
    """Not annualised; None where it is not defined."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What was tried on a window."""

    count: int
    """Distinct configurations, at least one."""
    daily_sharpes: tuple[float, ...]
    """Of those whose ratio is known: over the longest window each was run on."""


def trial_of(settings: Settings, kind: str, ts_ns: Times, equity: Values) -> Trial:
    """Return the ledger's line of a run.

    Parameters
    ----------
    settings : Settings
    kind : str
    ts_ns, equity : ndarray
        Samples of the window's equity.
    """
    returns = daily_returns(ts_ns, equity).to_numpy() if len(ts_ns) else equity[:0]
    return Trial(
        kind=kind,
        configuration=configuration_of(settings),
        market=market_of(settings),
        start_ns=settings.run.start_ns,
        end_ns=settings.run.end_ns,
        days=len(returns),
        daily_sharpe=daily_sharpe(returns),
    )


def record_trial(runs: Path, trial: Trial) -> None:
    """Append a try to the ledger of a folder of runs; any number of processes may.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    line = (trial.model_dump_json() + "\n").encode()
    runs.mkdir(parents=True, exist_ok=True)
    # one write to a file opened for appending: lines of several processes do not mix
    handle = os.open(runs / LEDGER_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def trials_on(
    runs: Path,
    settings: Settings,
    also: Iterable[Trial] = (),
    *,
    span: tuple[int, int] | None = None,
    shown: Set[str] | None = None,
) -> Trials:
    """Return what was tried on the market and window of some settings, these included.

    Parameters
    ----------
    runs : Path
        Folder of runs; without a ledger nothing else was tried.
    settings : Settings
        The configuration that is shown.
    also : iterable of Trial, optional
        Tries that are not in the ledger.
    span : (int, int), optional
        Start and end of the window, UNIX nanoseconds; by default that of the settings.
    shown : set of str, optional
        Configurations that are shown; by default the settings'.

    Raises
    ------
    JournalError
        If the ledger is there and cannot be read.
    """
    found, unreadable = _read(runs / LEDGER_FILE)
    market = market_of(settings)
    start_ns, end_ns = span or (settings.run.start_ns, settings.run.end_ns)
    tried: dict[str, Trial] = {}
    for trial in (*found, *also):
        overlaps = trial.start_ns < end_ns and start_ns < trial.end_ns
        if trial.market != market or not overlaps:
            continue
        known = tried.get(trial.configuration)
        if known is None or trial.days > known.days:
            tried[trial.configuration] = trial
    own = {configuration_of(settings)} if shown is None else shown
    sharpes = [t.daily_sharpe for t in tried.values() if t.daily_sharpe is not None]
    return Trials(len(tried.keys() | own) + unreadable, tuple(sharpes))


def configuration_of(settings: Settings) -> str:
    """Return what identifies a configuration, wherever and whenever it is run."""
    tables: dict[str, Any] = settings.model_dump(mode="json")
    for key in ("name", "runs_dir", "start", "end"):
        del tables["run"][key]
    for key in ("catalog", "chunk_size"):
        del tables["data"][key]
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def market_of(settings: Settings) -> str:
    """Return what identifies the market a configuration was tried on."""
    symbols = ",".join(sorted(settings.data.instruments))
    return f"{Path(settings.data.catalog).resolve()}|{symbols}|{settings.data.bar_minutes}m"


def _read(path: Path) -> tuple[Sequence[Trial], int]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return (), 0
    except OSError as error:
        raise JournalError("trials", str(path), f"make it readable: {error}") from error
    found, unreadable = [], 0
    for line in lines:
        try:
            found.append(Trial.model_validate_json(line))
        except ValidationError:
            unreadable += 1
    return found, unreadable
