"""Wake conditions: refused when they cannot be meant, never missed, fired once."""

import itertools
import json
import math
from contextlib import closing
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.desk import DecisionDesk
from ocw_strategy.gate import (
    DERIVATIVE_METRICS,
    FEATURE_METRICS,
    METRICS,
    WakeCondition,
    WakeConditionError,
    feature_metric,
    parse_condition,
)
from ocw_strategy.gate.conditions import ConditionBook
from ocw_strategy.journal import Journal
from ocw_strategy.market.features import SymbolFeatures
from ocw_strategy.settings import settings_from
from tests.gate.market import (
    BTC,
    ETH,
    MONDAY_NS,
    SYMBOLS,
    HandRun,
    calm_regime,
    features_at,
)

DESK = settings_from(
    {
        "run": {"start": "2024-01-01", "end": "2024-01-02"},
        "data": {"instruments": list(SYMBOLS)},
    }
)

RAW = {"metric": "price", "symbol": BTC, "operator": "gt", "threshold": 100.0, "reason": "why"}
PRICES = st.one_of(st.just(math.nan), st.sampled_from([0.0, 90.0, 99.0, 100.0, 101.0, 110.0]))


def condition(operator: str = "gt", threshold: float = 100.0, **changes: Any) -> WakeCondition:
    return parse_condition({**RAW, "operator": operator, "threshold": threshold, **changes})


def armed(*conditions: WakeCondition) -> ConditionBook:
    book = ConditionBook(SYMBOLS, 8)
    book.check(conditions)
    book.replace(conditions)
    return book


def see(book: ConditionBook, btc: float, eth: float = math.nan) -> int:
    """Show one close to the book; return how many conditions have come true."""
    book.observe(lambda symbol, _: btc if symbol == BTC else eth)
    return len(book.pending())


@pytest.mark.parametrize(
    ("operator", "threshold", "seen", "true_at"),
    [
        ("gt", 100.0, [99.0, 100.0, 101.0], 2),
        ("lt", 100.0, [101.0, 100.0, 99.0], 2),
        ("crosses_above", 100.0, [101.0, 100.0, 101.0], 2),
        ("crosses_above", 100.0, [99.0, 99.5, 101.0], 2),
        ("crosses_below", 100.0, [99.0, 100.0, 99.0], 2),
        ("crosses_below", 100.0, [101.0, 100.5, 99.0], 2),
        ("abs_change_fraction_gt", 0.05, [100.0, 104.0, 110.0], 2),
        ("abs_change_fraction_gt", 0.05, [100.0, 96.0, 90.0], 2),
        ("abs_change_fraction_gt", 0.05, [-100.0, -104.0, -110.0], 2),
    ],
)
def test_each_operator_comes_true_where_it_says(
    operator: str, threshold: float, seen: list[float], true_at: int
) -> None:
    book = armed(condition(operator, threshold))
    assert [see(book, value) for value in seen] == [int(i >= true_at) for i in range(len(seen))]


@pytest.mark.parametrize("operator", ["crosses_above", "crosses_below", "abs_change_fraction_gt"])
def test_a_first_value_crosses_nothing(operator: str) -> None:
    assert see(armed(condition(operator, 0.0)), 101.0) == 0


def test_a_change_from_zero_has_no_fraction() -> None:
    book = armed(condition("abs_change_fraction_gt", 0.05))
    assert [see(book, value) for value in (0.0, 5.0)] == [0, 0]


@given(st.sampled_from([90.0, 100.0, 110.0]), st.lists(PRICES, max_size=12))
@settings(max_examples=40, deadline=None)
def test_b10_crossings_are_found_whatever_another_instrument_does(
    threshold: float, prices: list[float]
) -> None:
    above, below = condition("crosses_above", threshold), condition("crosses_below", threshold)
    other = condition("crosses_above", 1.0, symbol=ETH)
    book = armed(above, other, below)
    known = [price for price in prices if not math.isnan(price)]
    steps = list(itertools.pairwise(known))
    for index, price in enumerate(prices):
        see(book, price, eth=float(index % 2) * 1e6)
    texts = [reason.text for reason in book.pending() if reason.symbol == BTC]
    ups = any(a <= threshold < b for a, b in steps)
    downs = any(a >= threshold > b for a, b in steps)
    assert len(texts) == ups + downs


