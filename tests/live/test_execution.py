"""Each defect of the stock execution client: red on it, green on ours, against the venue.

A case of the stock client that passes fails the suite (strict): then the engine has mended it.
Its cases are slow ones (`make test-live`): it is red by waiting in vain.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.adapters.binance import (
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.model.enums import OrderSide, OrderStatus, PositionSide
from nautilus_trader.model.objects import Price
from nautilus_trader.model.orders import Order

from ocw_strategy.catalog import instrument_id
from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from tests.live.node import Node
from tests.live.trader import BTC, Trader
from tests.venue import Venue
from tests.venue.client import Client

STOCK = (BinanceLiveExecClientFactory, BinanceLiveDataClientFactory)
OURS = (OcwExecClientFactory, OcwDataClientFactory)
RED = pytest.mark.xfail(strict=True, reason="defect of the stock client", raises=AssertionError)

on_both = pytest.mark.parametrize(
    "clients",
    [pytest.param(OURS, id="ours"), pytest.param(STOCK, id="stock", marks=(RED, pytest.mark.slow))],
)


def node_of(venue: Venue, trader: Trader, clients: Any, **more: Any) -> Node:
    return Node(venue, trader, exec_factory=clients[0], data_factory=clients[1], **more)


def enter(node: Node, trader: Trader, quantity: str = "0.010") -> Order:
    order = trader.market(OrderSide.BUY, quantity)
    node.until(lambda: order.is_closed, what="the entry was not filled")
    return order


def protect(node: Node, trader: Trader, quantity: str = "0.010", at: str = "99000") -> Order:
    stop = trader.stop_order(OrderSide.SELL, quantity, at)
    node.until(lambda: stop.status is OrderStatus.ACCEPTED, what="the stop was not accepted")
    return stop


def is_long(node: Node, quantity: str) -> bool:
    held = node.cache.positions_open()
    return len(held) == 1 and held[0].signed_decimal_qty() == Decimal(quantity)


@on_both
def test_1_a_recovery_with_an_open_position_counts_no_fill_twice(clients: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        enter(node, trader)
        protect(node, trader)
        venue.faults.expire_listen_key()
        node.until(lambda: len(venue.calls.to("/listenKey", "POST")) == 2 and venue.listeners == 1)
        node.rest(0.5)
        assert is_long(node, "0.010")
        assert trader.net() == venue.state.position("BTCUSDT") == Decimal("0.010")
        assert trader.count("PositionOpened") == 1


@on_both
def test_2_the_user_stream_comes_back_after_a_refused_listen_key(clients: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        venue.faults.refuse_listen_key(times=2)
        venue.faults.expire_listen_key()
        node.until(lambda: len(venue.calls.to("/listenKey", "POST")) >= 2)
        assert node.reaches(lambda: venue.listeners == 1, within_s=4.0)
        enter(node, trader)


@on_both
@pytest.mark.parametrize("path", ["allOrders", "userTrades", "openAlgoOrders", "allAlgoOrders"])
def test_2_a_recovery_that_cannot_read_everything_reads_again(clients: Any, path: str) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        enter(node, trader)
        resting = trader.limit(OrderSide.SELL, "0.004", "101000")
        stop = protect(node, trader, "0.006")
        node.until(lambda: resting.status is OrderStatus.ACCEPTED)
        venue.faults.refuse_sockets(0.7)
        venue.faults.drop_sockets("user")
        node.rest(0.1)
        venue.market.price("BTCUSDT", 101_500)
        venue.cancel_stop(stop.client_order_id.value)
        venue.faults.answer(f"/fapi/v1/{path}", -1000, status=503, times=4)
        assert node.reaches(lambda: resting.status is OrderStatus.FILLED, within_s=9.0)
        assert node.reaches(lambda: stop.status is OrderStatus.CANCELED, within_s=3.0)
        trades = venue.state.trades()
        assert [str(t) for t in resting.trade_ids] == [str(trades[-1].id)]


def test_2_one_failed_question_does_not_stop_a_start() -> None:
    trader = Trader()
    with Venue() as venue:
        venue.place("BTCUSDT", "BUY", "0.010")
        for path in ("v1/openOrders", "v1/userTrades", "v1/openAlgoOrders", "v1/allOrders"):
            venue.faults.answer(f"/fapi/{path}", -1000, status=503, times=1)
        with node_of(venue, trader, OURS) as node:
            assert is_long(node, "0.010")


def test_2_a_start_without_a_listen_key_fails_in_bounded_time() -> None:
    with Venue() as venue:
        venue.faults.refuse_listen_key(times=1000)
        node = node_of(venue, Trader(), OURS, wait_s=5.0)
        node.loop.create_task(node.node.run_async())
        assert not node.reaches(lambda: node.node.trader.is_running, within_s=6.0)
        assert len(venue.calls.to("/listenKey", "POST")) == 3
        node.stop()


@on_both
def test_3_a_stop_that_triggers_while_the_stream_is_down_is_applied(clients: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        enter(node, trader)
        stop = protect(node, trader)
        venue.faults.refuse_sockets(1.0)
        venue.faults.drop_sockets("user")
        node.rest(0.2)
        venue.market.price("BTCUSDT", 98_500)
        assert venue.state.position("BTCUSDT") == 0
        assert node.reaches(lambda: stop.status is OrderStatus.FILLED, within_s=6.0)
        assert round(stop.avg_px, 6) == 98_999.9
        assert node.reaches(lambda: trader.net() == 0)
        assert [position.side for position in node.cache.positions()] == [PositionSide.FLAT]
        # the venue's own execution, not one made up from a report
        assert [str(t) for t in stop.trade_ids] == [str(venue.state.trades()[-1].id)]


@on_both
def test_3_a_single_query_of_a_triggered_stop_finds_its_fill(clients: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        enter(node, trader)
        stop = protect(node, trader)
        for kind in ("ALGO_UPDATE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"):
            venue.faults.lose_events(kind, times=100)
        venue.market.price("BTCUSDT", 98_500)
        trader.query_order(stop)
        assert node.reaches(lambda: stop.status is OrderStatus.FILLED, within_s=8.0)
        assert round(stop.avg_px, 6) == 98_999.9
        assert node.reaches(lambda: trader.net() == 0)
        assert [position.side for position in node.cache.positions()] == [PositionSide.FLAT]


@on_both
def test_4_a_stop_is_filled_once_and_without_an_error(clients: Any, capfd: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        enter(node, trader)
        capfd.readouterr()
        stop = protect(node, trader)
        venue.market.price("BTCUSDT", 98_500)
        node.until(lambda: stop.status is OrderStatus.FILLED)
        node.rest(1.3)
        assert trader.count("OrderFilled") == 2
        assert "verfill" not in "".join(capfd.readouterr())


@on_both
def test_4_a_fill_that_never_came_is_fetched_not_made_up(clients: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients) as node:
        enter(node, trader)
        stop = protect(node, trader)
        # the three events of the order that the stop becomes: new, and its execution
        venue.faults.lose_events("ORDER_TRADE_UPDATE", times=2)
        venue.market.price("BTCUSDT", 98_500)
        node.until(lambda: stop.status is OrderStatus.FILLED)
        execution = venue.state.trades()[-1]
        assert [str(t) for t in stop.trade_ids] == [str(execution.id)]
        paid = sum(money.as_decimal() for money in stop.commissions())
        assert paid == round(execution.commission, 8)


@pytest.mark.parametrize(
    ("clients", "max_retries"),
    [
        pytest.param(OURS, None, id="ours"),
        pytest.param(OURS, 3, id="ours-retrying"),
        pytest.param(STOCK, None, id="stock", marks=(RED, pytest.mark.slow)),
        pytest.param(STOCK, 3, id="stock-retrying", marks=(RED, pytest.mark.slow)),
    ],
)
def test_5_an_order_that_was_executed_unheard_is_neither_resent_nor_rejected(
    clients: Any, max_retries: int | None
) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, clients, max_retries=max_retries) as node:
        venue.faults.unknown_outcome(executed=True)
        order = trader.market(OrderSide.BUY, "0.010")
        node.until(lambda: order.is_closed)
        node.rest(2.0)
        assert venue.state.position("BTCUSDT") == Decimal("0.010")
        assert order.status is OrderStatus.FILLED
        assert trader.count("OrderRejected") == 0
        assert len(venue.calls.to("/fapi/v1/order", "POST")) == 1


def test_5_an_order_that_never_arrived_is_rejected_after_asking() -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, OURS, max_retries=3) as node:
        venue.faults.unknown_outcome(executed=False)
        order = trader.market(OrderSide.BUY, "0.010")
        node.rest(1.0)
        assert order.status is OrderStatus.SUBMITTED
        assert node.exec_client.unknown_outcomes() == {order.client_order_id.value}
        node.until(lambda: order.status is OrderStatus.REJECTED)
        assert node.exec_client.unknown_outcomes() == set()
        assert len(venue.calls.to("/fapi/v1/order", "POST")) == 1
        assert venue.state.orders() == []


@pytest.mark.parametrize("executed", [True, False])
def test_5_a_venue_that_cannot_be_asked_leaves_the_order_open(executed: bool, capfd: Any) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, OURS) as node:
        venue.faults.cut_answers("/fapi/v1/order", executed=executed, method="POST")
        venue.faults.answer("/fapi/v1/order", -1000, status=503, method="GET", times=4)
        order = trader.market(OrderSide.BUY, "0.010")
        node.rest(3.2)
        assert trader.count("OrderRejected") == 0
        wanted = OrderStatus.FILLED if executed else OrderStatus.REJECTED
        node.until(lambda: order.status is wanted, within_s=8.0)
        assert trader.net() == venue.state.position("BTCUSDT")
        reasons = [str(getattr(event, "reason", "")) for event in trader.heard]
        assert "signature" not in "".join([*reasons, *capfd.readouterr()])


def test_5_a_stop_with_a_lost_answer_is_found() -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, OURS) as node:
        enter(node, trader)
        venue.faults.unknown_outcome("/fapi/v1/algoOrder", executed=True)
        protect(node, trader)
        node.rest(1.0)
        assert len(venue.state.stops()) == 1
        assert len(venue.calls.to("/algoOrder", "POST")) == 1
        assert trader.count("OrderRejected") == 0


def test_5_an_older_order_of_the_same_id_is_not_taken_for_the_new_one() -> None:
    trader = Trader()
    with Venue() as venue:
        venue.faults.clock_skew_ms = -60_000  # the first order is a minute old, and forgotten here
        venue.place("BTCUSDT", "BUY", "0.010", client_id="OCW-A-1")
        venue.place("BTCUSDT", "SELL", "0.010")
        venue.faults.clock_skew_ms = 0
        with node_of(venue, trader, OURS) as node:
            venue.faults.unknown_outcome(executed=False)
            second = trader.market(OrderSide.BUY, "0.020", client_id="OCW-A-1")
            node.until(lambda: second.status is OrderStatus.REJECTED, within_s=8.0)
            assert venue.state.accepted("OCW-A-1") == 1


def test_4_a_stop_that_is_rejected_at_its_trigger_is_told() -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, OURS) as node:
        enter(node, trader)
        stop = protect(node, trader)
        venue.faults.reject_triggers()
        venue.market.price("BTCUSDT", 98_500)
        node.until(lambda: stop.status is OrderStatus.REJECTED)
        assert trader.net() == venue.state.position("BTCUSDT") == Decimal("0.010")


def test_5_a_plain_refusal_is_passed_on_at_once() -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, OURS) as node:
        enter(node, trader)
        stop = trader.stop_order(OrderSide.SELL, "0.010", "101000")
        node.until(lambda: stop.status is OrderStatus.REJECTED)
        assert "-2021" in str(trader.heard[-1].reason)
        assert venue.calls.to("/algoOrder", "GET") == []


@on_both
def test_6_a_start_survives_words_it_does_not_know(clients: Any) -> None:
    trader = Trader()
    with Venue() as venue:
        venue.faults.unknown_words = True
        node = node_of(venue, trader, clients, wait_s=4.0)
        node.loop.create_task(node.node.run_async())
        try:
            assert node.reaches(lambda: node.node.trader.is_running, within_s=5.0)
            enter(node, trader)
            assert node.cache.instrument(BTC).price_increment == Price.from_str("0.1")
        finally:
            node.stop()


def test_7_a_dropped_market_socket_is_back_within_two_pulses() -> None:
    # how long the stock client takes depends on what wakes the loop next: see test_pulse
    trader = Trader()
    with Venue() as venue, node_of(venue, trader, OURS) as node:
        node.run(_subscribe(trader))
        node.until(lambda: len(venue.streams) == 3)
        venue.faults.drop_sockets("market")
        node.rest(2.0)  # one sleep: polling would wake the loop
        assert len(venue.streams) == 3


async def _subscribe(trader: Trader) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        trader.subscribe_quote_ticks(instrument_id(symbol))
    await asyncio.sleep(0)


EARLIER = "OCW-00000000000000000000ea51"  # an order of a life before this node's


@pytest.mark.parametrize("kind", ["ORDER_TRADE_UPDATE", "ALGO_UPDATE"])
@on_both
def test_8_old_news_of_an_earlier_lifes_order_opens_nothing(kind: str, clients: Any) -> None:
    with Venue() as venue, node_of(venue, Trader(), clients) as node, Client(venue) as earlier:
        venue.faults.delay_events(kind, 0.5, times=1)
        place, cancel = _resting(earlier, kind)
        place()
        venue.faults.lose_events(kind, times=1)
        cancel()
        assert not node.reaches(node.cache.orders_open, within_s=2.0)


@pytest.mark.parametrize("kind", ["ORDER_TRADE_UPDATE", "ALGO_UPDATE"])
def test_8_an_earlier_lifes_order_that_is_open_is_told(kind: str) -> None:
    with Venue() as venue, node_of(venue, Trader(), OURS) as node, Client(venue) as earlier:
        place, _ = _resting(earlier, kind)
        place()
        node.until(lambda: [o.client_order_id.value for o in node.cache.orders_open()] == [EARLIER])


def _resting(client: Client, kind: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    # how to place and how to cancel an order that rests
    if kind == "ALGO_UPDATE":
        return (
            lambda: client.stop("SELL", "0.010", "90000", clientAlgoId=EARLIER),
            lambda: client.delete("/fapi/v1/algoOrder", clientAlgoId=EARLIER),
        )
    facts = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    facts |= {"quantity": "0.010", "price": "90000", "newClientOrderId": EARLIER}
    return (
        lambda: client.post("/fapi/v1/order", **facts),
        lambda: client.delete("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId=EARLIER),
    )
