"""A backtest in a notebook: run in memory, looked at as frames and figures.

Every run is counted in the ledger of tries of its folder of runs, however quickly it is forgotten:
the deflated Sharpe ratio of the next one knows of it.
"""

import json
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ocw_strategy.backtest import charts, sentences, wording
from ocw_strategy.backtest.attribution import Attribution, attribution
from ocw_strategy.backtest.intervals import Intervals, bootstrap_intervals
from ocw_strategy.backtest.outcome import run_outcome, with_values
from ocw_strategy.backtest.page import cards, paragraph, table
from ocw_strategy.backtest.report import write_reports
from ocw_strategy.backtest.run import run_backtest
from ocw_strategy.backtest.run_data import RunData, read_run
from ocw_strategy.backtest.significance import Significance, significance
from ocw_strategy.backtest.statistics import daily_returns, drawdowns
from ocw_strategy.backtest.summary import Summary, summarise_run
from ocw_strategy.backtest.trials import record_trial, trial_of, trials_on
from ocw_strategy.backtest.window import check_window
from ocw_strategy.errors import OcwError, SettingsError
from ocw_strategy.hold import hold_values
from ocw_strategy.journal import DecisionRow, Evaluation, Posterior, RegimeRow, Trade
from ocw_strategy.research.decision import DecisionView
from ocw_strategy.research.frames import numeric, of_records, utc
from ocw_strategy.settings import Settings, load_settings
from ocw_strategy.units import SIGNALS

THEME = "plotly_white"


class Run:
    """A finished run as frames (UTC index) and Plotly figures; shows itself in a notebook.

    Parameters
    ----------
    data : RunData
    folder : Path, optional
        Where it is kept; None for one that lives in memory alone.
    """

    def __init__(self, data: RunData, folder: Path | None = None) -> None:
        self.data = data
        self.folder = folder

    @property
    def settings(self) -> Settings:
        """What it was run with."""
        return self.data.settings

    @cached_property
    def summary(self) -> Summary:
        """Return its figures, those of the report."""
        return summarise_run(self.data)

    # -- frames -----------------------------------------------------------------------------------

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Return equity, balance, drawdown and both holds, hourly."""
        data = self.data
        start_usd, fee = float(data.equity[0]), self.settings.costs.taker_fee
        first = self.settings.data.instruments[0]
        return pd.DataFrame(
            {
                "equity": data.equity,
                "balance": data.balance,
                "drawdown": drawdowns(data.equity),
                "hold": hold_values({first: data.prices[first]}, start_usd, fee),
                "equal_weight": hold_values(data.prices, start_usd, fee),
            },
            index=utc(data.ts_ns),
        )

    @cached_property
    def returns(self) -> pd.Series:
        """Return the daily returns, indexed by the UTC day."""
        return daily_returns(self.data.ts_ns, self.data.equity).tz_localize("UTC")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Return the closed trades by the time they closed, a column for each signal at entry."""
        frame = of_records(Trade, self.data.trades, "closed_ns")
        frame = numeric(frame, "quantity", "entry_price", "exit_price")
        said = [json.loads(text) for text in frame.pop("signals")]
        for name in SIGNALS:
            frame[f"signal_{name}"] = [float(each.get(name, np.nan)) for each in said]
        return frame

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """Return the decisions by their close, a column for the exposure of each instrument."""
        leave = ["snapshot", "decision", "raw", "snapshot_hash", "wall_ns"]
        rows = self.data.decisions
        frame = of_records(DecisionRow, rows).drop(columns=["wall", *leave], errors="ignore")
        said = [json.loads(row.decision) if row.decision else None for row in rows]
        frame["reason"] = ["" if each is None else each["reason"] for each in said]
        for symbol in self.settings.data.instruments:
            frame[symbol] = [_exposure(each, symbol) for each in said]
        return numeric(frame, "cost_usd")

    @cached_property
    def gate(self) -> pd.DataFrame:
        """Return every evaluation of the gate, woken or skipped, by its close."""
        frame = of_records(Evaluation, self.data.evaluations)
        return frame.astype({"wake": bool})

    @cached_property
    def posteriors(self) -> pd.DataFrame:
        """Return each signal's posterior in a regime after every closed trade, and its mean."""
        frame = of_records(Posterior, self.data.posteriors)
        return frame.assign(mean=frame["alpha"] / (frame["alpha"] + frame["beta"]))

    @cached_property
    def regimes(self) -> pd.DataFrame:
        """Return the regime from each moment on, where it changed."""
        return of_records(RegimeRow, self.data.regimes)

    # -- what it is worth -------------------------------------------------------------------------

    @cached_property
    def attribution(self) -> Attribution:
        """Return where the profit came from."""
        return attribution(self.data)

    def significance(self) -> Significance:
        """Return what its Sharpe ratio is worth after all that was tried on this market."""
        tried = trials_on(Path(self.settings.run.runs_dir), self.settings)
        return significance(
            self.returns.to_numpy(), trials=tried.count, trial_sharpes=tried.daily_sharpes
        )

    def intervals(self, seed: int = 0) -> Intervals | None:
        """Return block-bootstrap intervals; None for a run of less than 30 days."""
        return bootstrap_intervals(self.returns.to_numpy(), rng=np.random.default_rng(seed))

    def decision(self, which: int | str) -> DecisionView:
        """Return one decision with everything around it.

        Parameters
        ----------
        which : int or str
            Its number (-1 is the last) or its id.

        Raises
        ------
        OcwError
            If there is none.
        """
        rows = self.data.decisions
        if isinstance(which, str):
            rows, which = [row for row in rows if row.decision_id == which], 0
        try:
            return DecisionView(self.data, rows[which])
        except IndexError:
            raise OcwError(
                "decision", which, f"name one of the {len(self.data.decisions)} in run.decisions"
            ) from None

    # -- figures ----------------------------------------------------------------------------------

    def plot_equity(self) -> go.Figure:
        """Draw equity against both holds."""
        return _themed(charts.equity_chart(self.data))

    def plot_drawdown(self) -> go.Figure:
        """Draw the fall of equity from its highest value so far."""
        return _themed(charts.drawdown_chart(self.data))

    def plot_trades(self, symbol: str) -> go.Figure:
        """Draw an instrument's price with every fill on it.

        Raises
        ------
        OcwError
            If it was not traded in this run.
        """
        if symbol not in self.data.prices:
            raise OcwError("symbol", symbol, f"give one of {', '.join(self.data.prices)}")
        return _themed(charts.trades_chart(self.data, symbol))

    def plot_gate(self) -> go.Figure:
        """Draw the wakes of each day by reason, over the share of closes that were skipped."""
        return _themed(charts.gate_chart(self.data))

    def plot_posteriors(self) -> go.Figure:
        """Draw each signal's posterior mean over time, a panel a regime."""
        return _themed(charts.posterior_chart(self.data))

    def plot_regimes(self) -> go.Figure:
        """Draw which regime was in force when."""
        return _themed(charts.regime_chart(self.data))

    def __repr__(self) -> str:
        result = self.summary.result
        return (
            f"Run({self.data.run_id}, {wording.percent(result.total_return, sign=True)}, "
            f"{self.summary.trades.count} trades)"
        )

    def _repr_html_(self) -> str:
        summary = self.summary
        synthetic = "SYNTHETIC MARKET. " if summary.synthetic else ""
        return "".join(
            [
                paragraph(f"{synthetic}{sentences.verdict(summary)}"),
                table(wording.comparison_heads(summary), wording.comparison_rows(summary)),
                cards(
                    {
                        "Trades": table((), wording.trade_rows(summary)),
                        "Costs": table((), wording.cost_rows(summary)),
                        "Gate": table((), wording.gate_rows(summary)),
                    }
                ),
            ]
        )


