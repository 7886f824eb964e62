"""Our client under the venue's faults: what the engine believes is what the venue holds."""

from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OrderSide, OrderStatus

from ocw_strategy.live.clients import OcwDataClientFactory, OcwExecClientFactory
from tests.live.node import Node
from tests.live.trader import Trader, TraderConfig
from tests.venue import Venue


def node_of(venue: Venue, trader: Trader) -> Node:
    return Node(venue, trader, exec_factory=OcwExecClientFactory, data_factory=OcwDataClientFactory)


def agree(node: Node, trader: Trader, venue: Venue) -> bool:
    """Whether positions, waiting stops and their quantities are the same on both sides."""
    held = {p.symbol.value: p.signed_decimal_qty() for p in node.cache.positions_open()}
    true = {
        f"{symbol}-PERP": amount
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
        if (amount := venue.state.position(symbol))
    }
    stops = sorted(o.client_order_id.value for o in node.cache.orders_open())
    waiting = sorted(stop.client_id for stop in venue.state.stops())
    return held == true and stops == waiting


def test_fills_in_parts_are_added_up() -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader) as node:
        venue.faults.split_fills(0.3, 0.3, 0.4, gap_s=0.1)
        order = trader.market(OrderSide.BUY, "0.010")
        node.until(lambda: order.status is OrderStatus.FILLED)
        assert trader.count("OrderFilled") == 3
        assert agree(node, trader, venue)


@pytest.mark.parametrize("kind", ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE"])
@pytest.mark.parametrize("fault", ["duplicate", "late"])
def test_events_twice_or_late_change_nothing(kind: str, fault: str) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader) as node:
        if fault == "duplicate":
            venue.faults.duplicate_events(kind, times=20)
        else:
            venue.faults.delay_events(kind, 0.3, times=20)
        entry = trader.market(OrderSide.BUY, "0.010")
        node.until(lambda: entry.status is OrderStatus.FILLED)
        stop = trader.stop_order(OrderSide.SELL, "0.010", "99000")
        node.until(lambda: stop.status is OrderStatus.ACCEPTED)
        venue.market.price("BTCUSDT", 98_500)
        node.until(lambda: stop.status is OrderStatus.FILLED)
        node.rest(1.5)
        assert trader.net() == 0
        assert agree(node, trader, venue)
        assert len({str(t) for o in (entry, stop) for t in o.trade_ids}) == 2


def test_an_outage_is_survived_and_what_happened_in_it_is_learnt() -> None:
    trader = Trader(TraderConfig(bar_minutes=1))
    with Venue() as venue, node_of(venue, trader) as node:
        entry = trader.market(OrderSide.BUY, "0.010")
        node.until(lambda: entry.status is OrderStatus.FILLED)
        stop = trader.stop_order(OrderSide.SELL, "0.010", "99000")
        node.until(lambda: stop.status is OrderStatus.ACCEPTED)
        venue.faults.outage(2.0)
        node.rest(0.5)
        venue.market.price("BTCUSDT", 98_500)
        assert not node.exec_client.user_stream_alive()
        node.until(node.exec_client.user_stream_alive, within_s=15.0)
        node.until(lambda: stop.status is OrderStatus.FILLED, within_s=5.0)
        node.until(lambda: venue.streams == {"btcusdt@kline_1m"}, within_s=15.0)
        assert trader.net() == 0
        assert agree(node, trader, venue)
        venue.market.advance()
        node.until(lambda: trader.bars)


def test_a_restart_finds_position_and_stop_under_their_own_ids() -> None:
    first = Trader(TraderConfig(claims=True))
    with Venue() as venue:
        with node_of(venue, first) as node:
            entry = first.market(OrderSide.BUY, "0.010", client_id="OCW-E-1")
            node.until(lambda: entry.status is OrderStatus.FILLED)
            stop = first.stop_order(OrderSide.SELL, "0.010", "99000", client_id="OCW-S-1")
            node.until(lambda: stop.status is OrderStatus.ACCEPTED)
        second = Trader(TraderConfig(claims=True))
        with node_of(venue, second) as node:
            assert agree(node, second, venue)
            (position,) = node.cache.positions_open(strategy_id=second.id)
            assert position.signed_decimal_qty() == Decimal("0.010")
            (found,) = node.cache.orders_open(strategy_id=second.id)
            assert found.client_order_id.value == "OCW-S-1"
            venue.market.price("BTCUSDT", 98_500)
            node.until(lambda: found.status is OrderStatus.FILLED)
            assert second.net() == 0


@pytest.mark.parametrize("seed", range(3))
def test_after_a_storm_both_sides_agree(seed: int) -> None:
    trader = Trader()
    with Venue() as venue, node_of(venue, trader) as node:
        venue.faults.storm(seed, faults=12)
        for _ in range(4):
            orders = [trader.market(OrderSide.BUY, "0.010")]
            node.rest(0.3)
            orders.append(trader.stop_order(OrderSide.SELL, "0.010", "99000"))
            node.until(
                lambda orders=orders: all(
                    order.is_closed or order.status is OrderStatus.ACCEPTED for order in orders
                ),
                within_s=15.0,
            )
        venue.faults.clear()
        venue.faults.expire_listen_key()  # a recovery reconciles whatever was lost
        node.until(lambda: agree(node, trader, venue), within_s=8.0)
        for order in node.cache.orders():
            assert venue.state.accepted(order.client_order_id.value) <= 1
