"""The matching engine: money, order of events, triggers, refusals. Pure, no network."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venue.client import stop_params
from tests.venue.exchange import DAY_MS, Exchange
from tests.venue.listings import TAKER_FEE
from tests.venue.payloads import Message
from tests.venue.refusals import Refusal

BTC = "BTCUSDT"


class Desk:
    """An exchange with a clock that is set by hand and its events kept."""

    def __init__(self, wallet: int = 10_000) -> None:
        self.now_ms = 1_800_000_000_000
        self.events: list[Message] = []
        self.exchange = Exchange(
            lambda: self.now_ms, self.events.append, wallet=Decimal(wallet), first_id=1000
        )
        self.exchange.jump(BTC, Decimal(100_000), Decimal(100_000))

    def order(self, side: str, quantity: str, **more: str) -> Any:
        return self.send({"side": side, "quantity": quantity} | more)

    def send(self, params: dict[str, str]) -> Any:
        return self.exchange.new_order({"symbol": BTC, "type": "MARKET"} | params)

    def limit(self, side: str, quantity: str, price: str, **more: str) -> Any:
        more = {"type": "LIMIT", "price": price, "timeInForce": "GTC"} | more
        return self.order(side, quantity, **more)

    def stop(self, side: str, quantity: str, trigger: str, **more: str) -> Any:
        return self.exchange.new_algo_order(stop_params(side, quantity, trigger, **more))

    def move(self, last: float, mark: float | None = None) -> None:
        self.exchange.move(BTC, Decimal(str(last)), Decimal(str(last if mark is None else mark)))

    def refuses(self, code: int) -> Any:
        return pytest.raises(Refusal, match=f" {code} ")

    @property
    def position(self) -> Decimal:
        return self.exchange.ledger.positions[BTC].amount

    @property
    def wallet(self) -> Decimal:
        return self.exchange.ledger.wallet

    def told(self) -> list[str]:
        """What the user stream said, in few words, and forget it."""
        words = []
        for event in self.events:
            body = event.get("o", event.get("a", {}))
            words.append(
                {
                    "ORDER_TRADE_UPDATE": f"order {body.get('x')} {body.get('X')}",
                    "ALGO_UPDATE": f"algo {body.get('X')}",
                    "ACCOUNT_UPDATE": f"account {body.get('m')}",
                    "ACCOUNT_CONFIG_UPDATE": "config",
                }[event["e"]]
            )
        self.events.clear()
        return words


def test_a_market_order_is_told_as_binance_tells_it() -> None:
    desk = Desk()
    order = desk.order("BUY", "0.010")
    assert desk.told() == ["order NEW NEW", "account ORDER", "order TRADE FILLED"]
    assert (order.status, order.average) == ("FILLED", Decimal("100000.1"))
    assert desk.position == Decimal("0.010")
    assert desk.wallet == 10_000 - Decimal("0.010") * Decimal("100000.1") * TAKER_FEE


def test_a_stop_is_told_as_binance_tells_it() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    desk.told()
    stop = desk.stop("SELL", "0.010", "99000", clientAlgoId="S-1")
    assert desk.told() == ["algo NEW"]
    desk.move(98_000)
    events = list(desk.events)
    assert desk.told() == [
        "algo TRIGGERING",
        "algo TRIGGERED",
        "order NEW NEW",
        "account ORDER",
        "order TRADE FILLED",
        "algo FINISHED",
    ]
    placed = stop.order
    assert events[1]["o"]["ai"] == str(placed.id)
    assert events[2]["o"]["i"] == placed.id != stop.id
    assert events[2]["o"]["c"] == "S-1"
    assert events[-1]["o"]["aq"] == "0.010"
    assert placed.average == Decimal("98999.9")
    assert desk.position == 0


def test_stops_trigger_where_they_are_crossed_in_the_order_of_the_way() -> None:
    desk = Desk()
    desk.order("BUY", "0.030")
    near, far = desk.stop("SELL", "0.010", "99500"), desk.stop("SELL", "0.010", "98500")
    untouched = desk.stop("SELL", "0.010", "97000")
    desk.move(98_000)
    assert near.order.average == Decimal("99499.9")
    assert far.order.average == Decimal("98499.9")
    assert near.order.id < far.order.id
    assert untouched.waiting


def test_after_a_gap_a_stop_trades_at_what_is_there() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    stop = desk.stop("SELL", "0.010", "99000")
    desk.exchange.jump(BTC, Decimal(95_000), Decimal(95_000))
    assert stop.order.average == Decimal("94999.9")


def test_a_stop_looks_at_the_price_it_was_told_to() -> None:
    desk = Desk()
    desk.order("BUY", "0.020")
    mark = desk.stop("SELL", "0.010", "99000")
    contract = desk.stop("SELL", "0.010", "99000", workingType="CONTRACT_PRICE")
    desk.move(98_000, mark=99_500)
    assert (mark.waiting, contract.waiting) == (True, False)
    desk.move(98_000, mark=98_900)
    assert not mark.waiting


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "reached"),
    [
        ("SELL", "STOP_MARKET", "99000", 98_999),
        ("BUY", "STOP_MARKET", "101000", 101_001),
        ("SELL", "TAKE_PROFIT_MARKET", "101000", 101_001),
        ("BUY", "TAKE_PROFIT_MARKET", "99000", 98_999),
    ],
)
def test_each_kind_triggers_on_its_side_and_is_refused_beyond(
    side: str, kind: str, trigger: str, reached: int
) -> None:
    desk = Desk()
    desk.order("BUY" if side == "SELL" else "SELL", "0.010")
    stop = desk.stop(side, "0.010", trigger, type=kind)
    desk.move(reached)
    assert stop.status == "FINISHED"
    desk.order("BUY" if side == "SELL" else "SELL", "0.010")
    with desk.refuses(-2021):
        desk.stop(side, "0.010", trigger, type=kind)


def test_a_limit_rests_and_trades_as_maker_where_it_stands() -> None:
    desk = Desk()
    order = desk.limit("BUY", "0.010", "99000.0")
    assert desk.told() == ["order NEW NEW"]
    desk.move(98_500)
    assert (order.status, order.average) == ("FILLED", Decimal(99_000))
    assert desk.exchange.ledger.trades[-1].maker


def test_a_post_only_order_that_would_take_is_refused_and_not_recorded() -> None:
    desk = Desk()
    with desk.refuses(-5022):
        desk.limit("BUY", "0.010", "100000.1", timeInForce="GTX")
    assert desk.exchange.orders == {}
    assert desk.limit("BUY", "0.010", "100000.0", timeInForce="GTX").open


def test_an_immediate_order_expires_unless_it_trades() -> None:
    desk = Desk()
    assert desk.limit("BUY", "0.010", "99000.0", timeInForce="IOC").status == "EXPIRED"
    assert desk.limit("BUY", "0.010", "100500.0", timeInForce="IOC").status == "FILLED"


def test_reduce_only_never_opens_and_is_cut_to_the_position() -> None:
    desk = Desk()
    with desk.refuses(-2022):
        desk.order("SELL", "0.010", reduceOnly="true")
    desk.order("BUY", "0.010")
    with desk.refuses(-2022):
        desk.order("BUY", "0.010", reduceOnly="true")
    order = desk.order("SELL", "0.030", reduceOnly="true")
    assert (order.quantity, desk.position) == (Decimal("0.010"), 0)


def test_resting_reduce_only_orders_expire_with_the_position() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    resting = desk.limit("SELL", "0.010", "101000.0", reduceOnly="true")
    desk.order("SELL", "0.010")
    assert resting.status == "EXPIRED"


def test_a_stop_outlives_its_position_and_is_rejected_at_its_trigger() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    stop = desk.stop("SELL", "0.010", "99000")
    desk.order("SELL", "0.010")
    assert stop.waiting
    desk.told()
    desk.move(98_000)
    rejection = desk.events[-1]["o"]
    assert desk.told() == ["algo TRIGGERING", "algo REJECTED"]
    assert rejection["rm"] == "ReduceOnly Order is rejected."
    assert desk.position == 0


def test_a_close_position_stop_closes_what_there_is() -> None:
    desk = Desk()
    desk.order("BUY", "0.012")
    params = stop_params("SELL", "", "99000", closePosition="true")
    desk.exchange.new_algo_order(params | {"reduceOnly": "false"})
    desk.move(98_000)
    assert desk.position == 0


def test_a_client_id_is_free_again_once_its_order_is_closed() -> None:
    desk = Desk()
    first = desk.limit("BUY", "0.010", "99000.0", newClientOrderId="A")
    with desk.refuses(-4116):
        desk.limit("BUY", "0.010", "98000.0", newClientOrderId="A")
    desk.exchange.cancel({"symbol": BTC, "origClientOrderId": "A"})
    second = desk.order("BUY", "0.010", newClientOrderId="A")
    found = desk.exchange.find_order({"symbol": BTC, "origClientOrderId": "A"})
    assert found is second is not first


def test_a_stop_id_is_free_again_once_the_stop_is_gone() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    desk.stop("SELL", "0.010", "99000", clientAlgoId="S")
    with desk.refuses(-4116):
        desk.stop("SELL", "0.010", "98000", clientAlgoId="S")
    desk.exchange.cancel_algo({"clientAlgoId": "S"})
    assert desk.stop("SELL", "0.010", "98000", clientAlgoId="S").waiting


@pytest.mark.parametrize(
    ("code", "params"),
    [
        (-1121, {"symbol": "DOGEUSDT"}),
        (-1117, {"side": "HOLD"}),
        (-4061, {"positionSide": "LONG"}),
        (-1116, {"type": "ICEBERG"}),
        (-4120, {"type": "STOP_MARKET"}),
        (-1102, {"quantity": ""}),
        (-1102, {"quantity": "much"}),
        (-4003, {"quantity": "0"}),
        (-1111, {"quantity": "0.0001"}),
        (-4005, {"quantity": "121"}),
        (-4164, {"quantity": "0.001", "type": "LIMIT", "price": "40000", "timeInForce": "GTC"}),
        (-2019, {"quantity": "100"}),
        (-1102, {"type": "LIMIT", "price": "100000"}),
        (-1115, {"type": "LIMIT", "price": "100000", "timeInForce": "SOON"}),
        (-4014, {"type": "LIMIT", "price": "100000.05", "timeInForce": "GTC"}),
        (-1111, {"type": "LIMIT", "price": "100000.001", "timeInForce": "GTC"}),
        (-4016, {"type": "LIMIT", "price": "110000", "timeInForce": "GTC"}),
        (-4015, {"newClientOrderId": "x" * 37}),
    ],
)
def test_what_is_wrong_is_refused_with_the_code_that_binance_gives(
    code: int, params: dict[str, str]
) -> None:
    desk = Desk()
    with desk.refuses(code):
        desk.send({"side": "BUY", "quantity": "0.010"} | params)
    assert desk.events == []
    assert desk.exchange.orders == {}


def test_a_symbol_holds_ten_stops() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    for step in range(10):
        desk.stop("SELL", "0.010", str(99_000 - step))
    with desk.refuses(-4045):
        desk.stop("SELL", "0.010", "98000")


def test_a_resting_order_can_be_amended_but_not_for_nothing() -> None:
    desk = Desk()
    order = desk.limit("BUY", "0.010", "99000.0")
    change = {"symbol": BTC, "orderId": str(order.id), "side": "BUY"}
    with desk.refuses(-5027):
        desk.exchange.amend(change | {"quantity": "0.010", "price": "99000.0"})
    desk.told()
    desk.exchange.amend(change | {"quantity": "0.020", "price": "99500.0"})
    assert desk.told() == ["order AMENDMENT NEW"]
    desk.exchange.amend(change | {"quantity": "0.020", "price": "100100.0"})
    assert order.status == "FILLED"


def test_leverage_sets_the_margin_that_a_position_binds() -> None:
    desk = Desk()
    desk.exchange.set_leverage(BTC, 10)
    with desk.refuses(-2019):
        desk.order("BUY", "1.100")
    desk.exchange.set_leverage(BTC, 20)
    desk.order("BUY", "1.100")
    with desk.refuses(-4028):
        desk.exchange.set_leverage(BTC, 126)
    with desk.refuses(-4048):
        desk.exchange.set_margin_type(BTC, "ISOLATED")
    with desk.refuses(-4046):
        desk.exchange.set_margin_type(BTC, "CROSSED")
    desk.order("SELL", "1.100", reduceOnly="true")  # closing needs no margin


def test_longs_pay_a_positive_rate_and_shorts_receive_it() -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    before = desk.wallet
    desk.told()
    desk.exchange.settle_funding(BTC, Decimal("0.0001"))
    assert desk.wallet == before - Decimal("0.010") * 100_000 * Decimal("0.0001")
    assert desk.told() == ["account FUNDING_FEE"]
    desk.order("SELL", "0.020")
    before = desk.wallet
    desk.exchange.settle_funding(BTC, Decimal("0.0001"))
    assert desk.wallet > before


def test_an_account_without_a_position_is_not_funded() -> None:
    desk = Desk()
    desk.exchange.settle_funding(BTC, Decimal("0.0001"))
    assert desk.events == []


def test_the_venue_forgets_as_binance_does() -> None:
    desk = Desk()
    cancelled = desk.limit("BUY", "0.010", "99000.0")
    desk.exchange.cancel({"symbol": BTC, "orderId": str(cancelled.id)})
    filled = desk.order("BUY", "0.010")
    stop = desk.stop("SELL", "0.010", "99000")
    desk.exchange.cancel_algo({"algoId": str(stop.id)})
    desk.now_ms += 4 * DAY_MS
    with desk.refuses(-2013):
        desk.exchange.find_order({"symbol": BTC, "orderId": str(cancelled.id)})
    assert desk.exchange.find_order({"symbol": BTC, "orderId": str(filled.id)}) is filled
    assert desk.exchange.find_algo({"algoId": str(stop.id)}) is stop
    desk.now_ms += 4 * DAY_MS
    with desk.refuses(-2013):
        desk.exchange.find_algo({"algoId": str(stop.id)})
    desk.now_ms += 90 * DAY_MS
    with desk.refuses(-2013):
        desk.exchange.find_order({"symbol": BTC, "orderId": str(filled.id)})


def test_parts_of_a_fill_come_when_they_are_due() -> None:
    desk = Desk()
    scheduled: list[int] = []
    desk.exchange._schedule = scheduled.append
    desk.exchange.plan = lambda order: [(Decimal("0.004"), 0), (Decimal("0.006"), 200)]
    order = desk.order("BUY", "0.010")
    assert (order.status, order.filled) == ("PARTIALLY_FILLED", Decimal("0.004"))
    assert scheduled == [desk.now_ms + 200]
    desk.exchange.run_due()
    assert order.filled == Decimal("0.004")
    desk.now_ms += 200
    desk.exchange.run_due()
    assert (order.status, desk.position) == ("FILLED", Decimal("0.010"))


def test_a_cancelled_order_trades_no_more() -> None:
    desk = Desk()
    desk.exchange.plan = lambda order: [(order.left, 200)]
    order = desk.order("BUY", "0.010")
    desk.exchange.cancel({"symbol": BTC, "orderId": str(order.id)})
    desk.now_ms += 200
    desk.exchange.run_due()
    assert (order.status, desk.position) == ("CANCELED", 0)


TRADES = st.lists(
    st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 30), st.integers(-40, 40)),
    min_size=1,
    max_size=25,
)


@given(TRADES)
@settings(deadline=None)
def test_the_wallet_is_what_went_in_and_out(trades: list[tuple[str, int, int]]) -> None:
    desk = Desk(1_000_000)
    for side, lots, step in trades:
        desk.move(100_000 + 100 * step)
        desk.order(side, f"0.{lots:03d}")
    ledger = desk.exchange.ledger
    sides = {"BUY": 1, "SELL": -1}
    assert desk.position == sum(sides[t.side] * t.quantity for t in ledger.trades)
    cash = sum(-sides[t.side] * t.quantity * t.price - t.commission for t in ledger.trades)
    equity = desk.wallet + ledger.unrealized
    held = desk.position * ledger.mark(BTC)
    assert abs(equity - (1_000_000 + cash + held)) < Decimal("1e-6")
    assert sum(income.amount for income in ledger.incomes) == desk.wallet - 1_000_000


@given(TRADES)
@settings(deadline=None)
def test_the_same_commands_give_the_same_events(trades: list[tuple[str, int, int]]) -> None:
    told = []
    for _ in range(2):
        desk = Desk(1_000_000)
        for side, lots, step in trades:
            desk.move(100_000 + 100 * step)
            desk.order(side, f"0.{lots:03d}")
        told.append(desk.events)
    assert told[0] == told[1]


@given(st.integers(1, 99), st.lists(st.integers(-60, 60), min_size=1, max_size=12))
@settings(deadline=None)
def test_a_stop_that_was_passed_never_waits(distance: int, steps: list[int]) -> None:
    desk = Desk()
    desk.order("BUY", "0.010")
    trigger = 100_000 - 50 * distance
    stop = desk.stop("SELL", "0.010", str(trigger))
    lowest = 100_000
    for step in steps:
        price = 100_000 + 100 * step
        desk.move(price)
        lowest = min(lowest, price)
    assert stop.waiting is (lowest > trigger)
    if not stop.waiting:
        assert stop.order.average == Decimal(trigger) - Decimal("0.1")
