"""The figures are the journal's own samples, and a curve is few points of which none is made up."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.backtest import summarise
from ocw_strategy.dashboard.equity import (
    POINTS,
    EquityCurve,
    EquityFigures,
    equity_curve,
    equity_figures,
    first_sample_ns,
)
from ocw_strategy.hold import hold_values
from ocw_strategy.journal import MEMORY, Equity, Journal, PriceRow, Record
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.backtest.runs import BTC, ETH, OPENED_NS, SOL, samples

CONFIG: dict[str, Any] = {"data": {"instruments": [BTC, ETH, SOL]}, "costs": {"taker_fee": 0.001}}


def figures(records: Sequence[Record], first_ns: int = 0) -> EquityFigures | None:
    with Journal.open(MEMORY, run_id="equity") as journal:
        for record in records:
            journal.append(record)
        return equity_figures(journal, first_ns)


def curve(records: Sequence[Record], days: float = 0, first_ns: int = OPENED_NS) -> EquityCurve:
    with Journal.open(MEMORY, run_id="equity") as journal:
        for record in records:
            journal.append(record)
        return equity_curve(journal, CONFIG, first_ns, days)


def test_before_the_first_sample_nothing_is_known() -> None:
    assert figures([]) is None
    assert curve([]) == EquityCurve(ts_ns=[], equity=[], hold={})


def test_figures_are_those_of_the_samples() -> None:
    values = [10_000.0, 10_500.0, *[10_400.0] * 23, 10_200.0]  # the last an hour into the next day
    found = figures(samples(values))
    assert found is not None
    assert (found.ts_ns, found.equity_usd) == (OPENED_NS + 25 * HOUR_NS, 10_200.0)
    assert found.day_change_usd == 10_200.0 - 10_400.0
    assert found.day_change == 10_200.0 / 10_400.0 - 1
    assert found.total_return == 10_200.0 / 10_000.0 - 1
    assert found.drawdown == 10_200.0 / 10_500.0 - 1


def test_an_equity_that_is_not_known_is_passed_over() -> None:
    found = figures([*samples([10_000.0, 9_000.0]), Equity(OPENED_NS + DAY_NS, math.nan, 1.0)])
    assert found is not None
    assert found.equity_usd == 9_000.0


def test_a_backtests_result_counts_from_its_start_and_a_nodes_from_its_first_sample() -> None:
    config = {"run": {"start": "2024-03-01T02:30:00"}}
    with Journal.open(MEMORY, run_id="first") as journal:
        assert first_sample_ns(journal, config, live=False) == 0
        for record in samples([10_000.0] * 6):
            journal.append(record)
        assert first_sample_ns(journal, config, live=False) == OPENED_NS + 2 * HOUR_NS
        assert first_sample_ns(journal, config, live=True) == OPENED_NS


@given(st.integers(0, 3000), st.sampled_from([0.0, 0.5, 7.0]))
def test_a_curve_is_few_of_the_samples_and_ends_at_the_newest(count: int, days: float) -> None:
    records = [Equity(OPENED_NS + n * HOUR_NS, 10_000.0 + n, 0.0) for n in range(count)]
    found = curve(records, days)
    assert len(found.ts_ns) == len(found.equity) <= POINTS
    assert found.ts_ns == sorted(set(found.ts_ns))
    known = {record.ts_ns: record.equity for record in records}
    assert [known[ns] for ns in found.ts_ns] == found.equity
    if records:
        assert found.ts_ns[-1] == records[-1].ts_ns
        asked_ns = max(records[0].ts_ns, records[-1].ts_ns - int(days * DAY_NS) if days else 0)
        assert found.ts_ns[0] - asked_ns < HOUR_NS


def test_holding_is_reckoned_as_the_report_does_from_the_curves_first_point() -> None:
    btc, eth = [100.0, 110.0, 120.0, 90.0], [10.0, 9.0, 8.0, 12.0]
    found = curve(samples([10_000.0] * 4, {BTC: btc, ETH: eth, SOL: [math.nan] * 4}))
    prices = {BTC: np.array(btc), ETH: np.array(eth)}
    assert found.hold == {
        BTC: hold_values({BTC: prices[BTC]}, 10_000.0, 0.001).tolist(),
        "all, equal weight": hold_values(prices, 10_000.0, 0.001).tolist(),
    }


def test_a_sample_without_a_price_keeps_the_one_before() -> None:
    records: list[Record] = [Equity(OPENED_NS + n * HOUR_NS, 100.0, 0.0) for n in range(3)]
    records += [PriceRow(OPENED_NS, BTC, 50.0), PriceRow(OPENED_NS + 2 * HOUR_NS, BTC, 100.0)]
    held = curve(records).hold[BTC]
    assert held[:2] == pytest.approx([100.0, 100.0 / 1.001])


def test_a_finished_runs_figures_are_its_summarys(demo: Path) -> None:
    summary = summarise(demo.parent)
    with Journal.read_only(demo) as journal:
        first_ns = first_sample_ns(journal, journal.meta()["config"], live=False)
        found = equity_figures(journal, first_ns)
        whole = equity_curve(journal, journal.meta()["config"], first_ns, 0)
    assert found is not None
    assert found.total_return == pytest.approx(summary.result.total_return)
    assert found.equity_usd == pytest.approx(summary.result.end_usd)
    assert whole.hold[BTC][-1] == pytest.approx(summary.hold.end_usd)
