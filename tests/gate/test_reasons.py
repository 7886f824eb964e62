"""What stands out at a close, and what it is called."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.gate import GateSettings
from ocw_strategy.gate.reasons import outliers
from tests.gate.market import BTC, ETH, MONDAY_NS, features_at

SETTINGS = GateSettings(shock_z=6.0, return_z=4.0, volume_z=3.0, move_z=2.0)
CALM = features_at(MONDAY_NS)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, []),
        ({"return_z": 3.99}, []),
        ({"return_z": 4.0}, ["return"]),
        ({"return_z": -4.0}, ["return"]),
        ({"return_z": 6.0}, ["shock"]),
        ({"return_z": -6.0}, ["shock"]),
        ({"volume_z": 3.0}, ["volume"]),
        ({"volume_z": -9.0}, []),
        ({"expected_move_z": 2.0}, ["move"]),
        ({"expected_move_z": -9.0}, []),
        ({"return_z": 9.0, "volume_z": 9.0, "expected_move_z": 9.0}, ["shock", "volume", "move"]),
    ],
)
def test_each_level_is_reached_from_its_own_side(
    changes: dict[str, float], kinds: list[str]
) -> None:
    found = outliers([replace(CALM[ETH], **changes)], SETTINGS)  # type: ignore[arg-type]
    assert [reason.kind for reason in found] == kinds
    assert all(reason.symbol == ETH and ETH in reason.text for reason in found)


def test_the_text_tells_kind_instrument_and_size() -> None:
    shocked = replace(CALM[ETH], return_z=-7.26)
    assert [r.text for r in outliers([CALM[BTC], shocked], SETTINGS)] == [f"shock:{ETH}:-7.3"]


@given(price=st.floats(1e-6, 1e9), move=st.floats(-0.5, 0.5))
@settings(max_examples=30, deadline=None)
def test_b8_no_price_level_and_no_unscaled_return_stands_out(price: float, move: float) -> None:
    level = replace(CALM[BTC], price=price, return_15m=move, return_1h=move, return_24h=move)
    assert outliers([level], SETTINGS) == []