def test_b10_an_eth_close_in_between_does_not_hide_a_crossing_of_btc() -> None:
    book = armed(condition("crosses_below", 100.0), condition(symbol=ETH))
    assert see(book, 101.0) == 0
    assert see(book, math.nan, eth=50.0) == 0
    assert see(book, 99.0) == 1


def test_a_condition_is_told_of_its_own_instrument_only() -> None:
    book = armed(condition(symbol=ETH))
    assert see(book, 101.0, eth=99.0) == 0
    assert see(book, 99.0, eth=101.0) == 1
    assert [reason.symbol for reason in book.pending()] == [ETH]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_unknown_value_neither_fires_nor_is_remembered(value: float) -> None:
    book = armed(condition("gt"), condition("lt"), condition("crosses_above"))
    assert see(book, value) == 0
    crossing = armed(condition("crosses_above"))
    assert [see(crossing, seen) for seen in (99.0, value, 101.0)] == [0, 0, 1]


def test_a_condition_fires_once_and_stays_pending_until_it_is_used_up() -> None:
    book = armed(condition())
    assert [see(book, 101.0), see(book, 99.0)] == [1, 1]
    book.use_up(())
    assert book.armed == ()
    assert see(book, 101.0) == 0


def test_only_what_came_true_of_instruments_that_may_speak_is_used_up() -> None:
    fired, waiting, muted = condition(), condition("lt"), condition(symbol=ETH)
    book = armed(fired, waiting, muted)
    see(book, 101.0, eth=101.0)
    book.use_up({ETH})
    assert book.armed == (waiting, muted)
    assert [reason.symbol for reason in book.pending()] == [ETH]


def test_asking_again_for_the_same_condition_misses_no_crossing() -> None:
    crossing = condition("crosses_above")
    book = armed(crossing)
    see(book, 99.0)
    book.replace([condition("lt", 1.0), crossing, crossing])
    assert book.armed == (condition("lt", 1.0), crossing)
    assert see(book, 101.0) == 1


def test_the_advisors_own_words_are_told_back() -> None:
    book = armed(condition(reason="breakout of the range"))
    see(book, 101.0)
    assert "breakout of the range" in book.pending()[0].text


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": None},
        {"threshold": "100"},
        {"threshold": math.nan},
        {"threshold": math.inf},
        {"threshold": -math.inf},
        {"threshold": True},
        {"threshold": [100.0]},
        {"operator": "above"},
        {"operator": None},
        {"symbol": 7},
        {"metric": None},
        {"surprise": 1},
        {"reason": "x" * 201},
    ],
)
def test_b10_what_is_no_condition_is_refused_with_a_typed_error(changes: dict[str, Any]) -> None:
    with pytest.raises(WakeConditionError):
        parse_condition({**RAW, **changes})


@pytest.mark.parametrize("raw", [None, 7, "price > 3", [], [["metric", "price"]], object()])
def test_b10_what_is_no_mapping_is_refused_with_a_typed_error(raw: object) -> None:
    with pytest.raises(WakeConditionError) as refused:
        parse_condition(raw)
    error = refused.value
    assert (error.field, error.value) == ("wake condition", raw)
    assert "metric, symbol, operator, threshold" in error.remedy


def test_b10_a_mapping_whose_keys_are_no_names_is_refused_with_a_typed_error() -> None:
    with pytest.raises(WakeConditionError, match="give a valid one"):
        parse_condition({1: 2})


@pytest.mark.parametrize("missing", ["metric", "symbol", "operator", "threshold"])
def test_b10_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(WakeConditionError, match=missing):
        parse_condition({name: value for name, value in RAW.items() if name != missing})