def backtest(config: str | Path | Settings, *, keep: bool = False, **overrides: Any) -> Run:
    """Run a backtest.

    Parameters
    ----------
    config : path or Settings
        A file such as ``configs/backtest.toml``, or settings.
    keep : bool, default False
        True keeps it in the folder of runs with its reports; else it lives in memory alone. It is
        counted as a try either way.
    **overrides
        Values over those of the file: ``seed__name=value`` or ``**{"run.seed": 7}``; two
        underscores stand for the dot, so ``run__seed=7``.

    Raises
    ------
    SettingsError
        If a key or value is refused.
    CatalogError
        If the catalog lacks what the window needs.
    AccountBlownError
        If equity fell to the maintenance margin.

    Examples
    --------
    >>> run = backtest("configs/demo-backtest.toml", run__end="2024-05-01")  # doctest: +SKIP
    >>> run.trades.groupby("exit_reason").net_usd.sum()  # doctest: +SKIP
    """
    settings = settings_of(config, overrides)
    if keep:
        result = run_backtest(settings, created_wall_ns=time.time_ns(), finish=write_reports)
        return open_run(result.folder)
    check_window(settings)
    data = run_outcome(settings).data
    if settings.experiment.plain:
        trial = trial_of(settings, "backtest", data.ts_ns, data.equity)
        record_trial(Path(settings.run.runs_dir), trial)
    return Run(data)


def open_run(folder: str | Path) -> Run:
    """Return a finished run from its folder.

    Raises
    ------
    JournalError
        If it holds no readable run.
    """
    return Run(read_run(Path(folder)), Path(folder))


def settings_of(config: str | Path | Settings, overrides: Mapping[str, Any]) -> Settings:
    """Return the settings a notebook asked for.

    Raises
    ------
    SettingsError
        If a key or value is refused.
    """
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    undotted = [key for key in values if "." not in key]
    if undotted:
        raise SettingsError(
            undotted[0], values[undotted[0]], "name its section too, such as run__seed=7"
        )
    if isinstance(config, Settings):
        return with_values(config, values)
    return load_settings(Path(config), values)


def _exposure(decided: dict[str, Any] | None, symbol: str) -> float:
    for target in decided["targets"] if decided else ():
        if target["symbol"] == symbol:
            return float(target["exposure"])
    return float("nan")


def _themed(figure: go.Figure) -> go.Figure:
    return figure.update_layout(template=THEME)
