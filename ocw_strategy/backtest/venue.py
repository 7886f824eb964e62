"""The simulated venue's own part: settles funding and tells the fill model which bar is matched.

Nautilus 1.231 settles no funding in a backtest. The history is small, so this module reads it from
the catalog itself and does not depend on how the data is streamed: a payment is booked on account
and position before the bar that closes at the settlement is matched, at the mark price known then.
A position opened by that bar's close pays nothing yet.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.core.data import Data
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.data import Bar
from nautilus_trader.model.enums import PositionAdjustmentType
from nautilus_trader.model.events import PositionAdjusted
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Money

from ocw_strategy.catalog import NoDataError, read_funding, read_marks
from ocw_strategy.catalog.frames import FloatArray, IntArray
from ocw_strategy.engine import venue_symbol
from ocw_strategy.units import HOUR_NS

_NEVER = 2**63


class _Settlement(NamedTuple):
    ts_ns: int
    instrument_id: InstrumentId
    rate: float
    mark: float
    """NaN where no mark price is known."""


class OcwVenueModuleConfig(SimulationModuleConfig, frozen=True):
    """Configure the venue module."""

    catalog_path: str
    instrument_ids: tuple[str, ...]
    settle_funding: bool = True


class OcwVenueModule(SimulationModule):
    """Settle perpetual funding from the catalog's own history."""

    def __init__(self, config: OcwVenueModuleConfig) -> None:
        super().__init__(config)
        self._settlements: list[_Settlement] = []
        if config.settle_funding:
            catalog = Path(config.catalog_path)
            for text in config.instrument_ids:
                self._settlements += _settlements(catalog, InstrumentId.from_str(text))
            self._settlements.sort(key=lambda due: (due.ts_ns, str(due.instrument_id)))
        self.reset()

    def reset(self) -> None:
        """Return to the first settlement."""
        self._cursor = 0
        self._next_ns = self._settlements[0].ts_ns if self._settlements else _NEVER

    def pre_process(self, data: Data) -> None:
        """Settle what is due before the venue matches `data`."""
        if data.ts_init >= self._next_ns:
            self._settle(data.ts_init)
        if isinstance(data, Bar):
            self.exchange.fill_model.see_bar(data)

    def process(self, ts_now: int) -> None:
        """Settle what came due while no instrument traded."""
        if ts_now > self._next_ns:
            self._settle(ts_now - 1)

    def _settle(self, until_ns: int) -> None:
        while self._next_ns <= until_ns:
            self._pay(self._settlements[self._cursor])
            self._cursor += 1
            done = self._cursor == len(self._settlements)
            self._next_ns = _NEVER if done else self._settlements[self._cursor].ts_ns

    def _pay(self, due: _Settlement) -> None:
        cache = self.exchange.cache
        positions = cache.positions_open(venue=self.exchange.id, instrument_id=due.instrument_id)
        if not positions:
            return
        instrument = cache.instrument(due.instrument_id)
        price = due.mark
        if math.isnan(price):
            price = float(self.exchange.best_bid_price(due.instrument_id))
        for position in positions:
            amount = -float(position.signed_qty) * float(instrument.multiplier) * price
            payment = Money(amount * due.rate, instrument.settlement_currency)
            self.exchange.adjust_account(payment)
            position.apply_adjustment(
                PositionAdjusted(
                    position.trader_id, position.strategy_id, position.instrument_id, position.id,
                    position.account_id, PositionAdjustmentType.FUNDING, None, payment, "funding",
                    UUID4(), due.ts_ns, due.ts_ns,
                )
            )  # fmt: skip

    def log_diagnostics(self, logger: object) -> None:
        """Say nothing: payments are in the journal."""


def _settlements(catalog: Path, instrument_id: InstrumentId) -> list[_Settlement]:
    symbol = venue_symbol(instrument_id.symbol.value)
    try:
        times, rates = read_funding(catalog, symbol)
    except NoDataError:
        return []
    marks = _marks_at(catalog, symbol, times)
    rows = zip(times.tolist(), rates.tolist(), marks.tolist(), strict=True)
    return [_Settlement(ts_ns, instrument_id, rate, mark) for ts_ns, rate, mark in rows]


def _marks_at(catalog: Path, symbol: str, times: IntArray) -> FloatArray:
    # The mark of each settlement itself, or of at most an hour before it; NaN without one.
    try:
        known_ns, prices = read_marks(catalog, symbol)
    except NoDataError:
        return np.full(len(times), np.nan)
    found = np.searchsorted(known_ns, times, side="right") - 1
    fresh = (found >= 0) & (times - known_ns[found] <= HOUR_NS)
    return np.where(fresh, prices[found], np.nan)
