"""The rules by scenario: what they want, when no more, and that shorts are longs mirrored."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ocw_strategy.advisor import Decision, RulesSettings, Target, check_decision, decide_by_rules
from ocw_strategy.gate.conditions import METRICS
from ocw_strategy.market import InstrumentReport, MarketSnapshot, PositionReport
from tests.market.examples import BTC, ETH, SOL, SYMBOLS, make_position, make_snapshot

RULES = RulesSettings()
BASE = make_snapshot(positions={}, trades=[])
HOURLY = BASE.instruments[BTC].timeframes["1h"]

TREND_UP = {
    "efficiency_ratio": 0.55,
    "mean_distance": 0.04,
    "bollinger_percent_b": 0.9,
    "rsi": 68.0,
}
WEAK_UP = {**TREND_UP, "mean_distance": 0.02}
RANGE_HIGH = {
    "efficiency_ratio": 0.08,
    "mean_distance": 0.015,
    "bollinger_percent_b": 1.0,
    "rsi": 70.0,
}
RANGE_MIDDLE = {
    "efficiency_ratio": 0.08,
    "mean_distance": 0.0,
    "bollinger_percent_b": 0.5,
    "rsi": 50.0,
}
NEITHER = {
    "efficiency_ratio": 0.275,
    "mean_distance": 0.02,
    "bollinger_percent_b": 0.9,
    "rsi": 62.0,
}


def mirrored(hourly: dict[str, float]) -> dict[str, float]:
    return {
        "efficiency_ratio": hourly["efficiency_ratio"],
        "mean_distance": -hourly["mean_distance"],
        "bollinger_percent_b": 1.0 - hourly["bollinger_percent_b"],
        "rsi": 100.0 - hourly["rsi"],
    }


TREND_DOWN, RANGE_LOW = mirrored(TREND_UP), mirrored(RANGE_HIGH)


def instrument(
    hourly: dict[str, Any], *, composite: float = 0.0, **changes: Any
) -> InstrumentReport:
    bars = HOURLY.model_copy(update={"atr": 0.008, **hourly})
    return BASE.instruments[BTC].model_copy(
        update={"timeframes": {"1h": bars}, "composite": composite, "price": 100.0, **changes}
    )


def market(
    shown: InstrumentReport,
    position: PositionReport | None = None,
    *reasons: str,
    scale: float = 1.0,
) -> MarketSnapshot:
    regime = BASE.regime.model_copy(update={"exposure_scale": scale, "macro_scale": 1.0})
    changed = BASE.model_copy(
        update={
            "instruments": {BTC: shown},
            "positions": {BTC: position} if position else {},
            "wake_reasons": reasons or ("timer",),
            "regime": regime,
        }
    )
    return MarketSnapshot.model_validate_json(changed.canonical_json())


def held(side: str, exposure: float = 0.2) -> PositionReport:
    return make_position(side=side, exposure=exposure if side == "long" else -exposure)


def ask(*arguments: Any, **options: Any) -> Decision:
    return decide_by_rules(market(*arguments, **options), RULES)


def only_target(decision: Decision) -> Target | None:
    assert len(decision.targets) <= 1
    return decision.targets[0] if decision.targets else None


@pytest.mark.parametrize(
    ("hourly", "composite", "side"),
    [
        (TREND_UP, 0.0, 1), (TREND_DOWN, 0.0, -1),
        (RANGE_HIGH, 0.0, -1), (RANGE_LOW, 0.0, 1),
        (RANGE_MIDDLE, 0.0, 0), (NEITHER, 0.0, 0), (mirrored(NEITHER), 0.0, 0),
        (TREND_UP, 0.8, 1), (WEAK_UP, -1.0, 0), (mirrored(WEAK_UP), 1.0, 0),
        (RANGE_MIDDLE, 1.0, 0), (RANGE_MIDDLE, -1.0, 0),
    ],
)  # fmt: skip
def test_what_a_flat_account_does(hourly: dict[str, float], composite: float, side: int) -> None:
    target = only_target(ask(instrument(hourly, composite=composite)))
    if side == 0:
        assert target is None
    else:
        assert target is not None
        assert target.exposure * side > 0.3


@pytest.mark.parametrize(
    ("hourly", "composite", "side", "verdict"),
    [
        (TREND_UP, 0.0, "long", "keeps"), (TREND_DOWN, 0.0, "short", "keeps"),
        (TREND_DOWN, 0.0, "long", "turns"), (TREND_UP, 0.0, "short", "turns"),
        (RANGE_MIDDLE, 0.0, "long", "closes"), (RANGE_MIDDLE, 0.0, "short", "closes"),
        (RANGE_MIDDLE, 0.6, "long", "keeps"), (RANGE_MIDDLE, -0.6, "short", "keeps"),
        (NEITHER, 0.0, "long", "closes"), (NEITHER, 0.0, "short", "closes"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_position(
    hourly: dict[str, float], composite: float, side: str, verdict: str
) -> None:
    decision = ask(instrument(hourly, composite=composite), held(side))
    target = only_target(decision)
    assert f"{BTC}: {verdict}" in decision.reason
    match verdict:
        case "keeps":
            assert target is None
        case "closes":
            assert target == Target(symbol=BTC, exposure=0.0, confidence=1.0)
        case _:
            assert target is not None
            assert (target.exposure > 0) == (side == "short")


def test_a_position_larger_than_its_reason_is_reduced() -> None:
    weak = instrument(RANGE_MIDDLE, composite=0.5)
    target = only_target(ask(weak, held("long", exposure=0.9)))
    assert target is not None
    assert 0.0 < target.exposure * target.confidence < 0.45
    assert only_target(ask(weak, held("long", exposure=0.2))) is None


def test_a_smaller_scale_of_the_regime_reduces_sooner() -> None:
    strong = instrument(TREND_UP)
    assert only_target(ask(strong, held("long", exposure=0.6), scale=1.0)) is None
    assert only_target(ask(strong, held("long", exposure=0.6), scale=0.25)) is not None


@pytest.mark.parametrize("reason", ["position_review", "position_review:BTCUSDT-PERP"])
@given(
    efficiency=st.floats(0, 1), distance=st.floats(-0.1, 0.1), place=st.floats(-0.5, 1.5),
    rsi=st.floats(0, 100), composite=st.floats(-1, 1), side=st.sampled_from(["long", "short", ""]),
    exposure=st.floats(0.01, 1.5),
)  # fmt: skip
@settings(max_examples=50)
def test_a_position_review_only_reduces(
    reason: str, efficiency: float, distance: float, place: float, rsi: float, composite: float,
    side: str, exposure: float,
) -> None:  # fmt: skip
    hourly = {
        "efficiency_ratio": efficiency, "mean_distance": distance, "bollinger_percent_b": place,
        "rsi": rsi,
    }  # fmt: skip
    position = held(side, exposure) if side else None
    target = only_target(ask(instrument(hourly, composite=composite), position, "timer", reason))
    if position is None:
        assert target is None
    elif target is not None:
        along = target.exposure if side == "long" else -target.exposure
        assert 0.0 <= along * target.confidence < exposure


@given(
    st.floats(0, 1), st.floats(-0.1, 0.1), st.floats(-0.5, 1.5), st.floats(0, 100),
    st.floats(-1, 1), st.sampled_from(["long", "short", ""]),
)  # fmt: skip
@settings(max_examples=100)
def test_shorts_are_longs_in_a_mirror(
    efficiency: float, distance: float, place: float, rsi: float, composite: float, side: str
) -> None:
    hourly = {
        "efficiency_ratio": efficiency, "mean_distance": distance, "bollinger_percent_b": place,
        "rsi": rsi,
    }  # fmt: skip
    other = {"long": "short", "short": "long", "": ""}[side]
    one = only_target(ask(instrument(hourly, composite=composite), held(side) if side else None))
    two = only_target(
        ask(instrument(mirrored(hourly), composite=-composite), held(other) if other else None)
    )
    if one is None or two is None:
        assert one is two
    else:
        # figures are rounded to seven digits, which 1 - x does not survive exactly
        assert one.exposure == pytest.approx(-two.exposure, abs=1e-5)
        assert one.confidence == pytest.approx(two.confidence, abs=1e-5)


def test_confidence_rises_as_the_derivatives_agree_and_falls_as_they_do_not() -> None:
    found = [only_target(ask(instrument(TREND_UP, composite=c))) for c in (-0.3, 0.0, 0.3, 0.9)]
    confidences = [target.confidence for target in found if target is not None]
    assert confidences == pytest.approx([0.35, 0.5, 0.65, 0.95])


def test_the_score_moves_without_jumps_from_range_to_trend() -> None:
    scores = []
    for k in range(101):
        decision = ask(instrument({**TREND_UP, "efficiency_ratio": k / 100}))
        found = re.search(r"score ([+-]\d\.\d\d)", decision.reason)
        assert found is not None
        scores.append(float(found.group(1)))
    assert scores[0] < 0 < scores[-1]
    assert scores == sorted(scores)
    assert max(b - a for a, b in pairwise(scores)) < 0.08


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (instrument(TREND_UP, stale=True), "the bar is late"),
        (instrument({**TREND_UP, "efficiency_ratio": None}), "too little history"),
        (instrument({**TREND_UP, "rsi": None}), "too little history"),
        (instrument({**TREND_UP, "atr": 0.0}), "too little history"),
        (instrument(TREND_UP, price=None), "too little history"),
        (instrument(TREND_UP, timeframes={}), "too little history"),
    ],
)
def test_what_is_not_known_is_left_as_it_is(shown: InstrumentReport, why: str) -> None:
    flat, holding = ask(shown), ask(shown, held("long"))
    assert flat.targets == holding.targets == ()
    assert flat.reason == f"{BTC}: {why}, flat."
    assert holding.reason == f"{BTC}: {why}, kept."


def test_b12_each_instrument_is_judged_by_its_own_bars_under_its_own_name() -> None:
    snapshot = BASE.model_copy(
        update={
            "instruments": {
                BTC: instrument(TREND_UP),
                ETH: instrument(TREND_DOWN),
                SOL: instrument(RANGE_MIDDLE),
            }
        }
    )
    targets = decide_by_rules(snapshot, RULES).targets
    assert [(target.symbol, target.exposure > 0) for target in targets] == [
        (BTC, True),
        (ETH, False),
    ]


def test_a_held_position_asks_to_be_woken_where_its_reason_ends() -> None:
    for hourly, side, operator in (
        (TREND_UP, "long", "crosses_below"),
        (TREND_DOWN, "short", "crosses_above"),
        (RANGE_LOW, "long", "crosses_above"),
        (RANGE_HIGH, "short", "crosses_below"),
    ):
        (condition,) = ask(instrument(hourly), held(side)).wake_conditions
        assert condition.metric in METRICS
        assert condition.operator == operator
        assert condition.threshold == pytest.approx(100.0 / (1.0 + hourly["mean_distance"]))
    assert ask(instrument(RANGE_MIDDLE)).wake_conditions == ()
    assert ask(instrument(RANGE_MIDDLE), held("long")).wake_conditions == ()


def test_at_most_two_wake_conditions_are_asked_for_and_they_are_the_nearest() -> None:
    distances = dict(zip(SYMBOLS, (0.05, 0.03, 0.04), strict=True))
    snapshot = BASE.model_copy(
        update={
            "instruments": {
                symbol: instrument({**TREND_UP, "mean_distance": distance})
                for symbol, distance in distances.items()
            }
        }
    )
    asked = decide_by_rules(snapshot, RULES).wake_conditions
    assert [condition.symbol for condition in asked] == [ETH, SOL]


def test_the_decision_is_a_function_of_the_snapshot_alone() -> None:
    again = MarketSnapshot.model_validate_json(BASE.canonical_json())
    assert decide_by_rules(again, RULES) == decide_by_rules(BASE, RULES)


def test_the_reason_names_the_numbers_and_signal_confidence_is_what_was_learnt() -> None:
    decision = ask(instrument(TREND_UP, composite=0.25))
    assert decision.reason == (
        "BTCUSDT-PERP: opens long (score +0.73 from price rule +0.93 and composite +0.25; "
        "trend 100%, efficiency 0.55, RSI 68, +4.00% from mean)."
    )
    assert decision.signal_confidence.funding == 0.6
    assert decision.next_check_seconds == RULES.next_check_seconds
    assert decision.memory_note == ""
    assert check_decision(decision, [BTC]).decision is decision


def test_a_reason_over_many_instruments_stays_within_its_length() -> None:
    many = {f"X{k}USDT-PERP": instrument(TREND_UP) for k in range(40)}
    decision = decide_by_rules(BASE.model_copy(update={"instruments": many}), RULES)
    assert len(decision.reason) == 2000
    assert len(decision.targets) == 40


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="exit_score must be below entry_score"):
        RulesSettings(exit_score=0.5, entry_score=0.4)
    with pytest.raises(ValidationError, match="range_efficiency must be below"):
        RulesSettings(range_efficiency=0.5)
