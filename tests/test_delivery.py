"""What overtakes an answer between the close it was asked on and its delivery."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.delivery import (
    POSITION_CHANGED,
    PRICE_MOVED,
    TOO_OLD,
    Standing,
    overtaken,
)
from ocw_strategy.journal import DecisionRow, Event, Intent
from ocw_strategy.settings import ExecutionSettings
from ocw_strategy.units import SECOND_NS
from tests.backtest.eager import BTC, ToldRun, eager, short_frames
from tests.backtest.market import write_catalog

SETTINGS = ExecutionSettings(max_answer_age_seconds=60, max_price_move_fraction=0.01)
ASKED = Standing(0, {"A": 100.0, "B": 10.0}, {"A": 0.5})


def later(
    seconds: float = 60.0,
    prices: Mapping[str, float] | None = None,
    quantities: Mapping[str, float] | None = None,
) -> Standing:
    held = ASKED.quantities if quantities is None else quantities
    return Standing(int(seconds * SECOND_NS), {**ASKED.prices, **(prices or {})}, held)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (later(), None),
        (later(60.001), TOO_OLD),
        (later(prices={"A": 100.99, "B": 9.91}), None),
        (later(prices={"A": 101.01}), PRICE_MOVED),
        (later(prices={"B": 9.89}), PRICE_MOVED),
        (later(prices={"A": math.nan}), PRICE_MOVED),
        (later(quantities={}), POSITION_CHANGED),
        (later(quantities={"A": 0.4}), POSITION_CHANGED),
        (later(quantities={"A": 0.5, "B": -1.0}), POSITION_CHANGED),
    ],
)
def test_an_answer_stands_only_while_what_it_speaks_of_does(now: Standing, why: str | None) -> None:
    assert overtaken(ASKED, now, SETTINGS) == why


def test_an_order_of_our_own_does_not_overtake_an_answer() -> None:
    now = later(6, quantities={})
    assert overtaken(ASKED, now, SETTINGS) == POSITION_CHANGED
    assert overtaken(ASKED, now, SETTINGS, ASKED.quantities.keys()) is None


@given(st.floats(0.5, 2.0), st.floats(0, 120))
def test_what_stands_is_young_and_near(factor: float, seconds: float) -> None:
    if overtaken(ASKED, later(seconds, {"A": 100 * factor}), SETTINGS) is None:
        assert seconds <= 60
        assert abs(factor - 1) <= 0.01 + 1e-9


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("delivery") / "catalog", short_frames())


@pytest.mark.parametrize(
    ("execution", "why"),
    [
        ({"latency_seconds": 60, "max_answer_age_seconds": 30}, TOO_OLD),
        ({"latency_seconds": 250, "max_price_move_fraction": 1e-9}, None),
    ],
)
def test_a_backtest_holds_what_was_overtaken(
    catalog: Path, execution: Mapping[str, float], why: str | None
) -> None:
    # no bar closes between a close and its decision here: only age can overtake it
    settings = eager(catalog, execution={**execution, "latency_sigma": 0.0})
    run = ToldRun(settings, f"delivery-{why}", lambda _: {BTC: 1.0})
    try:
        # one at the very end is not delivered any more
        rows = run.rows(DecisionRow)
        decisions = sum(row.ts_ns < settings.run.end_ns for row in rows)
        held = [event.kind for event in run.rows(Event) if event.kind.startswith("hold:")]
        entries = [intent for intent in run.rows(Intent) if intent.purpose == "entry"]
    finally:
        run.close()
    assert decisions > 10
    if why is None:
        assert PRICE_MOVED not in {kind.removeprefix("hold:") for kind in held}
        assert entries
    else:
        assert held == [f"hold:{why}"] * decisions
        assert not entries
