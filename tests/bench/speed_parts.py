"""What the bench of speed puts into the node: a strategy that does nothing, and an actor timed."""

import time
from typing import Any, ClassVar

from nautilus_trader.model.data import Bar, DataType
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from ocw_strategy.actor import OCWActor
from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.engine import bar_type
from ocw_strategy.messages import OCW_CLIENT


class NoopConfig(StrategyConfig, frozen=True):
    instruments: tuple[str, ...]
    minutes: int


class Noop(Strategy):
    """Subscribes to what OCW subscribes to, and does nothing with it."""

    def __init__(self, config: NoopConfig) -> None:
        super().__init__(config)
        self.seen = 0

    def on_start(self) -> None:
        for cls in (OcwDerivatives, OcwTakerFlow, OcwFundingRate):
            self.subscribe_data(DataType(cls), client_id=OCW_CLIENT)
        for symbol in self.config.instruments:
            self.subscribe_bars(bar_type(symbol, self.config.minutes))

    def on_bar(self, bar: Bar) -> None:
        self.seen += 1

    def on_data(self, data: Any) -> None:
        self.seen += 1


class TimedActor(OCWActor):
    """The actor, with a clock on its wakes."""

    wake_s: ClassVar[float] = 0.0

    def _ask(self, *args: Any) -> None:
        began = time.process_time()
        super()._ask(*args)
        TimedActor.wake_s += time.process_time() - began
