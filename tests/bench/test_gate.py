"""The gate bench judges wakes by what it says it judges them by."""

import math

import numpy as np
import pytest

from ocw_strategy.settings import parse_time_ns
from ocw_strategy.units import DAY_NS
from tests.bench.gate import (
    BAR_NS,
    SYMBOLS,
    Bars,
    figures,
    random_figures,
    read_bars,
    recall,
    truth,
)
from tests.shared import shared_data

START_NS = parse_time_ns("2024-01-01")
DAYS = 60


def bars(seed: int) -> Bars:
    """Return a random walk with a jump of 5 % at noon of the thirtieth day."""
    count = DAYS * 96
    steps = np.random.default_rng(seed).normal(0.0, 0.001, count)
    steps[30 * 96 + 48] += 0.05
    price = np.exp(np.cumsum(steps))
    columns = np.column_stack([price, price, price, price, np.ones(count)])
    return Bars(START_NS + BAR_NS * np.arange(count), columns)


MARKET = {symbol: bars(seed) for seed, symbol in enumerate(SYMBOLS)}
TRUE = truth(MARKET, START_NS + DAY_NS, START_NS + DAYS * DAY_NS)
JUMP = 29 * 96 + 48


def test_x_is_the_mean_absolute_move_of_the_next_four_hours() -> None:
    at = 96 + 500
    logs = [np.log(found.columns[:, 3]) for found in MARKET.values()]
    expected = np.mean([abs(one[at + 16] - one[at]) for one in logs])
    assert TRUE.x[500] == pytest.approx(expected)
    assert np.isnan(TRUE.x[-16:]).all()
    assert not np.isnan(TRUE.x[:-16]).any()


def test_a_jump_is_a_shock_at_its_close_and_an_episode_from_four_hours_before() -> None:
    assert TRUE.shock[JUMP]
    assert JUMP - 16 in TRUE.episodes
    assert (np.diff(TRUE.episodes) >= 16).all()


@pytest.mark.parametrize(("late", "caught"), [(-1, 0), (0, 1), (2, 1), (3, 0)])
def test_an_episode_is_caught_at_its_onset_or_in_the_next_two_closes(
    late: int, caught: int
) -> None:
    woke = np.zeros(len(TRUE.x), bool)
    woke[JUMP - 16 + late] = True
    assert recall(TRUE.episodes, woke) * len(TRUE.episodes) == pytest.approx(caught)


def test_a_gate_that_always_wakes_has_no_lift_and_misses_nothing() -> None:
    found = figures(TRUE, np.ones(len(TRUE.x), bool))
    assert found["wakes_per_day"] == found["max_day"] == found["max_month"] == 96
    assert (found["lift"], found["recall"], found["shock_recall"]) == (1, 1, 1)
    assert found["lift_within_month"] == pytest.approx(1)


def test_a_random_gate_has_no_lift() -> None:
    found = random_figures(TRUE, 600)
    assert found["random_lift"] == pytest.approx(1.0, abs=0.05)


def test_the_test_window_has_92_episodes() -> None:
    data = shared_data()
    real = {symbol: read_bars(data, symbol, "15m") for symbol in SYMBOLS}
    window = (parse_time_ns("2024-01-01"), parse_time_ns("2025-07-01"))
    true = truth(real, *window)
    assert len(true.close_ns) == 547 * 96
    assert len(true.episodes) == 92
    assert math.isclose(true.shock.mean() * 96, 0.9, abs_tol=0.1)
