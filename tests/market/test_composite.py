"""The four signals and their composite: signs, smoothness, and what a missing statistic does."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.market import (
    DerivativeStatistics,
    SignalSettings,
    SignalValues,
    composite,
    signal_values,
)
from ocw_strategy.units import SIGNALS

SETTINGS = SignalSettings()
WEIGHTS = dict(zip(SIGNALS, (0.35, 0.30, 0.25, 0.10), strict=True))
FRESH = {
    "funding_age_s": 60.0,
    "open_interest_age_s": 60.0,
    "toptrader_position_age_s": 60.0,
    "cumulative_volume_delta_age_s": 60.0,
}
STATISTIC = {
    "funding": "funding_relative",
    "cumulative_volume_delta": "cumulative_volume_delta",
    "long_short": "long_short_z",
    "open_interest": "open_interest_change",
}
SIGN = {"funding": -1, "cumulative_volume_delta": 1, "long_short": -1, "open_interest": 1}
STEEPEST = {
    "funding": 1 / SETTINGS.funding_scale,
    "cumulative_volume_delta": 1 / SETTINGS.flow_scale,
    "long_short": 1 / SETTINGS.long_short_scale,
    "open_interest": 1 / SETTINGS.open_interest_scale,
}
anything = st.floats(-20, 20)
signals = st.fixed_dictionaries({name: st.floats(-1, 1) for name in SIGNALS})


def signal(name: str, value: float, *, move: float = 0.03, volatility: float = 0.002) -> float:
    """Return one signal for a value of its statistic, after a rise unless told otherwise."""
    return read({STATISTIC[name]: value}, move=move, volatility=volatility).values[name]


def read(known: dict[str, float], *, move: float = 0.03, volatility: float = 0.002) -> SignalValues:
    fields: dict[str, Any] = {**FRESH, **known}
    statistics = DerivativeStatistics("BTCUSDT-PERP", 0, **fields)
    return signal_values(statistics, return_4h=move, volatility=volatility, settings=SETTINGS)


@pytest.mark.parametrize("name", SIGNALS)
@given(anything, anything)
def test_each_signal_is_bounded_odd_monotone_and_without_jumps(
    name: str, a: float, b: float
) -> None:
    low, high = sorted((a, b))
    first, second = signal(name, low), signal(name, high)
    assert -1.0 <= first <= 1.0
    assert signal(name, -low) == -first
    assert SIGN[name] * (second - first) >= 0.0
    assert abs(second - first) <= STEEPEST[name] * (high - low) + 1e-12


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_has_its_sign_from_the_smallest_statistic_on(name: str) -> None:
    assert signal(name, 0.0) == 0.0
    assert SIGN[name] * signal(name, 1e-6) > 0.0


def test_b6_a_positive_signal_expects_a_rise_whatever_is_held() -> None:
    crowded_longs = read({"funding_relative": 3.0, "long_short_z": 2.0}).values
    buyers = read({"cumulative_volume_delta": 0.05}).values
    assert crowded_longs["funding"] < -0.5 < 0.5 < buyers["cumulative_volume_delta"]
    assert crowded_longs["long_short"] < -0.5
    assert composite(crowded_longs, WEIGHTS) < -0.5
    assert composite(buyers, WEIGHTS) > 0.3


def test_open_interest_confirms_the_move_it_rises_with_and_doubts_the_one_it_falls_with() -> None:
    rise, fall = 0.03, -0.03
    assert signal("open_interest", 0.02, move=rise) > 0.5
    assert signal("open_interest", 0.02, move=fall) < -0.5
    assert signal("open_interest", -0.02, move=rise) < -0.5
    assert signal("open_interest", -0.02, move=fall) > 0.5
    assert signal("open_interest", 0.02, move=0.0) == 0.0


@given(st.floats(-0.2, 0.2), st.floats(1e-4, 0.02), st.floats(-0.1, 0.1))
def test_open_interest_is_odd_in_the_move(move: float, volatility: float, change: float) -> None:
    up = signal("open_interest", change, move=move, volatility=volatility)
    assert up == -signal("open_interest", change, move=-move, volatility=volatility)
    assert abs(up) <= 1.0


@given(st.floats(0.01, 100.0))
def test_a_quieter_instrument_needs_a_smaller_move(scale: float) -> None:
    loud = signal("open_interest", 0.01, move=0.03, volatility=0.004)
    assert signal("open_interest", 0.01, move=0.03 * scale, volatility=0.004 * scale) == (
        pytest.approx(loud)
    )


def test_an_unknown_or_stale_statistic_is_zero_and_named() -> None:
    known = dict.fromkeys(STATISTIC.values(), 1.0)
    assert read(known).missing == ()
    nothing = read({})
    assert nothing.values == dict.fromkeys(SIGNALS, 0.0)
    assert nothing.missing == SIGNALS
    stale = read({**known, "funding_age_s": 32_401.0, "open_interest_age_s": 3_601.0})
    assert stale.missing == ("funding", "open_interest")
    assert stale.values["funding"] == stale.values["open_interest"] == 0.0
    assert stale.values["long_short"] != 0.0
    assert read({**known, "funding_age_s": 32_400.0}).missing == ()


@pytest.mark.parametrize(("move", "volatility"), [(math.nan, 0.002), (0.01, math.nan), (0.01, 0.0)])
def test_open_interest_is_missing_where_the_move_is_unknown(move: float, volatility: float) -> None:
    found = read({"open_interest_change": 0.02}, move=move, volatility=volatility)
    assert "open_interest" in found.missing


@given(signals)
def test_the_composite_is_bounded_odd_and_agrees_with_unanimous_signals(
    values: dict[str, float],
) -> None:
    found = composite(values, WEIGHTS)
    assert -1.0 < found < 1.0
    assert composite({name: -value for name, value in values.items()}, WEIGHTS) == -found
    assert composite({name: abs(value) for name, value in values.items()}, WEIGHTS) >= 0.0


@given(signals, st.sampled_from(SIGNALS), st.floats(-1, 1))
def test_the_composite_rises_with_each_signal_without_a_jump(
    values: dict[str, float], name: str, other: float
) -> None:
    moved = composite({**values, name: other}, WEIGHTS) - composite(values, WEIGHTS)
    step = other - values[name]
    assert moved * step >= 0.0
    assert abs(moved) <= 2.0 * WEIGHTS[name] * abs(step) + 1e-12


def test_a_missing_signal_weakens_the_composite_and_is_not_made_up_for() -> None:
    all_agree = composite(dict.fromkeys(SIGNALS, 0.5), WEIGHTS)
    without = composite({**dict.fromkeys(SIGNALS, 0.5), "funding": 0.0}, WEIGHTS)
    assert all_agree == pytest.approx(math.tanh(1.0))
    assert without == pytest.approx(math.tanh(0.65))
    assert composite({}, WEIGHTS) == 0.0
