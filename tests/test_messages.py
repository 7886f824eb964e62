"""What crosses the bus arrives as it was sent, and nothing else is let in."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocw_strategy.messages import (
    DecisionPayload,
    OcwDecision,
    OcwHalts,
    OcwTradeClosed,
    TargetContext,
    TradePayload,
)
from ocw_strategy.risk import HaltGuard, HaltSettings, Lot, LotBook, trade_row

BTC = "BTCUSDT-PERP"
D = Decimal

shares = st.floats(0, 1)
targets = st.builds(
    TargetContext,
    symbol=st.sampled_from((BTC, "ETHUSDT-PERP")),
    exposure=st.floats(-1, 1),
    confidence=shares,
    posterior_scale=st.floats(0.01, 3),
    signals=st.dictionaries(st.sampled_from(("funding", "long_short")), st.floats(-1, 1)),
    volatility=st.none() | st.floats(1e-9, 1),
)
decisions = st.builds(
    DecisionPayload,
    decision_id=st.text(max_size=12),
    close_ns=st.integers(0, 2**62),
    source=st.sampled_from(("rules", "review")),
    reason=st.text(),
    regime=st.just("calm_goldilocks"),
    regime_scale=st.floats(0, 2),
    macro_scale=st.floats(0, 2),
    targets=st.lists(targets, max_size=3).map(tuple),
)


@given(decisions)
def test_a_decision_arrives_as_it_was_sent(decision: DecisionPayload) -> None:
    sent = OcwDecision(
        ts_event=decision.close_ns,
        ts_init=decision.close_ns + 6,
        decision_id=decision.decision_id,
        payload=decision.model_dump_json(),
    )
    assert sent.read() == decision
    assert OcwDecision.from_dict(sent.to_dict()).read() == decision
    assert (sent.ts_event, sent.ts_init) == (decision.close_ns, decision.close_ns + 6)


def test_messages_survive_a_stream_into_a_catalog() -> None:
    sent = OcwDecision(ts_event=1, ts_init=2, decision_id="d", payload="{}")
    (read,) = OcwDecision.from_arrow(sent.to_arrow())
    assert (read.ts_event, read.ts_init, read.decision_id, read.payload) == (1, 2, "d", "{}")


@pytest.mark.parametrize(
    "change",
    [
        {"exposure": 1.1},
        {"exposure": math.nan},
        {"confidence": -0.1},
        {"posterior_scale": 0.0},
        {"signals": {"funding": math.inf}},
        {"surprise": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_target_that_cannot_be_meant_is_refused(change: dict[str, object]) -> None:
    values = {
        "symbol": BTC, "exposure": 0.5, "confidence": 1.0, "posterior_scale": 1.0, "signals": {},
        "volatility": None,
    }  # fmt: skip
    TargetContext.model_validate(values)
    with pytest.raises(ValidationError):
        TargetContext.model_validate(values | change)


def closed_trade(direction: int = 1, volatility: float | None = 0.002) -> TradePayload:
    """Return half of a lot of 4 at 100 closed at 110, with 0.40 and 0.10 of fees, 0.20 funding."""
    book = LotBook()
    book.open(
        Lot(
            lot_id="a", symbol=BTC, direction=direction, quantity=D(4), opened_quantity=D(4),
            entry_price=D(100), opened_ns=1_000, decision_id="d", regime="calm_goldilocks",
            signals={"funding": 0.5, "long_short": -0.25}, volatility=volatility,
            entry_fee_usd=D("0.40"),
        )
    )  # fmt: skip
    book.add_funding(BTC, D("-0.20"))
    (closed,) = book.close(BTC, D(2), D(110), D("0.10"), 2_000)
    return TradePayload.from_closed(closed, trade_row(closed, "trailing"))


def test_a_trade_arrives_as_it_was_sent() -> None:
    payload = closed_trade()
    sent = OcwTradeClosed(
        ts_event=2_000, ts_init=2_001, trade_id="a/0", payload=payload.model_dump_json()
    )
    assert sent.read() == payload
    assert sent.read().trade == payload.trade
    assert sent.read().outcome() == payload.outcome()


def test_a_guards_state_arrives_so_that_another_guard_goes_on_from_it() -> None:
    guard = HaltGuard(HaltSettings(max_drawdown_fraction=0.1))
    for now_ns, equity in ((1, 100.1), (2, 90.0), (3, math.nan)):
        guard.on_equity(now_ns, equity)
    guard.on_exit(BTC, 4)
    sent = OcwHalts(ts_event=3, ts_init=4, state=json.dumps(guard.state()))
    other = HaltGuard(HaltSettings(max_drawdown_fraction=0.1))
    other.restore(OcwHalts.from_dict(sent.to_dict()).read())
    assert other.state() == guard.state()
    assert (other.drawdown_fraction, other.blocked(5)) == (guard.drawdown_fraction, "drawdown")


def test_b4_the_outcome_of_a_trade_is_net_of_fees_and_funding() -> None:
    outcome = closed_trade().outcome()
    assert outcome.gross_return == pytest.approx(0.10)
    assert outcome.cost == pytest.approx((0.20 + 0.10 + 0.10) / 200)
    assert closed_trade().trade.net_return == pytest.approx(outcome.gross_return - outcome.cost)


def test_b5_the_outcome_of_a_trade_carries_what_was_known_at_entry() -> None:
    outcome = closed_trade().outcome()
    assert outcome.signals == {"funding": 0.5, "long_short": -0.25}
    assert (outcome.regime, outcome.volatility) == ("calm_goldilocks", 0.002)
    assert (outcome.ts_ns, outcome.trade_id, outcome.share) == (2_000, "a/0", 0.5)
    assert not outcome.shadow


def test_the_outcome_of_a_short_counts_its_gain_when_the_price_falls() -> None:
    outcome = closed_trade(direction=-1).outcome()
    assert outcome.direction == -1
    assert outcome.gross_return == pytest.approx(-0.10)


def test_a_volatility_unknown_at_entry_stays_unknown() -> None:
    sent = closed_trade(volatility=None).model_dump_json()
    assert json.loads(sent)["volatility"] is None
    assert math.isnan(TradePayload.model_validate_json(sent).outcome().volatility)
