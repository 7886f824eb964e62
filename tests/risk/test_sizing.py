"""Promises of the sizing."""

import math
from dataclasses import replace

import pytest

from ocw_strategy.risk import InvalidTargetError, TargetExposure, wanted_fraction

TARGET = TargetExposure(
    "BTCUSDT-PERP", -0.8, 0.5, posterior_scale=1.5, regime_scale=0.5, macro_scale=0.9
)


def test_the_size_is_the_product_of_exposure_confidence_and_every_scale() -> None:
    assert wanted_fraction(TARGET) == pytest.approx(-0.8 * 0.5 * 1.5 * 0.5 * 0.9)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("exposure", 1.01),
        ("exposure", math.nan),
        ("confidence", -0.01),
        ("confidence", 1.01),
        ("posterior_scale", -1.0),
        ("regime_scale", math.inf),
        ("macro_scale", 11.0),
    ],
)
def test_b29_a_number_out_of_range_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(InvalidTargetError, match=f"BTCUSDT-PERP {field}"):
        wanted_fraction(replace(TARGET, **{field: value}))
