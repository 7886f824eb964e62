"""The simulated venue's own part: settles funding and tells the fill model which bar is matched.

Nautilus 1.231 settles no funding in a backtest. The history is small, so this module reads it from
the catalog itself and does not depend on how the data is streamed: a payment is booked on account
and position before the bar that closes at the settlement is matched, at the mark price known then.
A position opened by that bar's close pays nothing yet.
"""

from bisect import bisect_right

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.core.data import Data
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.model.enums import PositionAdjustmentType
from nautilus_trader.model.events import PositionAdjusted
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.catalog import ParquetDataCatalog

_NEVER = 2**63


class OcwVenueModuleConfig(SimulationModuleConfig, frozen=True):
    """Configure the venue module."""

    catalog_path: str
    instrument_ids: tuple[str, ...]
    settle_funding: bool = True


class OcwVenueModule(SimulationModule):
    """Settle perpetual funding from the catalog's own history."""

    def __init__(self, config: OcwVenueModuleConfig) -> None:
        super().__init__(config)
        self._funding: list[FundingRateUpdate] = []
        self._marks: dict[InstrumentId, tuple[list[int], list[float]]] = {}
        if config.settle_funding:
            self._load(config)
        self.reset()

    def _load(self, config: OcwVenueModuleConfig) -> None:
        catalog = ParquetDataCatalog(config.catalog_path)
        ids = list(config.instrument_ids)
        rows = catalog.query(FundingRateUpdate, identifiers=ids)
        self._funding = sorted(rows, key=lambda row: (row.ts_event, str(row.instrument_id)))
        for mark in catalog.query(MarkPriceUpdate, identifiers=ids):
            times, prices = self._marks.setdefault(mark.instrument_id, ([], []))
            times.append(mark.ts_event)
            prices.append(float(mark.value))

    def reset(self) -> None:
        """Return to the first settlement."""
        self._cursor = 0
        self._next_ns = self._funding[0].ts_event if self._funding else _NEVER

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
            self._pay(self._funding[self._cursor])
            self._cursor += 1
            done = self._cursor == len(self._funding)
            self._next_ns = _NEVER if done else self._funding[self._cursor].ts_event

    def _pay(self, funding: FundingRateUpdate) -> None:
        instrument_id = funding.instrument_id
        cache = self.exchange.cache
        positions = cache.positions_open(venue=self.exchange.id, instrument_id=instrument_id)
        if not positions:
            return
        instrument = cache.instrument(instrument_id)
        price = self._mark_at(instrument_id, funding.ts_event)
        if price is None:
            price = float(self.exchange.best_bid_price(instrument_id))
        for position in positions:
            amount = -float(position.signed_qty) * float(instrument.multiplier) * price
            payment = Money(amount * float(funding.rate), instrument.settlement_currency)
            self.exchange.adjust_account(payment)
            position.apply_adjustment(
                PositionAdjusted(
                    position.trader_id, position.strategy_id, position.instrument_id, position.id,
                    position.account_id, PositionAdjustmentType.FUNDING, None, payment, "funding",
                    UUID4(), funding.ts_event, funding.ts_event,
                )
            )  # fmt: skip

    def _mark_at(self, instrument_id: InstrumentId, ts_ns: int) -> float | None:
        # The mark of the settlement itself, or of at most an hour before it.
        times, prices = self._marks.get(instrument_id, ([], []))
        index = bisect_right(times, ts_ns) - 1
        if index < 0 or ts_ns - times[index] > 3_600_000_000_000:
            return None
        return prices[index]

    def log_diagnostics(self, logger: object) -> None:
        """Say nothing: payments are in the journal."""
