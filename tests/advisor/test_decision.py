"""Anything an advisor may answer is a decision within limits or a named hold."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ocw_strategy.advisor import Advice, Decision, SignalConfidence, check_decision, parse_decision
from ocw_strategy.units import SIGNALS

BTC, ETH = SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP")
KINDS = {
    "decided", "malformed", "unknown_instrument", "duplicate_instrument", "not_finite",
    "out_of_range",
}  # fmt: skip


def answer(**changes: Any) -> dict[str, Any]:
    """Return an answer as an advisor would give it."""
    good: dict[str, Any] = {
        "targets": [
            {"symbol": BTC, "exposure": 0.5, "confidence": 0.7},
            {"symbol": ETH, "exposure": -1, "confidence": 1},
        ],
        "signal_confidence": dict.fromkeys(SIGNALS, 0.5),
        "reason": "the trend holds",
        "next_check_seconds": 3600,
        "wake_conditions": [
            {
                "metric": "price", "symbol": BTC, "operator": "gt", "threshold": 70000,
                "reason": "breakout",
            }
        ],
        "memory_note": "note",
    }  # fmt: skip
    return good | changes


def nested(depth: int) -> dict[str, Any]:
    """Return a mapping too deep for anyone."""
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"targets": found}
    return found


def target(**changes: Any) -> dict[str, Any]:
    return answer(targets=[{"symbol": BTC, "exposure": 0.5, "confidence": 0.7, **changes}])


def within_limits(advice: Advice) -> bool:
    """Tell whether advice is a decision that could be followed, or a hold that says why."""
    if advice.decision is None:
        return advice.outcome in KINDS - {"decided"} and bool(advice.detail)
    targets = advice.decision.targets
    return (
        advice.outcome == "decided"
        and all(-1 <= each.exposure <= 1 and 0 <= each.confidence <= 1 for each in targets)
        and len({each.symbol for each in targets}) == len(targets)
        and {each.symbol for each in targets} <= set(SYMBOLS)
        and all(math.isfinite(each.threshold) for each in advice.decision.wake_conditions)
        and len(advice.decision.memory_note) <= 500
    )


@pytest.mark.parametrize("form", [json.dumps, lambda a: json.dumps(a).encode(), lambda a: a])
def test_a_good_answer_is_decided_whatever_its_form(form: Any) -> None:
    advice = parse_decision(form(answer()), SYMBOLS)
    assert advice.outcome == "decided"
    assert advice.decision is not None
    assert [each.exposure for each in advice.decision.targets] == [0.5, -1.0]
    assert advice.decision.wake_conditions[0].threshold == 70000.0
    assert json.loads(advice.raw) == answer()


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        ("", "malformed"),
        ("I would buy.", "malformed"),
        ("null", "malformed"),
        ("[]", "malformed"),
        (b"\xff\xfe", "malformed"),
        ("\ud800", "malformed"),
        ("[" * 100_000, "malformed"),
        (json.dumps(answer())[:-20], "malformed"),
        ({}, "malformed"),
        (answer(action="BUY"), "malformed"),
        (answer(targets=None), "malformed"),
        (answer(targets={"symbol": BTC}), "malformed"),
        (target(exposure="0.5"), "malformed"),
        (target(exposure=None), "malformed"),
        (target(exposure=True), "malformed"),
        (target(exposure=1.01), "out_of_range"),
        (target(exposure=-5), "out_of_range"),
        (target(confidence=-0.1), "out_of_range"),
        (target(exposure=math.nan), "not_finite"),
        (target(confidence=math.inf), "not_finite"),
        (target(exposure=10**400), "not_finite"),
        (target(symbol="BTC/USDT:USDT"), "unknown_instrument"),
        (target(symbol=""), "unknown_instrument"),
        (answer(targets=target()["targets"] * 2), "duplicate_instrument"),
        (answer(next_check_seconds="600"), "malformed"),
        (answer(next_check_seconds=600.5), "malformed"),
        (answer(next_check_seconds=0), "out_of_range"),
        (answer(signal_confidence={}), "malformed"),
        (answer(signal_confidence=dict.fromkeys(SIGNALS, 1.5)), "out_of_range"),
        (answer(wake_conditions=["price > 70000"]), "malformed"),
        ({"targets": {1, 2}}, "malformed"),
        (nested(100_000), "malformed"),
        ({"targets": 10**5000}, "malformed"),
    ],
)
def test_anything_else_is_a_hold_with_its_fault_named_and_the_answer_kept(
    raw: Any, outcome: str
) -> None:
    advice = parse_decision(raw, SYMBOLS)
    assert advice.decision is None
    assert advice.outcome == outcome
    assert advice.detail
    assert advice.raw or not raw
    advice.raw.encode("utf-8")


def test_b10_a_wake_request_that_is_no_number_is_a_hold_and_raises_nothing() -> None:
    null = [{"metric": "price", "symbol": BTC, "operator": "gt", "threshold": None, "reason": ""}]
    for bad in (answer(wake_conditions=null), answer(next_check_seconds="600")):
        assert parse_decision(bad, SYMBOLS).outcome == "malformed"


def test_b10_a_metric_nobody_knows_is_the_gates_to_refuse_and_costs_no_trade() -> None:
    unknown = [{"metric": "oi_change_pct", "symbol": BTC, "operator": "gt", "threshold": 1.0}]
    advice = parse_decision(answer(wake_conditions=unknown), SYMBOLS)
    assert advice.decision is not None
    assert len(advice.decision.targets) == 2


def test_b29_a_size_that_is_wrong_is_refused_and_never_replaced() -> None:
    for size in (-5, 7, "abc", None, math.nan):
        assert parse_decision(target(exposure=size), SYMBOLS).decision is None


def test_b12_an_instrument_is_named_by_one_name_alone() -> None:
    for name in ("BTC/USDT", "BTCUSDT", "btcusdt-perp", "BTCUSDT-PERP.BINANCE"):
        assert parse_decision(target(symbol=name), SYMBOLS).outcome == "unknown_instrument"


def test_texts_are_cut_to_length() -> None:
    advice = parse_decision(answer(memory_note="n" * 900, reason="r" * 9000), SYMBOLS)
    assert advice.decision is not None
    assert len(advice.decision.memory_note) == 500
    assert len(advice.decision.reason) == 2000


def test_a_fault_is_told_in_words() -> None:
    advice = parse_decision(target(exposure=3), SYMBOLS)
    assert advice.detail == "targets.0.exposure: Input should be less than or equal to 1"


numbers = st.one_of(st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=5))
near_valid = st.builds(
    answer,
    targets=st.lists(
        st.fixed_dictionaries(
            {
                "symbol": st.sampled_from([*SYMBOLS, "DOGEUSDT-PERP"]),
                "exposure": st.one_of(st.floats(-1.2, 1.2), numbers),
                "confidence": st.one_of(st.floats(0, 1), numbers),
            }
        ),
        max_size=3,
    ),
    next_check_seconds=st.one_of(st.integers(-10, 10**6), numbers),
    memory_note=st.text(st.characters(codec=None), max_size=600),
)
anything = st.recursive(
    st.one_of(numbers, st.text(st.characters(codec=None), max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(st.characters(codec=None), max_size=300),
        anything.map(json.dumps),
        near_valid,
        near_valid.map(json.dumps),
        st.dictionaries(st.text(max_size=10), anything, max_size=4),
    )
)
def test_no_answer_raises_and_none_leaves_the_limits(raw: Any) -> None:
    advice = parse_decision(raw, SYMBOLS)
    assert within_limits(advice)
    (advice.raw + advice.detail).encode("utf-8")
    if advice.decision is not None:
        advice.decision.canonical_json().encode("utf-8")


def test_a_hold_leaves_everything_as_it_is() -> None:
    decision = Decision.hold("nothing is worth a trade", 3600)
    assert decision.targets == decision.wake_conditions == ()
    assert check_decision(decision, SYMBOLS).decision is decision
    assert parse_decision(decision.canonical_json(), ()).decision == decision


def test_a_decision_comes_back_equal_from_its_json() -> None:
    decision = parse_decision(answer(), SYMBOLS).decision
    assert decision is not None
    assert Decision.model_validate_json(decision.canonical_json()) == decision


def test_signal_confidence_is_asked_for_exactly_the_signals_and_has_no_sign() -> None:
    assert tuple(SignalConfidence.model_fields) == SIGNALS
    with pytest.raises(ValidationError):
        SignalConfidence(funding=-0.5, cumulative_volume_delta=0, long_short=0, open_interest=0)


def test_every_object_of_the_schema_is_closed_and_described() -> None:
    """Structured output demands closed objects; what it does not enforce is checked on parsing."""
    schema = Decision.model_json_schema()
    for part in [schema, *schema["$defs"].values()]:
        assert part["type"] == "object"
        assert part["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["$defs"]["Target"]["properties"]["exposure"]["description"]
