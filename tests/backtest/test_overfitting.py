"""The probability of backtest overfitting against a brute force that shares no code with it."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from ocw_strategy.backtest.overfitting import overfitting
from ocw_strategy.backtest.significance import StatisticsError


def grid(variants: int, days: int, seed: int = 0, edge: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 0.01, (variants, days))
    rows[0] += edge
    return {f"v{number}": row for number, row in enumerate(rows)}


def ratio(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return mean / (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5


def brute_force(returns: dict[str, np.ndarray], splits: int) -> tuple[float, float]:
    """Return the probabilities of overfitting and loss, in plain Python."""
    rows = [row.tolist() for row in returns.values()]
    size = len(rows[0]) // splits
    blocks = [range(k * size, (k + 1) * size) for k in range(splits)]
    below = lost = 0
    for chosen in combinations(range(splits), splits // 2):
        inside = [day for k in chosen for day in blocks[k]]
        outside = [day for k in range(splits) if k not in chosen for day in blocks[k]]
        before = [ratio([row[day] for day in inside]) for row in rows]
        after = [ratio([row[day] for day in outside]) for row in rows]
        best = before.index(max(before))
        worse = sum(other < after[best] for other in after)  # rank less one
        relative = (worse + 1) / (len(rows) + 1)
        below += relative < 0.5
        lost += after[best] < 0
    return below / comb(splits, splits // 2), lost / comb(splits, splits // 2)


@pytest.mark.parametrize(("variants", "splits", "seed"), [(3, 4, 0), (5, 6, 1), (8, 8, 2)])
def test_it_is_what_counting_every_choice_gives(variants: int, splits: int, seed: int) -> None:
    returns = grid(variants, splits * 12, seed)
    found = overfitting(returns, splits=splits)
    assert (found.probability, found.loss_probability) == brute_force(returns, splits)
    assert found.combinations == comb(splits, splits // 2)


def test_choosing_among_noise_is_a_coin_toss_and_choosing_an_edge_is_not() -> None:
    noise = [overfitting(grid(10, 240, seed), splits=6).probability or 0.0 for seed in range(40)]
    assert 0.35 < float(np.mean(noise)) < 0.65
    assert overfitting(grid(10, 240, 3, edge=0.01), splits=6).probability == 0.0


@pytest.mark.parametrize(
    "returns",
    [
        {},
        grid(1, 100),
        grid(4, 49),
        {"a": np.zeros(100), "b": np.zeros(100)},
        {"a": np.zeros(100), "b": np.random.default_rng(0).normal(size=100)},
    ],
    ids=["nothing", "one variant", "too few days", "none trades", "one trades"],
)
def test_a_grid_that_says_nothing_gets_no_figure(returns: dict[str, np.ndarray]) -> None:
    found = overfitting(returns)
    assert (found.probability, found.loss_probability, found.slope) == (None, None, None)
    assert found.combinations == 0


def test_variants_over_other_days_are_refused() -> None:
    with pytest.raises(StatisticsError, match="same days"):
        overfitting({"a": np.ones(100), "b": np.ones(99)})


def test_a_return_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(StatisticsError, match="broken: was nan"):
        overfitting({"good": np.ones(100), "broken": np.array([0.1] * 99 + [np.nan])})


@pytest.mark.parametrize("splits", [0, 1, 5, -2])
def test_blocks_that_have_no_half_are_refused(splits: int) -> None:
    with pytest.raises(StatisticsError, match="even number"):
        overfitting(grid(3, 100), splits=splits)
