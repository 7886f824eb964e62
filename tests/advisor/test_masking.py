"""The mask: what tells of when and where is gone, and a decision comes back under its names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.advisor import Decision, Target
from ocw_strategy.advisor.masking import Mask
from ocw_strategy.gate import WakeCondition
from tests.market.examples import BTC, ETH, SOL, SYMBOLS

MASK = Mask.over(SYMBOLS, masked=True)
BARE = Mask.over(SYMBOLS, masked=False)


def test_instruments_are_numbered_whatever_order_they_come_in() -> None:
    assert Mask.over(SYMBOLS[::-1], masked=True).names == {BTC: "X1", ETH: "X2", SOL: "X3"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("BTCUSDT-PERP led, ETHUSDT followed, SOL did not", "X1 led, X2 followed, X3 did not"),
        ("condition:SOLUSDT-PERP:flush", "condition:X3:flush"),
        ("since 2024-10-01 and in October 2023", "since [hidden] and in [hidden] [hidden]"),
        ("buy at $65,123.5 or 65k", "buy at [hidden] or [hidden]"),
        ("stop near 23.4, RSI 45, +1.2%", "stop near [hidden], RSI 45, +1.2%"),
        ("score +0.42 after 6.5 h, z -2.3", "score +0.42 after 6.5 h, z -2.3"),
        ("return_15m and RSI14", "return_15m and RSI14"),
    ],
)
def test_names_dates_and_levels_go_and_the_rest_stays(text: str, left: str) -> None:
    assert MASK.text(text, levels=[23.5]) == left


@given(st.sampled_from(SYMBOLS), st.floats(1.0, 90_000.0))
def test_no_level_survives_in_any_form(symbol: str, price: float) -> None:
    for form in (f"{price:.2f}", f"{price:,.4f}", f"${price:.3f}", f"{price:.4g}", repr(price)):
        hidden = MASK.text(f"{symbol} at {form} now", levels=[price])
        assert hidden == f"{MASK.names[symbol]} at [hidden] now"


def test_without_a_mask_nothing_changes() -> None:
    text = "BTC at 65,123 since 2024-10-01"
    assert BARE.text(text, levels=[65_123.0]) == text
    assert BARE.shown == tuple(sorted(SYMBOLS))


def decision(name: str) -> Decision:
    held = Decision.hold("as before", 7200)
    return held.model_copy(
        update={
            "targets": (Target(symbol=name, exposure=0.5, confidence=0.7),),
            "wake_conditions": (
                WakeCondition(metric="return_1h", symbol=name, operator="gt", threshold=0.01),
            ),
        }
    )


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_decision_comes_back_under_the_instruments_own_names(symbol: str) -> None:
    assert MASK.unmask(decision(MASK.names[symbol])) == decision(symbol)
    assert BARE.unmask(decision(symbol)) == decision(symbol)
