"""Promises of what is remembered between reviews."""

import json
from dataclasses import replace

from ocw_strategy.risk import Costs, ReviewAction, ReviewBook, ReviewSettings
from ocw_strategy.units import HOUR_NS
from tests.risk.portfolios import position

COSTS = Costs(fee_fraction=0.0005, slippage_fraction=0.0001)
BTC = "BTCUSDT-PERP"
CALM, WILD = "calm_goldilocks", "wild_goldilocks"


def book() -> ReviewBook:
    return ReviewBook(ReviewSettings(), COSTS)


def look(
    book: ReviewBook,
    gain: float = 0.01,
    composite: float = 0.0,
    regime: str = CALM,
    opened_ns: int = HOUR_NS,
) -> ReviewAction:
    held = replace(position(BTC, 1_000.0), opened_ns=opened_ns)
    held = replace(held, price=held.price_at(gain))
    return book.look(held, opened_ns + HOUR_NS, regime=regime, composite=composite)


def test_a_position_is_reduced_once_between_decisions() -> None:
    reviews = book()
    assert look(reviews, gain=-0.03, composite=-0.5).kind == "reduce"
    assert look(reviews, gain=-0.03, composite=-0.5).kind == "ask"
    reviews.decided([(BTC, HOUR_NS)], CALM)
    assert look(reviews, gain=-0.03, composite=-0.5).kind == "reduce"


def test_a_change_of_regime_is_a_concern_until_a_decision_has_spoken_in_it() -> None:
    reviews = book()
    look(reviews)
    assert look(reviews, regime=WILD).concerns == ("regime_changed",)
    assert look(reviews, regime=WILD).concerns == ("regime_changed",)
    reviews.decided([(BTC, HOUR_NS)], WILD)
    assert look(reviews, regime=WILD).concerns == ()
    assert look(reviews, regime=CALM).concerns == ("regime_changed",)


def test_another_position_begins_in_the_regime_it_is_first_seen_in() -> None:
    reviews = book()
    look(reviews)
    assert look(reviews, regime=WILD, opened_ns=2 * HOUR_NS).concerns == ()


def test_only_a_new_concern_asks_and_it_asks_once() -> None:
    reviews = book()
    look(reviews)
    assert not reviews.take_asking()
    look(reviews, composite=-0.5)
    assert reviews.take_asking()
    assert not reviews.take_asking()
    look(reviews, composite=-0.5)
    assert not reviews.take_asking()  # an old one
    look(reviews)
    look(reviews, composite=-0.5)
    assert reviews.take_asking()  # it had gone, and is back


def test_a_restored_book_goes_on_as_the_one_that_was_kept() -> None:
    kept, other = book(), book()
    look(kept)
    look(kept, gain=-0.03, composite=-0.5, regime=WILD)
    other.restore(json.loads(json.dumps(kept.state())))
    assert other.state() == kept.state()
    for reviews in (kept, other):
        assert look(reviews, gain=-0.03, composite=-0.5, regime=WILD).kind == "ask"
        assert reviews.take_asking()
