"""A window's signals known beforehand, and put in another order."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.market import SignalTrack
from ocw_strategy.market.features import DECISION_NS
from ocw_strategy.units import DAY_NS, SIGNALS

FIRST_NS = 1_704_067_200 * 10**9
PER_DAY = DAY_NS // DECISION_NS


def track(closes: int) -> SignalTrack:
    rows = np.arange(4 * closes, dtype=float).reshape(closes, 4)
    return SignalTrack(FIRST_NS, {"A": rows, "B": -rows})


def test_a_moment_has_the_signals_of_the_last_close_up_to_it() -> None:
    found = track(10)
    at = FIRST_NS + 3 * DECISION_NS
    assert list(found.at("A", at).values.values()) == [12.0, 13.0, 14.0, 15.0]
    assert found.at("A", at + DECISION_NS - 1) == found.at("A", at)


def test_an_unknown_signal_is_no_opinion_and_named() -> None:
    rows = np.array([[0.5, math.nan, -0.5, math.nan]])
    found = SignalTrack(FIRST_NS, {"A": rows}).at("A", FIRST_NS)
    assert found.values == dict(zip(SIGNALS, (0.5, 0.0, -0.5, 0.0), strict=True))
    assert found.missing == (SIGNALS[1], SIGNALS[3])


def test_outside_the_track_nothing_speaks() -> None:
    for at in (FIRST_NS - 1, FIRST_NS + 10 * DECISION_NS):
        assert track(10).at("A", at).missing == SIGNALS


@given(closes=st.integers(1, 5 * PER_DAY), days=st.integers(1, 3), seed=st.integers(0, 20))
def test_a_shuffle_keeps_every_value_and_what_happened_together(
    closes: int, days: int, seed: int
) -> None:
    before = track(closes)
    after = before.shuffled(np.random.default_rng(seed), days)
    assert sorted(after.values["A"][:, 0]) == sorted(before.values["A"][:, 0])
    assert np.array_equal(after.values["B"], -after.values["A"])


def test_inside_a_block_time_runs_on() -> None:
    after = track(10 * PER_DAY).shuffled(np.random.default_rng(3), 2)
    steps = np.diff(after.values["A"][:, 0])
    assert np.count_nonzero(steps != 4.0) <= 4
    assert not np.array_equal(after.values["A"], track(10 * PER_DAY).values["A"])
