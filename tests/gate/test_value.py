"""What a call is worth: learnt from closes four hours old, and from settled calls."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.gate.value import Arm, Edge, Hindsight, volatility_band
from ocw_strategy.market.features import DECISION_NS, HORIZON_NS
from tests.gate.market import BTC, ETH, MONDAY_NS, features_at, nth_close

COST = 0.001
EXPECTED = 0.01
MEMORY = 1_000
TIMER: Arm = ("timer", "steady", "calm_goldilocks")
SHOCK: Arm = ("shock", "rising", "wild_reflation")
HORIZON = HORIZON_NS // DECISION_NS

nets = st.lists(st.floats(-0.05, 0.05), max_size=30)


def taught(closes: int, moved: float, arm: Arm = TIMER) -> Hindsight:
    """Return a hindsight that saw so many closes of an arm, each followed by such a move."""
    hindsight = Hindsight(MEMORY, COST)
    for index in range(closes):
        now_ns = MONDAY_NS + index * HORIZON_NS
        hindsight.settle(now_ns, {BTC: 100.0 * math.exp(index * moved)})
        hindsight.remember(now_ns, {BTC: 100.0 * math.exp(index * moved)}, EXPECTED, [arm])
    return hindsight


def test_the_forecast_is_taken_at_its_word_at_the_start() -> None:
    hindsight = Hindsight(MEMORY, COST)
    assert hindsight.opportunity(EXPECTED) == pytest.approx(EXPECTED - COST)
    assert hindsight.opportunity(EXPECTED, TIMER) == pytest.approx(EXPECTED - COST)


def test_nothing_is_learnt_before_four_hours_have_passed() -> None:
    hindsight = Hindsight(MEMORY, COST)
    hindsight.remember(nth_close(0), {BTC: 100.0}, EXPECTED, [TIMER])
    for index in range(1, HORIZON):
        hindsight.settle(nth_close(index), {BTC: 150.0})
        assert hindsight.opportunity(EXPECTED, TIMER) == pytest.approx(EXPECTED - COST)
    hindsight.settle(nth_close(HORIZON), {BTC: 150.0})
    assert hindsight.opportunity(EXPECTED, TIMER) > EXPECTED - COST


@pytest.mark.parametrize(("later", "price"), [(HORIZON + 1, {BTC: 150.0}), (HORIZON, {ETH: 150.0})])
def test_a_close_whose_outcome_is_missing_teaches_nothing(
    later: int, price: dict[str, float]
) -> None:
    hindsight = Hindsight(MEMORY, COST)
    hindsight.remember(nth_close(0), {BTC: 100.0}, EXPECTED, [TIMER])
    hindsight.settle(nth_close(later), price)
    hindsight.settle(nth_close(later + 1), {BTC: 150.0})
    assert hindsight.opportunity(EXPECTED, TIMER) == pytest.approx(EXPECTED - COST)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_larger_moves_than_expected_raise_the_opportunity_in_either_direction(sign: float) -> None:
    wild = taught(60, sign * 2.0 * EXPECTED)
    assert wild.opportunity(EXPECTED, TIMER) > EXPECTED - COST
    assert taught(60, sign * 0.5 * EXPECTED).opportunity(EXPECTED, TIMER) < EXPECTED - COST


def test_what_an_arm_teaches_counts_most_for_itself() -> None:
    wild = taught(60, 3.0 * EXPECTED)
    assert wild.opportunity(EXPECTED, TIMER) > wild.opportunity(EXPECTED, SHOCK)


def test_the_opportunity_goes_to_what_always_follows() -> None:
    assert taught(30 * MEMORY, 2.0 * EXPECTED).opportunity(EXPECTED) == pytest.approx(
        2.0 * EXPECTED - COST, rel=1e-3
    )


def test_a_restored_hindsight_goes_on_exactly() -> None:
    saved, restored = taught(20, 0.02), Hindsight(MEMORY, COST)
    restored.restore(json.loads(json.dumps(saved.state(), allow_nan=False)))
    now_ns = MONDAY_NS + 20 * HORIZON_NS
    for each in (saved, restored):
        each.settle(now_ns, {BTC: 300.0})
    assert restored.opportunity(EXPECTED, TIMER) == saved.opportunity(EXPECTED, TIMER)
    assert restored.state() == saved.state()


@given(nets)
@settings(max_examples=40, deadline=None)
def test_the_posterior_is_that_of_a_normal_mean_with_known_noise(earned: list[float]) -> None:
    edge = Edge(0.002, 0.01, np.random.default_rng(0))
    for net in earned:
        edge.record(TIMER, net)
    mean, deviation = edge.posterior(TIMER)
    variance = 1.0 / (1.0 / 0.002**2 + len(earned) / 0.01**2)
    assert mean == pytest.approx(variance * sum(earned) / 0.01**2, abs=1e-12)
    assert deviation == pytest.approx(math.sqrt(variance))
    assert edge.posterior(SHOCK) == pytest.approx((0.0, 0.002))


def test_draws_come_from_the_posterior() -> None:
    edge = Edge(0.002, 0.01, np.random.default_rng(0))
    for _ in range(10):
        edge.record(TIMER, 0.01)
    draws = [edge.sample(TIMER) for _ in range(4_000)]
    mean, deviation = edge.posterior(TIMER)
    assert np.mean(draws) == pytest.approx(mean, abs=4.0 * deviation / math.sqrt(4_000))
    assert np.std(draws) == pytest.approx(deviation, rel=0.1)


@given(nets)
@settings(max_examples=30, deadline=None)
def test_a_restored_edge_goes_on_exactly(earned: list[float]) -> None:
    saved = Edge(0.002, 0.01, np.random.default_rng(4))
    restored = Edge(0.002, 0.01, np.random.default_rng(4))
    for net in earned:
        saved.record(SHOCK, net)
    restored.restore(json.loads(json.dumps(saved.state(), allow_nan=False)))
    assert restored.sample(SHOCK) == saved.sample(SHOCK)
    assert restored.posterior(SHOCK) == saved.posterior(SHOCK)


@pytest.mark.parametrize(
    ("day_over_week", "band"), [(0.3, "falling"), (1.0, "steady"), (3.0, "rising")]
)
def test_the_band_holds_the_last_day_against_the_week(day_over_week: float, band: str) -> None:
    changes = {"volatility_1w": 0.002, "volatility_1d": 0.002 * day_over_week}
    assert volatility_band(list(features_at(MONDAY_NS, changes).values())) == band
