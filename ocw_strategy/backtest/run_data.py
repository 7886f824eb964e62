"""A finished run's folder, read once for its summary, its report and its tearsheet.

Equity and prices are cut to the decision window: the warm-up before `run.start` is no result.
Everything comes from the journal and the settings beside it; the catalog is only asked whether
its market is a made-up one.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocw_strategy.backtest.run import CONFIG_FILE
from ocw_strategy.backtest.statistics import Times, Values
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import (
    Clamp,
    DecisionRow,
    Equity,
    Evaluation,
    Event,
    FillRow,
    Funding,
    Intent,
    Journal,
    JournalReader,
    Posterior,
    PriceRow,
    ReflectionRow,
    RegimeRow,
    Trade,
    skip_counts,
)
from ocw_strategy.journals import JOURNAL_FILE
from ocw_strategy.settings import Settings, settings_from
from ocw_strategy.units import DAY_NS

SAMPLE_MARK = "sample.json"
"""The file a catalog of the built-in sample market carries."""


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run left behind. The arrays have one entry per equity sample of the window."""

    run_id: str
    created_wall_ns: int
    digest: str
    settings: Settings
    synthetic: bool
    ts_ns: Times
    equity: Values
    balance: Values
    prices: dict[str, Values]
    """Last known price by instrument, NaN before the first."""
    evaluations: list[Evaluation]
    """Those kept row by row; `skips` counts the folded ones as well."""
    skips: Counter[tuple[str, str]]
    """Skipped evaluations by day (ISO date, UTC) and reason."""
    decisions: list[DecisionRow]
    clamps: list[Clamp]
    intents: dict[str, Intent]
    """By client order id."""
    fills: list[FillRow]
    trades: list[Trade]
    funding: list[Funding]
    posteriors: list[Posterior]
    regimes: list[RegimeRow]
    events: list[Event]
    reflections: list[ReflectionRow]

    @property
    def days(self) -> float:
        """The length of the window."""
        return int(self.ts_ns[-1] - self.ts_ns[0]) / DAY_NS


def read_settings(folder: Path) -> Settings:
    """Return the settings a run was made with.

    Raises
    ------
    JournalError
        If the file is missing or damaged.
    SettingsError
        If they are those of another version.
    """
    path = folder / CONFIG_FILE
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JournalError("run config", str(path), f"give the folder of a run: {error}") from error
    return settings_from(tables)


def read_run(folder: Path) -> RunData:
    """Return what a run left in its folder.

    Raises
    ------
    JournalError
        If the journal is missing, damaged or holds no equity sample.
    SettingsError
        If the settings beside it cannot be read.
    """
    settings = read_settings(folder)
    with Journal.read_only(folder / JOURNAL_FILE) as journal:
        return collect(journal, settings)


def collect(journal: JournalReader, settings: Settings) -> RunData:
    """Return what a run left in a journal that is open.

    Raises
    ------
    JournalError
        If the journal is damaged or holds no equity sample.
    """
    meta = journal.meta()
    samples = journal.columns(Equity)
    ts_ns = np.array(samples["ts_ns"], dtype=np.int64)
    if not len(ts_ns):
        raise JournalError("run equity", "no sample", "give a run that came to its end")
    # the account as it was when the window opened: nothing is traded before it
    first = max(0, int(np.searchsorted(ts_ns, settings.run.start_ns, side="right")) - 1)
    window = ts_ns[first:]
    return RunData(
        run_id=meta["run_id"],
        created_wall_ns=meta["created_wall_ns"],
        digest=journal.digest(),
        settings=settings,
        synthetic=(Path(settings.data.catalog) / SAMPLE_MARK).exists(),
        ts_ns=window,
        equity=np.array(samples["equity"])[first:],
        balance=np.array(samples["balance"])[first:],
        prices=_prices(journal, window, settings.data.instruments),
        evaluations=journal.rows(Evaluation),
        skips=skip_counts(journal),
        decisions=journal.rows(DecisionRow),
        clamps=journal.rows(Clamp),
        intents={row.client_order_id: row for row in journal.rows(Intent)},
        fills=journal.rows(FillRow),
        trades=journal.rows(Trade),
        funding=journal.rows(Funding),
        posteriors=journal.rows(Posterior),
        regimes=journal.rows(RegimeRow),
        events=journal.rows(Event),
        reflections=journal.rows(ReflectionRow),
    )


def _prices(journal: JournalReader, ts_ns: Times, symbols: Sequence[str]) -> dict[str, Values]:
    rows = journal.columns(PriceRow, "ts_ns >= ?", (int(ts_ns[0]),))
    at = np.searchsorted(ts_ns, np.array(rows["ts_ns"], dtype=np.int64))
    found: dict[str, Values] = defaultdict(lambda: np.full(len(ts_ns), np.nan))
    for index, symbol, price in zip(at.tolist(), rows["symbol"], rows["price"], strict=True):
        found[symbol][index] = price
    return {symbol: _filled_forward(found[symbol]) for symbol in symbols}


def _filled_forward(values: Values) -> Values:
    known = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return values[np.maximum.accumulate(known)]
