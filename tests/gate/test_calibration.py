"""Fitting the gate's numbers: golden numbers from data made with known ones."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from ocw_strategy.gate.calibration import CalibrationError, fit_levels, fit_weights
from ocw_strategy.market.features import DECISION_NS, HORIZON_NS, FeatureSettings, SymbolFeatures
from tests.gate.market import BTC, ETH, features_at, nth_close

HORIZON = HORIZON_NS // DECISION_NS
TRUE = (0.5, 0.2, 0.1)
START = FeatureSettings()


def made_with(weights: tuple[float, ...], count: int) -> list[Mapping[str, SymbolFeatures]]:
    """Return closes whose moves over four hours are exactly what the weights say, up to scale."""
    rng = np.random.default_rng(2)
    started = (START.hour_weight, START.day_weight, START.week_weight)
    prices = {"BTC": [100.0] * (count + HORIZON), "ETH": [5.0] * (count + HORIZON)}
    found = []
    for index in range(count):
        by_symbol = {}
        for name, path in prices.items():
            hour, day, week = volatilities = 0.002 * np.exp(rng.normal(0.0, 0.3, 3))
            lively = math.exp(rng.normal(0.0, 0.2))
            move = 3.0 * lively * math.prod(volatilities ** np.array(weights))
            path[index + HORIZON] = path[index] * math.exp(move * rng.choice([-1.0, 1.0]))
            by_symbol[name] = {
                "price": path[index],
                "volatility_1h": float(hour),
                "volatility_1d": float(day),
                "volatility_1w": float(week),
                "expected_move": lively * math.prod(volatilities ** np.array(started)),
            }
        found.append(features_at(nth_close(index), **by_symbol))
    return found


def test_the_weights_are_those_that_the_moves_were_made_with() -> None:
    fitted = fit_weights(made_with(TRUE, 700), START)
    assert (fitted.hour_weight, fitted.day_weight, fitted.week_weight) == TRUE
    assert fitted.history_days == START.history_days


def test_closes_without_a_known_outcome_are_left_out_of_the_fit() -> None:
    closes = made_with(TRUE, 700)
    broken = {"stale": True, "volatility_1h": 0.0, "price": 1.0}
    closes[30] = features_at(nth_close(30), broken)
    assert fit_weights(closes, START).hour_weight == TRUE[0]


def test_a_level_is_what_the_noisiest_share_of_no_instrument_falls_short_of() -> None:
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((1_500, 2, 3)) * np.array([1.0, 2.0])[None, :, None]
    names = ("return_z", "volume_z", "expected_move_z")
    closes = [
        features_at(
            nth_close(index),
            BTC=dict(zip(names, row[0].tolist(), strict=True)),
            ETH=dict(zip(names, row[1].tolist(), strict=True)),
        )
        for index, row in enumerate(columns)
    ]
    levels = fit_levels(closes)
    calmest = np.abs(columns[:, 0, 0])
    assert levels["shock_z"] > levels["return_z"] > 0.0
    assert 0.0 < np.mean(calmest >= levels["shock_z"]) < np.mean(calmest >= levels["return_z"])
    for name, column in (("return_z", 0), ("volume_z", 1), ("move_z", 2)):
        values = columns[:, 0, column]
        spoken = np.mean((np.abs(values) if column == 0 else values) >= levels[name])
        assert 0.0 < spoken < 0.5
    assert all(value == round(value, 2) for value in levels.values())


@pytest.mark.parametrize("silent", [{"stale": True}, {"ready": False}])
def test_too_little_to_fit_on_is_refused(silent: dict[str, bool]) -> None:
    closes = [features_at(nth_close(index), silent) for index in range(1_200)]
    with pytest.raises(CalibrationError):
        fit_levels(closes)
    with pytest.raises(CalibrationError):
        fit_weights(closes, START)
    with pytest.raises(CalibrationError):
        fit_levels([])


def test_one_instrument_with_too_little_is_enough_to_refuse() -> None:
    silent = {"ready": False}
    closes = [features_at(nth_close(index), ETH=silent) for index in range(1_200)]
    closes[-1] = features_at(nth_close(1_200))
    assert all(set(close) == {BTC, ETH} for close in closes)
    with pytest.raises(CalibrationError):
        fit_levels(closes)