UNMEANT = [
    condition(metric="btc_price"),
    condition(metric="oi_change_pct"),
    condition(metric="stale"),
    condition(symbol="DOGEUSDT-PERP"),
    condition(symbol="BTC"),
    WakeCondition.model_construct(**{**RAW, "threshold": math.nan}),
    WakeCondition.model_construct(**{**RAW, "threshold": math.inf}),
]


@pytest.mark.parametrize("bad", UNMEANT)
def test_b10_nothing_of_a_request_with_a_bad_condition_takes_effect(bad: WakeCondition) -> None:
    run = HandRun()
    run.next()
    run.gate.request(run.now_ns, 7_200, [condition()])
    before = json.dumps(run.gate.state())
    with pytest.raises(WakeConditionError):
        run.gate.request(run.now_ns, 3_600, [condition("lt"), bad])
    assert json.dumps(run.gate.state()) == before


def test_more_conditions_than_may_be_armed_are_refused_whole() -> None:
    run = HandRun()
    many = [condition(threshold=float(n)) for n in range(run.settings.max_conditions + 1)]
    with pytest.raises(WakeConditionError):
        run.gate.request(MONDAY_NS, None, many)
    assert run.gate.conditions == ()
    run.gate.request(MONDAY_NS, None, many[1:])
    assert run.gate.conditions == tuple(many[1:])


def test_none_keeps_the_conditions_and_an_empty_list_clears_them() -> None:
    run = HandRun()
    run.gate.request(MONDAY_NS, None, [condition()])
    run.gate.request(MONDAY_NS, None, None)
    assert run.gate.conditions == (condition(),)
    run.gate.request(MONDAY_NS, None, [])
    assert run.gate.conditions == ()


@given(st.lists(PRICES, max_size=10), st.integers(0, 10))
@settings(max_examples=40, deadline=None)
def test_a_restored_book_goes_on_where_it_was(prices: list[float], split: int) -> None:
    conditions = (condition(), condition("crosses_below"), condition("abs_change_fraction_gt", 0.1))
    book = armed(*conditions)
    for price in prices[:split]:
        see(book, price)
    other = ConditionBook(SYMBOLS, 8)
    other.restore(json.loads(json.dumps(book.state(), allow_nan=False)))
    for price in prices[split:]:
        assert see(other, price) == see(book, price)
    assert (other.armed, other.pending()) == (book.armed, book.pending())


def test_restoring_drops_conditions_on_instruments_no_longer_traded() -> None:
    book = armed(condition(), condition(symbol=ETH))
    other = ConditionBook([ETH], 8)
    other.restore(book.state())
    assert other.armed == (condition(symbol=ETH),)


def test_b10_every_feature_metric_exists() -> None:
    assert set(FEATURE_METRICS) <= {field.name for field in fields(SymbolFeatures)}
    features = features_at(MONDAY_NS)
    for name in FEATURE_METRICS:
        assert feature_metric(features, BTC, name) == getattr(features[BTC], name)


def test_a_feature_metric_is_unknown_where_the_instrument_is_stale_or_unknown() -> None:
    features = features_at(MONDAY_NS, ETH={"stale": True})
    assert math.isnan(feature_metric(features, ETH, "price"))
    assert math.isnan(feature_metric(features, "DOGEUSDT-PERP", "price"))


def test_the_metrics_are_those_of_features_and_derivatives() -> None:
    assert set(METRICS) == set(FEATURE_METRICS) | set(DERIVATIVE_METRICS)
    assert not set(FEATURE_METRICS) & set(DERIVATIVE_METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_b10_the_desk_answers_every_metric_a_condition_may_name(name: str) -> None:
    with closing(Journal.open(":memory:", run_id="metrics", power_safe=False)) as journal:
        desk = DecisionDesk(DESK, journal, calm_regime)
        desk.gate.request(DESK.run.start_ns, None, [condition(metric=name)])
        assert desk.close(DESK.run.start_ns) is not None
    assert desk.gate.conditions == (condition(metric=name),)
