"""One backtest as a value: what came of it, without a folder of results unless one is asked for.

The walk-forward's trials and paths, the nulls and a notebook all run backtests through here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.backtest.run_data import RunData, collect
from ocw_strategy.backtest.statistics import Times, Values
from ocw_strategy.carried import CarriedState
from ocw_strategy.errors import SettingsError
from ocw_strategy.journal import MEMORY, Journal, Trade
from ocw_strategy.settings import Settings, settings_from

_numbers: Final = count(1)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of one backtest."""

    data: RunData
    """Everything in its journal, cut to the decision window."""
    state: CarriedState
    """What it leaves to a run that continues from it."""

    @property
    def settings(self) -> Settings:
        """What it was run with."""
        return self.data.settings

    @property
    def digest(self) -> str:
        """The journal's digest: equal for equal seed, catalog and settings."""
        return self.data.digest

    @property
    def ts_ns(self) -> Times:
        """Times of the equity samples, hourly, from the window's start to its end."""
        return self.data.ts_ns

    @property
    def equity(self) -> Values:
        """Mark-to-market equity at each, US dollars."""
        return self.data.equity

    @property
    def trades(self) -> list[Trade]:
        """Closed trades."""
        return self.data.trades

    @property
    def calls(self) -> int:
        """How often the advisor was asked."""
        return len(self.data.decisions)

    @property
    def call_ns(self) -> NDArray[np.int64]:
        """The closes at which it was asked."""
        return np.array([row.ts_ns for row in self.data.decisions], np.int64)


def run_outcome(
    settings: Settings, *, carried: CarriedState | None = None, journal_path: Path | None = None
) -> RunOutcome:
    """Run one backtest and return what came of it.

    Parameters
    ----------
    settings : Settings
    carried : CarriedState, optional
        What an earlier run left, to continue from.
    journal_path : Path, optional
        Where the journal is kept, in a folder that exists; without one it is forgotten.

    Raises
    ------
    CatalogError
        If the catalog lacks what the window needs.
    JournalError
        If the journal cannot be written.
    AccountBlownError
        If equity fell to the maintenance margin.
    """
    run_id = f"{settings.run.name}-outcome-{next(_numbers)}"
    with Journal.open(
        MEMORY if journal_path is None else journal_path,
        run_id=run_id,
        config=settings.model_dump(mode="json"),
        power_safe=False,
    ) as journal:
        run_node(run_config(settings, run_id), carried=carried)
        journal.flush()
        return RunOutcome(collect(journal, settings), CarriedState.of(journal))


def run_variant(settings: Settings, overrides: Mapping[str, object]) -> RunOutcome:
    """Run a variant of a backtest, such as a null.

    Parameters
    ----------
    settings : Settings
        What it is a variant of.
    overrides : mapping of str to object
        Values by dotted key, such as ``{"experiment.bandit": "prior"}``.

    Raises
    ------
    SettingsError
        If a key or value is refused.
    CatalogError, JournalError, AccountBlownError
        As `run_outcome` does.
    """
    return run_outcome(with_values(settings, overrides))


def with_values(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Return settings with some values replaced, by dotted key.

    Raises
    ------
    SettingsError
        If a key or value is refused.
    """
    tables: dict[str, Any] = settings.model_dump(mode="json")
    for key, value in values.items():
        *parents, last = key.split(".")
        table: Any = tables
        for parent in parents:
            table = table.get(parent) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise SettingsError(key, value, "name a key of the settings, such as run.seed")
        table[last] = value
    return settings_from(tables)
