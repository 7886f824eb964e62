"""Markets of a few hours and a strategy that sends what a test tells it to, on OCW's own venue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from nautilus_trader.backtest.config import BacktestEngineConfig, BacktestRunConfig
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.config import DataEngineConfig, StrategyConfig
from nautilus_trader.model.data import Bar
from nautilus_trader.model.enums import OrderSide, PositionAdjustmentType
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.objects import Currency
from nautilus_trader.trading.strategy import Strategy

from ocw_strategy.backtest.node import data_configs, venue_config
from ocw_strategy.catalog import write_frame
from ocw_strategy.engine import VENUE, bar_type, instrument_id
from ocw_strategy.messages import OCW_CLIENT
from ocw_strategy.settings import Settings, parse_time_ns, settings_from
from ocw_strategy.units import MILLISECOND_NS, MINUTE_NS

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"
DAY = "2024-01-02"
MIDNIGHT_NS = parse_time_ns(DAY)
BAR_NS = 15 * MINUTE_NS

type Ohlc = tuple[float, float, float, float]


def at(clock: str) -> int:
    """Return the UNIX nanoseconds of a time of the day such as ``08:00``, or of an ISO time."""
    return parse_time_ns(clock if "T" in clock else f"{DAY}T{clock}")


def steady(price: float, changes: Mapping[str, Ohlc] | None = None, hours: int = 10) -> pa.Table:
    """Return bars that stand still, but for those that close at the times given."""
    opens = [MIDNIGHT_NS + index * BAR_NS for index in range(hours * 4)]
    changed = {at(clock): ohlc for clock, ohlc in (changes or {}).items()}
    rows = [changed.get(opened + BAR_NS, (price,) * 4) for opened in opens]
    names = ("open", "high", "low", "close")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    times = [opened // MILLISECOND_NS for opened in opens]
    return pa.table({"ts": times, **columns, "volume": [1_000.0] * len(rows)})


def marks(closes: Mapping[str, float]) -> pa.Table:
    """Return hourly marks by the time they close at."""
    times = [at(clock) // MILLISECOND_NS - 3_600_000 for clock in closes]
    prices = list(closes.values())
    return pa.table({"ts": times, **dict.fromkeys(("open", "high", "low", "close"), prices)})


def fundings(rates: Mapping[str, float]) -> pa.Table:
    return pa.table(
        {"ts": [at(clock) // MILLISECOND_NS for clock in rates], "rate": list(rates.values())}
    )


def write_market(folder: Path, frames: Mapping[tuple[str, str], pa.Table]) -> Path:
    for (kind, symbol), table in frames.items():
        write_frame(folder, kind, symbol, table, source="by hand")
    return folder


def hours_settings(catalog: Path, **tables: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {
        "run": {"start": DAY, "end": "2024-01-03", "warmup_days": 1},
        "data": {"catalog": str(catalog), "instruments": [BTC], "derivatives": False},
        "account": {"starting_balance_usd": 1_000_000.0},
    }
    for section, table in tables.items():
        values[section] = {**values.get(section, {}), **table}
    return settings_from(values)


@dataclass(frozen=True)
class Send:
    """An order sent at a close; a trigger makes it a stop, a limit price a limit order."""

    clock: str
    side: str
    quantity: str
    trigger: str | None = None
    limit: str | None = None
    symbol: str = BTC


@dataclass(frozen=True)
class Filled:
    ts_ns: int
    side: str
    price: Decimal
    commission: Decimal


@dataclass
class Told:
    """What happened to the script."""

    fills: list[Filled] = field(default_factory=list)
    payments: list[tuple[str, int, Decimal]] = field(default_factory=list)
    """Symbol, time and amount of the funding booked on positions."""
    balances: dict[int, Decimal] = field(default_factory=dict)
    """The account at every close."""
    end: Decimal = Decimal(0)
    """The account's balance at the end."""


class Script(Strategy):
    def __init__(self, settings: Settings, orders: Sequence[Send]) -> None:
        super().__init__(StrategyConfig(oms_type=settings.execution.oms))
        self._settings = settings
        self._orders = list(orders)
        self.told = Told()

    def on_start(self) -> None:
        for symbol in self._settings.data.instruments:
            self.subscribe_bars(bar_type(symbol, 15))

    def on_bar(self, bar: Bar) -> None:
        self.told.balances[bar.ts_event] = self._balance()
        for order in self._orders:
            its_bar = instrument_id(order.symbol) == bar.bar_type.instrument_id
            if its_bar and at(order.clock) == bar.ts_event:
                self._send(order)

    def _send(self, order: Send) -> None:
        instrument = self.cache.instrument(instrument_id(order.symbol))
        common = {
            "instrument_id": instrument.id,
            "order_side": OrderSide[order.side],
            "quantity": instrument.make_qty(Decimal(order.quantity)),
        }
        if order.trigger is not None:
            trigger = instrument.make_price(Decimal(order.trigger))
            self.submit_order(self.order_factory.stop_market(**common, trigger_price=trigger))
        elif order.limit is not None:
            limit = instrument.make_price(Decimal(order.limit))
            self.submit_order(self.order_factory.limit(**common, price=limit))
        else:
            self.submit_order(self.order_factory.market(**common))

    def on_order_filled(self, event: OrderFilled) -> None:
        self.told.fills.append(
            Filled(
                event.ts_event,
                event.order_side.name,
                event.last_px.as_decimal(),
                event.commission.as_decimal(),
            )
        )

    def on_stop(self) -> None:
        self.told.end = self._balance()
        self.told.payments = [
            (position.symbol.value, payment.ts_event, payment.pnl_change.as_decimal())
            for position in self.cache.positions()
            for payment in position.adjustments
            if payment.adjustment_type == PositionAdjustmentType.FUNDING
        ]

    def _balance(self) -> Decimal:
        account = self.portfolio.account(VENUE)
        return account.balance_total(Currency.from_str("USDT")).as_decimal()


def play(settings: Settings, orders: Sequence[Send]) -> Told:
    """Run a script on the venue of a backtest's settings."""
    config = BacktestRunConfig(
        engine=BacktestEngineConfig(
            trader_id="OCW-001",
            logging=LoggingConfig(bypass_logging=True),
            run_analysis=False,
            data_engine=DataEngineConfig(external_clients=[OCW_CLIENT]),
        ),
        venues=[venue_config(settings)],
        data=data_configs(settings),
        chunk_size=settings.data.chunk_size,
        raise_exception=True,
        dispose_on_completion=False,
    )
    script = Script(settings, orders)
    node = BacktestNode([config])
    try:
        node.build()
        engine: Any = node.get_engine(config.id)
        engine.add_strategy(script)
        node.run()
    finally:
        node.dispose()
    return script.told
