"""The stock adapter against the venue: start, bars, entry, stop, trigger, flat, end."""

from decimal import Decimal

from nautilus_trader.model.enums import OrderSide, OrderStatus, TriggerType

from tests.live.node import Node
from tests.live.trader import Trader, TraderConfig
from tests.venue import Venue


def test_a_node_trades_a_bar_and_is_stopped_out() -> None:
    trader = Trader(TraderConfig(bar_minutes=1))
    with Venue() as venue, Node(venue, trader) as node:
        node.until(lambda: "btcusdt@kline_1m" in venue.streams)
        venue.market.advance()
        node.until(lambda: trader.bars, what="no bar came")
        bar = trader.bars[0]
        assert (str(bar.close), str(bar.volume)) == ("100000.00", "10.000")
        assert bar.ts_event // 1_000_000 == venue.market.now_ms - 1

        entry = trader.market(OrderSide.BUY, "0.010")
        node.until(lambda: entry.is_closed)
        assert round(entry.avg_px, 6) == 100_000.1
        stop = trader.stop_order(OrderSide.SELL, "0.010", "99000")
        node.until(lambda: stop.status is OrderStatus.ACCEPTED)
        assert venue.state.position("BTCUSDT") == Decimal("0.010")
        assert [order.trigger for order in venue.state.stops("BTCUSDT")] == [Decimal(99000)]

        venue.market.price("BTCUSDT", 98_500)
        node.until(lambda: stop.status is OrderStatus.FILLED)
        # triggered where the mark crossed it, not where the move ended
        assert round(stop.avg_px, 6) == 98_999.9
        node.until(lambda: trader.net() == 0)
        assert venue.state.position("BTCUSDT") == 0
        assert venue.state.stops() == []
        paid = sum(trade.commission for trade in venue.state.trades())
        lost = Decimal("0.010") * (Decimal("98999.9") - Decimal("100000.1"))
        assert venue.state.wallet == 10_000 + lost - paid


def test_the_start_asks_in_the_order_that_is_known() -> None:
    with Venue() as venue:
        with Node(venue, Trader()):
            asked = [(call.method, call.path) for call in venue.calls.all()]
            assert venue.listeners == 1
        closed = [(call.method, call.path) for call in venue.calls.all()][len(asked) :]
    public = ("GET", "/fapi/v1/exchangeInfo")
    assert asked[0] == public
    assert [call for call in asked if call != public][:7] == [
        ("GET", "/fapi/v2/account"),
        ("GET", "/fapi/v3/positionRisk"),
        ("GET", "/fapi/v2/account"),
        ("GET", "/fapi/v1/symbolConfig"),
        ("GET", "/fapi/v1/positionSide/dual"),
        ("GET", "/fapi/v1/time"),
        ("POST", "/fapi/v1/listenKey"),
    ]
    assert ("DELETE", "/fapi/v1/listenKey") in closed


def test_a_stop_on_the_contract_price_ignores_the_mark() -> None:
    trader = Trader()
    with Venue() as venue, Node(venue, trader) as node:
        entry = trader.market(OrderSide.BUY, "0.010")
        node.until(lambda: entry.is_closed)
        stop = trader.stop_order(
            OrderSide.SELL, "0.010", "99000", trigger_type=TriggerType.LAST_PRICE
        )
        node.until(lambda: stop.status is OrderStatus.ACCEPTED)
        venue.market.price("BTCUSDT", 99_500, mark=98_000)
        assert len(venue.state.stops()) == 1
        venue.market.price("BTCUSDT", 98_500, mark=98_000)
        node.until(lambda: stop.status is OrderStatus.FILLED)
