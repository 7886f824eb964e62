"""Reflections: what a trade taught, said shortly, and the few that fit the moment."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.advisor import Decision, Reflection, ReflectionBook, Target, reflect
from ocw_strategy.advisor.sizes import estimate_tokens
from ocw_strategy.journal.records import Trade
from ocw_strategy.market.snapshot import MAX_REFLECTION, MAX_REFLECTIONS
from ocw_strategy.units import DAY_NS, SIGNALS
from tests.advisor.test_quoting import HOSTILE, harmless
from tests.market.examples import BTC, ETH, NOW, SOL, make_trade

SIGNS = {"funding": -0.4, "cumulative_volume_delta": 0.3, "long_short": 0.02, "open_interest": 0.5}
QUIET = dict.fromkeys(SIGNALS, 0.0)


def reflected(
    reason: str = "the flow turned", confidence: float | None = 0.6, **changes: Any
) -> Reflection:
    return reflect(make_trade(1, **changes), SIGNS, confidence=confidence, reason=reason)


def decision(reason: str, **exposures: float) -> Decision:
    targets = tuple(
        Target(symbol=f"{base}USDT-PERP", exposure=share, confidence=0.7)
        for base, share in exposures.items()
    )
    return Decision.hold(reason, 7200).model_copy(update={"targets": targets})


# -- what is said ---------------------------------------------------------------------------------


def test_it_says_what_was_expected_and_what_came() -> None:
    assert reflected().text == (
        "SOLUSDT-PERP short conf 0.60 in calm_goldilocks: +1.87% in 6.0 h by trailing_stop, "
        "best +3.0% worst -0.4%; right funding; wrong cvd/open_interest; reason: the flow turned"
    )


@pytest.mark.parametrize(
    ("direction", "gross", "right", "wrong"),
    [
        (1, 5.0, ("cumulative_volume_delta", "open_interest"), ("funding",)),
        (-1, -5.0, ("cumulative_volume_delta", "open_interest"), ("funding",)),
        (1, -5.0, ("funding",), ("cumulative_volume_delta", "open_interest")),
        (-1, 5.0, ("funding",), ("cumulative_volume_delta", "open_interest")),
        (1, 0.0, (), ()),
    ],
)
def test_a_signal_is_right_when_the_price_went_its_way_whatever_was_traded(
    direction: int, gross: float, right: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    found = reflected(direction=direction, gross_usd=gross)
    assert (found.right, found.wrong) == (right, wrong)


def test_a_signal_that_said_next_to_nothing_is_not_judged() -> None:
    found = reflected()
    assert "long_short" not in (*found.right, *found.wrong)


def test_its_words_can_be_searched_for() -> None:
    assert reflected().words == "funding_right cumulative_volume_delta_wrong open_interest_wrong"


def test_of_a_reason_over_several_instruments_the_part_on_this_one_is_said() -> None:
    text = reflected(f"{BTC}: kept. {SOL}: opens short (score -0.5).").text
    assert text.endswith("reason: opens short (score -0.5).")


def test_without_the_decision_it_says_what_came() -> None:
    text = reflected("", None).text
    assert "conf" not in text
    assert "reason" not in text


@pytest.mark.parametrize("reason", [*HOSTILE, "long " * 400])
def test_a_models_reason_is_quoted_and_cut(reason: str) -> None:
    text = reflected(reason).text
    assert harmless(text)
    assert len(text) <= MAX_REFLECTION


# -- which are shown ------------------------------------------------------------------------------


def book(*trades: Trade) -> ReflectionBook:
    made = ReflectionBook()
    for trade in trades:
        made.learn(trade, json.loads(trade.signals))
    return made


def closed(
    name: str, days_ago: float = 1.0, signals: dict[str, float] = QUIET, **facts: Any
) -> Trade:
    changes = {
        "trade_id": name,
        "decision_id": name,
        "closed_ns": NOW - round(days_ago * DAY_NS),
        "exit_reason": name,
        "signals": json.dumps(signals),
    }
    return make_trade(1, **{**changes, **facts})


def choose(made: ReflectionBook, **changes: Any) -> list[str]:
    """Return the names of the trades that are shown, in their order."""
    moment: dict[str, Any] = {
        "regime": "calm_goldilocks",
        "signals": dict.fromkeys((BTC, ETH, SOL), SIGNS),
        "concerned": (),
        "tokens": 1_000,
    }
    texts = made.choose(NOW, **{**moment, **changes})
    return [found[1] for text in texts if (found := re.search(r" by (\w+),", text))]


def test_the_same_regime_comes_first() -> None:
    made = book(closed("other", 0.1, regime="extreme_deflation"), closed("same", 20.0))
    assert choose(made) == ["same", "other"]


def test_an_instrument_that_is_held_or_spoke_comes_before_others() -> None:
    made = book(closed("btc", 20.0, symbol=BTC), closed("sol", 19.0, symbol=SOL))
    assert choose(made, concerned={BTC}) == ["btc", "sol"]
    assert choose(made) == ["sol", "btc"]


def test_signals_that_point_the_same_way_come_before_those_that_do_not() -> None:
    against = {name: -value for name, value in SIGNS.items()}
    made = book(closed("alike", 9.0, SIGNS), closed("against", 8.0, against), closed("none", 8.5))
    assert choose(made) == ["alike", "none", "against"]


def test_of_equals_the_newer_comes_first() -> None:
    assert choose(book(closed("old", 9.0), closed("new", 2.0))) == ["new", "old"]


def test_the_pieces_of_one_position_are_told_once() -> None:
    pieces = [closed(f"piece{k}", 3.0 - k, decision_id="one") for k in range(3)]
    assert choose(book(*pieces, closed("apart", 9.0))) == ["piece2", "apart"]


def test_words_that_stand_in_a_reflections_place_are_shown_from_then_on() -> None:
    made = book(closed("before"))
    assert choose(made) == ["before"]
    made.rewrite("before", "closed by after, a model says")
    assert choose(made) == ["after"]
    made.learn(closed("newer", 0.5), QUIET)
    assert choose(made) == ["newer", "after"]


def test_an_instrument_that_is_no_longer_traded_is_passed_over() -> None:
    made = book(closed("btc", symbol=BTC), closed("sol", symbol=SOL))
    assert choose(made, signals={BTC: SIGNS}) == ["btc"]


def test_no_more_are_shown_than_a_snapshot_takes() -> None:
    made = book(*(closed(f"t{k}", float(k)) for k in range(1, 20)))
    assert len(choose(made)) == MAX_REFLECTIONS


@given(st.integers(0, 700), st.integers(0, 12))
def test_they_never_take_more_tokens_than_allowed(tokens: int, count: int) -> None:
    made = book(*(closed(f"t{k}", float(k)) for k in range(1, count + 1)))
    texts = made.choose(NOW, regime="x", signals={SOL: SIGNS}, concerned=(), tokens=tokens)
    block = "\n".join(["<reflections>", *(f"- {text}" for text in texts), "</reflections>", ""])
    assert not texts or estimate_tokens(block) <= tokens


def test_none_are_shown_where_no_tokens_are_left_for_them() -> None:
    assert choose(book(closed("one")), tokens=0) == []


# -- the book -------------------------------------------------------------------------------------


def test_the_decision_behind_a_trade_is_remembered_until_it_closes() -> None:
    made = ReflectionBook()
    made.expect("D-1", decision("the crowd is long", SOL=-0.5))
    found = made.learn(make_trade(1), SIGNS)
    assert "conf 0.70" in found.text
    assert found.text.endswith("reason: the crowd is long")


def test_a_decision_that_only_closes_expects_nothing() -> None:
    made = ReflectionBook()
    made.expect("D-1", decision("out", SOL=0.0))
    assert "reason" not in made.learn(make_trade(1), SIGNS).text


def test_it_is_the_same_after_a_restart() -> None:
    made = book(closed("a", 3.0, SIGNS), closed("b", 2.0))
    made.expect("D-9", decision("later", SOL=0.5))
    again = ReflectionBook()
    again.restore(json.loads(json.dumps(made.state(), allow_nan=False)))
    assert again.state() == made.state()
    assert choose(again) == choose(made)
    last = closed("c", decision_id="D-9")
    assert again.learn(last, SIGNS) == made.learn(last, SIGNS)


def test_it_does_not_grow_without_end() -> None:
    made = ReflectionBook()
    for k in range(500):
        made.expect(f"D-{k}", decision("why", SOL=0.5))
        made.learn(closed(f"t{k}"), SIGNS)
    state = made.state()
    assert len(state["expected"]) < 100
    assert len(state["reflections"]) == 200
