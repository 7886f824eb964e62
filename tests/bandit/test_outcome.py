from dataclasses import replace
from math import exp, inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.bandit import Outcome
from ocw_strategy.errors import OcwError

TRADE = Outcome(
    ts_ns=1,
    regime="calm_goldilocks",
    signals={"funding": 0.8},
    direction=1,
    gross_return=0.011,
    cost=0.001,
    volatility=0.0025,
    trade_id="T1",
)
CLOSES = 16
"""Four hours: a usual move of the trade above is 0.0025 * sqrt(16) = 0.01."""


def test_reward_is_the_logistic_of_twice_the_net_return_in_usual_moves() -> None:
    assert TRADE.reward(0.8, CLOSES) == pytest.approx(1.0 / (1.0 + exp(-2.0)))  # net 0.010 = +1
    assert TRADE.reward(-0.8, CLOSES) == pytest.approx(1.0 / (1.0 + exp(2.4)))  # net -0.012


def test_b4_reward_is_net_of_costs_for_every_exit() -> None:
    gross_winner = replace(TRADE, gross_return=0.001, cost=0.002)
    assert gross_winner.reward(0.8, CLOSES) < 0.5
    assert replace(TRADE, gross_return=0.002, cost=0.002).reward(0.8, CLOSES) == 0.5


def test_funding_received_raises_the_reward() -> None:
    assert replace(TRADE, cost=-0.001).reward(0.8, CLOSES) > TRADE.reward(0.8, CLOSES)


def test_signal_against_the_trade_earns_what_the_opposite_trade_would_have_net_of_cost() -> None:
    opposite = replace(TRADE, direction=-1, gross_return=-TRADE.gross_return)
    for value in (0.3, -0.3):
        assert TRADE.reward(value, CLOSES) == opposite.reward(value, CLOSES)


def test_b6_winning_short_rewards_the_signal_that_expected_a_fall() -> None:
    short = replace(TRADE, direction=-1)
    assert short.reward(-0.8, CLOSES) == TRADE.reward(0.8, CLOSES) > 0.5
    assert short.reward(0.8, CLOSES) < 0.5


def test_same_percentage_says_more_in_a_calm_market() -> None:
    calm, wild = replace(TRADE, volatility=0.001), replace(TRADE, volatility=0.01)
    assert calm.reward(0.8, CLOSES) > TRADE.reward(0.8, CLOSES) > wild.reward(0.8, CLOSES) > 0.5


@pytest.mark.parametrize("volatility", [nan, 0.0])
def test_reward_without_volatility_is_win_or_lose(volatility: float) -> None:
    blind = replace(TRADE, volatility=volatility)
    assert blind.reward(0.8, CLOSES) == 1.0
    assert blind.reward(-0.8, CLOSES) == 0.0
    assert replace(blind, gross_return=blind.cost).reward(0.8, CLOSES) == 0.5
    assert replace(TRADE, volatility=1e-12).reward(0.8, CLOSES) == 1.0  # the limit is the same


@given(
    low=st.floats(-10.0, 10.0),
    high=st.floats(-10.0, 10.0),
    volatility=st.one_of(st.floats(0.0, 1.0), st.just(nan), st.just(inf)),
)
def test_reward_stays_in_the_unit_interval_and_rises_with_the_return(
    low: float, high: float, volatility: float
) -> None:
    low, high = sorted((low, high))
    rewards = [
        replace(TRADE, gross_return=gross, volatility=volatility).reward(0.5, CLOSES)
        for gross in (low, high)
    ]
    assert 0.0 <= rewards[0] <= rewards[1] <= 1.0


def test_reward_tells_a_small_edge_from_noise_with_fewer_trades_than_win_or_lose() -> None:
    moves = np.random.default_rng(7).standard_t(4, 100_000) * 0.01 / np.sqrt(2.0) + 0.0015
    graded = np.array(
        [replace(TRADE, gross_return=move, cost=0.0).reward(1.0, CLOSES) for move in moves.tolist()]
    )
    won = (moves > 0.0).astype(float)

    def trades_for_two_sigma(rewards: np.ndarray) -> float:
        return float((2.0 * rewards.std() / (rewards.mean() - 0.5)) ** 2)

    assert trades_for_two_sigma(graded) < 0.9 * trades_for_two_sigma(won)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", 0),
        ("gross_return", nan),
        ("gross_return", inf),
        ("cost", nan),
        ("share", 0.0),
        ("share", 1.5),
        ("trade_id", ""),
    ],
)
def test_impossible_outcome_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(OcwError, match=f"outcome.{field}"):
        replace(TRADE, **{field: value})
