"""What crosses the bus: a decision on its way down; closed trades and halts on their way back up.

All are registered Nautilus custom data, so a run may stream them into a catalog. The substance of
a decision and of a trade is one canonical JSON payload with a strict schema: everything the
receiver needs is in it, frozen when it was made, so the strategy asks the actor nothing and the
actor reads positions from the cache. Halts come as the strategy's guard keeps them: it is the only
one, and what a snapshot says of them is its word.
"""

import json
import math
from dataclasses import asdict
from typing import Any, Self

from nautilus_trader.core.data import Data
from nautilus_trader.core.nautilus_pyo3.model import register_custom_data_class
from nautilus_trader.model.custom import customdataclass_pyo3
from nautilus_trader.model.identifiers import ClientId
from pydantic import Field

from ocw_strategy.bandit import Outcome
from ocw_strategy.journal import Trade
from ocw_strategy.model import Strict
from ocw_strategy.risk import ClosedLot

OCW_CLIENT = ClientId("OCW")
"""The client id of OCW's own data: its statistics in a backtest, its messages everywhere."""


REVIEW = "review"
"""The source of a decision by the position review, which may only reduce."""


class TargetContext(Strict):
    """One instrument's target with everything about it that was known at the snapshot."""

    symbol: str
    exposure: float = Field(ge=-1, le=1)
    """Wanted exposure as a fraction of the allowed position; negative is short."""
    confidence: float = Field(ge=0, le=1)
    posterior_scale: float = Field(gt=0)
    """Size multiplier from the bandit's posteriors."""
    signals: dict[str, float]
    """Signal values at the close being decided on."""
    volatility: float | None
    """Standard deviation of log returns per 15-minute close, at that close."""


class DecisionPayload(Strict):
    """A decision, its scales and its context, frozen at the snapshot."""

    decision_id: str
    close_ns: int
    """The close that was decided on."""
    source: str
    """Who decided: the advisor's name, or ``review`` for the position review's reductions."""
    reason: str
    regime: str
    regime_scale: float
    macro_scale: float
    targets: tuple[TargetContext, ...]


class TradePayload(Strict):
    """A closed lot, or the closed part of one: its journal row and what the bandit needs."""

    row: dict[str, Any]
    """The fields of the journal's `Trade`."""
    volatility: float | None
    """At entry: standard deviation of log returns per 15-minute close."""
    share: float
    """The part of its lot that was closed."""
    gross_return: float
    """Price move in the lot's favour over entry notional, before any cost."""
    cost: float
    """Fees and funding over entry notional; negative when funding received exceeds fees."""

    @classmethod
    def from_closed(cls, closed: ClosedLot, row: Trade) -> Self:
        """Return the message of a closed lot and its journal row."""
        notional = float(closed.entry_notional_usd)
        return cls(
            row=asdict(row),
            volatility=closed.lot.volatility,
            share=float(closed.quantity / closed.lot.opened_quantity),
            gross_return=row.gross_usd / notional,
            cost=(row.fees_usd - row.funding_usd) / notional,
        )

    @property
    def trade(self) -> Trade:
        """The journal row."""
        return Trade(**self.row)

    def outcome(self) -> Outcome:
        """Return what the bandit learns from."""
        trade = self.trade
        return Outcome(
            ts_ns=trade.closed_ns,
            regime=trade.regime,
            signals=json.loads(trade.signals),
            direction=trade.direction,
            gross_return=self.gross_return,
            cost=self.cost,
            volatility=math.nan if self.volatility is None else self.volatility,
            trade_id=trade.trade_id,
            share=self.share,
        )


@customdataclass_pyo3()
class OcwDecision(Data):
    """A decision published by the actor."""

    decision_id: str = ""
    payload: str = ""

    def read(self) -> DecisionPayload:
        """Return the validated payload."""
        return DecisionPayload.model_validate_json(self.payload)


@customdataclass_pyo3()
class OcwTradeClosed(Data):
    """A closed trade published by the strategy."""

    trade_id: str = ""
    payload: str = ""

    def read(self) -> TradePayload:
        """Return the validated payload."""
        return TradePayload.model_validate_json(self.payload)


@customdataclass_pyo3()
class OcwHalts(Data):
    """The state of the strategy's `HaltGuard`, published whenever it has taken in an equity.

    `ts_event` is the close of that equity, 0 before the first.
    """

    state: str = ""

    def read(self) -> dict[str, Any]:
        """Return what `HaltGuard.restore` takes."""
        return json.loads(self.state)


for _cls in (OcwDecision, OcwTradeClosed, OcwHalts):
    register_custom_data_class(_cls)
