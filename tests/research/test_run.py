"""A run in a notebook: its frames are its journal, its figures those of the report."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from ocw_strategy.backtest import run_outcome, summarise
from ocw_strategy.backtest.significance import significance
from ocw_strategy.backtest.trials import LEDGER_FILE, trials_on
from ocw_strategy.errors import CatalogError, JournalError, OcwError, SettingsError
from ocw_strategy.research import Run, backtest, open_run
from ocw_strategy.settings import Settings
from tests.backtest.market import make_settings

FRAMES = ("equity", "trades", "decisions", "gate", "posteriors", "regimes")
PLOTS = ("plot_equity", "plot_drawdown", "plot_gate", "plot_posteriors", "plot_regimes")


def short(market: Path, folder: Path) -> Settings:
    window = {"start": "2024-02-10", "end": "2024-02-11", "warmup_days": 10}
    return make_settings(market, run={**window, "runs_dir": str(folder)})


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_has_a_utc_index_and_every_row(name: str, run: Run) -> None:
    frame = getattr(run, name)
    rows = {
        "equity": run.data.equity, "trades": run.data.trades, "decisions": run.data.decisions,
        "gate": run.data.evaluations, "posteriors": run.data.posteriors,
        "regimes": run.data.regimes,
    }[name]  # fmt: skip
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert str(frame.index.tz) == "UTC"
    assert len(frame) == len(rows) > 0


def test_the_frames_hold_the_journals_own_values(run: Run) -> None:
    data, trades = run.data, run.trades
    assert run.equity.equity.tolist() == data.equity.tolist()
    assert trades.net_usd.sum() == pytest.approx(sum(t.net_usd for t in data.trades))
    assert trades.index.astype("int64").tolist() == [t.closed_ns for t in data.trades]
    assert (trades.opened < trades.index).all()
    first = json.loads(data.trades[0].signals)
    assert trades.iloc[0]["signal_funding"] == first["funding"]
    assert run.gate.wake.sum() == sum(row.wake for row in data.evaluations)
    assert run.posteriors["mean"].between(0, 1).all()
    said = json.loads(data.decisions[-1].decision)
    for target in said["targets"]:
        assert run.decisions.iloc[-1][target["symbol"]] == target["exposure"]
    assert run.decisions.iloc[-1]["reason"] == said["reason"]


def test_the_figures_are_those_of_the_report(run: Run) -> None:
    assert run.folder
    assert run.summary == summarise(run.folder)
    for name in PLOTS:
        figure = getattr(run, name)()
        assert isinstance(figure, go.Figure)
        assert figure.data
    ends = {trace.name: trace.y[-1] for trace in run.plot_equity().data}
    assert ends["OCW"] == run.summary.result.end_usd
    assert run.plot_trades("BTCUSDT-PERP").data[0].name == "price"


def test_a_kept_run_is_opened_as_it_was(run: Run) -> None:
    assert run.folder
    again = open_run(run.folder)
    assert again.data.digest == run.data.digest
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(run, name))


def test_a_run_in_memory_is_the_same_run_and_counts_as_a_try(market: Path, tmp_path: Path) -> None:
    settings = short(market, tmp_path / "runs")
    found = backtest(settings)
    assert found.data.digest == run_outcome(settings).digest
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [LEDGER_FILE]
    backtest(settings, advisor__rules__entry_score=0.5)
    backtest(settings, **{"advisor.rules.entry_score": 0.5})
    assert trials_on(tmp_path / "runs", settings).count == 2
    backtest(settings, experiment__bandit="prior")  # a null is no candidate
    assert trials_on(tmp_path / "runs", settings).count == 2


def test_a_run_works_where_an_event_loop_runs(market: Path, tmp_path: Path) -> None:
    async def cell() -> Run:
        return backtest(short(market, tmp_path))

    found = asyncio.run(cell())
    assert len(found.equity) == 25


def test_its_worth_knows_what_else_was_tried(run: Run) -> None:
    found = run.significance()
    assert found == significance(run.returns.to_numpy(), trials=1)
    assert run.intervals() is None  # ten days say nothing
    assert run.attribution.total_usd == pytest.approx(run.data.equity[-1] - run.data.equity[0])


def test_a_run_shows_itself(run: Run) -> None:
    html = run._repr_html_()
    assert "SYNTHETIC MARKET" in html
    assert f"{run.summary.trades.count:,}" in html
    assert run.data.run_id in repr(run)


def test_a_decision_is_shown_with_all_around_it(run: Run) -> None:
    opened = next(t.decision_id for t in run.data.trades if not t.decision_id.startswith("review"))
    view = run.decision(opened)
    assert view.row.decision_id == opened
    assert len(view.trades) == sum(t.decision_id == opened for t in run.data.trades)
    assert {"entry", "stop"} <= set(view.orders.purpose)
    assert len(view.fills) >= 1
    assert set(view.signals.index) == set(run.settings.data.instruments)
    assert view.targets.exposure.between(-1, 1).all()
    assert view.posteriors.shape[0] == 4
    html = view._repr_html_()
    assert view.decision
    assert view.decision["reason"].split(";")[0][:20] in html
    assert opened in repr(view)
    assert run.decision(-1).row == run.data.decisions[-1]


def test_an_answer_cannot_become_markup(run: Run) -> None:
    view = run.decision(0)
    object.__setattr__(view, "row", _with_reason(view.row, "<script>alert(1)</script>"))
    assert "<script>" not in view._repr_html_()


def _with_reason(row: object, reason: str) -> object:
    from dataclasses import replace

    decided = json.loads(row.decision)  # type: ignore[attr-defined]
    return replace(row, decision=json.dumps({**decided, "reason": reason}))  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda run: run.decision("nonsense"), OcwError, "run.decisions"),
        (lambda run: run.decision(10**6), OcwError, "run.decisions"),
        (lambda run: run.plot_trades("DOGE"), OcwError, "BTCUSDT-PERP"),
        (lambda run: backtest(run.settings, seed=7), SettingsError, "run__seed=7"),
        (lambda run: backtest(run.settings, run__sead=7), SettingsError, "did you mean 'seed'"),
        (lambda run: backtest("nowhere.toml"), SettingsError, "name a file that exists"),
        (lambda run: backtest(run.settings, data__catalog="nowhere"), CatalogError, "nowhere"),
        (lambda run: open_run("nowhere"), JournalError, "folder of a run"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    ask: Callable[[Run], object], error: type[OcwError], said: str, run: Run
) -> None:
    with pytest.raises(error, match=said):
        ask(run)
