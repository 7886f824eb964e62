"""The judge: passes what holds, fails the rest, and fails what it cannot compute."""

import numpy as np
import pytest

from ocw_strategy.backtest.judge import judge
from ocw_strategy.backtest.significance import StatisticsError

DAYS = 720


def rows(count: int, mean: float = 0.0, days: int = DAYS, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).normal(mean, 0.01, (count, days)))


def asked(
    returns: np.ndarray, grid: list[np.ndarray], market: float = 0.0, trials: int = 8
) -> dict[str, bool]:
    held = rows(1, market, len(returns), seed=99)[0]
    verdict = judge(
        returns,
        grid={str(index): row for index, row in enumerate(grid)},
        markets={"holding": held},
        trials=trials,
        rng=np.random.default_rng(0),
    )
    assert verdict.passed == all(check.passed for check in verdict.checks)
    return {check.name: check.passed for check in verdict.checks}


def persistent() -> list[np.ndarray]:
    return [row + index * 0.0005 for index, row in enumerate(rows(6, seed=5))]


def test_a_strong_edge_that_persists_passes_every_check() -> None:
    assert asked(rows(1, 0.003)[0], persistent()) == {
        "deflated Sharpe ratio": True,
        "return interval": True,
        "overfitting": True,
        "holding": True,
    }


def test_each_check_can_fail_alone() -> None:
    good = rows(1, 0.003)[0]
    # of equal totals, what leads in one half must trail in the other
    spread = [row - row.mean() for row in rows(6, seed=5)]
    assert [n for n, ok in asked(good, spread).items() if not ok] == ["overfitting"]
    assert [n for n, ok in asked(good, persistent(), market=0.01).items() if not ok] == ["holding"]
    barely = rows(1, 0.0009, seed=1)[0]
    barely += 0.0009 - barely.mean()
    failed = [n for n, ok in asked(barely, persistent(), trials=500).items() if not ok]
    assert failed == ["deflated Sharpe ratio"]


def test_noise_fails() -> None:
    failed = [n for n, ok in asked(rows(1)[0], rows(6, seed=5)).items() if not ok]
    assert {"deflated Sharpe ratio", "return interval"} <= set(failed)


@pytest.mark.parametrize("returns", [np.zeros(DAYS), np.array([0.05] * 20)])
def test_what_cannot_be_computed_does_not_pass(returns: np.ndarray) -> None:
    found = asked(returns, persistent())
    assert not found["deflated Sharpe ratio"]
    assert not found["return interval"]
    assert not asked(rows(1, 0.003)[0], [row[:20] for row in persistent()])["overfitting"]


def test_without_a_choice_overfitting_is_no_question() -> None:
    good = rows(1, 0.003)[0]
    assert "overfitting" not in asked(good, [])
    assert "overfitting" not in asked(good, persistent()[:1])


def test_a_world_that_is_no_number_is_refused() -> None:
    broken = rows(1)[0]
    broken[3] = np.nan
    with pytest.raises(StatisticsError, match="mend day 3"):
        asked(broken, [])


def test_a_grid_of_equals_that_all_earn_is_not_held_against_the_choice() -> None:
    equals = [row - row.mean() + 0.003 for row in rows(6, seed=5)]
    assert asked(rows(1, 0.003)[0], equals)["overfitting"]
