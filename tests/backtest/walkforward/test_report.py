"""The assessment of a walk-forward, its page and its Parquet say the same, offline."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ocw_strategy.backtest.statistics import daily_returns
from ocw_strategy.backtest.trials import LEDGER_FILE, record_trial, trial_of
from ocw_strategy.backtest.walkforward import WalkForwardResult, assess, write_walk_forward_report
from ocw_strategy.backtest.walkforward.charts import equity_band
from ocw_strategy.backtest.walkforward.grid import grid_returns
from ocw_strategy.backtest.walkforward.report import null_rows, verdict_sentence
from ocw_strategy.backtest.walkforward.wording import walk_rows
from tests.backtest.pages import addresses, numbers, report_figures, table_rows
from tests.backtest.runs import hand_settings
from tests.backtest.walkforward.walks import hand_nulls, hand_walk, walk_settings


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> WalkForwardResult:
    return hand_walk(tmp_path_factory.mktemp("walk"))


@pytest.fixture(scope="module")
def page(result: WalkForwardResult) -> str:
    write_walk_forward_report(result, hand_nulls(result))
    return (result.folder / "report.html").read_text()


def test_no_day_of_the_grid_counts_twice(result: WalkForwardResult) -> None:
    found = grid_returns(result)
    first, last = result.windows[0].window, result.windows[-1].window
    days = (last.is_end_ns - first.is_start_ns) // 86_400_000_000_000
    for number, returns in enumerate(found.returns.values()):
        drawn = np.random.default_rng(number).normal(0.001, 0.01, days)
        assert returns == pytest.approx(drawn)
    assert found.left_out == 0


def test_a_point_that_was_screened_out_of_a_window_has_no_series(
    result: WalkForwardResult,
) -> None:
    cut = result.windows[2]
    fewer = cut.choice.model_copy(update={"trials": cut.choice.trials[:2], "chosen": 1})
    windows = list(result.windows)
    windows[2] = cut.model_copy(update={"choice": fewer})
    found = grid_returns(replace(result, windows=tuple(windows)))
    assert (len(found.returns), found.left_out) == (2, 1)


def test_every_point_of_the_grid_and_every_earlier_backtest_is_counted(tmp_path: Path) -> None:
    result = hand_walk(tmp_path)
    assert assess(result).tried == 3
    earlier = hand_settings(tmp_path, run={"start": "2024-03-01", "end": "2024-04-01", "seed": 5})
    ts_ns = earlier.run.start_ns + np.arange(32) * 86_400_000_000_000
    record_trial(
        tmp_path / "runs", trial_of(earlier, "backtest", ts_ns, np.linspace(1e4, 1.1e4, 32))
    )
    assert assess(result).tried == 4
    write_walk_forward_report(result)
    lines = (tmp_path / "runs" / LEDGER_FILE).read_text().splitlines()
    assert len(lines) == 4
    write_walk_forward_report(result)
    assert (tmp_path / "runs" / LEDGER_FILE).read_text().splitlines() == lines
    assert assess(result).tried == 4


def test_the_assessment_is_of_the_stitched_curve(result: WalkForwardResult) -> None:
    found = assess(result, hand_nulls(result))
    returns = daily_returns(result.ts_ns, result.equity)
    significance = found.verdict.significance
    assert significance.days == len(returns) == 180
    assert significance.sharpe == pytest.approx(returns.mean() / returns.std(ddof=0) * np.sqrt(365))
    assert found.verdict.intervals
    assert found.verdict.intervals.total_return.estimate == pytest.approx(
        result.performance.total_return
    )
    assert [check.name for check in found.verdict.checks] == [
        "deflated Sharpe ratio", "return interval", "overfitting", "holding BTC",
    ]  # fmt: skip
    (chosen,) = found.stability
    assert chosen.chosen == (("0.25", 3), ("0.35", 2), ("0.45", 1))
    assert chosen.changes == 3


def test_every_figure_stands_in_the_page(page: str, result: WalkForwardResult) -> None:
    rows = table_rows(page)
    for row in [*walk_rows(result), *null_rows(hand_nulls(result))]:
        assert tuple(row) in rows
    found = assess(result, hand_nulls(result))
    assert ("Deflated Sharpe ratio", f"{found.verdict.significance.deflated:.4f}") in rows
    assert found.verdict.overfitting
    shown = f"{found.verdict.overfitting.probability:.4f}"
    assert ("Probability of backtest overfitting", shown) in rows
    for title in (
        "Windows", "Nulls", "Overfitting", "Stability of the choice", "Skill or luck",
        "Gate and bandit", "What was tried", "What this does not show",
    ):  # fmt: skip
        assert f"<h2>{title}</h2>" in page


def test_the_page_says_in_words_what_is_not_beaten(page: str, result: WalkForwardResult) -> None:
    for sentence in hand_nulls(result).table.sentences():
        assert sentence.replace("'", "&#x27;") in page
    assert "OCW is not shown to beat" in page


def test_charts_draw_the_stitched_curve_in_its_band(page: str, result: WalkForwardResult) -> None:
    traces = {trace.get("name"): trace for trace in report_figures(page)[0]["data"]}
    assert numbers(traces["OCW, out of sample"]["y"])[-1] == result.equity[-1]
    band = equity_band(result)
    assert band
    assert numbers(traces["95 % of resampled records"]["y"]) == pytest.approx(band[1].tolist())
    assert (band[1] < band[2]).all()


def test_the_page_opens_offline(page: str) -> None:
    assert set(addresses(page)) <= {"report.parquet", "assessment.json"}
    assert "Content-Security-Policy\" content=\"default-src 'none';" in page
    assert len(page.encode()) < 6_000_000


def test_the_parquet_holds_what_the_page_shows(page: str, result: WalkForwardResult) -> None:
    rows = pq.read_table(result.folder / "report.parquet").to_pandas()
    found = assess(result, hand_nulls(result))

    def value(section: str, name: str, figure: str) -> float:
        (row,) = rows[
            (rows.section == section) & (rows.name == name) & (rows.figure == figure)
        ].value
        return float(row)

    equity = rows[rows.section == "equity"]
    assert equity.ts_ns.astype("int64").tolist() == result.ts_ns.tolist()
    assert equity.value.tolist() == result.equity.tolist()
    deflated = found.verdict.significance.deflated
    assert value("assessment", "whole", "verdict.significance.deflated") == deflated
    assert value("nulls", "no gate", "fees_usd") == 30.0
    assert value("stability", "advisor.rules.entry_score", "changes") == 3
    assert set(rows.section) >= {
        "assessment", "checks", "equity", "band", "windows", "calibration", "choice", "tried",
        "nulls", "gate", "bandit", "stability",
    }  # fmt: skip
    stored = json.loads((result.folder / "assessment.json").read_text())
    assert stored == json.loads(found.model_dump_json())


def test_a_walk_without_grid_nulls_or_length_still_gets_its_report(tmp_path: Path) -> None:
    walk = walk_settings(
        windows={"in_sample_days": 10, "purge_days": 1, "out_of_sample_days": 5}, grid={}
    )
    result = hand_walk(tmp_path, windows=2, chosen=(0, 0), walk=walk)
    found = write_walk_forward_report(result)
    html = (result.folder / "report.html").read_text()
    assert not found.verdict.passed
    assert verdict_sentence(result, found).startswith("Not shown to work: Out of sample it ")
    assert "The nulls were not run" in html
    assert ("Deflated Sharpe ratio", "–") in table_rows(html)
    assert pq.read_table(result.folder / "report.parquet").num_rows > 100
