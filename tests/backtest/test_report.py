"""The reports say what the summary says, offline, whatever the run was like."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ocw_strategy.backtest import sentences, summarise, wording, write_reports
from ocw_strategy.backtest.charts import thinned
from ocw_strategy.backtest.run import HINDSIGHT
from ocw_strategy.backtest.run_data import read_run
from ocw_strategy.backtest.statistics import daily_returns
from ocw_strategy.hold import hold_values
from ocw_strategy.journal import Event, Posterior, RegimeRow
from ocw_strategy.units import MILLISECOND_NS
from tests.backtest.pages import (
    addresses,
    numbers,
    report_figures,
    table_rows,
    tearsheet_figure,
)
from tests.backtest.runs import (
    BTC,
    OPENED_NS,
    closed,
    decided,
    evaluated,
    filled,
    flat,
    hand_settings,
    samples,
    write_run,
)


@pytest.fixture(scope="module")
def page(finished: Path) -> str:
    return (finished / "report.html").read_text()


@pytest.fixture(scope="module")
def tearsheet(finished: Path) -> str:
    return (finished / "tearsheet.html").read_text()


def test_every_figure_of_the_summary_stands_in_the_report(page: str, finished: Path) -> None:
    summary = summarise(finished)
    rows = table_rows(page)
    assert summary.trades.count > 10
    for row in [
        *wording.comparison_rows(summary),
        *wording.trade_rows(summary),
        *wording.cost_rows(summary),
        *wording.gate_rows(summary),
        *wording.count_rows(summary.gate.wakes_by_reason),
        *wording.count_rows(summary.gate.skips_by_reason),
        *wording.count_rows(summary.events_by_kind),
    ]:
        assert tuple(row) in rows
    assert ("Journal digest", summary.digest) in rows


def test_summary_json_is_the_summary(finished: Path) -> None:
    stored = json.loads((finished / "summary.json").read_text())
    assert stored == json.loads(summarise(finished).model_dump_json())


def test_no_two_sharpe_ratios_disagree(page: str, tearsheet: str, finished: Path) -> None:
    result = summarise(finished).result
    assert result.sharpe is not None
    shown = next(row for row in table_rows(page) if row[0] == "Sharpe (365 days)")
    assert shown[1] == f"{result.sharpe:,.2f}"
    cells = {}
    for trace in tearsheet_figure(tearsheet):
        if trace["type"] == "table":
            cells.update(zip(*trace["cells"]["values"], strict=True))
    assert cells["Sharpe Ratio (365 days)"] == f"{result.sharpe:.4f}"
    assert cells["Sortino Ratio (365 days)"] == f"{result.sortino:.4f}"
    assert cells["Max Drawdown (hourly equity)"] == f"{result.max_drawdown:.4f}"
    # the engine's rolling chart has 252 days built in
    assert [name for name in cells if "harpe" in name] == ["Sharpe Ratio (365 days)"]
    assert "Rolling Sharpe" not in tearsheet


def test_the_tearsheet_sets_equity_and_equal_weight_on_the_same_days(
    tearsheet: str, finished: Path
) -> None:
    run = read_run(finished)
    held = hold_values(run.prices, 10_000.0, run.settings.costs.taker_fee)
    traces = {trace.get("name"): trace for trace in tearsheet_figure(tearsheet)}
    strategy, benchmark = traces["Strategy"], traces["hold all, equal weight"]
    assert strategy["x"] == benchmark["x"]
    for trace, values in ((strategy, run.equity), (benchmark, held)):
        grown = np.cumprod(1 + daily_returns(run.ts_ns, values).to_numpy())
        assert numbers(trace["y"]) == pytest.approx(grown.tolist())
        assert numbers(trace["y"])[-1] == pytest.approx(values[-1] / values[0])


def test_charts_draw_the_runs_own_numbers(page: str, finished: Path) -> None:
    run, summary = read_run(finished), summarise(finished)
    equity, drawdown, *rest = report_figures(page)
    ends = {trace["name"]: numbers(trace["y"])[-1] for trace in equity["data"]}
    assert ends == {
        "OCW": summary.result.end_usd,
        "hold BTC": summary.hold.end_usd,
        "hold all, equal weight": summary.equal_weight.end_usd,
    }
    assert min(numbers(drawdown["data"][0]["y"])) == summary.result.max_drawdown
    prices, gate, regimes = rest[:3], rest[3], rest[4]
    drawn = [numbers(t["x"]) for p in prices for t in p["data"] if t.get("mode") == "markers"]
    assert sorted(ms for times in drawn for ms in times) == sorted(
        fill.ts_ns / MILLISECOND_NS for fill in run.fills
    )
    wakes = {t["name"]: sum(numbers(t["y"])) for t in gate["data"] if t["type"] == "bar"}
    reasons = summary.gate.wakes_by_reason
    assert wakes == {wording.plain(name): count for name, count in reasons.items()}
    spells = sum(sum(numbers(trace["x"])) for trace in regimes["data"])
    assert spells == (run.ts_ns[-1] - run.ts_ns[0]) / MILLISECOND_NS


@pytest.mark.parametrize("name", ["report.html", "tearsheet.html"])
def test_pages_load_nothing_from_anywhere(name: str, finished: Path) -> None:
    html = (finished / name).read_text()
    local = {"tearsheet.html", "summary.json", "config.json"}
    assert set(addresses(html)) <= local
    assert len(html.encode()) < 6_000_000
    assert html.count("plotly.js v") == 1


def test_the_report_forbids_itself_any_request(page: str) -> None:
    policy = page.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "connect-src" not in policy


def test_an_advisors_answer_cannot_become_markup(tmp_path: Path) -> None:
    evil = "</script><script>alert('x')</script><img src=http://a.example/x>"
    records = [*flat(), decided("a", 0, reason=evil)]
    records.append(Event(OPENED_NS, "halt:<b>", BTC, evil))
    records.append(Posterior(OPENED_NS, evil, "funding", 2.0, 2.0, 1))
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), records)
    write_reports(folder)
    html = (folder / "report.html").read_text()
    assert not any("a.example" in address for address in addresses(html))
    assert any(evil in row for row in table_rows(html))
    assert len(report_figures(html)) == 8


@pytest.mark.parametrize("count", [1, 25, 49])
def test_a_run_of_any_length_without_a_trade_gets_its_reports(count: int, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), samples([10_000.0] * count))
    write_reports(folder)
    rows = table_rows((folder / "report.html").read_text())
    assert next(r for r in rows if r[0] == "Sharpe (365 days)")[:2] == ("Sharpe (365 days)", "–")
    assert ("Won", "–") in rows
    assert (folder / "tearsheet.html").stat().st_size > 1_000_000


def test_losses_are_said_as_plainly_as_gains(tmp_path: Path) -> None:
    records = samples([10_000.0 - 20 * hour for hour in range(49)])
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), records)
    write_reports(folder)
    html = (folder / "report.html").read_text()
    hold = 100 * ((1 - 0.0005) / (1 + 0.0005) - 1)
    assert f"Lost 9.60 % in 2 days: {9.6 + hold:.2f} points worse than holding BTC" in html


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_synthetic_market_is_said_to_be_one_wherever_it_is_shown(
    synthetic: bool, tmp_path: Path
) -> None:
    if synthetic:
        (tmp_path / "sample.json").write_text("{}")
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), flat())
    write_reports(folder)
    assert summarise(folder).synthetic is synthetic
    for name in ("report.html", "tearsheet.html"):
        assert ("SYNTHETIC" in (folder / name).read_text()) is synthetic


@pytest.mark.parametrize("remembered", [True, False])
def test_hindsight_is_said_wherever_the_result_is_shown(remembered: bool, tmp_path: Path) -> None:
    warning = Event(OPENED_NS, HINDSIGHT, "", "HINDSIGHT: the model may remember")
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), flat() + [warning] * remembered)
    write_reports(folder)
    summary = summarise(folder)
    assert bool(summary.hindsight) is remembered
    for name in ("report.html", "tearsheet.html"):
        assert ("HINDSIGHT" in (folder / name).read_text()) is remembered
    told = sentences.warnings(summary)
    told += sentences.limits_of_this(summary, hand_settings(tmp_path))
    assert ("HINDSIGHT" in " ".join(told)) is remembered
    assert ("HINDSIGHT" in dict(wording.run_rows(summary))["Market"]) is remembered


def test_thinning_keeps_the_ends_and_every_extreme() -> None:
    values = np.random.default_rng(1).normal(size=50_000).cumsum()
    kept = thinned(values, 100)
    assert len(kept) <= 400
    assert (np.diff(kept) > 0).all()
    assert {0, len(values) - 1, int(values.argmin()), int(values.argmax())} <= set(kept.tolist())
    assert thinned(values[:300], 100).tolist() == list(range(300))


def test_the_regime_in_force_when_the_window_opens_is_drawn_from_there(tmp_path: Path) -> None:
    day = 24 * 3_600_000_000_000
    regimes = [
        RegimeRow(OPENED_NS + at * day, f"{name}_goldilocks", name, "goldilocks", 0.9, 0.4)
        for at, name in ((-30, "unknown"), (-10, "calm"), (1, "turbulent"))
    ]
    records = flat() + regimes + filled("a", 1, "BUY", "1", "100") + [closed("t", 1.0)]
    records += [evaluated(2, "shock", wake=True)]
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), records)
    write_reports(folder)
    figures = report_figures((folder / "report.html").read_text())
    hours: Counter[str] = Counter()
    for trace in figures[6]["data"]:
        hours[trace["y"][0]] += sum(numbers(trace["x"])) / 3_600_000
    assert hours == {"calm goldilocks": 24, "turbulent goldilocks": 24}
