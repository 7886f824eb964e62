import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.bandit.posterior import BetaPosterior, ShadowWindow, TradeWindow

CLOSE_NS = 900_000_000_000


def test_mean_of_a_beta() -> None:
    assert BetaPosterior(3.0, 2.0, 1, 0).mean == 0.6


def test_empty_windows_are_no_evidence() -> None:
    assert TradeWindow(50).evidence() == (0.0, 0.0)
    assert ShadowWindow(50, 16).evidence() == (0.0, 0.0)


def test_trades_are_weighed_by_strength_and_counted_by_kish() -> None:
    window = TradeWindow(50)
    window.add(1, "a", 1.0, 1.0, 0.8)
    window.add(2, "b", 1.0, 0.5, 0.2)
    # weights 1 and 1/2: n = 1.5^2 / 1.25 = 1.8, mean = (0.8 + 0.1) / 1.5 = 0.6
    assert window.evidence() == pytest.approx((1.08, 0.72))


def test_equal_strengths_count_one_each_whatever_their_amplitude() -> None:
    window = TradeWindow(50)
    for trade in range(10):
        window.add(trade, str(trade), 1.0, 0.07, 1.0)
    assert window.evidence() == pytest.approx((10.0, 0.0))


def test_lot_closed_in_three_thirds_counts_as_one_trade() -> None:
    window = TradeWindow(50)
    for part in "abc":
        window.add(1, part, 1.0 / 3.0, 0.6, 0.9)
    assert window.evidence() == pytest.approx((0.9, 0.1))


def test_window_keeps_the_latest_by_closing_time() -> None:
    window = TradeWindow(2)
    assert window.add(20, "second", 1.0, 1.0, 0.0)
    assert window.add(30, "third", 1.0, 1.0, 0.0)
    assert not window.add(10, "first", 1.0, 1.0, 1.0)
    assert window.evidence() == pytest.approx((0.0, 2.0))
    assert window.add(40, "fourth", 1.0, 1.0, 1.0)
    assert window.evidence() == pytest.approx((1.0, 1.0))
    assert [row[0] for row in window.state()] == ["third", "fourth"]


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 1.0), st.floats(0.05, 1.0, exclude_min=True), st.floats(0.0, 1.0)
        ),
        max_size=80,
    )
)
def test_evidence_never_exceeds_what_was_seen(
    trades: list[tuple[float, float, float]],
) -> None:
    window = TradeWindow(50)
    for index, (share, strength, reward) in enumerate(trades):
        window.add(index, str(index), share, strength, reward)
    successes, failures = window.evidence()
    assert successes >= 0.0
    assert failures >= 0.0
    assert successes + failures <= sum(share for share, _, _ in trades[-50:]) * (1 + 1e-12)


def test_a_horizon_of_overlapping_closes_and_instruments_counts_as_one() -> None:
    window = ShadowWindow(100, 16)
    for close in range(16):
        for _instrument in range(3):
            window.add((close + 1) * CLOSE_NS, 0, 0.4, 0.75)
    assert window.evidence() == pytest.approx((0.75, 0.25))
    assert len(window) == 1


def test_part_of_a_horizon_counts_as_that_part() -> None:
    window = ShadowWindow(100, 16)
    for close in range(4):
        window.add((close + 1) * CLOSE_NS, 0, 0.4, 1.0)
    assert window.evidence() == pytest.approx((0.25, 0.0))
    for close in range(16, 32):
        window.add((close + 1) * CLOSE_NS, 1, 0.4, 1.0)
    assert window.evidence() == pytest.approx((1.25, 0.0))


def test_shadow_window_drops_its_oldest_block() -> None:
    window = ShadowWindow(3, 1)
    for block in range(10):
        window.add(block + 1, block, 1.0, float(block == 6))
    assert window.evidence() == pytest.approx((0.0, 3.0))
    assert len(window) == 3


def test_shadow_outcome_older_than_the_latest_is_not_taken() -> None:
    window = ShadowWindow(10, 1)
    assert window.add(5, 5, 1.0, 1.0)
    assert window.add(5, 5, 1.0, 1.0)  # another instrument at the same close
    assert not window.add(4, 4, 1.0, 1.0)
    assert window.evidence() == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_shadow_window_survives_a_save_in_the_middle_of_a_block(size: int) -> None:
    straight, restored = ShadowWindow(size, 4), ShadowWindow(size, 4)
    rng = np.random.default_rng(3)
    for close in range(30):
        entry = (close + 1, close // 4, float(rng.uniform(0.1, 1)), float(rng.random()))
        straight.add(*entry)
        restored.add(*entry)
        saved = restored.state()
        restored = ShadowWindow(size, 4)
        restored.restore(saved)
        assert restored.evidence() == straight.evidence()
        assert restored.state() == straight.state()


def test_blocks_are_the_effective_sample_size_of_overlapping_horizons() -> None:
    """The mean of n blocks of a lasting signal varies like that of n independent horizons."""
    rng = np.random.default_rng(11)
    horizon, blocks, markets = 16, 20, 600
    noise = rng.standard_normal((markets, (blocks + 1) * horizon))
    path = np.cumsum(noise, axis=1)
    over_horizon = (path[:, horizon:] - path[:, :-horizon]) / np.sqrt(horizon)
    rewards = 0.5 + 0.05 * np.clip(over_horizon, -9.0, 9.0)
    means = []
    for market in rewards.tolist():
        window = ShadowWindow(100, horizon)
        for close, reward in enumerate(market):
            window.add(close + 1, close // horizon, 1.0, reward)
        successes, failures = window.evidence()
        assert successes + failures == pytest.approx(blocks)
        means.append(successes / (successes + failures))
    assert np.var(means) == pytest.approx(np.var(rewards) / blocks, rel=0.2)


def test_sums_kept_between_outcomes_are_those_made_anew() -> None:
    draw = random.Random(3)
    kept = ShadowWindow(20, 16)
    for close in range(2_000):
        kept.add(close, close // 16, draw.uniform(0.01, 1.0), draw.uniform(0.0, 1.0) ** 8)
        anew = ShadowWindow(20, 16)
        anew.restore(kept.state())
        assert kept.evidence() == anew.evidence()
