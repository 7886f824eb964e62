"""Promises of the position review."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.risk import Costs, ReviewAction, ReviewSettings, review
from ocw_strategy.units import HOUR_NS
from tests.risk.portfolios import fractions, position

COSTS = Costs(fee_fraction=0.0005, slippage_fraction=0.0001)
SAME = ("calm_goldilocks", "calm_goldilocks")
CHANGED = ("calm_goldilocks", "wild_goldilocks")


def reviewed(
    direction: int = 1,
    gain: float = 0.01,
    hours: float = 1.0,
    composite: float = 0.0,
    regimes: tuple[str, str] = SAME,
    already_reduced: bool = False,
) -> ReviewAction:
    held = position("BTCUSDT-PERP", 1_000.0 * direction)
    return review(
        replace(held, price=held.price_at(gain)),
        round(hours * HOUR_NS),
        regime_before=regimes[0],
        regime_now=regimes[1],
        composite=composite,
        already_reduced=already_reduced,
        settings=ReviewSettings(),
        costs=COSTS,
    )


def test_a_position_without_a_concern_is_kept() -> None:
    assert reviewed() == ReviewAction("keep", 0.0, ())


@pytest.mark.parametrize(
    ("change", "concern"),
    [
        ({"regimes": CHANGED}, "regime_changed"),
        ({"composite": -0.3}, "composite_opposed"),
        ({"gain": -0.019}, "losing"),
        ({"gain": 0.001, "hours": 12.0}, "unprofitable"),
    ],
)
def test_one_concern_asks_for_a_decision(change: dict[str, object], concern: str) -> None:
    assert reviewed(**change) == ReviewAction("ask", 0.0, (concern,))


def test_a_loss_with_another_concern_reduces_once_and_then_asks() -> None:
    action = reviewed(gain=-0.03, composite=-0.5)
    assert action == ReviewAction("reduce", 0.5, ("composite_opposed", "losing"))
    assert reviewed(gain=-0.03, composite=-0.5, already_reduced=True).kind == "ask"


def test_b22_a_falling_market_is_no_reason_to_leave_a_short() -> None:
    assert reviewed(direction=-1, composite=-0.9).kind == "keep"
    assert reviewed(direction=-1, composite=0.9).kind == "ask"


def test_what_is_not_known_raises_no_concern() -> None:
    unknown = ("calm_goldilocks", "unknown_goldilocks")
    assert reviewed(gain=math.nan, composite=math.nan, regimes=unknown).kind == "keep"
    assert reviewed(regimes=unknown[::-1]).kind == "keep"


def test_b4_a_gain_counts_after_costs() -> None:
    assert reviewed(gain=0.0013, hours=20.0).kind == "keep"
    assert reviewed(gain=0.0011, hours=20.0).concerns == ("unprofitable",)


@given(
    fractions(-0.1, 0.1),
    fractions(-1.0, 1.0),
    fractions(0.0, 48.0),
    st.sampled_from(
        (("calm_goldilocks", "calm_goldilocks"), ("calm_goldilocks", "wild_goldilocks"))
    ),
    st.booleans(),
)
def test_the_review_of_a_mirrored_position_is_the_same(
    gain: float, composite: float, hours: float, regimes: tuple[str, str], reduced: bool
) -> None:
    sides = [
        reviewed(side, gain, hours, side * composite, regimes, reduced).kind for side in (1, -1)
    ]
    assert sides[0] == sides[1]
