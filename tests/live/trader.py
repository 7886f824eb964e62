"""A strategy that does what a test tells it and keeps what it hears."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import CustomData, DataType
from nautilus_trader.model.enums import OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
from nautilus_trader.model.orders import Order
from nautilus_trader.trading.strategy import Strategy

from ocw_strategy.catalog import bar_type, instrument_id
from ocw_strategy.messages import OCW_CLIENT

BTC = instrument_id("BTCUSDT")


class TraderConfig(StrategyConfig, frozen=True):
    """Which bars to hear, in minutes; 0 for none."""

    bar_minutes: int = 0
    symbol: str = "BTCUSDT"
    claims: bool = False


class Trader(Strategy):
    """Keeps bars, data and events; sends what it is told to."""

    def __init__(self, config: TraderConfig | None = None) -> None:
        config = config or TraderConfig()
        claims = [instrument_id(config.symbol)] if config.claims else None
        super().__init__(
            TraderConfig(
                **{name: getattr(config, name) for name in ("bar_minutes", "symbol", "claims")},
                external_order_claims=claims,
                oms_type="NETTING",
                order_id_tag="001",
            )
        )
        self.bars: list[Any] = []
        self.heard: list[Any] = []
        self.data: list[Any] = []
        self.history: list[Any] = []
        self.order: list[str] = []
        self.asked_from_ns = 0

    def on_start(self) -> None:
        if self.config.bar_minutes:
            self.subscribe_bars(bar_type(self.config.symbol, self.config.bar_minutes))

    def on_bar(self, bar: Any) -> None:
        self.bars.append(bar)
        self.order.append(type(bar).__name__)

    def on_data(self, data: Any) -> None:
        self.data.append(data)
        self.order.append(type(data).__name__)

    def on_historical_data(self, data: Any) -> None:
        self.history.append(data.data if isinstance(data, CustomData) else data)

    def on_event(self, event: Any) -> None:
        self.heard.append(event)

    def subscribe(self, data_class: type) -> None:
        """Subscribe to a type of ours."""
        self.subscribe_data(DataType(data_class), client_id=OCW_CLIENT)

    def ask_history(
        self, data_class: type, hours: float, *, data_type: DataType | None = None
    ) -> None:
        """Ask for history up to now."""
        start = self.clock.utc_now() - timedelta(hours=hours)
        self.asked_from_ns = start.value // 1_000_000 * 1_000_000
        self.request_data(data_type or DataType(data_class), client_id=OCW_CLIENT, start=start)

    def names(self) -> list[str]:
        """Return what was heard, by class."""
        return [type(event).__name__ for event in self.heard]

    def count(self, name: str) -> int:
        """Return how often an event was heard."""
        return self.names().count(name)

    def market(
        self,
        side: OrderSide,
        quantity: str,
        *,
        symbol: str = "BTCUSDT",
        reduce_only: bool = False,
        client_id: str | None = None,
    ) -> Order:
        """Send a market order."""
        instrument = self.cache.instrument(instrument_id(symbol))
        order = self.order_factory.market(
            instrument.id,
            side,
            instrument.make_qty(Decimal(quantity)),
            time_in_force=TimeInForce.GTC,
            reduce_only=reduce_only,
            client_order_id=None if client_id is None else ClientOrderId(client_id),
        )
        self.submit_order(order)
        return order

    def limit(
        self, side: OrderSide, quantity: str, price: str, *, post_only: bool = False
    ) -> Order:
        """Send a limit order on BTCUSDT."""
        instrument = self.cache.instrument(BTC)
        order = self.order_factory.limit(
            BTC,
            side,
            instrument.make_qty(Decimal(quantity)),
            instrument.make_price(Decimal(price)),
            post_only=post_only,
        )
        self.submit_order(order)
        return order

    def stop_order(
        self,
        side: OrderSide,
        quantity: str,
        trigger: str,
        *,
        symbol: str = "BTCUSDT",
        trigger_type: TriggerType = TriggerType.MARK_PRICE,
        client_id: str | None = None,
    ) -> Order:
        """Send a reduce-only stop."""
        instrument = self.cache.instrument(instrument_id(symbol))
        order = self.order_factory.stop_market(
            instrument.id,
            side,
            instrument.make_qty(Decimal(quantity)),
            instrument.make_price(Decimal(trigger)),
            trigger_type=trigger_type,
            reduce_only=True,
            client_order_id=None if client_id is None else ClientOrderId(client_id),
        )
        self.submit_order(order)
        return order

    def net(self, instrument: InstrumentId = BTC) -> Decimal:
        """Return the net position as the engine's portfolio sees it."""
        return self.portfolio.net_position(instrument)
